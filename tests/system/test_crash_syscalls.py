"""A kill, a failure or half a write at every system call that writes.

Each operation is run again and again by strace, which ends it or has the call
fail at the n-th call of each kind, until a run passes all of them. What is
then seen by a fresh reader, by one that was open all along and by a
login.fcgi that runs all along must be the state before or after; done again,
the operation succeeds. A record of a failed fdatasync may be seen and was not
acknowledged; so "failed" allows both states as well, and "done" one.
"""

import os
import re
import shutil
import subprocess

import pytest

import operations
from conftest import BUILD
from crash_place import Place, plain

CALLS = ("write pwrite64 writev ftruncate fallocate fsync fdatasync rename "
         "renameat renameat2 link linkat unlink unlinkat mkdir mkdirat "
         "openat fchmod fchown").split()
ERRORS = ("ENOSPC", "EIO", "EINTR")
# In full, or what there is time for in every run of the suite: a checkpoint
# writes some 130 times, of which then each eighth is hit, in one way.
IS_FULL = os.environ.get("GATECAST_CRASH_ROUNDS") is not None
STRIDE = {"Checkpoint": 1 if IS_FULL else 8}
SHORT_WRITE = BUILD / "tests/short-write.so"


class Strace:
    """Runs a program with calls traced, and one of them injected."""

    def __init__(self, directory):
        self.path = directory / "trace"

    def __call__(self, argv, env, stdin, calls=CALLS, inject=None):
        options = ["-e", "trace=" + ",".join(calls)]
        if inject:
            options += ["-e", "inject=" + inject]
        # Faster, but strace 6.1 then forgets to send the signal.
        if "signal" not in str(inject):
            options.append("--seccomp-bpf")
        # LeakSanitizer cannot work below ptrace.
        env = dict(env, ASAN_OPTIONS=env.get("ASAN_OPTIONS", "") +
                   ":detect_leaks=0")
        return plain(["strace", "-f", "-q", "-o", self.path,
                      *options, "--", *argv], env, stdin)

    def was_hit(self):
        text = self.path.read_text()
        return "(INJECTED)" in text or "killed by SIGKILL" in text

    def names(self):
        """The calls that there were; of openat, which of them create."""
        seen, creating = {}, []
        for name in re.findall(r"^\d+ +(\w+)\((?=.*)", self.path.read_text(),
                               re.M):
            seen[name] = seen.get(name, 0) + 1
        opens = re.findall(r"^\d+ +openat\(.*", self.path.read_text(), re.M)
        for n, line in enumerate(opens, 1):
            if "O_CREAT" in line:
                creating.append(n)
        seen.pop("openat", None)
        return sorted(seen), creating


@pytest.fixture(scope="module")
def place():
    p = Place()
    p.strace = Strace(p.site.dir)
    yield p
    p.close()


def every_call(place, kind, injections):
    """injections: what to do at the n-th hit, in turn or one after the other."""
    operation = operations.ALL[kind](place.site, place.oracle)
    # The second of two runs: the first finds what the last test has left.
    for _ in range(2):
        place.step(operation, kind + " as it is", place.strace)
    names, creating = place.strace.names()
    assert names, place.strace.path.read_text()
    hits = 0

    def hit(name, n):
        nonlocal hits
        is_hit = False
        all_ways = IS_FULL or kind != "Checkpoint"
        for how in injections if all_ways else \
                [injections[n % len(injections)]]:
            place.step(
                operation, "%s, %s at %s %d" % (kind, how, name, n),
                lambda argv, env, stdin: place.strace(
                    argv, env, stdin, [name], "%s:%s:when=%d" %
                    (name, how, n)))
            if place.strace.was_hit():
                is_hit = True
                hits += 1
        return is_hit

    for name in names:
        n = 1
        while hit(name, n):
            n += STRIDE.get(kind, 1)
        assert n > 1, name
    for n in creating:
        assert hit("openat", n)
    print("%s: %d hits" % (kind, hits))


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
@pytest.mark.parametrize("kind", operations.ALL)
def test_killed_at_every_call(place, kind):
    every_call(place, kind, ["signal=KILL"])


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
@pytest.mark.parametrize("kind", operations.ALL)
def test_failing_at_every_call(place, kind):
    every_call(place, kind, ["error=" + error for error in ERRORS])


@pytest.mark.parametrize("kind", operations.ALL)
def test_short_at_every_write(place, kind):
    operation = operations.ALL[kind](place.site, place.oracle)
    is_hit = True

    def runner(argv, env, stdin):
        nonlocal is_hit
        # ASan wants to be the first library, and works as the second one.
        env = dict(env, LD_PRELOAD=str(SHORT_WRITE), GATECAST_SHORT=str(n),
                   ASAN_OPTIONS=env.get("ASAN_OPTIONS", "") +
                   ":verify_asan_link_order=0")
        done = plain(argv, env, stdin)
        is_hit = b"short-write: here\n" in done.stderr
        return done

    n = 1 - STRIDE.get(kind, 1)
    while is_hit:
        n += STRIDE.get(kind, 1)
        place.step(operation, "%s, short write %d" % (kind, n), runner)
    print("%s: hit until short write %d" % (kind, n - 1))
    assert n > 1
