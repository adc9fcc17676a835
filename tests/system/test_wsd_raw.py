"""wsd at its socket: what it takes for a handshake and what it refuses, what
it does with frames that are wrong, and how it starts, reloads and ends."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time

import pytest
from conftest import BUILD, wait_until
from ws_raw import ORIGIN, Wsd, answer, read_all, request
from wsclient import BINARY, CLOSE, PING, PONG, TEXT, Closed, Refused


@pytest.fixture(scope="module")
def wsd():
    with Wsd(users=("alice", "bob", "carol")) as w:
        yield w


def settle(client):
    """Reads what a join brings."""
    while True:
        try:
            client.recv(0.2)
        except TimeoutError:
            return client


# --- handshakes -----------------------------------------------------------

BIG = "x" * 9000

HANDSHAKES = {
    "good": (101, {}),
    "post": (405, {"line": "POST /websocket HTTP/1.1"}),
    "head": (405, {"line": "HEAD /websocket HTTP/1.1"}),
    "connect": (405, {"line": "CONNECT chat.test:80 HTTP/1.1"}),
    "unknown method": (405, {"line": "BREW /websocket HTTP/1.1"}),
    "http/1.0": (400, {"line": "GET /websocket HTTP/1.0"}),
    "http/2 preface": (405, {"line": "PRI * HTTP/2.0"}),
    "no version": (400, {"line": "GET /websocket"}),
    "other path": (404, {"line": "GET /chat HTTP/1.1"}),
    "path behind": (404, {"line": "GET /websocket/x HTTP/1.1"}),
    "encoded path": (404, {"line": "GET /%77ebsocket HTTP/1.1"}),
    "folded path": (404, {"line": "GET /a/../websocket HTTP/1.1"}),
    "absolute target": (
        400, {"line": "GET http://chat.test/websocket HTTP/1.1"}),
    "unknown query": (400, {"line": "GET /websocket?a=b HTTP/1.1"}),
    "cursor, plain": (400, {"line": "GET /websocket?since=1-1 HTTP/1.1"}),
    "no upgrade": (426, {"change": {"Upgrade": None}}),
    "h2c": (426, {"change": {"Upgrade": "h2c"}, "extra": [
        "HTTP2-Settings: AAMAAABkAAQAAP__"]}),
    "unknown upgrade": (426, {"change": {"Upgrade": "irc"}}),
    "no connection": (400, {"change": {"Connection": None}}),
    "connection close": (400, {"change": {"Connection": "close"}}),
    "version 12": (426, {"change": {"Sec-WebSocket-Version": "12"}}),
    "no version header": (426, {"change": {"Sec-WebSocket-Version": None}}),
    "no key": (400, {"change": {"Sec-WebSocket-Key": None}}),
    "short key": (400, {"change": {"Sec-WebSocket-Key": "c2hvcnQ="}}),
    "two keys": (400, {"change": {
        "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="] * 2}}),
    "no host": (400, {"change": {"Host": None}}),
    "two hosts": (400, {"change": {"Host": ["chat.test", "chat.test"]}}),
    "bad host": (400, {"change": {"Host": "chat.test/x"}}),
    "no origin": (403, {"change": {"Origin": None}}),
    "other origin": (403, {"change": {"Origin": "http://evil.test"}}),
    "null origin": (403, {"change": {"Origin": "null"}}),
    "two origins": (400, {"change": {"Origin": [ORIGIN, ORIGIN]}}),
    "nul in origin": (400, {"change": {"Origin": ORIGIN + "\0.evil.test"}}),
    "folded header": (400, {"extra": [" folded"]}),
    "blank before colon": (400, {"extra": ["X : y"]}),
    "bare lf": (400, {"extra": ["X: y\nZ: w"]}),
    "content": (400, {"extra": ["Content-Length: 3"]}),
    "chunked": (400, {"extra": ["Transfer-Encoding: chunked"]}),
    "oversize header": (400, {"extra": ["X: " + BIG]}),
    "many headers": (400, {"extra": ["X: y"] * 120}),
    "unknown subprotocol": (
        400, {"change": {"Sec-WebSocket-Protocol": "mqtt"}}),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_handshake(wsd, name):
    want, kwargs = HANDSHAKES[name]
    status, headers, body = wsd.ask(
        request(cookie=wsd.cookies["alice"], **kwargs))
    assert status == want, body
    if status == 101:
        return
    assert body.count(b"\n") == 1 and body.endswith(b"\n")
    assert int(headers["content-length"]) == len(body)
    assert "close" in headers["connection"]
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    if status == 426:
        assert headers["upgrade"] == "websocket"
        assert headers["sec-websocket-version"] == "13"
    if status == 405:
        assert headers["allow"] == "GET"


def test_cookies(wsd):
    good = wsd.cookies["alice"]
    name, token = good.split("=", 1)
    last = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    table = [
        (101, good),
        (101, f"a=b; {good}; c=d"),
        (101, ["a=b", good]),
        (401, None),
        (401, "a=b"),
        (401, f"{name}={last}"),
        (401, f"{name}="),
        (401, f"{name}=v1"),
        (401, f"{name}={'x' * 4000}"),
        (401, f"__Host-{good}"),
        (400, f"{good}; {good}"),
        (400, [good, good]),
        (400, [good, wsd.cookies["bob"]]),
    ]
    for want, cookie in table:
        status, _, body = wsd.ask(request(change={"Cookie": cookie}))
        assert status == want, (cookie, body)


def test_https_needs_the_host_cookie():
    with Wsd(set={"site.origins": f"{ORIGIN} https://chat.test"}) as w:
        plain = w.cookies["alice"]
        host = f"__Host-{plain}"
        https = {"Origin": "https://chat.test"}
        said = {"X-Forwarded-Proto": "https"}
        assert w.ask(request(cookie=plain, change=https))[0] == 401
        assert w.ask(request(cookie=host, change=https))[0] == 101
        # A proxy behind the Unix socket is believed, a TCP peer is not.
        assert w.ask(request(cookie=plain, change=said), unix=True)[0] == 401
        assert w.ask(request(cookie=plain, change=said))[0] == 101
        assert w.ask(request(cookie=plain), unix=True)[0] == 101


def test_one_request_a_connection(wsd):
    """An unknown Upgrade behind a keep-alive request: a use-after-free in
    the library, which never sees either."""
    first = b"GET / HTTP/1.1\r\nHost: chat.test\r\n\r\n"
    second = request(change={"Upgrade": "irc"})
    assert wsd.ask(first + second)[0] == 404
    with wsd.connect() as s:
        s.sendall(first)
        assert answer(read_all(s))[0] == 404
    # A frame before the answer is not one to a WebSocket yet.
    assert wsd.ask(request(cookie=wsd.cookies["alice"]) +
                   b"\x81\x80abcd")[0] == 400


def test_not_http(wsd):
    assert wsd.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")[0] == 400
    assert wsd.ask(b"\r\n\r\n")[0] == 400
    assert wsd.ask(b"\0" * 20000)[0] == 400
    with wsd.connect() as s:
        s.close()


def test_byte_by_byte(wsd):
    with wsd.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(cookie=wsd.cookies["alice"]):
            s.sendall(bytes([byte]))
        assert answer(read_all(s))[0] == 101


def test_subprotocols(wsd):
    with wsd.client(protocol="mqtt, gatecast.v1") as c:
        assert c.protocol == "gatecast.v1"
        assert c.expect("hello")["user"] == "alice"
    with wsd.client(protocol=None) as c:
        assert c.protocol is None
        assert c.recv() == "alice上线"


def test_slow_loris():
    """Handshakes that never end are cut, and nobody waits for them."""
    with Wsd(set={"wsd.handshake_timeout_s": 1}) as w:
        slow = [w.connect() for _ in range(50)]
        for i, s in enumerate(slow):
            s.sendall(b"GET /websocket HTTP/1.1\r\n"[:i % 20])
        begin = time.monotonic()
        with w.client() as c:
            c.expect("hello")
            assert time.monotonic() - begin < 0.9
            c.say("still here")
            c.expect("message", text="still here")
        for s in slow:
            s.settimeout(5)
            assert s.recv(100) == b""
            s.close()
        assert 0.5 < time.monotonic() - begin < 3


def test_reset_behind_half_a_request():
    """Bytes and a reset found in one look: the reset is noticed too, not
    only the deadline."""
    with Wsd(set={"wsd.handshake_timeout_s": 60}) as w:
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
                      "wsd.max_connections": 100}) as w:
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


# --- frames ---------------------------------------------------------------

def test_chat(wsd):
    with wsd.client("alice") as a, wsd.client("bob", protocol=None) as b:
        a.expect("join", user="bob")
        assert b.recv() == "bob上线"
        ref = a.say("你好")
        seq = a.expect("ack", ref=ref)["seq"]
        m = a.expect("message", text="你好", user="alice")
        assert m["seq"] == seq
        assert re.fullmatch(
            r"alice-\d{4}-\d\d-\d\d \d\d:\d\d:\d\d-说:你好", b.recv())
        b.send("bye")
        a.expect("message", text="bye", user="bob")
        b.close()
        a.expect("leave", user="bob")


def test_fragments(wsd):
    with wsd.client(protocol=None) as c:
        settle(c)
        data = "a你b".encode()
        c.send_frame(TEXT, data[:2], is_final=False)
        c.send_frame(PING, b"between")
        c.send_frame(0, data[2:3], is_final=False)
        c.send_frame(0, b"", is_final=False)
        c.send_frame(0, data[3:])
        seen = [c.frame(), c.frame()]
        assert (PONG, True, b"between") in seen
        assert any(op == TEXT and p.endswith("说:a你b".encode())
                   for op, _, p in seen)
        # In segments of one byte.
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\x81\x83\1\2\3\4" + bytes(
                [ord("x") ^ 1, ord("y") ^ 2, ord("z") ^ 3]):
            c.send_bytes(bytes([byte]))
        assert c.recv().endswith("说:xyz")


def test_long_message(wsd):
    """One that takes many reads, and one byte more than is allowed."""
    with wsd.client(protocol=None) as c:
        settle(c)
        c.send("x" * 4096)
        assert c.recv().endswith("说:" + "x" * 4096)
        c.send("x" * 4097)
        assert c.closed() == 1009


def test_too_long_is_refused_from_its_header(wsd):
    with wsd.client(protocol=None) as c:
        settle(c)
        c.send_bytes(b"\x81\xff" + struct.pack(">Q", 1 << 40) + b"\0\0\0\0a")
        assert c.closed() == 1009


def test_ping(wsd):
    with wsd.client() as c:
        settle(c)
        for payload in (b"", b"x", b"y" * 125):
            c.send_frame(PING, payload)
            assert c.frame() == (PONG, True, payload)


def test_pings_keep_it_open():
    with Wsd(set={"wsd.ping_s": 5}) as w:
        with w.client() as c, w.client("bob") as silent:
            settle(c)
            end = time.monotonic() + 18
            while time.monotonic() < end:
                try:
                    c.recv(0.5)
                except TimeoutError:
                    pass
            assert c.pings >= 2
            c.say("here")
            c.expect("message", text="here")
            # Two without an answer, and it is over.
            code = None
            while code is None:
                opcode, _, payload = silent.frame()
                if opcode == CLOSE:
                    code = struct.unpack(">H", payload[:2])[0]
            assert code == 1001


@pytest.mark.parametrize("payload, echo", [
    (b"", b""),
    (struct.pack(">H", 1000), struct.pack(">H", 1000)),
    (struct.pack(">H", 1001) + "再见".encode(), struct.pack(">H", 1001)),
    (struct.pack(">H", 4001), struct.pack(">H", 4001)),
    (b"\x03", struct.pack(">H", 1002)),
    (struct.pack(">H", 999), struct.pack(">H", 1002)),
    (struct.pack(">H", 1005), struct.pack(">H", 1002)),
    (struct.pack(">H", 2999), struct.pack(">H", 1002)),
])
def test_close_is_answered(wsd, payload, echo):
    with wsd.client() as c:
        settle(c)
        c.send_frame(CLOSE, payload)
        assert c.frame() == (CLOSE, True, echo)
        with pytest.raises(Closed):
            c.frame()


@pytest.mark.parametrize("code, frames", [
    (1003, [(BINARY, b"x", True)]),
    (1007, [(TEXT, b"\xff", True)]),
    (1007, [(TEXT, b"a\xc3", True)]),
    (1007, [(TEXT, b"\xed\xa0\x80", True)]),
    (1007, [(TEXT, b"\xe4\xbd", False), (0, b"x", True)]),
    (1002, [(0, b"x", True)]),
    (1002, [(TEXT, b"x", False), (TEXT, b"y", True)]),
    (1002, [(3, b"x", True)]),
    (1002, [(0xb, b"x", True)]),
    (1002, [(PING, b"x", False)]),
])
def test_wrong_frames(wsd, code, frames):
    with wsd.client(protocol=None) as c:
        settle(c)
        for opcode, payload, is_final in frames:
            c.send_frame(opcode, payload, is_final=is_final)
        assert c.closed() == code


def test_reserved_bits_and_long_pings(wsd):
    with wsd.client() as c:
        settle(c)
        c.send_bytes(b"\xc1\x81abcd" + bytes([ord("x") ^ ord("a")]))
        assert c.closed() == 1002
    with wsd.client() as c:
        settle(c)
        c.send_frame(PING, b"x" * 126)
        assert c.closed() in (1002, None)


def test_nothing_said_by_a_broken_client(wsd):
    """Half a message is nobody's message."""
    with wsd.client() as a:
        with wsd.client("bob", protocol=None) as b:
            settle(b)
            b.send_frame(TEXT, b"half", is_final=False)
        a.expect("leave", user="bob")
        a.say("after")
        assert a.expect("message")["text"] == "after"


def test_resets(wsd):
    """Connections that vanish in every state."""
    def reset(s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
        s.close()
    good = request(cookie=wsd.cookies["carol"])
    for part in (good[:0], good[:20], good):
        s = wsd.connect()
        s.sendall(part)
        reset(s)
    c = wsd.client("carol")
    c.send_bytes(b"\x81")
    reset(c.sock)
    with wsd.client() as a:
        a.say("alive")
        a.expect("message", text="alive")


# --- slow readers ---------------------------------------------------------

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
    with Wsd(set={"wsd.slow_bytes": 65536, "wsd.user_rate": 0}) as w:
        fds = len(os.listdir(f"/proc/{w.process.pid}/fd"))
        slow = w.client("bob")
        with w.client() as a:
            settle(a)
            for i in range(200):
                a.say("x" * 4000)
                a.expect("ack")
            a.expect("leave", user="bob")
        wait_until(lambda: len(
            os.listdir(f"/proc/{w.process.pid}/fd")) == fds, what="a close")
        slow.sock.close()


# --- limits ---------------------------------------------------------------

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


# --- sessions -------------------------------------------------------------

def test_revocation():
    with Wsd() as w:
        a, b = w.client("alice"), w.client("bob")
        settle(a), settle(b)
        begin = time.monotonic()
        w.end(w.cookies["alice"])
        assert a.closed() == 4401
        assert time.monotonic() - begin < 2
        with pytest.raises(Refused) as e:
            w.client("alice")
        assert e.value.status == 401
        b.expect("leave", user="alice")
        b.sock.close()


def test_store_missing_at_start():
    with Wsd(has_store=False) as w:
        ask = request(cookie="gatecast=v1.k.AAAAAAAAAAAAAAAAAAAAAA." +
                      "A" * 43)
        status, headers, _ = w.ask(ask)
        assert status == 503 and "retry-after" in headers
        time.sleep(1.2)
        assert w.log().count("sessions store:") == 1
        w.add("alice")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["alice"]))[0] == 101, what="the store")


def test_store_lost():
    with Wsd(set={"wsd.store_grace_s": 2}) as w:
        c = settle(w.client("alice"))
        shutil.move(w.dir / "sessions", w.dir / "away")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 503, what="503")
        c.say("still here")
        c.expect("message", text="still here")
        assert c.closed(timeout=8) == 1013
        shutil.move(w.dir / "away", w.dir / "sessions")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 101, what="the store")


def test_revoked_while_the_store_was_away():
    with Wsd(set={"wsd.store_grace_s": 30}) as w:
        c = settle(w.client("alice"))
        os.rename(w.dir / "sessions", w.dir / "away")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 503, what="503")
        # End it where the store is now, then put it back.
        other = Wsd(has_store=False)
        shutil.copytree(w.dir / "away", other.dir / "sessions")
        for name in ("users", "keyring"):
            src = w.dir / name
            (shutil.copytree if src.is_dir() else shutil.copy2)(
                src, other.dir / name)
        other.end(w.cookies["alice"])
        shutil.move(other.dir / "sessions", w.dir / "sessions")
        assert c.closed() == 4401
        other.temp.cleanup()


# --- life -----------------------------------------------------------------

def test_sigterm():
    with Wsd() as w:
        clients = [w.client("alice"), w.client("bob", protocol=None)]
        half = w.connect()
        half.sendall(b"GET /websocket")
        deaf = w.client("alice")
        begin = time.monotonic()
        w.signal(signal.SIGTERM)
        for c in clients:
            assert c.closed() == 1001
            c.send_frame(CLOSE, struct.pack(">H", 1001))
        assert half.recv(10) == b""
        # deaf never answers the close frame, and is not waited for.
        assert w.wait() == 0
        assert time.monotonic() - begin < 5
        assert not w.socket_path.exists()
        deaf.sock.close()
        half.close()


def test_sighup():
    with Wsd() as w:
        with w.client() as c:
            settle(c)
            w.conf.write_text("[wsd]\nping_s = soon\n")
            w.signal(signal.SIGHUP)
            wait_until(lambda: w.has_logged("the old values stay"),
                       what="a refusal")
            assert re.search(r"gatecast\.conf:2: ", w.log())
            c.say("still")
            c.expect("message", text="still")
            w.write_conf({"wsd.message_bytes": 64, "wsd.listen":
                          "unix:/elsewhere"})
            w.signal(signal.SIGHUP)
            wait_until(lambda: w.has_logged("configuration read again"),
                       what="a reload")
            assert w.has_logged("wsd.listen")
            c.say("x" * 65)
            assert c.expect("error")["code"] == "too_long"


def test_unix_socket():
    with Wsd() as w:
        assert stat.S_IMODE(w.socket_path.stat().st_mode) == 0o660
        assert w.ask(request(cookie=w.cookies["alice"]), unix=True)[0] == 101

        def second():
            return subprocess.run(
                [str(BUILD / "wsd"), "-c", str(w.conf), "--listen",
                 f"unix:{w.socket_path}"], capture_output=True, text=True,
                timeout=20)
        # One that answers is not taken away.
        done = second()
        assert done.returncode == 1
        assert "another process is listening" in done.stderr
        assert w.ask(request(cookie=w.cookies["alice"]), unix=True)[0] == 101
        # One left behind by kill -9 is.
        w.signal(signal.SIGKILL)
        w.wait()
        assert w.socket_path.exists()
        w.start()
        assert w.ask(request(cookie=w.cookies["alice"]), unix=True)[0] == 101
        # What is no socket stays.
        w.stop()
        w.socket_path.write_text("precious")
        done = second()
        assert done.returncode == 1 and "not a socket" in done.stderr
        assert w.socket_path.read_text() == "precious"


def test_socket_from_systemd():
    w = Wsd()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        w.port = s.getsockname()[1]
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(str(w.dir / "notify"))
        ready.settimeout(20)

        def become():
            os.dup2(s.fileno(), 3)
            os.set_inheritable(3, True)

        # LISTEN_PID must be the program's own, which only it knows.
        process = subprocess.Popen(
            ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", str(BUILD / "wsd"),
             "-c", str(w.conf)], preexec_fn=become, close_fds=False,
            stderr=subprocess.PIPE, text=True,
            env={**os.environ, "LISTEN_FDS": "1", "NOTIFY_SOCKET":
                 str(w.dir / "notify"), "WATCHDOG_USEC": "400000"})
        try:
            assert b"READY=1" in ready.recv(1000)
            assert w.ask(request(cookie=w.cookies["alice"]))[0] == 101
            assert b"WATCHDOG=1" in ready.recv(1000)
            process.terminate()
            message = b"WATCHDOG=1"
            while b"WATCHDOG" in message:
                message = ready.recv(1000)
            assert b"STOPPING=1" in message
            assert process.wait(10) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stderr.close()
            ready.close()
            w.temp.cleanup()


def test_options(tmp_path):
    def run(*args):
        return subprocess.run([str(BUILD / "wsd"), *map(str, args)],
                              capture_output=True, text=True, timeout=20)
    assert run("-V").stdout.startswith("wsd ")
    assert "usage: wsd" in run("-h").stdout
    assert run("--nonsense").returncode == 2
    assert run("extra").returncode == 2
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("[wsd]\nping_s = 30\n")
    bad.write_text("[wsd]\n\nping_s = soon\n")
    assert run("-n", "-c", good).returncode == 0
    done = run("-n", "-c", bad)
    assert done.returncode == 1 and f"{bad}:3: " in done.stderr
    assert run("-c", tmp_path / "missing").returncode == 1
    done = run("-c", good, "--listen", "nowhere")
    assert done.returncode == 1 and "HOST:PORT" in done.stderr
    done = run("-c", good, "--listen", "192.0.2.1:1")
    assert done.returncode == 1 and "192.0.2.1:1" in done.stderr


# --- the two ways to write ------------------------------------------------

def scenario(w):
    """All bytes that two clients got after the hello, times made equal. One
    thing at a time, for what shares a write depends on when it came."""
    def strip(data):
        return re.sub(
            rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z)?", b"T", data)
    a = w.client("alice")
    a.expect("hello")
    b = w.client("bob", protocol=None)
    got = [b"", b""]

    def read(n, c, until):
        data = c.buffer
        while until not in data:
            data += c.sock.recv(65536)
        c.buffer = b""
        got[n] += data

    read(0, a, b'"user":"bob"')
    read(1, b, "bob上线".encode())
    for i, size in enumerate((1, 60, 125, 126, 1000, 4000)):
        a.say("x" * size + f"end{i}", ref=f"r{i}")
        read(0, a, f'end{i}"}}'.encode())
        read(1, b, f"end{i}".encode())
    b.send("from bob")
    read(0, a, b"from bob")
    read(1, b, b"from bob")
    a.send("{not json")
    read(0, a, b'"error"')
    a.send_frame(PING, b"ping")
    read(0, a, b"ping")
    a.send_frame(CLOSE, struct.pack(">H", 1000))
    read(0, a, struct.pack(">H", 1000))
    a.sock.close()
    read(1, b, "alice下线".encode())
    b.sock.close()
    return [strip(data) for data in got]


def test_framed_and_raw_are_the_same_bytes():
    with Wsd() as w:
        raw = scenario(w)
    with Wsd(options=["--framed"]) as w:
        framed = scenario(w)
    assert len(raw[0]) > 5000 and len(raw[1]) > 5000
    assert raw == framed


def test_framed_slow_reader():
    """Frames that wait behind an unfinished one come whole and in order."""
    with Wsd(options=["--framed"], set={
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
