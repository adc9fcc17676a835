"""Many come and go at once, and all at once come back: nobody misses an event
or has one twice, and those who are there pay little for it."""

import os
import signal
import time

import pytest

from conftest import free_port
from crowd import Crowd
from test_wsd_metrics import parse
from ws_raw import Wsd, read_all

CROWD = int(os.environ.get("GATECAST_CROWD", 250))
STORM = 120


class Crowded(Wsd):
    """With sessions for n people, and the same port at each start."""

    def __init__(self, n):
        self.metrics_port = free_port()
        super().__init__(has_store=False, port=free_port(), set={
            "wsd.leave_grace_s": 1, "wsd.user_rate": 0,
            "wsd.connections_per_address": 0, "log.audit": "no",
            "wsd.metrics_listen": f"127.0.0.1:{self.metrics_port}",
            "log.level": "notice"})
        self.crowd = self.dir / "crowd"
        self.crowd.write_text(
            "\n".join(self.tool("--many", n, self.dir, "user")) + "\n")

    def metrics(self):
        with self.connect(port=self.metrics_port) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            return parse(read_all(s).decode().partition("\r\n\r\n")[2])


def test_storm():
    """A join or a leave is not a write to each: they go out together, and
    with what is said."""
    with Crowded(2 * STORM) as w, Crowd(w.port, w.crowd) as crowd:
        crowd("join", STORM, 0)
        crowd("level")
        crowd.stats()
        before = w.metrics()
        crowd("join", STORM, 50)
        crowd("level")
        seen = crowd.stats()
        after = w.metrics()
        assert seen["joins"] >= STORM * STORM + STORM * (STORM + 1) / 2
        assert seen["here"] == 2 * STORM and not seen["refused"]
        assert after["gatecast_writes_total"] - \
            before["gatecast_writes_total"] < seen["joins"] / 3

        crowd("leave", STORM, 50)
        crowd("hear", "leave", STORM)
        crowd("level")
        seen = crowd.stats()
        assert seen["leaves"] == STORM * STORM
        end = w.metrics()
        assert end["gatecast_users_online"] == STORM
        assert end["gatecast_writes_total"] - \
            after["gatecast_writes_total"] < seen["leaves"] / 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_restart(number):
    """Everybody is back within ten seconds, where they were, and the room
    heard nothing of it: no leave, no join, no message lost."""
    with Crowded(CROWD) as w, Crowd(w.port, w.crowd) as crowd:
        crowd("join", CROWD, 0)
        crowd("level")
        crowd("talk", 20)
        crowd("stats")
        w.signal(number)
        w.wait()
        begin = time.monotonic()
        w.start()
        crowd("back")
        took = time.monotonic() - begin
        crowd("level")
        seen = crowd.stats()
        assert seen["resumed"] == seen["cut"] == CROWD
        assert seen["joins"] == seen["leaves"] == 0
        assert seen["messages"] >= CROWD
        assert took < 10, seen
        print(f"\n{CROWD} back after {took:.2f} s, "
              f"median {seen['arrival_p50_ms']} ms after the cut; said "
              f"meanwhile: {seen['latency_p50_ms']} ms, 99 in 100 within "
              f"{seen['latency_p99_ms']} ms")
