"""kill -9 at random moments, with everybody at work.

In each round visitors sign in and out at a login.fcgi, an administrator
changes accounts, revokes sessions, rotates the key, imports and backs up, a
checkpointer makes generations, and one worker of login.fcgi (or its master),
one admin command and one checkpoint are killed somewhere on their way. Every
account is changed by one of them at a time, so what was acknowledged last is
known. A reader and a wsd have the stores open all along.

GATECAST_CRASH_ROUNDS: how many of each are killed (make crash: 1,000).
"""

import concurrent.futures
import contextlib
import os
import random
import re
import subprocess
import time

import pytest

import operations
from conftest import SANITIZER, wait_until
from login_process import Login
from oracle import Accounts, AuthReader
from ws_raw import Wsd, request

ROUNDS = int(os.environ.get("GATECAST_CRASH_ROUNDS", "200"))
VISITORS = ("vera", "victor")
# One at a time hashes a password, for less than a millisecond.
BUSY_MAX_S = 2.0


class Killer:
    """Runs a program and kills it at a moment of about its usual length."""

    def __init__(self, dice):
        self.dice = dice
        self.usual_s = 0.03
        self.kills = 0

    def __call__(self, argv, env, stdin):
        process = subprocess.Popen(
            argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        begin = time.monotonic()
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
        try:
            process.wait(self.dice.uniform(0, 1.1 * self.usual_s))
        except subprocess.TimeoutExpired:
            process.kill()
        out, err = process.communicate(timeout=60)
        if process.returncode == -9:
            self.kills += 1
        else:
            took = time.monotonic() - begin
            self.usual_s += (took - self.usual_s) / 4
        assert not SANITIZER.search(err.decode()), err
        return subprocess.CompletedProcess(argv, process.returncode, out, err)


class Visitor:
    """Signs in and out until told to stop; answers may never come."""

    def __init__(self, site, oracle, name):
        self.site = site
        self.oracle = oracle
        self.name = name
        self.busy_since = None
        oracle.user(name, (False, operations.PASSWORD))

    def ask(self, *args, **kwargs):
        try:
            return self.site.ask(*args, **kwargs)
        except (OSError, ValueError):
            return None

    def visit(self):
        try:
            answer = self.site.post_login(self.name, operations.PASSWORD)
        except (OSError, ValueError, AttributeError):
            time.sleep(0.005)  # nobody there: leave the processor to them
            return
        if answer is None:
            return
        if answer.status == 503:
            self.wait_for_a_slot(answer)
            return
        assert answer.status == 303, answer.raw
        self.busy_since = None
        token = answer.cookies()["gatecast"][0]
        self.oracle.begun(token, self.name)
        cookie = "gatecast=" + token
        page = self.ask("GET", "/index", cookie=cookie)
        if page is None:
            return
        self.oracle.try_end([token])
        body = b"csrf=" + page.field("csrf").encode()
        answer = self.ask("POST", "/logout", body, cookie)
        if answer is not None:
            assert answer.status == 303, answer.raw
            self.oracle.ended([token])

    def wait_for_a_slot(self, answer):
        """The other visitor's password is hashed, and that is no reason for
        long, nor when its worker is killed. The page of a store that cannot
        be used has no form."""
        assert answer.get("Retry-After") and answer.field("csrf"), answer.raw
        now = time.monotonic()
        self.busy_since = self.busy_since or now
        assert now - self.busy_since < BUSY_MAX_S, self.site.log()[-2000:]

    def stay(self, is_over):
        self.busy_since = None
        while not is_over():
            self.visit()


def administer(operation, killer):
    """One command, killed or not."""
    operation.attempt()
    done = operation.run(killer)
    if done.returncode == -9:
        return
    assert operation.is_acknowledged(done), done
    operation.acknowledge(done)


def checkpoint(operation, killer):
    done = operation.run(killer)
    # A worker of login.fcgi may be at one.
    assert done.returncode in (0, -9) or (
        done.returncode == 4 and
        re.search(b"busy|another process holds the lock", done.stderr)), done


class Stage:
    def __init__(self, dice):
        self.dice = dice
        # All of them in memory would leave nobody any time at the disk.
        self.site = Login(users=(), login__workers=2,
                          login__sessions_per_user=0,
                          store__reserve_bytes=65536)
        self.wsd = Wsd(has_store=False, set={"store.dir": self.site.store})
        self.long_lived = None
        self.fresh = None

    def open(self):
        for name in (operations.USER, *VISITORS):
            self.site.add_user(name, operations.PASSWORD)
        self.site.start()
        # Each actor writes of its own users only.
        self.oracles = [Accounts() for _ in range(1 + len(VISITORS))]
        self.oracles[0].user(operations.USER, (False, operations.PASSWORD))
        self.visitors = [Visitor(self.site, oracle, name) for oracle, name
                         in zip(self.oracles[1:], VISITORS)]
        self.long_lived = AuthReader(self.site.store)
        self.fresh = AuthReader(self.site.store)
        self.wsd.start()
        self.admin = Killer(self.dice)
        self.checkpointer = Killer(self.dice)
        self.worker_kills = self.master_kills = 0
        self.orphans = []
        self.round = 0

    def close(self):
        try:
            for reader in self.long_lived, self.fresh:
                if reader is not None:
                    assert reader.close() == 0
        finally:
            try:
                self.wsd.__exit__(None)
            finally:
                self.site.stop()

    def kill_worker(self):
        time.sleep(self.dice.uniform(0, 0.03))
        workers = self.site.workers()
        if self.dice.random() < 0.05:
            self.site.process.kill()
            self.orphans = workers
            self.master_kills += 1
        elif workers:
            # One that left by itself after a reload may be among them.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.dice.choice(workers), 9)
                self.worker_kills += 1

    def revive(self):
        """A worker that dies young is started with a delay, unless the
        configuration is loaded anew. Then nobody is busy, and whoever comes
        gets in."""
        if self.orphans:
            # They leave by themselves, each after its request.
            wait_until(lambda: not any(os.path.exists("/proc/%d" % pid)
                                       for pid in self.orphans),
                       what="the end of the orphans")
            self.orphans = []
            self.site.process.wait()
            self.site.start()
        self.site.process.send_signal(1)
        wait_until(lambda: len(self.site.workers()) == 2, what="workers")
        for oracle, name in zip(self.oracles[1:], VISITORS):
            cookie = self.site.sign_in(name, password=operations.PASSWORD)
            oracle.begun(cookie.partition("=")[2], name)

    def play(self, pool):
        kind = operations.ALL[self.dice.choice(
            ["UserAdd", "Import", "Passwd", "Lock", "Unlock", "Delete",
             "Rename", "Revoke", "RevokeOne", "Rotate", "Backup"])]
        admin = kind(self.site, self.oracles[0])
        admin.retire = self.trim
        admin.prepare()
        is_over = False
        acts = [pool.submit(v.stay, lambda: is_over) for v in self.visitors]
        acts.append(pool.submit(administer, admin, self.admin))
        acts.append(pool.submit(
            checkpoint, operations.Checkpoint(self.site, None),
            self.checkpointer))
        try:
            self.kill_worker()
            for act in acts[-2:]:
                act.result()
        finally:
            is_over = True
        for act in acts:
            act.result()
        self.judge(kind.__name__)
        self.revive()
        self.round += 1

    def judge(self, what):
        self.fresh.open_anew()
        wrong = [line for oracle in self.oracles
                 for line in oracle.settle(self.fresh)]
        assert wrong == [], "round %d, %s" % (self.round, what)
        for oracle in self.oracles:
            assert oracle.complaints(self.long_lived) == [], \
                "long-lived reader, round %d, %s" % (self.round, what)
            oracle.forget_old(5)
            for token, users in list(oracle.sessions.items())[-3:]:
                status, *_ = self.wsd.ask(request(cookie="gatecast=" + token))
                assert status == (401 if users == {None} else 101), \
                    "wsd, round %d, %s" % (self.round, what)

    def trim(self):
        """Sessions that a kill left over add up."""
        for name in (operations.USER, *VISITORS):
            # One that is deleted or renamed has none.
            self.site.tool("session", "revoke", "--user", name, check=False)
        for oracle in self.oracles:
            oracle.ended(oracle.sessions)
        # Names of users are asked for as long as they are there.
        for name in [n for n, s in self.oracles[0].users.items()
                     if n.startswith("new")]:
            self.site.tool("user", "del", name, check=False)
            del self.oracles[0].users[name]

    def kills(self):
        return (self.worker_kills, self.admin.kills, self.checkpointer.kills)


@pytest.fixture
def stage():
    seed = int(os.environ.get("GATECAST_SEED", time.time_ns() % 2**32))
    print("GATECAST_SEED=%d" % seed)
    stage = Stage(random.Random(seed))
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def test_rounds(stage):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        while min(stage.kills()) < ROUNDS:
            stage.play(pool)
            if stage.round % 25 == 0:
                stage.trim()
                stage.judge("all sessions ended")
    print("%d rounds; killed %d workers, %d masters, %d admin commands, "
          "%d checkpoints; %d acknowledged" % (
              stage.round, stage.worker_kills, stage.master_kills,
              stage.admin.kills, stage.checkpointer.kills,
              sum(o.acknowledged for o in stage.oracles)))
    assert sum(o.acknowledged for o in stage.oracles) > stage.round
    check = stage.site.tool("store", "check", check=False)
    # A lock that was killed last, and what is then to be done.
    for line in check.stderr.splitlines():
        left = re.search(r"record s:(\S+): .* a command that was killed; "
                         r"end it: gatecast session revoke ID$", line)
        assert left, check.stderr
        stage.site.tool("session", "revoke", left[1])
        check = stage.site.tool("store", "check", check=False)
    assert check.returncode == 0, (check.stdout, check.stderr)
