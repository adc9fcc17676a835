"""wsd.metrics_listen: what Prometheus reads and what a load balancer asks,
against what clients saw."""

import os
import re
import socket
import struct
import subprocess
import time

import pytest

from conftest import BUILD, free_port, wait_until
from ws_raw import Wsd, answer, read_all, request, settle
from wsclient import CLOSE, Refused

NAME = re.compile(r"gatecast_[a-z][a-z0-9_]*")
SAMPLE = re.compile(r'([a-z0-9_]+)(?:\{([a-z_]+)="([^"\\\n]*)"\})? (\d+)')
BASE_UNITS = ("bytes", "seconds")
BAD_UNITS = re.compile(r"_(ms|milliseconds|kb|kib|mib|minutes|percent)(_|$)")


def parse(text):
    """The exposition format as strictly as `promtool check metrics` asks:
    {name or (name, label value): value}."""
    values, kind, name = {}, None, None
    assert text.endswith("\n")
    rows = text[:-1].split("\n")
    i, seen = 0, set()
    while i < len(rows):
        help = re.fullmatch(r"# HELP (\S+) (\S.*\.)", rows[i])
        kind = re.fullmatch(r"# TYPE (\S+) (counter|gauge|summary)",
                            rows[i + 1])
        assert help and kind and help[1] == kind[1], rows[i:i + 2]
        name = kind[1]
        assert NAME.fullmatch(name) and name not in seen, name
        seen.add(name)
        assert (kind[2] == "counter") == name.endswith("_total"), name
        assert not BAD_UNITS.search(name), name
        assert not re.search(r"_(gauge|counter|count|sum|bucket)$", name)
        i += 2
        if kind[2] == "summary":
            total = re.fullmatch(name + r"_sum (\d+\.\d{3})", rows[i])
            count = re.fullmatch(name + r"_count (\d+)", rows[i + 1])
            values[f"{name}_sum"] = float(total[1])
            values[f"{name}_count"] = int(count[1])
            i += 2
            continue
        first = i
        while i < len(rows) and not rows[i].startswith("#"):
            sample = SAMPLE.fullmatch(rows[i])
            assert sample and sample[1] == name, rows[i]
            key = name if sample[2] is None else (name, sample[3])
            assert key not in values, key
            values[key] = int(sample[4])
            i += 1
        assert i > first, name
    return values


class Watched(Wsd):
    """With a metrics listener; ask is of that one."""

    def __init__(self, set=None, **options):
        self.metrics_port = free_port()
        super().__init__(set={
            "wsd.metrics_listen": f"127.0.0.1:{self.metrics_port}",
            **(set or {})}, **options)

    def start(self):
        super().start()
        # It is opened last, after those that start waits for.
        wait_until(lambda: self.has_logged(
            f"listening on 127.0.0.1:{self.metrics_port}"), what="metrics")
        return self

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.metrics_port),
                                      30) as s:
            s.sendall(data)
            return answer(read_all(s))

    def get(self, path):
        return self.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def metrics(self):
        status, headers, body = self.get("/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain; version=0.0.4")
        assert int(headers["content-length"]) == len(body)
        return {(k if isinstance(k, tuple) else (k, ""))[0][9:] +
                ("" if isinstance(k, str) else "." + k[1]): v
                for k, v in parse(body.decode()).items()}

    def health(self):
        status, headers, body = self.get("/healthz")
        return status, body.decode().strip()


def test_adds_up():
    with Watched(set={"wsd.user_rate": 1, "wsd.user_burst": 3}) as w:
        zero = w.metrics()
        assert zero["joins_possible"] == zero["store_available"] == 1
        assert time.time() - 60 < zero["start_time_seconds"] <= time.time()
        a = w.client("alice")
        epoch = a.expect("hello")["epoch"]
        assert f'epoch_info{{epoch="{epoch}"}} 1'.encode() in \
            w.get("/metrics")[2]
        plain = w.client("bob", protocol=None)
        settle(a), settle(plain)
        for i in range(3):
            a.say(f"message {i}")
        a.say("too much")
        a.expect("error", code="too_fast")
        seq = 0
        with pytest.raises(TimeoutError):
            while True:
                seq = a.event(0.2).get("seq", seq)
        with pytest.raises(Refused):
            w.client(cookie="gatecast=v1.k." + "A" * 22 + "." + "A" * 43)
        assert w.ask(request("POST /websocket HTTP/1.1"))[0] == 405
        assert w.ask(b"\x16\x03\x01\x00\r\n\r\n")[0] == 400
        m = w.metrics()
        assert m["connections.plain"] == m["connections.gatecast.v1"] == 1
        assert m["joins_total.plain"] == m["joins_total.gatecast.v1"] == 1
        assert m["users_online"] == 2
        assert m["messages_total"] == 3 == m["history_messages"]
        assert m["messages_refused_total"] == 1
        assert m["sequence_number"] == 5  # two joins, three messages
        # Each of the two joins and messages that each was there for.
        assert m["deliveries_total"] == 5 + 4
        assert m["sent_bytes_total"] > m["received_bytes_total"] > 0
        assert m["queue_bytes"] == 0
        assert m["handshakes_refused_total.401"] == 1
        assert m["handshakes_refused_total.405"] == 1
        assert m["handshakes_refused_total.400"] == 1
        # Cursors: all there, one from another epoch.
        for cursor, result in ((f"{epoch}-2", "resumed"),
                               ("abc-1", "fresh")):
            with w.client("alice", since=cursor) as c:
                settle(c)
            wait_until(lambda: w.metrics()[f"resumes_total.{result}"] == 1)
        w.end(w.cookies["alice"])
        assert a.closed() == 4401
        a.send_frame(CLOSE, struct.pack(">H", 4401))
        wait_until(lambda: w.metrics()["disconnects_total"] == 3)
        end = w.metrics()
        assert end["closes_total.4401"] == 1
        assert sum(v for k, v in end.items()
                   if k.startswith("closes_total")) == 1
        assert end["connections_closing"] == 0
        # A frame that is not masked: the transport closes by itself.
        with w.client("bob") as c:
            settle(c)
            c.send_bytes(b"\x81\x01x")
            assert c.closed() == 1002
        assert w.metrics()["closes_total.1002"] == 1
        # The journal: all of the file but its header, and that it was synced.
        assert m["journal_writes_total"] > zero["journal_writes_total"] > 0
        wait_until(lambda: w.metrics()["journal_written_bytes_total"] ==
                   os.path.getsize(w.dir / "history/journal") - 64)
        assert m["journal_renewals_total"] == 1
        assert m["journal_errors_total"] == 0
        assert m["journal_sync_seconds_count"] >= 1
        assert m["journal_sync_seconds_sum"] >= 0
        # Counters never go back.
        for before, after in ((zero, m), (m, end)):
            assert all(after[k] >= v for k, v in before.items()
                       if k.split(".")[0].endswith("_total"))
        plain.sock.close()


def test_healthz():
    with Watched(set={"wsd.max_connections": 1}) as w:
        assert w.health() == (200, "ok")
        with w.client() as c:
            settle(c)
            assert w.health() == (503, "full")
        wait_until(lambda: w.health()[0] == 200, what="room")
        os.rename(w.dir / "sessions", w.dir / "away")
        wait_until(lambda: w.health() ==
                   (503, "sessions cannot be checked at the moment"))
        assert w.metrics()["store_available"] == 0
        os.rename(w.dir / "away", w.dir / "sessions")
        wait_until(lambda: w.health()[0] == 200, what="the store")
        deaf = w.client()
        subprocess.run([BUILD / "gatecast-tool", "-c", w.conf, "drain"],
                       check=True, capture_output=True, timeout=60)
        assert w.health() == (503, "shutting down")
        assert w.metrics()["joins_total.gatecast.v1"] == 2
        assert w.wait() == 0
        deaf.sock.close()


def test_strangers():
    with Watched() as w:
        for line, status in (("GET /", 404), ("GET /metricsx", 404),
                             ("POST /metrics", 405), ("HEAD /healthz", 405),
                             ("GET /metrics?x=1", 200)):
            assert w.raw(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[0] \
                == status, line
        assert w.raw(b"GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                     )[0] == 400
        assert w.raw(b"\0\0\0\0")[0] == 400
        # Or nothing: the kernel resets what still comes, and the answer.
        assert w.raw(b"GET /metrics HTTP/1.1\r\n" + b"x" * 13000)[0] \
            in (400, None)
        # Half-open ones: no more than so many, the oldest go.
        half = [socket.create_connection(("127.0.0.1", w.metrics_port), 30)
                for _ in range(80)]
        assert half[0].recv(1) == b""
        assert w.health()[0] == 200
        for s in half:
            s.close()
        # None of it is a handshake of the other listener.
        assert not any(v for k, v in w.metrics().items()
                       if k.startswith("handshakes_"))


def test_loopback_only(tmp_path):
    for where, is_good in (("127.0.0.1:9100", True), ("[::1]:9100", True),
                           ("localhost:9100", True), ("0.0.0.0:9100", False),
                           ("[::]:9100", False), ("192.0.2.1:9100", False),
                           ("example.org:9100", False)):
        (tmp_path / "c").write_text(f"[wsd]\nmetrics_listen = {where}\n")
        done = subprocess.run([BUILD / "wsd", "-n", "-c", tmp_path / "c"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == (0 if is_good else 1), where
        if not is_good:
            assert ":2: " in done.stderr and "[::1]:PORT" in done.stderr
