"""store dump, backup and restore: what goes in comes out, whole or not at
all, and no session comes back."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading

import pytest

from conftest import BUILD
from gatecast_admin import (REFUSED, UNREACHABLE, USAGE, Admin, audit, put,
                            sign_in)


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path)


def dump(admin, name="users"):
    return sorted(admin("store", "dump", name).stdout.splitlines())


def names(admin):
    listed = json.loads(admin("user", "list", "--json").stdout)
    return sorted(u["name"] for u in listed)


def sessions(admin):
    listed = json.loads(admin("session", "list", "--json").stdout)
    return sorted(s["user"] for s in listed)


# --- dump -----------------------------------------------------------------

def test_dump_names_each_record(admin):
    admin.add("上海")
    sign_in(admin, "上海")
    lines = admin("store", "dump").stdout.splitlines()
    kinds = sorted(" ".join(line.split(" ")[:2]) for line in lines)
    assert kinds == ["sessions list", "sessions list", "sessions session",
                     "users user"]
    assert "v=1 name=%E4%B8%8A%E6%B5%B7 hash=$argon2id$" in "".join(lines)
    assert all(re.match(r"\w+ \w+ [usn]:[0-9a-f]{64}(:0)? v=1 ", line)
               for line in lines)


def test_dump_escapes_what_does_not_belong_there(admin):
    admin.add()
    put(admin, "users", "odd\nkey", "a\nb\x1b[2J")
    assert r"users unknown odd\x0akey a\x0ab\x1b[2J" in dump(admin)


def test_dump_reads_what_can_be_read(admin):
    admin.add()
    sign_in(admin, "alice")
    (admin.store / "users/base.gdbm").write_bytes(b"x" * 5000)
    (admin.store / "users/secret").unlink()
    (admin.store / "keyring").unlink()
    done = admin("store", "dump", code=UNREACHABLE)
    assert "cannot dump users: " in done.stderr
    assert "users/base.gdbm: damaged" in done.stderr
    assert "sessions session s:" in done.stdout
    assert "no such store: nix" in admin(
        "store", "dump", "nix", code=USAGE).stderr


# --- round trip -----------------------------------------------------------

def test_round_trip(admin, tmp_path):
    file = tmp_path / "backup"
    for name in ("上海", "bob", "carol", "dave"):
        admin.add(name)
    admin("user", "lock", "carol")
    before = dump(admin)
    done = admin("store", "backup", str(file))
    assert done.stdout == "4 users in the backup\n"
    assert f"action=store.backup users=4 uid={os.getuid()}" in audit(done)[0]
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path).count("backup") == 1
    assert len(os.listdir(tmp_path)) == 3, "a temporary file is left"

    admin("user", "del", "bob")
    admin("user", "unlock", "carol")
    admin.add("eve")
    admin("store", "checkpoint")
    done = admin("store", "restore", str(file))
    assert done.stdout == (
        "4 users restored: 2 as before, 1 changed, 1 added; 1 removed\n"
        "0 sessions ended\n")
    assert "action=store.restore" in audit(done)[0]
    assert dump(admin) == before

    # Daily, under one name.
    admin.add("eve")
    admin("store", "backup", str(file))
    assert "5 as before" in admin("store", "restore", str(file)).stdout


def test_through_a_pipe(admin):
    admin.add()
    before = dump(admin)
    done = subprocess.run(
        [str(BUILD / "gatecast-tool"), "-c", str(admin.conf), "store",
         "backup", "-"], capture_output=True, check=True)
    assert b"1 user in the backup" in done.stderr
    admin("user", "del", "alice")
    admin("store", "restore", "-", input=done.stdout)
    assert dump(admin) == before
    admin("store", "restore", "-", input=done.stdout[:-1], code=REFUSED)


def test_an_empty_place(admin, tmp_path):
    """Keys and keyring are made: only accounts are in a backup."""
    admin.add("上海")
    sign_in(admin, "上海")
    file = tmp_path / "backup"
    admin("store", "backup", str(file))
    assert b"sessions" not in file.read_bytes()
    secret = (admin.store / "users/secret").read_bytes().strip()
    ring = (admin.store / "keyring").read_text()
    assert secret not in file.read_bytes()
    assert re.search("key=(\\S+)", ring).group(1) not in file.read_text(
        errors="replace")
    subprocess.run(["rm", "-r", admin.store], check=True)
    admin.store.mkdir(mode=0o700)
    done = admin("store", "restore", str(file))
    assert done.stdout == (
        "1 user restored: 0 as before, 0 changed, 1 added; 0 removed\n"
        "0 sessions ended\n")
    assert names(admin) == ["上海"]
    assert sessions(admin) == []
    assert (admin.store / "keyring").read_text() != ring
    admin("store", "check")


@pytest.fixture
def open_dir():
    """A directory that others reach as well, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="gatecast-") as name:
        path = pathlib.Path(name)
        path.chmod(0o755)
        yield path


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
def test_by_root_for_another(open_dir):
    """The file is root's, where root alone may go; the store stays whose it
    is."""
    admin = Admin(open_dir)
    os.chown(admin.store, 65534, 65534)
    admin.add("alice")
    place = open_dir / "mine"
    place.mkdir(mode=0o700)
    file = place / "backup"
    admin("store", "backup", str(file))
    assert file.stat().st_uid == 0 and file.stat().st_mode & 0o777 == 0o600
    flip_base(admin.store)
    (admin.store / "users/secret").unlink()
    (admin.store / "keyring").unlink()
    admin("store", "restore", str(file))
    assert names(admin) == ["alice"]
    for path in [*admin.store.glob("*"), *admin.store.glob("*/*")]:
        assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534), path


# --- sessions -------------------------------------------------------------

def test_which_sessions_stay(admin, tmp_path):
    file = tmp_path / "backup"
    for name in ("same", "passwd", "locked", "deleted", "again"):
        admin.add(name)
    sign_in(admin, "same", "passwd", "locked", "again")
    admin("user", "lock", "locked")
    admin("store", "backup", str(file))
    admin("user", "unlock", "locked")
    admin("user", "passwd", "passwd", "--password-stdin",
          input="another passphrase\n")
    admin("user", "del", "again")
    admin.add("again")
    admin.add("new")
    sign_in(admin, "same", "passwd", "locked", "again", "new")
    revoked = json.loads(admin("session", "list", "same", "--json").stdout)[0]
    admin("session", "revoke", revoked["id"])
    assert sessions(admin) == ["again", "locked", "new", "passwd", "same"]

    done = admin("store", "restore", str(file))
    assert "4 sessions ended" in done.stdout
    assert sessions(admin) == ["same"]
    left = json.loads(admin("session", "list", "--json").stdout)[0]
    assert left["id"] != revoked["id"]
    admin("store", "check")


def test_a_session_that_nobody_has(admin, tmp_path):
    """As a kill in the middle of `user del` leaves it: a restore that brings
    the account back does not bring it back."""
    file = tmp_path / "backup"
    admin.add("alice")
    admin("store", "backup", str(file))
    sign_in(admin, "alice")
    saved = [(p, p.read_bytes()) for p in admin.store.glob("sessions/*")]
    admin("user", "del", "alice")
    for path, data in saved:
        path.write_bytes(data)
    assert sessions(admin) == ["alice"]
    assert "1 session ended" in admin("store", "restore", str(file)).stdout
    assert sessions(admin) == []


def test_another_spelling(admin, tmp_path):
    """A session bears the name that it was begun with, and ends with it."""
    file = tmp_path / "backup"
    admin.add("alice")
    admin("store", "backup", str(file))
    admin("user", "rename", "alice", "Alice")
    sign_in(admin, "Alice")
    assert "1 session ended" in admin("store", "restore", str(file)).stdout
    assert sessions(admin) == []


# --- damage ---------------------------------------------------------------

def flip_base(store):
    path = next(store.glob("users/base.gdbm"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def zero_journal(store):
    path = next(store.glob("users/journal.*"))
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES = {
    "base": flip_base,
    "no base": lambda s: (s / "users/base.gdbm").unlink(),
    "journal": zero_journal,
    "no journal": lambda s: next(s.glob("users/journal.*")).unlink(),
    "secret": lambda s: (s / "users/secret").write_text("short\n"),
    "no secret": lambda s: (s / "users/secret").unlink(),
    "no users": lambda s: subprocess.run(["rm", "-r", s / "users"]),
    "sessions": lambda s: (s / "sessions/base.gdbm").write_bytes(b"x" * 999),
    "no sessions": lambda s: subprocess.run(["rm", "-r", s / "sessions"]),
    "throttle": lambda s: (s / "throttle/base.gdbm").write_bytes(b"x" * 999),
    "no keyring": lambda s: (s / "keyring").unlink(),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_restored_and_kept_aside(admin, tmp_path, what):
    file = tmp_path / "backup"
    admin.add("alice")
    sign_in(admin, "alice")
    admin("store", "backup", str(file))
    DAMAGES[what](admin.store)
    before = {str(p): p.read_bytes()
              for p in admin.store.glob("*/*") if p.is_file()}
    admin("store", "check", code=UNREACHABLE)
    done = admin("store", "restore", str(file))
    assert names(admin) == ["alice"]
    admin("store", "check")
    admin("user", "lock", "alice")
    # A session is of no use without its key, and no harm.
    if what in ("no keyring", "throttle"):
        assert "0 sessions ended" in done.stdout
    else:
        assert sessions(admin) == []
    for p in admin.store.glob("*/*.damaged-*"):
        assert p.read_bytes() == before[str(p).split(".damaged-")[0]]
    kept = len(list(admin.store.glob("*/*.damaged-*")))
    assert kept == {"base": 2, "no base": 1, "journal": 2, "no journal": 1,
                    "secret": 1, "sessions": 2, "throttle": 2}.get(what, 0)


def test_a_lost_secret_is_not_made_anew(admin):
    """All names are filed under it."""
    admin.add("alice")
    secret = admin.store / "users/secret"
    kept = secret.read_bytes()
    secret.unlink()
    for command in (["user", "list"], ["store", "init"]):
        done = admin(*command, code=UNREACHABLE)
        assert "put it back, or restore from a backup" in done.stderr
        assert "store init" not in done.stderr
    assert not secret.exists()
    secret.write_bytes(kept)
    secret.chmod(0o600)
    assert names(admin) == ["alice"]


# --- refusals -------------------------------------------------------------

def test_no_restore_from_what_is_not_whole(admin, tmp_path):
    file = tmp_path / "backup"
    admin.add("alice")
    admin("store", "backup", str(file))
    good = file.read_bytes()
    admin.add("bob")
    before = dump(admin)
    stats = admin("store", "stats").stdout
    bad = {
        "cut short": good[:-1],
        "not a backup of gatecast": b"alice:x\n",
        "damaged, at byte": good[:200] + b"!" + good[201:],
        "damaged": good + good,
    }
    for words, data in bad.items():
        file.write_bytes(data)
        done = admin("store", "restore", str(file), code=REFUSED)
        assert words in done.stderr and "nothing was changed" in done.stderr
    file.write_bytes(b"")
    admin("store", "restore", str(file), code=REFUSED)
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "nothing"):
        assert str(path) in admin(
            "store", "restore", str(path), code=REFUSED).stderr
    assert dump(admin) == before
    assert admin("store", "stats").stdout == stats


def test_what_restore_does_not_mend(admin, tmp_path):
    """What may not be opened, or nobody can guess at."""
    file = tmp_path / "backup"
    admin.add("alice")
    admin("store", "backup", str(file))
    before = dump(admin)
    admin("user", "passwd", "alice", "--password-stdin", input="long enough\n")
    changed = dump(admin)
    ring = admin.store / "keyring"
    kept = ring.read_bytes()
    ring.write_bytes(kept + b"!\n")
    done = admin("store", "restore", str(file), code=UNREACHABLE)
    assert f"{ring}: line 3: " in done.stderr
    assert "or move it away" in done.stderr
    ring.write_bytes(kept)
    (admin.store / "users").chmod(0o777)
    done = admin("store", "restore", str(file), code=UNREACHABLE)
    assert f"chmod 700 {admin.store}/users" in done.stderr
    (admin.store / "users").chmod(0o700)
    base = admin.store / "users/base.gdbm"
    base.rename(tmp_path / "base")
    base.symlink_to(tmp_path / "base")
    done = admin("store", "restore", str(file), code=UNREACHABLE)
    assert f"{base}: " in done.stderr and "symbolic link" in done.stderr
    base.unlink()
    (tmp_path / "base").rename(base)
    assert dump(admin) == changed
    admin("store", "restore", str(file))
    assert dump(admin) == before


def test_no_backup_over_what_is_not_a_file(admin, tmp_path):
    admin.add()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "real").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("fifo", "link", "store", "nothing/backup"):
        done = admin("store", "backup", str(tmp_path / name), code=REFUSED)
        assert str(tmp_path / name) in done.stderr
    assert (tmp_path / "real").read_text() == "mine"
    assert not [f for f in os.listdir(tmp_path) if f.endswith(".tmp")]


def test_no_backup_over_another_file(admin, tmp_path):
    """A slip of the hand must not cost the file it names."""
    admin.add()
    file = tmp_path / "precious"
    for text in ("mine", "GCBACKU!", "a letter that is longer than that"):
        file.write_text(text)
        done = admin("store", "backup", str(file), code=REFUSED)
        assert f"{file}: is there and not a backup" in done.stderr
        assert file.read_text() == text
    assert os.listdir(tmp_path).count("precious") == 1
    assert not [f for f in os.listdir(tmp_path) if f.endswith(".tmp")]
    # What mktemp made, a backup, one of a later version, one that was cut.
    for data in (b"", None, b"GCBACKUP of a later day", b"GCBACK"):
        if data is not None:
            file.write_bytes(data)
        admin("store", "backup", str(file))
        admin("store", "restore", str(file))


def test_no_backup_in_the_store(admin, tmp_path):
    """There it would replace what it is a backup of."""
    admin.add()
    before = dump(admin)
    (tmp_path / "other").symlink_to(admin.store / "users")
    for file in (admin.store / "users/base.gdbm", admin.store / "keyring",
                 admin.store / "new", tmp_path / "other/base.gdbm"):
        done = admin("store", "backup", str(file), code=REFUSED)
        assert f"{file}: is in store.dir" in done.stderr
    assert dump(admin) == before
    admin("store", "backup", f"{admin.store}.backup")
    admin("store", "check")


def test_no_backup_without_a_user_that_cannot_be_read(admin, tmp_path):
    admin.add()
    (tmp_path / "backup").write_text("GCBACKUP of yesterday")
    put(admin, "users", "u:" + 64 * "0", "v=1 name=")
    done = admin("store", "backup", str(tmp_path / "backup"), code=REFUSED)
    assert "u:" + 64 * "0" + ": malformed" in done.stderr
    assert "no backup was made" in done.stderr
    assert (tmp_path / "backup").read_text() == "GCBACKUP of yesterday"


# --- while it is in use ---------------------------------------------------

def test_one_moment_while_others_write(admin, tmp_path):
    """Users are added in turn, each after the one before it was acknowledged,
    with checkpoints in between: a backup has the first of them, without a
    gap, and all that were acknowledged before it began."""
    admin.add("u00")
    acked = [0]
    is_over = threading.Event()

    def write():
        for i in range(1, 17):
            admin.add(f"u{i:02}")
            acked[0] = i
            if i % 4 == 0:
                admin("store", "checkpoint")
        is_over.set()

    writer = threading.Thread(target=write)
    writer.start()
    taken = 0
    try:
        while not is_over.is_set():
            least = acked[0]
            file = tmp_path / f"b{taken}"
            admin("store", "backup", str(file))
            found = sorted(re.findall(rb"name=(u\d\d)", file.read_bytes()))
            assert found == [b"u%02d" % i for i in range(len(found))]
            assert least + 1 <= len(found) <= acked[0] + 2
            taken += 1
    finally:
        writer.join()
    assert taken > 3
