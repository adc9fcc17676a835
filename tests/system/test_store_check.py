"""store check finds what does not hold, says what to do, and is quiet about
what is as it shall be."""

import json
import os

import pytest

from gatecast_admin import REFUSED, UNREACHABLE, Admin, put, sign_in
from test_gatecast_terminal import Terminal


@pytest.fixture
def admin(tmp_path):
    admin = Admin(tmp_path)
    admin.add("alice")
    admin.add("bob")
    sign_in(admin, "alice", "bob", "bob")
    admin("store", "check")
    return admin


def copy(admin, name):
    return {p: p.read_bytes() for p in (admin.store / name).iterdir()}


def put_back(files):
    for path, data in files.items():
        path.write_bytes(data)


def session_id(admin, user):
    return json.loads(admin("session", "list", user, "--json").stdout)[0]["id"]


@pytest.mark.parametrize("command", ["lock", "del"])
def test_sessions_that_a_killed_command_left(admin, command):
    left = session_id(admin, "alice")
    before = copy(admin, "sessions")
    admin("user", command, "alice")
    put_back(before)
    done = admin("store", "check", code=REFUSED)
    assert (f"{admin.store}/sessions: record s:{left}: its user is locked or "
            "gone") in done.stderr
    assert "session revoke ID" in done.stderr
    assert done.stderr.count("record ") == 1
    admin("session", "revoke", left)
    assert "sessions: generation" in admin("store", "check").stdout


def test_a_session_in_no_list(admin):
    """As no program makes it; ending all of a user's would not find it."""
    left = session_id(admin, "alice")
    lists = [line.split(" ")[2] for line in
             admin("store", "dump", "sessions").stdout.splitlines()
             if " list " in line]
    for key in lists:
        if key.endswith(":0"):
            put(admin, "sessions", key, "v=1 until=0")
    done = admin("store", "check", code=REFUSED)
    assert done.stderr.count("not in the list of its user's sessions") == 3
    assert left in done.stderr


def test_records_that_are_none(admin):
    key = "u:" + 64 * "0"
    put(admin, "users", key, "v=1 name=eve hash=x created=1 changed=1 locked=0")
    put(admin, "users", "odd\nkey", "")
    put(admin, "sessions", "s:" + 64 * "1", "v=1 user=alice")
    put(admin, "sessions", "n:" + 64 * "2", "v=1 low=2 high=1 until=0")
    put(admin, "throttle", "x:1", "v=1")
    stderr = admin("store", "check", code=REFUSED).stderr
    assert f"/users: record {key}: not filed under its name" in stderr
    assert r"/users: record odd\x0akey: malformed" in stderr
    assert f"/sessions: record s:{64 * '1'}: malformed" in stderr
    assert f"/sessions: record n:{64 * '2'}: malformed" in stderr
    assert "/throttle: record x:1: malformed" in stderr
    assert stderr.count("gatecast: ") == 5


def test_one_that_cannot_be_read_hides_no_other(admin):
    (admin.store / "users/base.gdbm").write_bytes(b"x" * 5000)
    put(admin, "throttle", "x:1", "v=1")
    done = admin("store", "check", code=UNREACHABLE)
    assert f"{admin.store}/users/base.gdbm: damaged" in done.stderr
    assert "/throttle: record x:1: malformed" in done.stderr
    assert "sessions: generation 1, 7 records, ok" in done.stdout


def test_what_lies_about(admin):
    for name in ("users/base.new", "users/lock.77", "keyring.0123.tmp",
                 "sessions/base.gdbm.damaged-2026-01-02T03:04:05.678Z",
                 "sessions/journal.9", "notes"):
        (admin.store / name).write_bytes(b"")
    notes = [line for line in admin("store", "check").stdout.splitlines()
             if line.startswith("note: ")]
    assert len(notes) == 6, notes
    assert f"note: {admin.store}/notes: no file of gatecast's" in notes
    assert any("users/base.new: of a checkpoint" in n for n in notes)
    assert any("sessions: 2 journals" in n for n in notes)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away")
def test_owners(admin):
    os.chown(admin.store / "users/secret", 12345, -1)
    os.chown(admin.store / "sessions/base.gdbm", -1, 12345)
    stderr = admin("store", "check", code=REFUSED).stderr
    assert f"chown 0:0 {admin.store}/users/secret" in stderr
    assert f"chown 0:0 {admin.store}/sessions/base.gdbm" in stderr


def test_progress_on_a_terminal(admin, tmp_path):
    for args in (["check"], ["backup", str(tmp_path / "b")],
                 ["restore", str(tmp_path / "b")]):
        terminal = Terminal(admin.conf, "store", *args)
        assert terminal.end() == 0, terminal.text
        assert "100%" in terminal.text
    assert "%" not in admin("store", "check").stderr
