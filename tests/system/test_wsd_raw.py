"""wsd at its socket: what it does with frames, good and wrong ones."""

import re
import socket
import struct

import pytest
from websockets.frames import Frame
from websockets.streams import StreamReader

from ws_raw import Wsd, request, settle
from wsclient import BINARY, CLOSE, PING, PONG, TEXT, Closed


@pytest.fixture(scope="module")
def wsd():
    with Wsd(users=("alice", "bob", "carol")) as w:
        yield w


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
    with Wsd(set={"wsd.ping_s": 2}) as w:
        with w.client("bob") as silent, w.client() as c:
            # Two without an answer, and it is over for the one.
            c.expect("leave", user="bob")
            pings, code = 0, None
            while code is None:
                opcode, _, payload = silent.frame()
                pings += opcode == PING
                if opcode == CLOSE:
                    code = struct.unpack(">H", payload[:2])[0]
            assert code == 1001 and pings == 2
            # The other has had more of them by then.
            assert c.pings > 2
            c.say("here")
            c.expect("message", text="here")


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
        opcode, is_final, answer = c.frame()
        assert (opcode, is_final) == (CLOSE, True)
        # A wrong one is told what is wrong.
        assert answer[:2] == echo and (len(answer) > 2) == (
            echo == struct.pack(">H", 1002))
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
        assert c.closed() == 1002


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


def scenario(w):
    """All bytes that two clients got after the hello."""
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
    return got


def test_bytes_are_those_of_another_framing():
    """wsd makes its frames by hand; a library takes them apart, and makes
    the same bytes of what it found."""
    with Wsd() as w:
        for data in scenario(w):
            reader, made = StreamReader(), b""
            reader.feed_data(data)
            while not reader.buffer == b"":
                parse = Frame.parse(reader.read_exact, mask=False)
                try:
                    next(parse)
                    raise AssertionError("half a frame")
                except StopIteration as whole:
                    made += whole.value.serialize(mask=False)
            assert len(data) > 5000 and made == data
