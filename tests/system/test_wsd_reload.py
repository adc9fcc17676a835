"""SIGHUP: each key of [wsd] that can be changed while wsd runs is, without a
restart, and the others say so."""

import json
import re
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, free_port, wait_until
from test_wsd_metrics import parse
from ws_raw import Wsd, answer, read_all, request, settle
from wsclient import Closed, Refused

NEEDS_RESTART = {
    "listen": "unix:/elsewhere", "control": "unix:/elsewhere2",
    "metrics_listen": "127.0.0.1:1", "history_dir": "/elsewhere3"}
METRICS_PORT = free_port()
# What the changes below would otherwise meet.
BASE = {"wsd.user_rate": 0, "wsd.leave_grace_s": 3600,
        "wsd.store_grace_s": 3600, "wsd.slow_s": 3600,
        "wsd.metrics_listen": f"127.0.0.1:{METRICS_PORT}"}


@pytest.fixture(scope="module")
def wsd():
    with Wsd(set=BASE) as w:
        yield w


def reload(w, **keys):
    """With these keys of [wsd] and no others changed."""
    w.write_conf({**BASE, **{"wsd." + k: v for k, v in keys.items()}})
    count = w.log().count("configuration read again")
    w.signal(signal.SIGHUP)
    wait_until(lambda: w.log().count("configuration read again") > count,
               what="a reload")


def refusal(w, user, **kwargs):
    with pytest.raises(Refused) as e:
        w.client(user, **kwargs)
    return e.value.status, e.value.body.decode().strip()


def history(c):
    c.send(json.dumps({"type": "history", "limit": 100}))
    return [m["text"] for m in c.expect("history")["messages"]]


def say_all(c, texts):
    for text in texts:
        c.say(text)
        c.expect("ack")


def max_connections(w, a):
    reload(w, max_connections=1)
    assert refusal(w, "bob") == (503, "full")


def connections_per_user(w, a):
    reload(w, connections_per_user=1)
    assert refusal(w, "alice")[0] == 429
    w.client("bob").sock.close()


def connections_per_address(w, a):
    reload(w, connections_per_address=1)
    assert refusal(w, "bob") == (
        429, "too many connections from this address")


def max_memory(w, a):
    # Its fourth of what is left after half of it holds one connection.
    reload(w, max_memory=20000)
    wait_until(lambda: w.ask(request(cookie=w.cookies["bob"]))[0] == 503,
               what="the limit")


def handshake_timeout_s(w, a):
    reload(w, handshake_timeout_s=60)
    start, end = request(cookie=w.cookies["bob"]).split(b"Host")
    with w.connect() as before:
        before.sendall(start)
        w.client("bob").sock.close()  # behind it: now it is accepted
        reload(w, handshake_timeout_s=1)
        with w.connect() as behind:
            behind.sendall(start)
            assert read_all(behind) == b""
        # It came first and keeps its time.
        before.sendall(b"Host" + end)
        assert answer(read_all(before))[0] == 101


def message_bytes(w, a):
    reload(w, message_bytes=64)
    a.say("x" * 65)
    assert a.expect("error")["code"] == "too_long"


def plain_lines(w, a):
    plain = settle(w.client("bob", protocol=None))
    reload(w, plain_lines="html")
    a.say("<b>")
    assert plain.recv().endswith("&lt;b&gt;")
    plain.sock.close()
    reload(w, plain_lines="off")
    assert refusal(w, "bob", protocol=None)[0] == 400


def user_rate(w, a):
    reload(w, user_rate=1)
    for i in range(21):
        a.say("x")
    assert a.expect("error")["code"] == "too_fast"


def user_burst(w, a):
    reload(w, user_rate=1, user_burst=2)
    a.say("x"), a.say("y"), a.say("z")
    assert a.expect("error")["code"] == "too_fast"


def history_messages(w, a):
    say_all(a, "abc")
    reload(w, history_messages=2)
    wait_until(lambda: history(a) == ["b", "c"], what="a short history")


def history_bytes(w, a):
    say_all(a, ["x" * 2000, "short"])
    reload(w, history_bytes=1000)
    wait_until(lambda: history(a) == ["short"], what="a short history")


def history_age_s(w, a):
    say_all(a, "a")
    reload(w, history_age_s=1)
    wait_until(lambda: history(a) == [], what="nothing kept")


def history_sync(w, a):
    reload(w, history_sync="always")
    say_all(a, ["on disk"])
    data = (w.dir / "history/journal").read_bytes()
    # The op before the event: this record was synced.
    at = data.rindex(b'{"type":"message"') - 14
    assert data[at - 1:at + 1] == b"\7\2"


def ping_s(w, a):
    reload(w, ping_s=1)
    with w.client("bob") as b:
        assert b.event()["ping_s"] == 1
        wait_until(lambda: settle(b).pings > 0, what="a ping")


def flood(w, a, n=150):
    """Somebody who stopped reading, when the kernel holds no more and
    slow_bytes is far."""
    deaf = w.client("bob", rcvbuf=4096)
    say_all(a, ["x" * 4000] * n)
    return deaf


def too_slow(w):
    """How many wsd has let go for it."""
    with w.connect(port=METRICS_PORT) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        return parse(read_all(s).decode().partition("\r\n\r\n")[2])[
            "gatecast_closes_total", "4408"]


def slow_bytes(w, a):
    reload(w, slow_bytes=1024)
    with flood(w, a) as deaf:
        assert deaf.closed() == 4408


def slow_s(w, a):
    before = too_slow(w)
    reload(w, slow_s=1)
    with flood(w, a) as deaf:
        # Told of it when it reads again.
        wait_until(lambda: too_slow(w) > before, what="the close")
        assert deaf.closed() == 4408


def leave_grace_s(w, a):
    w.client("bob").sock.close()
    reload(w, leave_grace_s=0)
    a.expect("leave", user="bob")


def store_grace_s(w, a):
    shutil.move(w.dir / "sessions", w.dir / "away")
    wait_until(lambda: w.ask(request(cookie=w.cookies["bob"]))[0] == 503,
               what="503")
    reload(w, store_grace_s=0)
    assert a.closed() == 1013
    shutil.move(w.dir / "away", w.dir / "sessions")
    wait_until(lambda: w.ask(request(cookie=w.cookies["bob"]))[0] == 101,
               what="the store")


PROBES = [max_connections, connections_per_user, connections_per_address,
          max_memory, handshake_timeout_s, message_bytes, plain_lines,
          user_rate, user_burst, history_messages, history_bytes,
          history_age_s, history_sync, ping_s, slow_bytes, slow_s,
          leave_grace_s, store_grace_s]


@pytest.mark.parametrize("probe", PROBES, ids=lambda f: f.__name__)
def test_takes_effect(wsd, probe):
    reload(wsd)

    def join():
        try:
            return wsd.client("alice", timeout=20)
        except (Refused, Closed):  # the one before is only just going
            return None

    with wait_until(join, what="a place") as a:
        a.expect("hello")
        probe(wsd, a)


def test_needs_restart(wsd):
    reload(wsd, **NEEDS_RESTART)
    said = wsd.log().rsplit("these need a restart:", 1)[1]
    assert set(re.findall(r"wsd\.(\w+)", said)) == set(NEEDS_RESTART)
    reload(wsd)
    # So many that the open files were not made for.
    reload(wsd, max_connections=900000)
    assert wsd.has_logged("wsd.max_connections: so many need a restart")


def test_nothing_is_left_out():
    """A new key has to be here, one way or the other."""
    shown = subprocess.run(
        [BUILD / "gatecast-tool", "config", "show"], capture_output=True,
        text=True, timeout=60).stdout
    section = re.search(r"^\[wsd\]\n(.*?)(?=^\[|\Z)", shown, re.M | re.S)
    assert set(re.findall(r"^(\w+) =", section.group(1), re.M)) == \
        set(NEEDS_RESTART) | {f.__name__ for f in PROBES}
