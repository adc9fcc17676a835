"""RFC 6455, the server's side, section by section: against ws-echo, which is
wsd's listener, handshake and receive path with an echo in the hub's place,
and in part against wsd. A row is what a client sends and all it gets back."""

import asyncio
import json
import random
import re
import socket
import struct
import subprocess
import threading
import time

import pytest
import websockets

from conftest import BUILD, SANITIZER, wait_until
from ws_raw import ORIGIN, Wsd, answer, read_all, request
from wsclient import BINARY, CLOSE, PING, PONG, TEXT, Client, Closed

CONT = 0
MAX = 1 << 18


class Echo:
    """ws-echo on a free port."""

    def __init__(self, *options):
        self.lines = []
        self.process = subprocess.Popen(
            [str(BUILD / "tests/ws-echo"), "--port", "0", *options],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=(self.process.stderr,),
                         daemon=True).start()
        found = wait_until(lambda: re.search(
            r"listening on 127\.0\.0\.1:(\d+)", "".join(self.lines)),
            what="listening")
        self.port = int(found.group(1))
        self.url = f"ws://127.0.0.1:{self.port}/"

    def _read(self, stream):
        self.lines.extend(stream)

    def client(self):
        return Client(self.url, protocol=None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        code = self.process.wait(30)
        log = "".join(self.lines)
        assert code == 0 and not SANITIZER.search(log), log


@pytest.fixture(scope="module")
def echo():
    with Echo("--max-message", str(MAX)) as e:
        yield e


@pytest.fixture(scope="module")
def wsd():
    with Wsd(users=("alice",), set={"wsd.user_rate": 0}) as w:
        yield w


def frame(opcode, payload=b"", fin=True, rsv=0, mask=b"\x11\x22\x33\x44",
          length=None):
    """A frame as bytes. length: how many bytes its length takes."""
    n = len(payload)
    if length is None:
        length = 0 if n < 126 else 2 if n < 65536 else 8
    short = n if length == 0 else 126 if length == 2 else 127
    head = bytes([fin << 7 | rsv << 4 | opcode, (128 if mask else 0) | short])
    head += n.to_bytes(length, "big") if length else b""
    if not mask:
        return head + payload
    whole = (mask * (n // 4 + 1))[:n]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(
        whole, "big")).to_bytes(n, "big")


def text(payload, **kwargs):
    if isinstance(payload, str):
        payload = payload.encode()
    return frame(TEXT, payload, **kwargs)


def close(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else
                 struct.pack(">H", code) + reason)


def out(opcode, payload=b""):
    return opcode, payload


U = "κόσμε-你好-😀"
# The name's number: the section of the well-known list of cases.
ECHOED = {
    **{f"1.1 text of {n}": (text("*" * n), [out(TEXT, b"*" * n)])
       for n in (0, 1, 125, 126, 127, 128, 65535, 65536)},
    **{f"1.2 binary of {n}": (frame(BINARY, b"\xfe" * n),
                              [out(BINARY, b"\xfe" * n)])
       for n in (0, 1, 125, 126, 127, 128, 65535, 65536)},
    "2.1 ping": (frame(PING), [out(PONG)]),
    "2.2 ping with payload": (frame(PING, b"hello"), [out(PONG, b"hello")]),
    "2.3 binary ping": (frame(PING, b"\0\xff\xfe\xfd"),
                        [out(PONG, b"\0\xff\xfe\xfd")]),
    "2.4 longest ping": (frame(PING, b"\xfe" * 125),
                         [out(PONG, b"\xfe" * 125)]),
    "2.7 unsolicited pong": (frame(PONG), []),
    "2.8 the same with payload": (frame(PONG, b"x"), []),
    "2.9 pong, then ping": (frame(PONG, b"x") + frame(PING, b"y"),
                            [out(PONG, b"y")]),
    "2.10 ten pings": (b"".join(frame(PING, b"%d" % i) for i in range(10)),
                       [out(PONG, b"%d" % i) for i in range(10)]),
    "5.3 two fragments": (text("one", fin=False) + frame(CONT, b"two"),
                          [out(TEXT, b"onetwo")]),
    "5.6 ping between": (text("one", fin=False) + frame(PING, b"p") +
                         frame(CONT, b"two"),
                         [out(PONG, b"p"), out(TEXT, b"onetwo")]),
    "5.8 binary fragments": (
        frame(BINARY, b"\xff", fin=False) + frame(CONT, b"\0"),
        [out(BINARY, b"\xff\0")]),
    "5.19 five fragments, two pings": (
        text("1", fin=False) + frame(CONT, b"2", fin=False) +
        frame(PING, b"a") + frame(CONT, b"3", fin=False) +
        frame(CONT, b"4", fin=False) + frame(PING, b"b") + frame(CONT, b"5"),
        [out(PONG, b"a"), out(PONG, b"b"), out(TEXT, b"12345")]),
    "6.1 empty fragments": (
        text("", fin=False) + frame(CONT, b"", fin=False) + frame(CONT),
        [out(TEXT)]),
    "6.1 middle alone": (
        text("", fin=False) + frame(CONT, b"middle", fin=False) + frame(CONT),
        [out(TEXT, b"middle")]),
    "6.2 utf-8": (text(U), [out(TEXT, U.encode())]),
    "6.2 byte by byte": (
        text("", fin=False) + b"".join(
            frame(CONT, bytes([b]), fin=False) for b in U.encode()) +
        frame(CONT), [out(TEXT, U.encode())]),
    **{f"6.x U+{ord(c):X}": (text(c), [out(TEXT, c.encode())])
       for c in "\0\x7f\x80\u07ff\u0800\ud7ff\ue000\ufffd\uffff"
                "\U00010000\U0010ffff"},
    "mask of zeros": (text("plain", mask=bytes(4)), [out(TEXT, b"plain")]),
    "1000 in one write": (b"".join(text(f"{i}") for i in range(1000)),
                          [out(TEXT, b"%d" % i) for i in range(1000)]),
    "64 KiB in frames of 64": (
        text("x" * 64, fin=False) +
        b"".join(frame(CONT, b"x" * 64, fin=False) for _ in range(1022)) +
        frame(CONT, b"x" * 64), [out(TEXT, b"x" * 65536)]),
}

BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
             65535]
GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
              1013, 1014, 3000, 3999, 4000, 4999]
# What ends it, and with which code.
ENDED = {
    "2.5 ping of 126": (frame(PING, b"x" * 126), 1002),
    **{f"3 rsv {r}, opcode {op:x}": (frame(op, b"x", rsv=r), 1002)
       for r in range(1, 8) for op in (TEXT, PING)},
    **{f"4 opcode {op:x}": (frame(op, b"x"), 1002)
       for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "5.1 ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "5.2 close in fragments": (frame(CLOSE, b"", fin=False), 1002),
    "5.9 continuation of nothing": (frame(CONT, b"x"), 1002),
    "5.10 the same, unfinished": (frame(CONT, b"x", fin=False), 1002),
    "5.18 text inside text": (text("a", fin=False) + text("b"), 1002),
    "5.18 binary inside text": (
        text("a", fin=False) + frame(BINARY, b"b"), 1002),
    "5.2 not masked": (text("a", mask=None), 1002),
    "5.2 empty and not masked": (text("", mask=None), 1002),
    "5.2 ping not masked": (frame(PING, b"", mask=None), 1002),
    "5.2 close not masked": (frame(CLOSE, b"", mask=None), 1002),
    "5.2 16 bits for 125": (text("x" * 125, length=2), 1002),
    "5.2 64 bits for 65535": (text("x" * 65535, length=8), 1002),
    "5.2 length of 2^63": (
        b"\x81\xff\x80" + b"\0" * 7 + b"mask", 1002),
    "6.3 surrogate": (text(b"\xed\xa0\x80"), 1007),
    "6.4 in the second fragment": (
        text(b"\xce\xba", fin=False) + frame(CONT, b"\xf4\x90", fin=False),
        1007),
    "6.6 cut": (text(b"\xce"), 1007),
    "6.12 5 bytes": (text(b"\xf8\x88\x80\x80\x80"), 1007),
    "6.14 lonely continuation": (text(b"\x80"), 1007),
    "6.17 fe": (text(b"\xfe"), 1007),
    "6.18 overlong": (text(b"\xc0\xaf"), 1007),
    "6.19 overlong, three": (text(b"\xe0\x80\xaf"), 1007),
    "6.21 above U+10FFFF": (text(b"\xf4\x90\x80\x80"), 1007),
    "7.1 close": (close(1000), 1000),
    "7.3 empty": (close(), None),
    "7.3 one byte": (frame(CLOSE, b"\x03"), 1002),
    "7.3 longest reason": (close(1000, b"x" * 123), 1000),
    "7.3 too long": (close(1000, b"x" * 124), 1002),
    "7.5 reason not utf-8": (close(1000, b"\xff"), 1007),
    **{f"7.7 code {c}": (close(c), c) for c in GOOD_CODES},
    **{f"7.9 code {c}": (close(c), 1002) for c in BAD_CODES},
    "9 too long": (text("x" * (MAX + 1)), 1009),
    "9 too long, by its header": (
        b"\x81\xff" + struct.pack(">Q", MAX + 1) + b"mask", 1009),
    "9 too long, in fragments": (
        text("x" * MAX, fin=False) + frame(CONT, b"x"), 1009),
}


def drain(c):
    """Everything until the end: [(opcode, payload)]. A close frame is
    answered by the end of the stream, for it may be inside a frame."""
    got = []
    try:
        while True:
            opcode, is_final, payload = c.frame(5)
            assert is_final
            got.append((opcode, payload))
            if opcode == CLOSE:
                end_stream(c.sock)
    except Closed:
        return got


def end_stream(s):
    try:
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side was first


def send_cut(c, data, how):
    """In one piece, or byte by byte as far as that is quick."""
    if how == "whole":
        threading.Thread(target=send_all, args=(c, data)).start()
        return
    for i in range(min(len(data), 150)):
        c.send_bytes(data[i:i + 1])
    send_all(c, data[150:])


def send_all(c, data):
    try:
        c.send_bytes(data)
    except OSError:
        pass  # it was told already


@pytest.mark.parametrize("how", ["whole", "bytes"])
def test_echoed(echo, how):
    """Good streams, one connection each, with a close at the end."""
    for name, (data, want) in ECHOED.items():
        with echo.client() as c:
            send_cut(c, data + close(1000), how)
            assert drain(c) == [*want, out(CLOSE, struct.pack(">H", 1000))], \
                name


@pytest.mark.parametrize("how", ["whole", "bytes"])
def test_ended(echo, how):
    """What ends a connection: a message before it is echoed, what follows is
    not read, and the close frame is the last."""
    for name, (data, code) in ENDED.items():
        with echo.client() as c:
            after = b"" if name.startswith("9") else text("after")
            try:
                send_cut(c, text("before") + data + after, how)
            except OSError:
                pass  # it was told already
            got = drain(c)
            assert got[0] == out(TEXT, b"before"), name
            assert len(got) == 2 and got[1][0] == CLOSE, (name, got)
            if code is None:
                assert got[1][1] == b"", name
            else:
                assert struct.unpack(">H", got[1][1][:2])[0] == code, name
                got[1][1][2:].decode()


def test_ended_by_wsd(wsd):
    """The same verdicts where the hub is."""
    for name, (data, code) in ENDED.items():
        if name.startswith(("9", "7.7", "5.2 64")):
            continue
        with wsd.client(protocol=None) as c:
            settle_quickly(c)
            send_all(c, data)
            closing = [p for op, p in drain(c) if op == CLOSE]
            assert len(closing) == 1, name
            if code is not None:
                assert struct.unpack(">H", closing[0][:2])[0] == code, name


def settle_quickly(c):
    """One's own join comes last of what a join brings."""
    while not c.recv().endswith("上线"):
        pass


def test_fail_fast(echo):
    """1007 with the first byte that cannot be, not with the last."""
    with echo.client() as c:
        c.send_bytes(b"\x01\xff" + struct.pack(">Q", 70000) + bytes(4) +
                     b"a" * 20 + b"\xf4\x90")
        assert c.closed() == 1007
    with echo.client() as c:
        c.send_bytes(b"\x83")
        c.send_bytes(b"\xff")
        assert c.closed() == 1002
        # No answer is waited for behind what is no frame.
        with pytest.raises(Closed):
            c.frame(1)


def test_closing_handshake(wsd):
    """Ours first: the answer ends it at once; without one, 3 s do; frames in
    between are read over."""
    with Echo("--message-timeout", "1") as e:
        with e.client() as c:
            c.send_bytes(text("x", fin=False))
            start = time.monotonic()
            op, _, payload = c.frame()
            assert op == CLOSE and payload[:2] == struct.pack(">H", 4408)
            assert 0.9 < time.monotonic() - start
            c.send_bytes(frame(CONT, b"y") + frame(PING, b"z"))
            with pytest.raises(TimeoutError):
                c.frame(0.2)
            start = time.monotonic()
            c.send_bytes(close(4408))
            with pytest.raises(Closed):
                c.frame()
            assert time.monotonic() - start < 2.5
        with e.client() as c:
            c.send_bytes(text("x", fin=False))
            c.frame()
            with pytest.raises(Closed):
                c.frame(5)


def test_pings_of_one_who_does_not_read(echo):
    """What it gets later is whole, the last ping is answered, and no memory
    is needed for each."""
    with echo.client() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        c.send_bytes(text("x" * 250_000) * 2)
        for i in range(2000):
            c.send_bytes(frame(PING, b"%d" % i + b"." * 100))
        texts, pong, pongs = [], b"", 0
        while len(texts) < 2 or not pong.startswith(b"1999"):
            op, _, payload = c.frame()
            if op == TEXT:
                texts.append(payload)
            else:
                pong = payload
                pongs += 1
        assert pongs < 1000
        assert texts == [b"x" * 250_000] * 2
        c.send_bytes(close(1000))
        assert drain(c) == [out(CLOSE, struct.pack(">H", 1000))]


def test_another_client(echo, wsd):
    """The websockets library: an implementation by others."""
    async def talk():
        async with websockets.connect(echo.url, max_size=None) as ws:
            for message in ("", "x" * MAX, U, b"", b"\0\xff" * 1000):
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send(c for c in U)
            assert await ws.recv() == U
            await (await ws.ping(b"x" * 125))
        assert ws.close_code == 1000
        async with websockets.connect(
                f"ws://127.0.0.1:{wsd.port}/websocket", origin=ORIGIN,
                extra_headers={"Cookie": wsd.cookies["alice"]},
                subprotocols=["gatecast.v1"]) as ws:
            assert ws.subprotocol == "gatecast.v1"
            assert json.loads(await ws.recv())["type"] == "hello"
            await ws.send(json.dumps(
                {"type": "send", "ref": "r", "text": "x" * 1000}))
            while json.loads(await ws.recv())["type"] != "message":
                pass
            await ws.send(b"binary")
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await ws.recv()
        assert ws.close_code == 1003
    asyncio.run(asyncio.wait_for(talk(), 20))


# --- what is no WebSocket at all -------------------------------------------

def garbage(cookie):
    """77 kinds, before the handshake and after it."""
    rng = random.Random(77)
    good = request(cookie=cookie)
    kinds = [b"", b"\0", b"\n", b"\r\n", b"\r\n\r\n", b" " * 100,
             b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\xff" * 13000,
             b"GET", b"GET ", b"GET / HTTP/9.9\r\n\r\n", b"SSH-2.0-x\r\n",
             b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"{}", b"EHLO x\r\n",
             b"GET /websocket HTTP/1.1\r\n" + b"a: b\r\n" * 2000,
             b"GET /" + b"x" * 13000, b"GET /websocket HTTP/1.1\r\n: x\r\n\r\n"]
    kinds += [good[:rng.randrange(len(good))] for _ in range(10)]
    for _ in range(19):  # a byte of the request changed
        at = rng.randrange(len(good))
        kinds.append(good[:at] + bytes([rng.randrange(256)]) + good[at + 1:])
    kinds += [rng.randbytes(rng.randrange(1, 3000)) for _ in range(10)]
    for i in range(10):  # behind a good handshake
        kinds.append((good, rng.randbytes(rng.randrange(1, 3000))))
    for i in range(10):  # frames with one wrong bit
        data = bytearray(text("x" * rng.randrange(300)) * 3)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        kinds.append((good, bytes(data)))
    assert len(kinds) == 77
    return kinds


def test_garbage():
    """None of it is answered with anything but a refusal or a close frame,
    and whoever talks notices nothing."""
    with Wsd(set={"wsd.handshake_timeout_s": 1}) as w:
        with w.client("bob") as c:
            held = []
            for i, kind in enumerate(garbage(w.cookies["alice"])):
                head, behind = kind if isinstance(kind, tuple) else (kind, b"")
                s = w.connect()
                held.append(s)
                s.sendall(head)
                if behind:
                    assert answer(read_all(s))[0] == 101
                    send_all_to(s, behind)
                if i % 2:
                    s.shutdown(socket.SHUT_WR)
                if i % 10 == 0:
                    c.say(f"{i}")
                    c.expect("message", text=f"{i}")
            for s in held:
                s.close()
            c.say("alive")
            c.expect("message", text="alive")
            c.close()


def send_all_to(s, data):
    try:
        s.sendall(data)
    except OSError:
        pass
