"""All at once against one wsd with little memory, while a group talks: half
requests, readers that stopped, floods, questions and pings whose answers
nobody reads, unfinished messages, deaf clients of the control socket and of
/metrics, garbage. The group notices nothing, and the memory holds."""

import collections
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import pytest

import attackers
from channel_oracle import Log, judge
from conftest import BUILD, ROOT, wait_until
from socket_memory import kernel_bytes
from test_wsd_metrics import Watched
from test_wsd_operated import control, lines
from wsclient import Closed, Refused

MIB = 1024 * 1024
LIMIT = 32 * MIB
# What wsd/DESIGN.md makes of it: the base, and four shares.
BASE = LIMIT // 2
SHARES = {f"memory_bytes.{name}": LIMIT // 8
          for name in ("connections", "history", "streams", "queues")}
ROUNDS = int(os.environ.get("GATECAST_ATTACK_ROUNDS", "12"))
# Of wsd.user_rate, which is 10 a second.
ROUND_S = 0.11
MEMBERS = [f"member{i}" for i in range(8)]


class Group:
    """Members who speak in turn and hear all of it; what each has seen is
    kept for the oracle."""

    def __init__(self, w):
        self.members = [w.client(name) for name in MEMBERS]
        self.logs = []
        self.sent, self.acked = {}, {}
        for c in self.members:
            hello = c.event()
            assert hello["type"] == "hello"
            self.logs.append(Log(hello["seq"], is_whole=True))

    def round(self, i, size=3900):
        """Each says one thing, and reads until it has its own ack and
        everyone's message."""
        texts = {f"{i} of {name} " + "x" * size: name for name in MEMBERS}
        self.sent.update(texts)
        refs = {c.say(text): text for c, text in zip(self.members, texts)}
        for c, log, ref in zip(self.members, self.logs, refs):
            missing = {*texts, ref}
            while missing:
                event = c.event()
                if event["type"] == "ack":
                    self.acked[refs[event["ref"]]] = event["seq"]
                    missing.remove(event["ref"])
                    continue
                assert event["type"] in ("message", "join", "leave"), event
                log.events.append(event)
                missing.discard(event.get("text"))

    def judge(self):
        for event in (e for log in self.logs for e in log.events):
            # Garbage may be a message by chance, and the same one again.
            if event["user"] == attackers.GARBAGE_USER and "text" in event:
                event["text"] += f" as {event['seq']}"
            text = event.get("text", "")
            if event["user"] not in MEMBERS and \
                    attackers.has_said(event["user"], text):
                self.sent[text] = event["user"]
        judge(self.logs, self.sent, self.acked)
        assert self.acked.keys() == {
            t for t, user in self.sent.items() if user in MEMBERS}

    def close(self):
        for c in self.members:
            c.sock.close()


class Attackers:
    """attackers.py, for the length of a block; then `seen`."""

    def __init__(self, w):
        self.process = subprocess.Popen(
            [sys.executable, attackers.__file__], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        print(json.dumps({
            "port": w.port, "metrics_port": w.metrics_port,
            "control": str(w.dir / "control.sock"),
            "cookies": w.cookies}), file=self.process.stdin, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if error[0] is not None:
            self.process.kill()
        out, _ = self.process.communicate()
        if error[0] is None:
            assert self.process.returncode == 0
            self.seen = json.loads(out)


def programs():
    """The one that is tested, and, since memory is another thing under ASan,
    the release build beside it."""
    release = ROOT / "build/release/wsd"
    return [BUILD / "wsd"] + (
        [release] if release.exists() and BUILD != release.parent else [])


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 6000:
        pytest.skip("too few descriptors for a crowd")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def newcomer(w):
    """Somebody who wants to join: 101 and a hello, or 503 and why; None if
    the crowd of unfinished requests pushed this one out before it was sent,
    as it may when this process has to wait."""
    try:
        c = w.client("newcomer")
    except Refused as e:
        assert e.status == 503
        assert int(e.headers["retry-after"]) > 0
        assert e.body == b"full\n"
        return 503
    except (Closed, ConnectionError):
        return None
    with c:
        assert c.event()["type"] == "hello"
        assert c.close() == 1000
    return 101


def overview(w):
    """The metrics, however crowded it is there."""
    def ask():
        try:
            return w.metrics()
        except (AssertionError, ConnectionError):
            return None

    return wait_until(ask, what="an answer of /metrics")


def status(w):
    """As an administrator."""
    def ask():
        with control(w) as s:
            try:
                s.sendall(b'{"command":"status"}\n')
                return lines(s, 1)[0]
            except (ConnectionError, AssertionError):
                return None

    return wait_until(ask, what="an answer of the control socket")


def files(w):
    return len(os.listdir(f"/proc/{w.process.pid}/fd"))


def is_met(m):
    """Whether each attack has been met: the slow ones and the fast ones were
    shown the door, requests cut, refused, and unfit."""
    return all(m[name] > 0 for name in (
        "closes_total.4408", "closes_total.4429", "handshakes_cut_total",
        "handshakes_refused_total.400", "handshakes_refused_total.503"))


@pytest.mark.parametrize("program", programs(), ids=lambda p: p.parent.name)
def test_all_at_once(many_files, program):
    w = Watched(users=(*MEMBERS, "newcomer", *attackers.users()), set={
        "wsd.max_memory": LIMIT, "log.level": "info"})
    w.program = program
    with w:
        has_asan = "libasan" in pathlib.Path(
            f"/proc/{w.process.pid}/maps").read_text()
        before, files_before = w.metrics(), files(w)
        group = Group(w)
        tries = collections.Counter()
        peak = collections.Counter()
        rounds, under_attack = 0, 0
        with Attackers(w) as attack:
            while under_attack < ROUNDS or not tries[503]:
                begin = time.monotonic()
                group.round(rounds)
                tries[newcomer(w)] += 1
                m = overview(w)
                received, queued = kernel_bytes(w.port, w.metrics_port)
                seen = {name: m[name] for name in SHARES}
                seen["kernel"] = queued
                seen["all"] = w.memory_kib() * 1024 + received + queued
                for name, n in seen.items():
                    peak[name] = max(peak[name], n)
                assert status(w)["ok"]
                rounds += 1
                under_attack += is_met(m)
                time.sleep(max(0, begin + ROUND_S - time.monotonic()))
        print({name: f"{n / MIB:.1f}" for name, n in peak.items()},
              dict(tries), attack.seen)
        for name, share in SHARES.items():
            assert peak[name] <= share, peak
        # An eighth may be written before it is looked at, and refusals and
        # metrics are not of that share.
        assert peak["kernel"] <= SHARES["memory_bytes.queues"] * 5 / 4, peak
        if not has_asan:
            assert peak["all"] <= LIMIT, peak
        wait_until(lambda: newcomer(w) == 101, what="room")
        group.round("after")
        group.judge()
        group.close()
        wait_until(lambda: files(w) == files_before, what="all closed")
        after = w.metrics()
        for name in ("connections", "streams", "queues", "leaving"):
            name = f"memory_bytes.{name}"
            assert after[name] == before[name], name
        assert after["queue_bytes"] == 0
