"""user rename, import and export: whole or not at all."""

import csv
import io
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import BUILD
from gatecast_admin import (
    ENV, NOTFOUND, OK, PASSWORD, REFUSED, UNREACHABLE, USAGE, Admin, audit)
from imported import BCRYPT, HASHES, exported, htpasswd
from test_gatecast_terminal import Terminal

TOOL = str(BUILD / "gatecast-tool")
# LeakSanitizer cannot work below strace.
STRACE_ENV = {**ENV, "ASAN_OPTIONS": "detect_leaks=0"}


@pytest.fixture
def admin(tmp_path):
    admin = Admin(tmp_path)
    admin("store", "init")
    return admin


def accounts(admin):
    return exported(admin("user", "export").stdout)


# --- import -------------------------------------------------------------------

def test_import_htpasswd(admin, tmp_path):
    file = tmp_path / "htpasswd"
    file.write_bytes(b"\xef\xbb\xbf# ours\r\n\r\n" +
                     htpasswd(HASHES).replace("\n", ":x\r\n").encode())
    done = admin("user", "import", str(file))
    assert done.stdout == f"{len(HASHES)} users imported\n"
    assert len(audit(done)) == 1
    assert f"action=user.import users={len(HASHES)} uid=" in done.stderr
    now = accounts(admin)
    assert {name: row[0] for name, row in now.items()} == HASHES
    assert {row[1] for row in now.values()} == {"no"}
    assert admin("store", "check").stderr == ""


def test_import_into_an_empty_directory(tmp_path):
    admin = Admin(tmp_path)
    done = admin("user", "import", "-", input=f"alice:{BCRYPT}\n")
    assert "1 user imported\n" in done.stdout
    assert list(accounts(admin)) == ["alice"]


def test_import_csv(admin):
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["password", "name", "hash", "locked", "created"])
    rows.writerow(['a "quiet",\nphrase', "alice", "", "", ""])
    rows.writerow(["", "bob", BCRYPT, "yes", "2026-01-31T12:00:00.000Z"])
    admin("user", "import", "-", input=out.getvalue())
    now = accounts(admin)
    assert now["alice"][0].startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert now["bob"][:3] == [BCRYPT, "yes", "2026-01-31T12:00:00.000Z"]


def test_import_says_all_that_is_wrong(admin, tmp_path):
    admin.add("alice")
    before = accounts(admin)
    file = tmp_path / "some.csv"
    file.write_text(
        f"name,hash,password\nbob,{BCRYPT},\nb b,{BCRYPT},\n"
        "carl,$apr1$sq5iuUIy$DU3Z6JA.a9IZ4v8Tfxxna/,\n"
        f"dora,$2y$31{BCRYPT[6:]},\nemil,,short\nBOB,{BCRYPT},\n")
    done = admin("user", "import", str(file), code=REFUSED)
    lines = done.stderr.splitlines()
    for n, (line, what) in enumerate((
            (3, "not a user name"), (4, "$apr1$ and $1$ are MD5"),
            (5, "the hash asks for more"), (6, "the password is too short"),
            (7, "BOB is in the file already"))):
        assert lines[n].startswith(f"{file}:{line}: {what}")
    assert lines[5:] == ["gatecast: nothing was imported"]
    # What is there already, and what looks like it.
    file.write_text(f"bob:{BCRYPT}\nAlice:{BCRYPT}\na1ice:{BCRYPT}\n"
                    f"dora:{BCRYPT}\nd0ra:{BCRYPT}\n")
    done = admin("user", "import", str(file), code=REFUSED)
    assert done.stderr.splitlines() == [
        f"{file}:2: there is a user alice already",
        f"{file}:3: a1ice can be mistaken for the user alice",
        f"{file}:5: d0ra can be mistaken for the user dora",
        "gatecast: nothing was imported"]
    assert accounts(admin) == before


def test_import_bounds_its_complaints(admin):
    done = admin("user", "import", "-", input="x:y\n" * 1000, code=REFUSED)
    lines = done.stderr.splitlines()
    assert len(lines) == 102
    assert lines[99].startswith("standard input:100: ")
    assert lines[100] == "and 900 more"


def test_import_of_what_cannot_be_read(admin, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        done = admin("user", "import", str(path), code=REFUSED)
        assert f"cannot read {path}: " in done.stderr
    with open(tmp_path / "large", "wb") as f:
        f.truncate((64 << 20) + 1)
    done = admin("user", "import", str(tmp_path / "large"), code=REFUSED)
    assert "longer than 64 MiB; split it" in done.stderr


# --- export -------------------------------------------------------------------

def test_round_trip(admin, tmp_path):
    admin("user", "import", "-", input=htpasswd(HASHES))
    admin.add("上线")
    admin.add("Zoë")
    admin("user", "lock", "Zoë")
    first = admin("user", "export").stdout
    assert first == admin("user", "export", "--csv").stdout
    (tmp_path / "other").mkdir()
    other = Admin(tmp_path / "other")
    other("user", "import", "-", input=first)
    assert other("user", "export").stdout == first


def test_export_htpasswd(admin):
    admin("user", "import", "-", input=htpasswd(HASHES))
    admin.add("alice")
    admin.add("bob")
    admin("user", "lock", "bob")
    done = admin("user", "export", "--htpasswd")
    assert "do not understand 1 of these" in done.stderr
    assert "left out because locked: 1\n" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("alice:$argon2id$")
    assert lines[1:] == sorted(htpasswd(HASHES).splitlines())
    admin("user", "export", "--htpasswd", "--csv", code=USAGE)


def test_export_of_nobody(admin):
    assert accounts(admin) == {}
    text = admin("user", "export").stdout
    assert admin("user", "import", "-", input=text).stdout == \
        "0 users imported\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_export_warns_of_readable_files(admin, tmp_path, mode):
    fd = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT, 0o600)
    os.fchmod(fd, mode)
    done = subprocess.run([TOOL, "-c", admin.conf, "user", "export"],
                          stdout=fd, stderr=subprocess.PIPE, text=True)
    os.close(fd)
    assert done.returncode == OK
    assert (f"with mode {mode:04o}" in done.stderr) == (mode != 0o600)


# --- rename -------------------------------------------------------------------

def test_rename(admin):
    admin.add("alice")
    admin.add("bob")
    before = accounts(admin)
    done = admin("user", "rename", "Alice", "carol")
    assert done.stdout == "0 sessions ended\nuser alice is now carol\n"
    assert "action=user.rename user=alice to=carol uid=" in audit(done)[0]
    now = accounts(admin)
    assert now == {"carol": before["alice"], "bob": before["bob"]}
    admin("user", "show", "alice", code=NOTFOUND)
    # Another case of the same name.
    admin("user", "rename", "carol", "Carol")
    assert sorted(accounts(admin)) == ["Carol", "bob"]
    before = accounts(admin)
    for old, new, code, why in (
            ("nobody", "dora", NOTFOUND, "no such user: nobody"),
            ("bob", "CAROL", REFUSED, "there is a user Carol already"),
            ("bob", "bob", REFUSED, "the user is called bob already"),
            ("bob", "b b", REFUSED, "not a user name"),
            ("bob", "Car0l", REFUSED, "can be mistaken for the user Carol"),
            ("b b", "x", REFUSED, "not a user name")):
        assert why in admin("user", "rename", old, new, code=code).stderr
    # What looks like the old name is free with it.
    admin("user", "rename", "Carol", "car0l")
    admin("user", "rename", "car0l", "Carol")
    assert accounts(admin) == before
    assert admin("store", "check").stderr == ""


# --- two at once --------------------------------------------------------------

def test_two_imports_at_once(admin):
    """One of them wins, whole; what the other wanted alone is not there."""
    def load(mine):
        users = htpasswd({f"{who}{n}": BCRYPT
                          for n in range(40) for who in ("user", mine)})
        return subprocess.run(
            [TOOL, "-c", admin.conf, "user", "import", "-"], input=users,
            text=True, capture_output=True, timeout=60).returncode

    with ThreadPoolExecutor(2) as pool:
        for n in range(6):
            names = (f"left{n}x", f"right{n}x")
            codes = list(pool.map(load, names))
            assert sorted(codes) == [OK, REFUSED]
            winner = names[codes.index(OK)]
            now = accounts(admin)
            assert set(now) == {f"{who}{i}" for i in range(40)
                                for who in ("user", winner)}
            admin.store.rename(admin.store.with_name(f"old{n}"))
            admin.store.mkdir(mode=0o700)
            admin("store", "init")


def slow(admin):
    """Hashing takes long enough to see what happens meanwhile."""
    admin.write_conf("argon2_memory_kib = 65536\nargon2_passes = 3\n")
    lines = [line for line in admin.conf.read_text().splitlines()
             if line not in ("argon2_memory_kib = 8192", "argon2_passes = 1")]
    admin.conf.write_text("\n".join(lines) + "\n")


@pytest.fixture
def importing(admin, tmp_path):
    """An import on a terminal, in the midst of hashing."""
    slow(admin)
    (tmp_path / "csv").write_text("name,password\n" + "".join(
        f"user{n},{PASSWORD}\n" for n in range(12)))
    t = Terminal(admin.conf, "user", "import", str(tmp_path / "csv"))
    t.wait_for("hashing [")
    return t


def test_added_while_importing(admin, importing):
    """The names were free when they were checked."""
    admin("user", "import", "-", input=f"USER7:{BCRYPT}\nuser1l:{BCRYPT}\n")
    assert importing.end() == REFUSED
    assert "csv:9: there is a user USER7 already" in importing.text
    assert "csv:13: user11 can be mistaken for the user user1l" in \
        importing.text
    assert "checking [####################] 100% 12/12 names" in \
        importing.text
    assert "hashing [####################] 100% 12/12 passwords" in \
        importing.text
    assert sorted(accounts(admin)) == ["USER7", "user1l"]


def test_ctrl_c(admin, importing):
    importing.type("\x03")
    assert importing.end() == -2
    # The shell's prompt begins a line of its own.
    assert importing.text.endswith("\n")
    assert accounts(admin) == {}
    admin("user", "import", "-", input=f"user7:{BCRYPT}\n")


# --- killed, and no space -----------------------------------------------------

def traced(admin, inject, *args, input=""):
    return subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "-e", f"inject={inject}", TOOL,
         "-c", admin.conf, *args], input=input, text=True, env=STRACE_ENV,
        capture_output=True, timeout=60)


needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "fcntl"])
def test_killed_at_every_call(admin, call):
    """Before the call or after it: all of them, or none."""
    admin.add("alice")
    before = accounts(admin)
    text = htpasswd({f"user{n}": BCRYPT for n in range(50)})
    whole = set(before) | {f"user{n}" for n in range(50)}
    for n in range(1, 20):
        done = traced(admin, f"{call}:signal=KILL:when={n}", "user",
                      "import", "-", input=text)
        now = accounts(admin)
        assert set(now) in (set(before), whole)
        if done.returncode == OK:
            assert set(now) == whole and n > 1
            break
        assert done.returncode == -9
        if set(now) == whole:
            # Written, not acknowledged: it is there, and a second one is
            # refused.
            done = admin("user", "import", "-", input=text, code=REFUSED)
            assert "there is a user user0 already" in done.stderr
            break
    else:
        raise AssertionError("killed for ever")
    for n in range(1, 20):
        done = traced(admin, f"{call}:signal=KILL:when={n}", "user",
                      "rename", "alice", "carol")
        now = accounts(admin)
        assert ("alice" in now) != ("carol" in now)
        assert (now.get("alice") or now.get("carol")) == before["alice"]
        if "carol" in now:
            break
        assert done.returncode == -9
    else:
        raise AssertionError("killed for ever")
    assert admin("store", "check").stderr == ""


@needs_strace
@pytest.mark.parametrize("inject", [
    "pwrite64:error=ENOSPC", "pwrite64:retval=100", "pwrite64:error=EIO",
    "fdatasync:error=EIO"])
def test_no_space(admin, inject):
    admin.add("alice")
    before = accounts(admin)
    text = htpasswd({f"user{n}": BCRYPT for n in range(50)})
    for args in (("import", "-"), ("rename", "alice", "carol")):
        done = traced(admin, inject, "user", *args, input=text)
        assert done.returncode == UNREACHABLE
        assert done.stdout in ("", "0 sessions ended\n")
        assert "\ngatecast: " in "\n" + done.stderr
        assert audit(done) == []
        assert accounts(admin) == before
    # Opening syncs too; what is not known to be on disk is not acknowledged.
    done = traced(admin, "fdatasync:error=EIO:when=2", "user", "import", "-",
                  input=text)
    assert done.returncode == UNREACHABLE and audit(done) == []
    assert len(accounts(admin)) in (1, 51)


@pytest.mark.skipif(not shutil.which("htpasswd"),
                    reason="SKIPPED: no htpasswd(1)")
def test_round_trip_with_apache(tmp_path):
    """What Apache's own program writes it takes again from an export."""
    admin = Admin(tmp_path)
    file, out = tmp_path / "passwd", tmp_path / "out"
    file.touch()
    users = {"alice": "-B", "上海": "-B", "bob": "-2", "carol": "-5"}
    for name, form in users.items():
        subprocess.run(["htpasswd", "-b", form, file, name, name + " secret"],
                       check=True, capture_output=True)
    admin("user", "import", str(file))
    out.write_text(admin("user", "export", "--htpasswd").stdout)
    for name in users:
        subprocess.run(["htpasswd", "-vb", out, name, name + " secret"],
                       check=True, capture_output=True)
    assert sorted(out.read_text().split()) == sorted(file.read_text().split())
