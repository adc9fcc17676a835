"""Revocation, by the clock and by the order of things: what ends a session
ends its connections, and nothing that waits for it is delivered after."""

import selectors
import struct
import subprocess
import threading
import time


from conftest import BUILD, wait_until
from pair import asleep
from ws_raw import Wsd, request, settle
from wsclient import CLOSE, TEXT

EVENTS = 200


def test_how_soon(capsys):
    """Sessions end one by one while everybody talks. From the moment an end
    is durable to the close frame read: the figures are printed, and the test
    fails only when one never comes or comes with something else."""
    users = [f"u{i}" for i in range(EVENTS)]
    with Wsd(users=("alice", *users), set={
            "wsd.user_rate": 0, "wsd.leave_grace_s": 30}) as w:
        alice = settle(w.client("alice"))
        clients = [w.client(u) for u in users]
        is_over = threading.Event()
        said = 0

        def talk():
            nonlocal said
            while not is_over.is_set():
                ref = alice.say("load")
                alice.expect("ack", ref=ref)
                said += 1

        talker = threading.Thread(target=talk)
        talker.start()
        selector = selectors.DefaultSelector()
        for c in clients:
            c.sock.setblocking(False)
            selector.register(c.sock, selectors.EVENT_READ, c)
        ender = subprocess.Popen(
            [BUILD / "tests/make-session", "--end", w.dir,
             *(w.cookies[u].split("=", 1)[1] for u in users)],
            stdout=subprocess.PIPE, text=True)
        closed_ns = {}
        deadline = time.monotonic() + 30
        while len(closed_ns) < EVENTS and time.monotonic() < deadline:
            for key, _ in selector.select(1):
                c = key.data
                c.buffer += c.sock.recv(1 << 20)
                now = time.monotonic_ns()
                while (size := c._frame_size()) and \
                        len(c.buffer) >= sum(size):
                    opcode = c.buffer[0] & 15
                    payload = c.buffer[size[0]:sum(size)]
                    c.buffer = c.buffer[sum(size):]
                    if opcode == CLOSE:
                        assert struct.unpack(">H", payload[:2])[0] == 4401
                        closed_ns[c] = now
                        selector.unregister(c.sock)
                        break
        ended_ns = [int(line) for line in ender.communicate()[0].split()]
        is_over.set()
        talker.join()
        assert len(closed_ns) == len(ended_ns) == EVENTS
        ms = sorted((closed_ns[c] - end) / 1e6
                    for c, end in zip(clients, ended_ns))
        with capsys.disabled():
            print(f"\nrevocation, {EVENTS} ends, {said} messages to "
                  f"{EVENTS}: p50 {ms[EVENTS // 2]:.2f} p99 "
                  f"{ms[EVENTS * 99 // 100]:.2f} max {ms[-1]:.2f} ms")
        for c in clients:
            c.sock.close()
        alice.sock.close()


def drain(sock, c):
    """All that the kernel has for it, as frames; whether one has begun."""
    frames = []
    sock.settimeout(0.3)
    try:
        while data := sock.recv(1 << 20):
            c.buffer += data
    except OSError:
        pass
    while (size := c._frame_size()) and len(c.buffer) >= sum(size):
        frames.append((c.buffer[0] & 15, c.buffer[size[0]:sum(size)]))
        c.buffer = c.buffer[sum(size):]
    return frames


def test_nothing_queued_is_delivered():
    """A slow reader makes room while wsd is stopped, and its session ends.
    When wsd goes on both wait for it; the reader gets the frame that had
    begun to its end, and the close."""
    with Wsd(set={"wsd.user_rate": 0, "wsd.slow_bytes": 8 << 20}) as w:
        crowd = [w.client("alice") for _ in range(12)]
        with crowd[0] as alice:
            settle(alice)
            bob = w.client("bob", protocol=None)
            for i in range(50):
                alice.say("x" * 4000)
                alice.expect("ack")
            # Many at once, so that a write carries several.
            with asleep(w.process.pid):
                for c in crowd:
                    for i in range(250):
                        c.say("x" * 80)
            for c in crowd:
                for i in range(250):
                    c.expect("ack")
            with asleep(w.process.pid):
                before = drain(bob.sock, bob)
                assert 50 < len(before) < 3000
                w.end(w.cookies["bob"])
            after = drain(bob.sock, bob)
            assert [opcode for opcode, _ in after] in (
                [CLOSE], [TEXT, CLOSE]), len(after)
            assert struct.unpack(">H", after[-1][1][:2])[0] == 4401
            for c in (*crowd, bob):
                c.sock.close()


def test_no_keys():
    """Cookies that cannot be checked: nobody joins, and after the grace
    nobody stays, as without a store."""
    with Wsd(set={"wsd.store_grace_s": 2}) as w:
        alice = settle(w.client("alice"))
        ring = w.dir / "keyring"
        good = ring.read_bytes()
        ring.write_bytes(b"nonsense\n")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 503, what="503")
        alice.say("still here")
        alice.expect("message", text="still here")
        assert alice.closed() == 1013
        ring.write_bytes(good)
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 101, what="the keys")
        settle(w.client("alice")).sock.close()
