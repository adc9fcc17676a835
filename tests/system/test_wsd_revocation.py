"""Revocation, by the clock and by the order of things: what ends a session
ends its connections, and nothing that waits for it is delivered after."""

import json
import os
import selectors
import struct
import subprocess
import threading
import time

import pytest

from conftest import BUILD, wait_until
from pair import Pair, asleep
from ws_raw import Wsd, request, settle
from wsclient import CLOSE, TEXT, Closed, Refused

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
                for opcode, payload in c.whole_frames():
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
    sock.settimeout(0.3)
    try:
        while data := sock.recv(1 << 20):
            c.buffer += data
    except OSError:
        pass
    return list(c.whole_frames())


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


def end_by(pair, how, user, cookie):
    """Does what ends that user's session."""
    if how == "logout":
        assert pair.logout(cookie).status == 303
    elif how == "revoke":
        rows = json.loads(
            pair.tool("session", "list", user, "--json").stdout)
        pair.tool("session", "revoke", rows[0]["id"])
    elif how == "revoke --user":
        pair.tool("session", "revoke", "--user", user)
    elif how == "passwd":
        pair.tool("user", "passwd", user, "--password-stdin",
                  input="another passphrase\n")
    elif how == "rename":
        pair.tool("user", "rename", user, user + "-2")
    elif how == "expires":
        wait_until(lambda: pair.session(cookie) == 401, what="the end")
    else:
        pair.tool("user", how, user)


CAUSES = ("logout", "revoke", "revoke --user", "lock", "passwd", "del",
          "rename", "expires")
LIFETIME_S = 4  # of the one that expires: time to join


def test_while_wsd_does_not_look():
    """Sessions end in each of the ways there are while one wsd is stopped
    and another one gone, and something is said: none of them hears it."""
    config = {"wsd.leave_grace_s": 30}
    with Pair(users=(), set=config) as p, Wsd(
            has_store=False, set={**config, "store.dir": p.store}) as other:
        *most, last = users = [f"user{i}" for i in range(len(CAUSES))]
        tokens = (p.wsd.tool(p.store, "carol", *most) +
                  p.wsd.tool("--lifetime", LIFETIME_S, p.store, last))
        carol, *cookies = ("gatecast=" + t for t in tokens)
        speaker, clients = p.client(carol), [p.client(c) for c in cookies]
        with other.client(cookie=carol) as c:
            epoch = c.event()["epoch"]
            c.say("hello")
            cursor = c.expect("message")["seq"]
        for c in cookies:
            other.client(cookie=c, since=f"{epoch}-{cursor}").sock.close()
        other.process.kill()
        other.process.wait()
        with asleep(p.wsd.process.pid):
            for how, user, cookie in zip(CAUSES, users, cookies):
                end_by(p, how, user, cookie)
            speaker.say("a secret")
        speaker.expect("message", text="a secret")
        other.start()
        for how, c, cookie in zip(CAUSES, clients, cookies):
            heard = ""
            with pytest.raises(Closed) as e:
                while True:
                    heard += c.recv()
            assert e.value.code == 4401 and "a secret" not in heard, how
            with pytest.raises(Refused) as e:
                other.client(cookie=cookie, since=f"{epoch}-{cursor}")
            assert e.value.status == 401, how


def test_no_keys():
    """Cookies that cannot be checked: nobody joins, and after the grace
    nobody stays, as without a store."""
    with Wsd(set={"wsd.store_grace_s": 1}) as w:
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


def test_corrupt():
    """A store that can be opened but not believed is one that is away."""
    with Wsd(set={"wsd.store_grace_s": 1}) as w:
        alice = settle(w.client("alice"))
        base = w.dir / "sessions/base.gdbm"
        good = base.read_bytes()

        def put(data):
            (w.dir / "new").write_bytes(data)
            (w.dir / "new").chmod(0o640)
            os.rename(w.dir / "new", base)

        put(b"nonsense" * 1000)
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 503, what="503")
        assert alice.closed(timeout=8) == 1013
        put(good)
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 101, what="the store")
        # It was not all lost: what had ended meanwhile is.
        w.end(w.cookies["bob"])
        assert w.ask(request(cookie=w.cookies["bob"]))[0] == 401
