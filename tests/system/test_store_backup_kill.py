"""backup and restore, killed at each system call that changes a file, and
failing there: whole or not at all, and no session comes back.

GATECAST_KILL_EVERY=1 tries each call (default: each twelfth)."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, wait_until
from gatecast_admin import REFUSED, UNREACHABLE, Admin, sign_in

EVERY = int(os.environ.get("GATECAST_KILL_EVERY", "12"))
CALLS = ("write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,"
         "linkat,unlink,unlinkat,ftruncate,fallocate,fchmod,fchown,mkdir")
KILL, FULL = "signal=KILL", "error=ENOSPC"
# LeakSanitizer is a tracer too.
ENV = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


class Reader:
    """Has the store open all along."""

    def __init__(self, dir):
        self.process = subprocess.Popen(
            [BUILD / "tests/store-worker", dir, "read"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def all(self):
        self.process.stdin.write("all\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == ".\n":
                return sorted(lines)
            assert not line.startswith("!"), line
            lines.append(line.rstrip("\n"))
        raise AssertionError("the reader died")

    def close(self):
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


class Place:
    """A store of three accounts with a backup from before some changes, to
    be had again and again."""

    def __init__(self, top):
        self.admin = Admin(top)
        self.file = top / "backup"
        for name in ("same", "changed", "gone"):
            self.admin.add(name)
        self.good = self.dump()
        sign_in(self.admin, "same", "changed", "gone")
        self.revoked = self.ids()
        self.admin("store", "backup", str(self.file))
        self.admin("session", "revoke", "--all")
        self.admin("user", "passwd", "changed", "--password-stdin",
                   input="another passphrase\n")
        self.admin("user", "del", "gone")
        self.admin.add("new")
        sign_in(self.admin, "same", "changed", "new")
        self.live = self.ids()
        self.now = self.dump()
        self.saved = top / "saved"
        shutil.copytree(self.admin.store, self.saved)

    def again(self):
        shutil.rmtree(self.admin.store)
        shutil.copytree(self.saved, self.admin.store)

    def dump(self):
        lines = self.admin("store", "dump", "users").stdout.splitlines()
        return sorted(line.split(" ", 2)[2] for line in lines)

    def ids(self):
        listed = json.loads(self.admin("session", "list", "--json").stdout)
        return {s["id"]: s["user"] for s in listed}

    def trace(self, args, *options):
        """Runs the tool; the log and what came of it."""
        log = self.admin.conf.with_name("strace")
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", log, "-e", f"trace={CALLS}",
             *options, BUILD / "gatecast-tool", "-c", self.admin.conf, *args],
            capture_output=True, text=True, env=ENV, timeout=60)
        assert "Sanitizer" not in done.stderr, done.stderr
        return log.read_text(), done

    def calls(self, every, *args):
        """(name, N): the Nth call of that name; some of those it makes."""
        log, _ = self.trace(args)
        counts = {}
        calls = []
        for pid, name in re.findall(r"^(\d+) +(\w+)\(", log, re.M):
            nth = counts[pid, name] = counts.get((pid, name), 0) + 1
            if (name, nth) not in calls:
                calls.append((name, nth))
        return calls[random.randrange(min(every, len(calls)))::every]

    def run(self, fault, call, *args):
        """The exit code; negative: killed."""
        name, nth = call
        _, done = self.trace(args, "-e", f"inject={name}:{fault}:when={nth}")
        return done.returncode


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    if not shutil.which("strace"):
        pytest.skip("no strace")
    return Place(tmp_path_factory.mktemp("restore"))


@pytest.mark.parametrize("fault", [KILL, FULL])
def test_restore(place, fault):
    seen = set()
    restore = "store", "restore", str(place.file)
    place.again()
    for n in place.calls(EVERY, *restore):
        place.again()
        readers = [Reader(place.admin.store / s) for s in ("users",
                                                           "sessions")]
        code = place.run(fault, n, *restore)
        found, ids = place.dump(), place.ids()
        assert found in (place.now, place.good), n
        seen.add(found == place.good)
        if code == 0:
            assert found == place.good, n
        # Of the sessions there were only those of the same account stay for
        # certain, and nothing else comes.
        assert ids.items() <= place.live.items(), n
        assert "same" in ids.values(), n
        if found == place.good:
            assert set(ids.values()) == {"same"}, n
        assert readers[0].all() == found, n
        known = [line.split(" ")[0] for line in readers[1].all()
                 if line.startswith("s:")]
        assert sorted(known) == sorted("s:" + i for i in ids), n
        place.admin("store", "check")
        place.admin(*restore)
        assert place.dump() == place.good, n
        assert set(place.ids().values()) == {"same"}, n
        for r in readers:
            assert r.all()
            r.close()
    assert EVERY > 1 or seen == {True, False}


@pytest.mark.parametrize("fault", [KILL, FULL])
def test_restore_of_what_is_damaged(place, fault):
    damaged = bytearray((place.saved / "users/base.gdbm").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    journals = {p.name for p in place.saved.glob("users/journal.*")}
    users = place.admin.store / "users"
    restore = "store", "restore", str(place.file)

    def again():
        place.again()
        (users / "base.gdbm").write_bytes(damaged)

    again()
    for n in place.calls(EVERY * 2, *restore):
        again()
        code = place.run(fault, n, *restore)
        after = place.admin("user", "list", "--json", code=None)
        assert after.returncode in (0, UNREACHABLE), n
        if after.returncode == 0:
            assert place.dump() == place.good, n
            assert place.ids() == {}, n
            kept = list(users.glob("base.gdbm.damaged-*"))
            assert [p.read_bytes() for p in kept][-1] == damaged, n
        else:
            assert code != 0, n
            assert (users / "base.gdbm").read_bytes() == damaged, n
            assert journals <= {p.name for p in users.iterdir()}, n
            place.admin(*restore)
            assert place.dump() == place.good, n


@pytest.mark.parametrize("fault", [KILL, FULL])
def test_backup(place, tmp_path, fault):
    place.again()
    file = tmp_path / "daily"
    for n in place.calls(1, "store", "backup", str(file)):
        file.write_text("GCBACKUP of yesterday")
        code = place.run(fault, n, "store", "backup", str(file))
        if file.read_text(errors="replace") == "GCBACKUP of yesterday":
            assert code != 0, n
            place.admin("store", "restore", str(file), code=REFUSED)
        else:
            assert "end users=3" in file.read_text(errors="replace"), n
            assert file.stat().st_mode & 0o777 == 0o600
        if fault == FULL and n[0] != "unlink":
            assert os.listdir(tmp_path) == ["daily"], n
    assert place.dump() == place.now


def interrupt(place, call, ready, *args):
    """SIGINT to the command alone while it is about to make that call; its
    exit code and what it said."""
    process = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
         "-e", f"inject={call}:delay_enter=2000000:when=1",
         BUILD / "gatecast-tool", "-c", place.admin.conf, *args],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV)
    wait_until(ready, what="its beginning")
    children = pathlib.Path(
        f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    os.kill(int(children.split()[0]), signal.SIGINT)
    text, _ = process.communicate(timeout=30)
    return process.returncode, text


def test_interrupted_backup_leaves_nothing(place, tmp_path):
    place.again()
    file = tmp_path / "daily"
    file.write_text("GCBACKUP of yesterday")
    code, text = interrupt(
        place, "write", lambda: len(os.listdir(tmp_path)) > 1,
        "store", "backup", str(file))
    assert code == REFUSED and f"{file}: not made" in text
    assert os.listdir(tmp_path) == ["daily"]
    assert file.read_text() == "GCBACKUP of yesterday"


def test_interrupted_restore_is_done_in_its_last_part(place):
    place.again()
    users = place.admin.store / "users"
    first = {p.name for p in users.iterdir()}
    code, text = interrupt(
        place, "renameat",
        lambda: any(p.name.startswith("journal.") for p in users.iterdir()
                    if p.name not in first),
        "store", "restore", str(place.file))
    assert "3 users restored" in text and code == -signal.SIGINT
    assert place.dump() == place.good
    assert set(place.ids().values()) == {"same"}
