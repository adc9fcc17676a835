"""That the library of the other crash tests counts every system call which
writes is seen by strace; what it cannot see, since stdio makes it (the last
words on stdout), strace has killed and failing.
"""

import re
import shutil

import pytest

import operations
from crash_place import KINDS, Fault, place, plain  # noqa: F401

CALLS = ("write pwrite64 writev ftruncate fallocate fsync fdatasync rename "
         "renameat renameat2 link linkat unlink unlinkat mkdir mkdirat "
         "openat open creat fchmod fchown chmod fchmodat truncate symlink "
         "symlinkat pwritev pwritev2 sync_file_range msync").split()
HOW = ("signal=KILL", "error=ENOSPC", "error=EIO", "error=EINTR")


class Strace:
    def __init__(self, path, options=(), env=None):
        self.path = path
        self.options = options
        self.env = env or {}

    def __call__(self, argv, env, stdin):
        # LeakSanitizer cannot work below ptrace. The program alone gets the
        # library.
        env = {**env, **self.env}
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        only = [o for name in ("LD_PRELOAD", "GATECAST_FAULT") if name in env
                for o in ("-E", "%s=%s" % (name, env.pop(name)))]
        return plain(["strace", "-f", "-q", "-o", self.path, *self.options,
                      *only, "--", *argv], env, stdin)

    def calls(self):
        """(name, arguments) of each call."""
        return re.findall(r"^\d+ +(\w+)\((.*)", self.path.read_text(), re.M)


def unannounced(calls):
    """(name, n, arguments): the n-th of the name, for strace to inject."""
    found, seen, said = [], {}, None
    for name, arguments in calls:
        announces = re.match(r'2, "fault: (\w+)\\n"', arguments)
        if name == "write" and announces:
            assert said is None, said
            said = announces[1]
            continue
        seen[name] = seen.get(name, 0) + 1
        if "open" in name and "O_CREAT" not in arguments:
            continue
        if said is None:
            found.append((name, seen[name], arguments))
        else:
            assert said == name, (said, name, arguments)
        said = None
    return found


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
@pytest.mark.parametrize("kind", KINDS)
def test_no_call_is_missed(place, kind):  # noqa: F811
    operation = operations.ALL[kind](place.site, place.oracle)
    trace = place.site.dir / "trace"
    tracing = ["-e", "trace=" + ",".join(CALLS)]
    place.step(operation, kind + " as it is", plain)
    runner = Strace(trace, tracing, Fault.env("list:0"))
    place.step(operation, kind + " traced", runner)
    calls = runner.calls()
    missed = unannounced(calls)
    assert len(calls) > 2 * len(missed) + 3, calls
    assert all(name == "write" and arguments.startswith("1, ")
               for name, _, arguments in missed), missed
    for name, n, _ in missed:
        for how in HOW:
            inject = "inject=%s:%s:when=%d" % (name, how, n)
            runner = Strace(trace, [*tracing, "-e", inject])
            place.step(operation, "%s, %s" % (kind, inject), runner)
            text = trace.read_text()
            assert "(INJECTED)" in text or "killed by SIGKILL" in text
