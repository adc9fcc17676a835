"""wsd at its socket: peers that are slow, silent or too many."""

import os
import resource
import signal
import socket
import struct
import subprocess
import time

import pytest

from conftest import SOON_S, wait_until
from ws_raw import Wsd, request, settle
from wsclient import CLOSE, Closed, Refused


def test_slow_loris():
    """300 who send a byte at a time, or none: cut at the deadline, and until
    then others come in and talk at once."""
    with Wsd(set={"wsd.handshake_timeout_s": 3, "wsd.user_rate": 0}) as w:
        good = request(cookie=w.cookies["alice"])
        start = time.monotonic()
        slow = [w.connect() for _ in range(300)]
        sent = 0
        while time.monotonic() - start < 1.5 and sent < 100:
            for s in slow[:150]:
                s.sendall(good[sent:sent + 1])
            sent += 1
            began = time.monotonic()
            with w.client("bob") as c:
                c.say(f"{sent}")
                c.expect("message", text=f"{sent}")
            assert time.monotonic() - began < 2.5
        assert 0 < sent <= 100 < len(good)
        for s in slow:
            s.settimeout(30)
            try:
                assert s.recv(1) == b""
            except ConnectionResetError:
                pass
            s.close()
        assert time.monotonic() - start < 3 + SOON_S


def test_reset_behind_half_a_request():
    """Bytes and a reset found in one look: the reset is noticed too, not
    only the deadline."""
    with Wsd(set={"wsd.handshake_timeout_s": 60}) as w, w.client() as member:
        # What wsd opens at its start is open.
        settle(member)

        def files():
            return len(os.listdir(f"/proc/{w.process.pid}/fd"))

        before = files()
        s = w.connect()
        wait_until(lambda: files() == before + 1, what="an accept")
        w.signal(signal.SIGSTOP)
        s.sendall(b"GET /websocket")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
        s.close()
        w.signal(signal.SIGCONT)
        wait_until(lambda: files() == before, what="a close")


def test_crowds_of_strangers():
    """Those who never finish their request, and those who go on sending
    when they were refused, hold only so many descriptors: the oldest of
    them go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 5000:
        pytest.skip("too few descriptors for a crowd")
    try:
        with Wsd(set={"wsd.handshake_timeout_s": 60,
                      "wsd.max_connections": 100}) as w, \
                w.client("bob") as member:
            settle(member)

            def files():
                return len(os.listdir(f"/proc/{w.process.pid}/fd"))

            before = files()
            crowd = []
            try:
                for _ in range(800):
                    crowd.append(w.connect())
                    crowd[-1].sendall(b"\r\nand so on")
                    assert files() <= before + 256 + 8
                for _ in range(4096 + 50):
                    crowd.append(w.connect())
                    crowd[-1].sendall(b"GET /")
                with w.client() as c:
                    c.expect("hello")
                    assert files() <= before + 256 + 4096 + 8
                assert crowd[800].recv(100) == b""
                assert not w.has_logged("resting")
            finally:
                for s in crowd:
                    s.close()
            wait_until(lambda: files() == before, what="all closed")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_high_descriptors():
    """libwebsockets holds those above 1023 in another table than the rest:
    people in both talk, end, and are followed by others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 2000:
        pytest.skip("too few descriptors for a crowd")
    strangers = []
    try:
        with Wsd(set={"wsd.handshake_timeout_s": 60}) as w, \
                w.client("bob") as low:
            settle(low)

            def files():
                return {int(n) for n in
                        os.listdir(f"/proc/{w.process.pid}/fd")}

            for _ in range(1024):
                strangers.append(w.connect())
                strangers[-1].sendall(b"GET /")
            wait_until(lambda: len(files()) > 1024, what="a crowd")
            before = files()
            for text in ("first", "second"):
                with w.client() as high:
                    high.expect("hello")
                    assert min(files() - before) > 1023
                    high.say(text)
                    for c in (high, low):
                        c.expect("message", text=text)
                wait_until(lambda: files() == before, what="a close")
    finally:
        for s in strangers:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_slow_reader():
    """One that does not read is closed with 4408 behind what was written for
    it; the others notice nothing."""
    with Wsd(set={"wsd.slow_bytes": 262144, "wsd.user_rate": 0,
                  "wsd.slow_s": 60}) as w:
        slow = w.client("bob", protocol=None)
        with w.client() as a:
            settle(a)
            for i in range(400):
                a.say("x" * 4000)
                a.expect("ack")
            a.say("end")
            a.expect("message", text="end")
            # What was written before comes whole, then the reason.
            seen = 0
            code = None
            try:
                while True:
                    opcode, _, payload = slow.frame()
                    if opcode == CLOSE:
                        code = struct.unpack(">H", payload[:2])[0]
                        break
                    seen += 1
            except Closed:
                pass
            assert 0 < seen < 401
            assert code == 4408
            a.expect("leave", user="bob")
        slow.sock.close()


def test_reader_that_stopped():
    """One that never reads again is cut, and its memory is free."""
    with Wsd(set={"wsd.slow_bytes": 65536, "wsd.user_rate": 0}) as w, \
            w.client() as a:
        settle(a)
        fds = len(os.listdir(f"/proc/{w.process.pid}/fd"))
        slow = w.client("bob")
        for i in range(200):
            a.say("x" * 4000)
            a.expect("ack")
        a.expect("leave", user="bob")
        wait_until(lambda: len(
            os.listdir(f"/proc/{w.process.pid}/fd")) == fds, what="a close")
        slow.sock.close()


def test_slow_reader_gets_everything():
    """Frames that wait behind an unfinished one come whole and in order."""
    with Wsd(set={
            "wsd.user_rate": 0, "wsd.slow_bytes": 4194304,
            "wsd.slow_s": 60}) as w:
        slow = w.client("bob")
        slow.expect("join", user="bob")
        with w.client() as a:
            for i in range(300):
                a.say(f"{i}:" + "x" * 4000)
                a.expect("ack")
            for i in range(300):
                text = slow.expect("message")["text"]
                assert text.startswith(f"{i}:") and len(text) > 4000
        slow.sock.close()


def test_limits():
    with Wsd(users=("alice", "bob", "carol"),
             set={"wsd.max_connections": 3,
                  "wsd.connections_per_user": 2}) as w:
        open_ = [w.client("alice"), w.client("alice")]
        with pytest.raises(Refused) as e:
            w.client("alice")
        assert e.value.status == 429
        assert "retry-after" in e.value.headers
        open_.append(w.client("bob"))
        with pytest.raises(Refused) as e:
            w.client("carol")
        assert e.value.status == 503
        open_.pop().close()
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["carol"]))[0] == 101, what="room")
        for c in open_:
            c.sock.close()
    with Wsd(set={"wsd.connections_per_address": 1}) as w:
        with w.client():
            with pytest.raises(Refused) as e:
                w.client("bob")
            assert e.value.status == 429


def test_out_of_descriptors():
    """No descriptor left: those who are in go on, nothing spins, and there
    is room again when others have gone."""
    with Wsd(users=("alice",), set={"wsd.handshake_timeout_s": 60}) as w:
        with w.client() as c:
            settle(c)
            used = len(os.listdir(f"/proc/{w.process.pid}/fd"))
            subprocess.run(["prlimit", f"--nofile={used + 5}", "--pid",
                            str(w.process.pid)], check=True)
            held = [w.connect() for _ in range(12)]
            wait_until(lambda: w.has_logged("accept: resting"), what="EMFILE")
            before = w.cpu_s()
            time.sleep(1)
            assert w.cpu_s() - before < 0.3
            assert w.log().count("accept: resting") <= 4
            c.say("still")
            c.expect("message", text="still")
            for s in held:
                s.close()
            wait_until(lambda: w.ask(b"GET / HTTP/1.1\r\n\r\n")[0] == 404,
                       what="room")
