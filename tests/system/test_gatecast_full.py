"""The admin script on a disk that is full: whole or not at all, told with the
file, and mended by room alone."""

import os
import subprocess

import pytest

from gatecast_admin import (ENV, PASSWORD, REFUSED, SCRIPT, UNREACHABLE,
                            Admin)

HASH = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"
MANY = 1200  # accounts that take more than what is left, and less than 1 MB
LEFT = 65536


@pytest.fixture
def empty(disk, tmp_path):
    """A store directory without a store, on the small disk."""
    a = Admin(tmp_path, disk.path / "store")
    a.write_conf("[store]\nreserve_bytes = 65536\n")
    return a


@pytest.fixture
def admin(empty):
    empty.add("alice")
    return empty


@pytest.fixture(scope="module")
def many_users(tmp_path_factory):
    """On a disk with room."""
    top = tmp_path_factory.mktemp("many")
    a = Admin(top)
    a("user", "import", many(top))
    a.add("alice")
    return a


def users(admin):
    return sorted(admin("store", "dump", "users").stdout.splitlines())


def many(tmp_path):
    file = tmp_path / "many"
    file.write_text("".join(f"user{i}:{HASH}\n" for i in range(MANY)))
    return str(file)


def is_told(done, path):
    assert str(path) in done.stderr and "o space" in done.stderr, done.stderr
    assert "Sanitizer" not in done.stderr


def test_import(admin, disk, tmp_path):
    before = users(admin)
    disk.fill(LEFT)
    done = admin("user", "import", many(tmp_path), code=UNREACHABLE)
    is_told(done, admin.store / "users")
    assert "imported" not in done.stdout
    assert users(admin) == before
    admin("store", "check")
    disk.free()
    admin("user", "import", many(tmp_path))
    assert len(users(admin)) == MANY + 1


def test_backup(admin, disk, tmp_path):
    admin("user", "import", many(tmp_path))
    place = disk.path / "backups"
    place.mkdir()
    file = place / "daily"
    file.write_text("GCBACKUP of yesterday")
    disk.fill(LEFT)
    is_told(admin("store", "backup", str(file), code=REFUSED), file)
    assert file.read_text() == "GCBACKUP of yesterday"
    assert os.listdir(place) == ["daily"]
    disk.free()
    admin("store", "backup", str(file))
    assert b"end users=%d" % (MANY + 1) in file.read_bytes()


def test_restore(admin, disk, tmp_path):
    file = str(tmp_path / "backup")
    admin("user", "import", many(tmp_path))
    admin("store", "backup", file)
    admin("user", "del", "alice")
    admin("user", "lock", "user7")
    before = users(admin)
    disk.fill(LEFT)
    done = admin("store", "restore", file, code=UNREACHABLE)
    is_told(done, admin.store / "users")
    assert "restored" not in done.stdout
    assert users(admin) == before
    admin("store", "check")
    disk.free()
    admin("store", "restore", file)
    assert len(users(admin)) == MANY + 1
    assert "no" in admin("user", "show", "user7").stdout


def test_first_user(empty, disk):
    """The stores are made for it, as far as there is room; the rest as the
    message says."""
    disk.fill(8192)
    # libgdbm itself leaks where it cannot write a new file's first blocks.
    done = empty("user", "add", "alice", "--password-stdin",
                 input=PASSWORD + "\n", code=UNREACHABLE,
                 env={**ENV, "ASAN_OPTIONS": "detect_leaks=0"})
    is_told(done, empty.store)
    disk.free()
    assert "gatecast store init" in empty.add(code=UNREACHABLE).stderr
    empty("store", "init")
    empty.add()
    assert len(users(empty)) == 1
    empty("store", "check")


@pytest.mark.parametrize("command", [
    ("store", "dump"), ("user", "list"), ("user", "list", "--json"),
    ("user", "show", "alice", "--json"), ("user", "export"),
    ("user", "export", "--htpasswd"), ("store", "stats"),
    ("store", "backup", "-"), ("config", "show"), ("help",), ("version",)],
    ids=" ".join)
def test_output_cut_short(many_users, command):
    """More than one buffer, or less: never taken for all there is."""
    with open("/dev/full", "wb") as out:
        done = subprocess.run(
            [SCRIPT, "-c", str(many_users.conf), *command], stdout=out,
            stderr=subprocess.PIPE, text=True, env=ENV, timeout=60)
    assert done.returncode == REFUSED, done.stderr
    assert "cannot write: No space" in done.stderr
