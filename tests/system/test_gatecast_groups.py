"""Groups of accounts: given, taken, shown, and kept through everything else
that is done to an account."""

import json

import pytest

from gatecast_admin import (
    NOTFOUND, PASSWORD, REFUSED, UNREACHABLE, Admin, audit)
from imported import exported


@pytest.fixture
def admin(tmp_path):
    admin = Admin(tmp_path)
    admin("store", "init")
    return admin


def groups(admin, name):
    return json.loads(admin("user", "show", name, "--json").stdout)["groups"]


def add(admin, name, *groups, **kwargs):
    options = [word for group in groups for word in ("--group", group)]
    return admin("user", "add", name, *options, "--password-stdin",
                 input=PASSWORD + "\n", **kwargs)


def test_join_and_leave(admin):
    add(admin, "alice", "staff", "ops", "staff")
    admin.add("bob")
    assert groups(admin, "alice") == ["ops", "staff"]
    assert groups(admin, "bob") == []
    done = admin("user", "join", "ALICE", "night")
    assert done.stdout == "user alice is now in group night\n"
    assert len(audit(done)) == 1
    assert "action=user.join user=alice group=night" in done.stderr
    admin("user", "join", "alice", "night")
    assert groups(admin, "alice") == ["night", "ops", "staff"]
    done = admin("user", "leave", "alice", "ops")
    assert "action=user.leave user=alice group=ops" in audit(done)[0]
    assert groups(admin, "alice") == ["night", "staff"]
    rows = json.loads(admin("user", "list", "--json").stdout)
    assert [r["groups"] for r in rows] == [["night", "staff"], []]
    table = admin("user", "list").stdout.splitlines()
    assert table[0].split()[-1] == "groups"
    assert table[1].split()[-1] == "night,staff"
    assert table[2].split()[-1] == "-"


def test_refused(admin):
    admin.add("alice")
    for bad in ("Staff", "any", "public", "a b", "a,b", "x" * 33, "", "上"):
        done = admin("user", "join", "alice", bad, code=REFUSED)
        assert "a group's name has 1 to 32 of a-z" in done.stderr
        add(admin, "bob", bad, code=REFUSED)
    assert groups(admin, "alice") == []
    done = admin("user", "leave", "alice", "staff", code=NOTFOUND)
    assert "alice is in no such group: staff" in done.stderr
    admin("user", "join", "nobody", "staff", code=NOTFOUND)
    admin("user", "leave", "nobody", "staff", code=NOTFOUND)
    for i in range(7):
        admin("user", "join", "alice", f"{i}" * 32)
    done = admin("user", "join", "alice", "x" * 32, code=REFUSED)
    assert "at most 255 bytes" in done.stderr
    assert len(groups(admin, "alice")) == 7
    (admin.store / "users/base.gdbm").write_bytes(b"x" * 100)
    admin("user", "leave", "alice", "0" * 32, code=UNREACHABLE)


def test_kept(admin, tmp_path):
    add(admin, "alice", "staff", "ops")
    admin("user", "passwd", "alice", "--password-stdin",
          input="another passphrase\n")
    admin("user", "lock", "alice")
    admin("user", "unlock", "alice")
    admin("user", "rename", "alice", "alicia")
    admin("store", "checkpoint")
    assert groups(admin, "alicia") == ["ops", "staff"]
    # A restore gives the groups of then.
    backup = str(tmp_path / "backup")
    admin("store", "backup", backup)
    admin("user", "leave", "alicia", "ops")
    admin("store", "restore", backup)
    assert groups(admin, "alicia") == ["ops", "staff"]
    # Deleted and made anew, it is another account.
    admin("user", "del", "alicia")
    admin.add("alicia")
    assert groups(admin, "alicia") == []
    assert admin("store", "check").stderr == ""


def test_export_and_import(admin, tmp_path):
    add(admin, "alice", "staff", "ops")
    add(admin, "bob", "ops")
    admin.add("carol")
    text = admin("user", "export").stdout
    assert {n: row[4] for n, row in exported(text).items()} == \
        {"alice": "ops,staff", "bob": "ops", "carol": ""}
    (tmp_path / "other").mkdir()
    other = Admin(tmp_path / "other")
    other("user", "import", "-", input=text)
    assert other("user", "export").stdout == text
    # From before there were groups, and in any order.
    other("user", "import", "-",
          input="name,password\nold,a quiet passphrase\n")
    assert groups(other, "old") == []
    other("user", "import", "-", input="name,password,groups\n"
          'new,a quiet passphrase,"z,a,m,a"\n')
    assert groups(other, "new") == ["a", "m", "z"]
    done = other("user", "import", "-", code=REFUSED,
                 input="name,password,groups\nx,a quiet passphrase,Staff\n")
    assert "standard input:2: groups are names" in done.stderr
