"""kill -9 of wsd at random, with many senders and receivers who come back:
each acknowledged message is at everybody exactly once, in one order, under
one number. GATECAST_CHANNEL_ROUNDS sets how often it is killed."""

import contextlib
import json
import os
import random
import signal
import threading
import time

import pytest

from channel_oracle import Log, Wrong, copy, judge
from conftest import wait_until
from ws_raw import Wsd
from wsclient import Closed, Refused

ROUNDS = int(os.environ.get("GATECAST_CHANNEL_ROUNDS", "110"))
SENDERS, RECEIVERS = 4, 4
WINDOW = 6  # messages that a sender has on the way
SET = {"wsd.user_rate": 0, "wsd.history_messages": 1000000,
       "wsd.history_bytes": 0, "wsd.leave_grace_s": 1,
       "wsd.connections_per_user": 0, "log.level": "notice"}


class Peer(threading.Thread):
    """A client that comes back with its cursor until it is told to stop.
    lives: after so many events it goes, and comes anew without one."""

    def __init__(self, world, user, lives=None):
        super().__init__(daemon=True)
        self.world, self.user, self.lives = world, user, lives
        self.epoch = self.error = None
        self.logs = []
        self.waiting = {}  # ref: text, in order
        self.acked = {}  # text: seq
        self.sends = 0
        self.is_sender = False

    def run(self):
        try:
            while not self.is_done():
                with contextlib.suppress(
                        Closed, Refused, OSError, TimeoutError):
                    self.connection()
                time.sleep(random.random() * 0.01)
        except BaseException as e:
            self.error = e

    def is_done(self):
        w = self.world
        return w.target is not None and not self.waiting and (
            self.lives or not self.logs or self.logs[-1].cursor >= w.target)

    def connection(self):
        since = None
        if self.logs and not self.logs[-1].is_over:
            since = f"{self.epoch}-{self.logs[-1].cursor}"
        with self.world.wsd.client(self.user, since=since, timeout=5) as c:
            hello = c.event()
            assert hello["type"] == "hello"
            if since:
                if not hello["resumed"] or hello["epoch"] != self.epoch:
                    raise Wrong(f"{since} is met with {hello}")
            else:
                log = Log(hello["seq"], self.lives is None)
                log.is_over = False
                self.logs.append(log)
            if self.epoch not in (None, hello["epoch"]):
                raise Wrong(f"epoch {self.epoch}, then {hello['epoch']}")
            self.epoch = hello["epoch"]
            # Said before, perhaps: the same ref again.
            for ref, text in self.waiting.items():
                c.say(text, ref)
            while not self.is_done():
                self.say_more(c)
                with contextlib.suppress(TimeoutError):
                    self.take(c.event(0.05))
                if self.lives and \
                        len(self.logs[-1].events) >= self.lives:
                    self.logs[-1].is_over = True
                    return

    def say_more(self, c):
        while self.is_sender and not self.world.is_over and \
                len(self.waiting) < WINDOW:
            self.sends += 1
            text = f"{self.name} {self.sends}"
            self.world.sent[text] = self.user
            ref = f"{self.name}-{self.sends}"
            self.waiting[ref] = text
            c.say(text, ref)

    def take(self, event):
        if event["type"] == "ack":
            text = self.waiting.pop(event["ref"], None)
            # Sent twice, it is acknowledged twice, with one number.
            text = text or next(
                t for t in self.acked if t.replace(" ", "-") == event["ref"])
            if self.acked.setdefault(text, event["seq"]) != event["seq"]:
                raise Wrong(f"{text}: {self.acked[text]}, then {event}")
        else:
            if event["type"] not in ("message", "join", "leave"):
                raise Wrong(f"unexpected: {event}")
            self.logs[-1].events.append(event)


class World:
    def __init__(self, wsd):
        self.wsd, self.sent = wsd, {}
        self.is_over = False  # nothing more is said
        self.target = None  # what all have to see before they go
        users = list(wsd.cookies)
        self.peers = [Peer(self, users[i % len(users)])
                      for i in range(SENDERS + RECEIVERS)]
        for p in self.peers[:SENDERS]:
            p.is_sender = True
        self.peers.append(Peer(self, users[0], lives=30))
        self.peers.append(Peer(self, "passer-by", lives=7))

    def acked(self):
        return sum(len(p.acked) for p in self.peers)

    def check(self):
        for p in self.peers:
            if p.error is not None:
                raise p.error

    def run(self, rounds, kill):
        for p in self.peers:
            p.start()
        try:
            for _ in range(rounds):
                before = self.acked() + 10 + random.randrange(60)
                wait_until(lambda: self.check() or self.acked() > before,
                           20, "progress")
                kill(self.wsd)
            before = self.acked()
            wait_until(lambda: self.check() or self.acked() > before,
                       what="progress")
        finally:
            self.is_over = True
            wait_until(lambda: not any(p.waiting for p in self.peers) or
                       any(p.error for p in self.peers), what="the last acks")
            self.target = max(
                (s for p in self.peers for s in p.acked.values()), default=0)
            for p in self.peers:
                p.join(20)
        self.check()
        assert not any(p.is_alive() for p in self.peers)
        return self.judge()

    def judge(self, logs=None, **changes):
        if logs is None:
            logs = [log for p in self.peers for log in p.logs]
        facts = {"sent": self.sent, "acked": {
            t: s for p in self.peers for t, s in p.acked.items()}, **changes}
        return judge(logs, **facts)


def kill(wsd):
    """SIGKILL, and at times another to the one that is just starting."""
    while True:
        wsd.process.kill()
        wsd.process.wait()
        if random.random() < 0.8:
            break
        wsd.process = wsd.spawn()
        time.sleep(random.random() * 0.08)
    wsd.start()


@pytest.fixture(scope="module")
def killed():
    """What everybody saw of a wsd that was killed again and again."""
    with Wsd(users=("alice", "bob", "carol", "passer-by"), set=SET) as w:
        world = World(w)
        world.said = world.run(ROUNDS, kill)
        world.epochs = {p.epoch for p in world.peers}
    return world


def test_killed_at_random(killed):
    assert len(killed.epochs) == 1
    assert killed.said >= killed.acked() > ROUNDS * 10
    # Fresh ones came all the time, and saw what came after them alone.
    assert sum(len(p.logs) for p in killed.peers if p.lives) > 10


def test_killed_with_sync():
    """The same where each turn waits for the disk."""
    with Wsd(users=("alice", "bob", "passer-by"),
             set={**SET, "wsd.history_sync": "always"}) as w:
        world = World(w)
        assert world.run(max(ROUNDS // 10, 3), kill) >= world.acked()


def test_terminated_at_random():
    def terminate(wsd):
        wsd.signal(signal.SIGTERM)
        assert wsd.wait() == 0
        wsd.start()

    with Wsd(users=("alice", "bob", "passer-by"), set=SET) as w:
        world = World(w)
        assert world.run(max(ROUNDS // 20, 3), terminate) >= world.acked()


def test_short_history():
    """Little is kept: who was away for longer is told of one gap, and what
    is sent again is still known."""
    with Wsd(users=("alice", "bob"),
             set={**SET, "wsd.history_messages": 5}) as w:
        a = w.client("alice")
        hello = a.event()
        for i in range(30):
            a.say(f"m{i}", f"r{i}")
            seq = a.expect("ack", ref=f"r{i}")["seq"]
        kill(w)
        with w.client("bob", since=f"{hello['epoch']}-{seq - 20}") as b:
            assert b.event()["resumed"] is True
            gap = b.event()
            assert gap == {"type": "gap", "from": seq - 19, "to": seq - 5}
            assert [b.event()["text"] for _ in range(5)] == \
                [f"m{i}" for i in range(25, 30)]
        with w.client("alice") as a:
            a.expect("hello")
            a.say("m3", "r3")
            assert a.expect("ack", ref="r3")["seq"] == seq - 26


def test_without_a_journal():
    """In memory alone it begins anew, and the oracle says so."""
    with Wsd(users=("alice", "bob", "passer-by"),
             set={**SET, "wsd.history_dir": ""}) as w:
        with pytest.raises(Wrong):
            World(w).run(2, kill)


def test_another_one_is_refused():
    with Wsd(set=SET) as w:
        second = w.spawn()
        assert second.wait(30) == 1
        assert "another wsd uses this directory" in second.stderr.read()


def test_damaged():
    """It starts all the same, with a new epoch and the file kept aside."""
    with Wsd(set=SET) as w:
        with w.client("alice") as a:
            epoch = a.event()["epoch"]
            for i in range(3):
                a.say(f"m{i}", f"r{i}")
                last = a.expect("ack", ref=f"r{i}")["seq"]
        w.process.kill()
        w.process.wait()
        journal = w.dir / "history/journal"
        data = bytearray(journal.read_bytes())
        data[data.index(b'"m1"')] ^= 1
        journal.write_bytes(data)
        w.start()
        assert w.has_logged("damaged")
        assert [f.read_bytes() for f in journal.parent.glob("damaged.*")] \
            == [bytes(data)]
        with w.client("alice", since=f"{epoch}-{last}") as a:
            hello = a.event()
            assert hello["resumed"] is False and hello["epoch"] != epoch
            a.send(json.dumps({"type": "history"}))
            assert [m["text"] for m in a.expect("history")["messages"]] == \
                ["m0"]


# --- the oracle itself ------------------------------------------------------

def spoil(killed, change):
    logs = copy(log for p in killed.peers for log in p.logs)
    victim = max(logs, key=lambda log: len(log.events))
    messages = [i for i, e in enumerate(victim.events)
                if e["type"] == "message"]
    change(victim.events, messages[len(messages) // 2])
    return logs


def renumber(events):
    first = events[0]["seq"]
    for i, e in enumerate(events):
        e["seq"] = first + i


def lose(events, i):
    del events[i]


def lose_quietly(events, i):
    del events[i]
    renumber(events)


def duplicate(events, i):
    events.insert(i, dict(events[i]))


def duplicate_quietly(events, i):
    events.insert(i, dict(events[i]))
    renumber(events)


def swap(events, i):
    events[i], events[i + 1] = events[i + 1], events[i]


def swap_quietly(events, i):
    a, b = events[i], events[i + 1]
    events[i], events[i + 1] = b, a
    a["seq"], b["seq"] = b["seq"], a["seq"]


def forge(events, i):
    events[i]["text"] += "!"


def forge_the_sender(events, i):
    events[i]["user"] = "mallory"


def forge_the_time(events, i):
    events[i]["time"] = "2000-01-01T00:00:00.000Z"


def stop_early(events, i):
    del events[i:]


@pytest.mark.parametrize("change", [
    lose, lose_quietly, duplicate, duplicate_quietly, swap, swap_quietly,
    forge, forge_the_sender, forge_the_time, stop_early],
    ids=lambda f: f.__name__)
def test_oracle_sees(killed, change):
    with pytest.raises(Wrong):
        killed.judge(spoil(killed, change))


def test_oracle_sees_at_everybody(killed):
    """The same fault in all logs: only what was acknowledged tells."""
    acked = {t: s for p in killed.peers for t, s in p.acked.items()}
    text = next(iter(acked))
    logs = copy(log for p in killed.peers for log in p.logs)
    for log in logs:
        for e in log.events:
            if e["seq"] == acked[text] and e["type"] == "message":
                e["text"] = "never sent"
    killed.judge(copy(log for p in killed.peers for log in p.logs))
    with pytest.raises(Wrong):
        killed.judge(logs, sent={**killed.sent, "never sent": "alice"})


def test_oracle_sees_a_wrong_ack(killed):
    acked = {t: s for p in killed.peers for t, s in p.acked.items()}
    text = max(acked, key=acked.get)
    for wrong in ({**acked, text: acked[text] + 1}, {**acked, "nothing": 1}):
        with pytest.raises(Wrong):
            killed.judge(acked=wrong)
