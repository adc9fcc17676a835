"""The admin script on a fresh system: who makes the stores, and whose they
are."""

import grp
import json
import os
import pwd
import re
import stat
import subprocess

import pytest

from gatecast_admin import UNREACHABLE, Admin, audit


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path)


def test_first_user_makes_the_stores(admin):
    done = admin.add()
    made = re.findall(r"^made (.*)$", done.stdout, re.M)
    assert made == [f"{admin.store}/{x}"
                    for x in ("users", "sessions", "throttle", "keyring")]
    assert "user alice added" in done.stdout
    assert stat.S_IMODE((admin.store / "keyring").stat().st_mode) & 0o007 == 0
    assert stat.S_IMODE((admin.store / "users").stat().st_mode) & 0o007 == 0
    assert "made" not in admin.add("bob").stdout


def test_store_init(admin):
    assert len(admin("store", "init").stdout.splitlines()) == 4
    before = (admin.store / "keyring").read_bytes()
    assert admin("store", "init").stdout == ""
    assert (admin.store / "keyring").read_bytes() == before
    assert admin("user", "list").stdout == ""
    assert json.loads(admin("user", "list", "--json").stdout) == []


def test_no_store(admin):
    done = admin("user", "list", code=UNREACHABLE)
    assert "store init" in done.stderr
    admin("session", "list", code=UNREACHABLE)
    admin("store", "check", code=UNREACHABLE)
    admin("key", "list", code=UNREACHABLE)
    assert list(admin.store.iterdir()) == []


def test_store_dir_missing(admin):
    admin.store.rmdir()
    for args in (("user", "list"), ("store", "init"), ("key", "rotate")):
        done = admin(*args, code=UNREACHABLE)
        assert str(admin.store) in done.stderr
    admin.add(code=UNREACHABLE)
    assert not admin.store.exists()


def test_a_foreign_directory_is_left_alone(admin):
    (admin.store / "letter.txt").write_text("mine")
    admin.add(code=UNREACHABLE)
    assert [p.name for p in admin.store.iterdir()] == ["letter.txt"]


def test_damaged_store_is_not_made_anew(admin):
    admin.add()
    base = admin.store / "users/base.gdbm"
    base.unlink()
    done = admin("store", "init", code=UNREACHABLE)
    # Once, and with what is to be done.
    assert done.stderr.count(str(base)) == 1, done.stderr
    assert "restore from a backup" in done.stderr.splitlines()[-1]


def open_directories_above(path):
    """pytest's directories are root's alone."""
    for parent in path.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")
def test_root_works_as_the_owner(admin):
    nobody = pwd.getpwnam("nobody")
    os.chown(admin.store, nobody.pw_uid, nobody.pw_gid)
    open_directories_above(admin.store)
    asked_by = [line.rsplit(" ", 1)[1] for line in audit(admin.add())]
    assert asked_by == ["uid=0"] * 2  # and not nobody
    admin("store", "checkpoint")
    admin("key", "rotate")
    for path in [admin.store, *admin.store.rglob("*")]:
        assert path.stat().st_uid == nobody.pw_uid, path


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")
@pytest.mark.parametrize("owner", ["root", "nobody"])
def test_group_of_the_directory_reads_what_wsd_needs(admin, owner):
    gid = grp.getgrnam("daemon").gr_gid
    os.chown(admin.store, pwd.getpwnam(owner).pw_uid, gid)
    admin.store.chmod(0o750)
    open_directories_above(admin.store)
    admin.add()
    admin("store", "checkpoint")
    admin("key", "rotate")
    sessions = admin.store / "sessions"
    for path in [sessions, sessions / "base.gdbm", admin.store / "keyring"]:
        assert path.stat().st_gid == gid, path

    def can_read(path):
        return subprocess.run(
            ["setpriv", "--reuid", "1", "--regid", str(gid),
             "--clear-groups", "cat", str(path)],
            capture_output=True).returncode == 0
    assert can_read(sessions / "base.gdbm")
    assert can_read(admin.store / "keyring")
    assert not can_read(admin.store / "users/base.gdbm")
    assert not can_read(admin.store / "users/secret")
