"""Where an allocation fails in wsd, the n-th for every n: whoever joins is in
or refused at once, what is acknowledged was heard by all exactly once as it
was said (channel_oracle), what is not can be said again, and wsd goes on."""

import json
import socket

import pytest

import channel_oracle
from conftest import wait_until
from memory_fault import ALL, Memory
from ws_raw import Wsd
from wsclient import TEXT, Closed, Refused

SOON_S = 5
# Escapes, several of two and more bytes: each is a path of its own in a
# decoder.
TEXT_OF = "%s \t\"\\\u00e9\u674e\U0001f600 &<> " + "x" * 300


class Member:
    """One who comes back with its cursor when it was closed."""

    def __init__(self, w, user):
        self.w, self.user = w, user
        self.client = w.client(user)
        hello = self.client.event()
        self.epoch = hello["epoch"]
        self.log = channel_oracle.Log(hello["seq"], True)

    def again(self):
        self.client.sock.close()

        def is_back():
            try:
                self.client = self.w.client(
                    self.user, since=f"{self.epoch}-{self.log.cursor}")
                hello = self.client.event(SOON_S)
            except (Closed, Refused):
                return False
            assert hello["resumed"] and hello["epoch"] == self.epoch, hello
            return True

        wait_until(is_back, what="coming back")

    def event(self, timeout=SOON_S):
        """The next one; those of all are noted."""
        e = self.client.event(timeout)
        assert e["type"] not in ("gap", "error"), e
        if "seq" in e and e["type"] not in ("ack", "hello"):
            self.log.events.append(e)
        return e

    def hear(self, seq):
        while self.log.cursor < seq:
            try:
                self.event()
            except Closed:
                self.again()

    def acknowledged(self, ref):
        """Its number; Closed, but never silence."""
        while True:
            e = self.event()
            if e["type"] == "ack" and e["ref"] == ref:
                return e["seq"]


class Channel:
    def __init__(self, w, memory):
        self.w, self.memory = w, memory
        self.alice = Member(w, "alice")
        self.bob = Member(w, "bob")
        self.lines = w.client("carol", protocol=None)
        self.sent, self.acked = {}, {}

    def say(self, text, send):
        """Once with the fault, and until it is acknowledged without."""
        ref = json.loads('"r\\u00e9f"') + f"-{len(self.sent)}"
        self.sent[text] = "alice"
        while True:
            try:
                send(self.alice.client, json.dumps(
                    {"type": "send", "ref": ref, "text": text}))
                self.acked[text] = self.alice.acknowledged(ref)
                break
            except (Closed, OSError):
                self.memory.pause()
                self.alice.again()
        self.memory.pause()

    def level(self):
        """Everybody has heard everything; no fault is left to come."""
        for m in self.alice, self.bob:
            m.hear(max(self.acked.values()))

    def judge(self):
        self.say("the last", whole)
        self.level()
        assert channel_oracle.judge(
            [self.alice.log, self.bob.log], self.sent, self.acked) >= \
            len(self.acked)


@pytest.fixture
def channel(tmp_path):
    memory = Memory(tmp_path / "memory")
    with Wsd(users=("alice", "bob", "carol", "dave"), set={
            "wsd.user_rate": 0, "wsd.connections_per_user": 0},
            env=memory.env) as w:
        c = Channel(w, memory)
        yield c
        c.judge()
        for client in c.alice.client, c.bob.client, c.lines:
            client.close()


def whole(client, text):
    client.send(text)


def fragments(client, text):
    data = text.encode()
    client.send_frame(TEXT, data[:100], is_final=False)
    client.send_frame(0, data[100:])


@pytest.mark.parametrize("many", [1, ALL])
@pytest.mark.parametrize("send", [whole, fragments])
def test_broadcast(channel, send, many):
    def attempt(n):
        channel.say(TEXT_OF % n, send)
        channel.level()

    assert channel.memory.every(attempt, many) > (3 if many == 1 else 0)


@pytest.mark.parametrize("many", [1, ALL])
@pytest.mark.parametrize("protocol", ["gatecast.v1", None])
def test_join(channel, protocol, many):
    joined = []

    def attempt(n):
        try:
            with channel.w.client("dave", protocol=protocol) as c:
                if protocol:
                    hello = c.event(SOON_S)
                    assert hello["type"] == "hello"
                    assert hello["user"] == "dave"
                    # Itself among them: it is in.
                    assert "dave" in [u["user"] for u in hello["online"]]
                else:
                    c.send(f"here {n}")
                    channel.sent[f"here {n}"] = "dave"
                    while not c.recv(SOON_S).endswith(f"here {n}"):
                        pass
                joined.append(n)
        except Refused as refused:
            assert refused.status == 503, refused
        except Closed as closed:
            assert closed.code in (None, 1013), closed
        finally:
            channel.memory.pause()
        channel.say(f"after {n}", whole)
        channel.level()

    assert channel.memory.every(attempt, many) > (3 if many == 1 else 0)
    assert joined


def publish(w, text):
    """The answer, or None: none came."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(SOON_S)
        s.connect(str(w.dir / "control.sock"))
        request = {"command": "publish", "user": "dave", "text": text}
        try:
            s.sendall(json.dumps(request).encode() + b"\n")
            line = s.makefile().readline()
        except ConnectionError:
            return None
        return json.loads(line) if line else None


def test_publish(channel):
    """By the control socket: said, or it is told that it is not."""
    done = []

    def attempt(n):
        text = TEXT_OF % n
        channel.sent[text] = "dave"
        answer = publish(channel.w, text)
        channel.memory.pause()
        channel.say(f"after {n}", whole)
        channel.level()
        is_said = text in [e.get("text") for e in channel.bob.log.events]
        if answer is not None:
            assert answer["ok"] == is_said, answer
            done.append(is_said)

    assert channel.memory.every(attempt) > 3
    assert set(done) == {True, False}
