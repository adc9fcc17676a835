"""A process that stops at the worst moment, while it holds a lock of a store:
readers never notice, writers wait for store.lock_wait_ms and are refused with
a reason, and when it goes on, everything does. strace stops it, at a system
call that is made under the lock."""

import concurrent.futures
import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import SOON_S, wait_until
from gatecast_admin import OK, UNREACHABLE
from pair import Pair, asleep
from login_process import TOOL

LOCK_WAIT_S = 0.3
BUSY = "another process holds the lock"
# LeakSanitizer cannot work below strace.
ENV = {**os.environ, "ASAN_OPTIONS": ":".join(filter(None, [
    os.environ.get("ASAN_OPTIONS"), "detect_leaks=0"]))}

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture
def pair(request):
    with Pair(login={"env": ENV}, set={
            "store.lock_wait_ms": int(LOCK_WAIT_S * 1000),
            "login.workers": 3,
            **getattr(request, "param", {})}) as p:
        yield p


def journal(pair, store):
    found = list((pair.store / store).glob("journal.*"))
    assert len(found) == 1, found
    return found[0]


def strace(log, call, path, *what):
    """Stops what it starts or joins when that has made the first such call
    about path (or about a name in it)."""
    return subprocess.Popen(
        ["strace", "-f", "-qq", "-o", log, "-P", path, "-e", f"trace={call}",
         "-e", f"inject={call}:signal=STOP:when=1", *map(str, what)],
        env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)


def stopped_pid(log, tracer):
    """The process that has stopped."""
    def look():
        assert tracer.poll() is None, tracer.communicate()
        lines = log.read_text().splitlines() if log.exists() else []
        return [int(line.split()[0]) for line in lines
                if "stopped by SIGSTOP" in line]
    return wait_until(look, what="stopped")[0]


@contextlib.contextmanager
def tool_stopped(pair, call, path, *args, code=OK):
    """The admin tool, stopped inside the block; then it must finish well."""
    log = pair.login.dir / "strace"
    log.unlink(missing_ok=True)
    tracer = strace(log, call, path, TOOL, "-c", pair.conf, *args)
    pid = stopped_pid(log, tracer)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        out, err = tracer.communicate(timeout=30)
    assert tracer.returncode == code, (out, err)


@contextlib.contextmanager
def worker_stopped(pair, call, path, request):
    """A worker of login.fcgi that stopped amid this request; gives a future
    of the answer."""
    log = pair.login.dir / "strace"
    log.unlink(missing_ok=True)
    workers = [w for pid in pair.login.workers() for w in ("-p", pid)]
    tracer = strace(log, call, path, *workers)

    def is_attached():
        return all("TracerPid:\t0\n" not in open(f"/proc/{w}/status").read()
                   for w in workers[1::2])

    wait_until(is_attached, what="attached")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(request)
        pid = stopped_pid(log, tracer)
        # The others must not stop as well when it is their turn.
        tracer.terminate()
        tracer.communicate(timeout=30)
        try:
            yield answer
        finally:
            os.kill(pid, signal.SIGCONT)


def check_reads(pair, lives, ended):
    """Both programs answer, and rightly."""
    for _ in range(6):
        for cookie in lives:
            assert pair.session(cookie) == 200
            assert pair.join(cookie) == 101
        assert pair.session(ended) == 401
        assert pair.join(ended) == 401
        assert pair.login.ask("GET", "/index", cookie=lives[0]).status == 200
        assert pair.login.ask("GET", "/login").status == 200


def refused_s(act):
    """Runs what must be refused; how long that took."""
    begin = time.monotonic()
    answer = act()
    took = time.monotonic() - begin
    assert answer.status == 503 and int(answer.get("Retry-After")) > 0, \
        answer.raw
    return took


def check_writes_refused(pair, lives, has_logout=True):
    took = [refused_s(lambda: pair.login.post_login("alice"))]
    if has_logout:
        took.append(refused_s(lambda: pair.logout(lives[1])))
        assert pair.is_valid(lives[1])
    for t in took:
        assert LOCK_WAIT_S * 0.9 < t < LOCK_WAIT_S + SOON_S, took
    assert BUSY in pair.login.log()


def check_writes(pair, lives):
    """All goes on."""
    pair.login.sign_in("bob")
    assert pair.logout(lives[1]).status == 303
    assert not pair.is_valid(lives[1])
    pair.tool("store", "checkpoint")
    pair.tool("store", "check")
    pair.login.sign_in("alice")


def three_sessions(pair):
    """Two that live, and one that has ended."""
    lives = [pair.login.sign_in("alice") for _ in range(2)]
    ended = pair.login.sign_in("bob")
    assert pair.logout(ended).status == 303
    return lives, ended


def test_tool_holds_the_sessions(pair):
    lives, ended = three_sessions(pair)
    with pair.client(lives[0]) as held:
        with tool_stopped(pair, "pwrite64", journal(pair, "sessions"),
                          "session", "revoke", "--user", "bob"):
            check_reads(pair, lives, ended)
            check_writes_refused(pair, lives)
            for args in (["session", "revoke", "--all"],
                         ["user", "lock", "bob"], ["store", "checkpoint"]):
                done = pair.tool(*args, code=UNREACHABLE)
                assert BUSY in done.stderr and "lock" in done.stderr
            pair.tool("user", "unlock", "bob")
            pair.tool("session", "list")
            pair.tool("key", "rotate")
            check_reads(pair, lives, ended)
            held.say("we talk on")
            held.expect("message", text="we talk on")
        check_writes(pair, lives)


# Activity is to be noted every second: that is a write too.
@pytest.mark.parametrize("pair", [{"store.lock_wait_ms": 60000,
                                   "login.idle_lifetime_s": 9}],
                         indirect=True)
def test_reads_wait_for_nothing(pair):
    """Where a writer would wait for a minute, what a page writes beside its
    answer must not: that somebody was active, and has expired."""
    lives, ended = three_sessions(pair)
    done = time.monotonic() + 1.2  # by then activity is to be noted
    with tool_stopped(pair, "pwrite64", journal(pair, "sessions"),
                      "session", "revoke", "--user", "bob"):
        while time.monotonic() < done:
            check_reads(pair, lives, ended)
        check_reads(pair, lives, ended)


def test_tool_holds_the_users(pair):
    lives, ended = three_sessions(pair)
    with tool_stopped(pair, "pwrite64", journal(pair, "users"),
                      "user", "lock", "bob"):
        check_reads(pair, lives, ended)
        check_writes_refused(pair, lives, has_logout=False)
        done = pair.tool("user", "lock", "alice", code=UNREACHABLE)
        assert BUSY in done.stderr
        # Sessions are another store.
        assert pair.logout(lives[0]).status == 303
        pair.tool("user", "list")
    assert pair.login.post_login("bob").status == 401
    pair.tool("user", "unlock", "bob")
    check_writes(pair, lives)


def test_worker_holds_the_lock(pair):
    lives, ended = three_sessions(pair)
    with worker_stopped(pair, "pwrite64", journal(pair, "sessions"),
                        lambda: pair.login.post_login("bob")) as answer:
        check_reads(pair, lives, ended)
        check_writes_refused(pair, lives)
        assert not answer.done()
    assert answer.result(10).status == 303
    fresh = "gatecast=" + answer.result().cookies()["gatecast"][0]
    assert pair.is_valid(fresh)
    check_writes(pair, lives)


@pytest.mark.parametrize("pair", [{"login.throttle": "yes"}], indirect=True)
def test_tool_holds_the_throttle(pair):
    lives, ended = three_sessions(pair)
    assert pair.login.post_login("bob", "wrong").status == 401
    with tool_stopped(pair, "pwrite64", journal(pair, "throttle"),
                      "throttle", "clear", "bob"):
        check_reads(pair, lives, ended)
        check_writes_refused(pair, lives, has_logout=False)
        assert pair.logout(lives[0]).status == 303
    check_writes(pair, lives)


@pytest.mark.parametrize("call, path, has_writer", [
    ("unlinkat", "sessions", False),  # base.new comes to be: C alone
    ("pwrite64", "journal", True),  # the seal
    ("renameat", "sessions", True),  # the commit point
], ids=["building", "sealed", "renamed"])
def test_checkpoint_stops(pair, call, path, has_writer):
    lives, ended = three_sessions(pair)
    where = journal(pair, "sessions") if path == "journal" \
        else pair.store / path
    with tool_stopped(pair, call, where, "store", "checkpoint"):
        check_reads(pair, lives, ended)
        done = pair.tool("store", "checkpoint", code=UNREACHABLE)
        assert BUSY in done.stderr
        if has_writer:
            check_writes_refused(pair, lives)
        else:
            pair.login.sign_in("bob")
            assert pair.logout(pair.login.sign_in("bob")).status == 303
            pair.tool("session", "revoke", "--user", "bob")
            check_reads(pair, lives, ended)
    check_writes(pair, lives)


def test_wsd_stops(pair):
    """A reader holds nothing up."""
    lives, ended = three_sessions(pair)
    c = pair.client(lives[1])
    with asleep(pair.wsd.process.pid):
        pair.login.sign_in("bob")
        assert pair.logout(lives[1]).status == 303
        for _ in range(3):
            pair.tool("store", "checkpoint")
        pair.tool("key", "rotate")
        pair.tool("user", "lock", "bob")
        assert pair.session(lives[0]) == 200
    assert c.closed() == 4401
    c.sock.close()
    assert pair.is_valid(lives[0])
    assert not pair.is_valid(ended)
