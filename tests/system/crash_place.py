"""Where the crash tests of single operations take place: a site, what is known
of it, and who looks on.

Files lie in memory where that is possible: a kill does not ask for the disk
(test_power_loss does), and each step costs a dozen of fsyncs.
"""

import os
import subprocess

import pytest

import operations
from conftest import BUILD, SANITIZER
from login_process import Login
from oracle import Accounts, AuthReader

SHM = "/dev/shm"
TOP = SHM if os.access(SHM, os.W_OK) else None


def plain(argv, env, stdin):
    return subprocess.run(argv, env=env, input=stdin, capture_output=True,
                          timeout=60)


FAULT = BUILD / "tests/fault.so"
# `store backup` changes no store, and test_store_backup_kill is about its file.
KINDS = [kind for kind in operations.ALL if kind != "Backup"]
# A checkpoint writes some 130 times; each is hit, but not each is followed by
# another one: that is the next, hit at the next call.
STRIDE = {"Checkpoint": 8}


class Fault:
    """Runs a program with tests/tools/preload/fault.c."""

    is_hit = False

    def __init__(self, fault):
        self.fault = fault

    @staticmethod
    def env(fault):
        # ASan wants to be the first library, and works as the second one.
        # gdbm leaks a file of its own that it could not write.
        return {"LD_PRELOAD": str(FAULT), "GATECAST_FAULT": fault,
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
                ":verify_asan_link_order=0:detect_leaks=0"}

    def __call__(self, argv, env, stdin):
        done = plain(argv, {**env, **self.env(self.fault)}, stdin)
        self.is_hit = b"fault: " in done.stderr
        return done


class Place:
    """A site, its oracle, and a reader that stays."""

    def __init__(self):
        self.site = Login(
            users=(), top=TOP, login__workers=1,
            login__sessions_per_user=0, store__reserve_bytes=65536)
        self.site.add_user(operations.USER, operations.PASSWORD)
        self.oracle = Accounts()
        self.oracle.user(operations.USER, (False, operations.PASSWORD))
        self.site.start()
        self.long_lived = AuthReader(self.site.store)
        self.fresh = AuthReader(self.site.store)

    def judge(self, what):
        self.fresh.open_anew()
        wrong = self.oracle.settle(self.fresh)
        count = self.fresh.count()
        assert wrong == [], "fresh reader, " + what
        assert self.oracle.complaints(self.long_lived) == [], \
            "long-lived reader, " + what
        assert self.long_lived.count() == count
        # The newest by login.fcgi, which is a reader of its own kind.
        for token, users in list(self.oracle.sessions.items())[-3:]:
            answer = self.site.ask("GET", "/session",
                                   cookie="gatecast=" + token)
            expected = 401 if users == {None} else 200
            assert answer.status == expected, (what, answer.raw)

    def step(self, operation, what, runner, is_last=True):
        """Once, hit or not, and then (is_last) again until it is done."""
        if is_last:
            operation.prepare()
        else:
            operation.sign_in()
        operation.attempt()
        done = operation.run(runner)
        assert not SANITIZER.search(done.stderr.decode()), done.stderr
        acknowledged = operation.is_acknowledged(done)
        if acknowledged:
            operation.acknowledge(done)
        elif done.returncode != -9:
            operation.check_refusal(done)
        self.judge(what)
        if acknowledged or not is_last:
            return
        operation.attempt()
        done = operation.run(plain)
        assert operation.is_acknowledged(done), (what, done)
        operation.acknowledge(done)
        self.judge(what + " and again")

    def every(self, kind, fault):
        """That fault at each call there is; how many there were."""
        operation = operations.ALL[kind](self.site, self.oracle)
        operation.prepare()
        self.oracle.forget_old_accounts(8)
        for n in range(1, 10000):
            runner = Fault("%s:%d" % (fault, n))
            self.step(operation, "%s, %s at call %d" % (kind, fault, n),
                      runner, n % STRIDE.get(kind, 1) == 0)
            if not runner.is_hit:
                break
        # The last one passed all calls: what was left of the others is gone.
        print("%s: %s at %d calls" % (kind, fault, n - 1))
        assert n > 1
        return n - 1

    def close(self):
        try:
            assert self.long_lived.close() == 0
            assert self.fresh.close() == 0
            done = self.site.tool("store", "check", check=False)
        finally:
            self.site.stop()
        assert done.returncode == 0, (done.stdout, done.stderr)


@pytest.fixture(scope="module")
def place():
    p = Place()
    yield p
    p.close()
