"""Where the crash tests of single operations take place: a site, what is known
of it, and who looks on.

Files lie in memory where that is possible: a kill does not ask for the disk
(test_power_loss does), and each step costs a dozen of fsyncs.
"""

import os
import subprocess

import operations
from conftest import SANITIZER
from login_process import Login
from oracle import Accounts, AuthReader

SHM = "/dev/shm"
TOP = SHM if os.access(SHM, os.W_OK) else None


def plain(argv, env, stdin):
    return subprocess.run(argv, env=env, input=stdin, capture_output=True,
                          timeout=60)


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

    def judge(self, what):
        fresh = AuthReader(self.site.store)
        try:
            wrong = self.oracle.settle(fresh)
            count = fresh.count()
        finally:
            fresh.close()
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

    def step(self, operation, what, runner):
        """Once, hit or not, and then again until it is done."""
        operation.prepare()
        operation.attempt()
        done = operation.run(runner)
        assert not SANITIZER.search(done.stderr.decode()), done.stderr
        acknowledged = operation.is_acknowledged(done)
        if acknowledged:
            operation.acknowledge(done)
        elif done.returncode != -9:
            operation.check_refusal(done)
        self.judge(what)
        if acknowledged:
            return
        operation.attempt()
        done = operation.run(plain)
        assert operation.is_acknowledged(done), (what, done)
        operation.acknowledge(done)
        self.judge(what + " and again")

    def close(self):
        try:
            assert self.long_lived.close() == 0
            done = self.site.tool("store", "check", check=False)
        finally:
            self.site.stop()
        assert done.returncode == 0, (done.stdout, done.stderr)
