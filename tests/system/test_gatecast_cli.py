"""The admin script: each command and its exit codes."""

import json
import os
import re

import pytest

from gatecast_admin import (
    NOTFOUND, PASSWORD, REFUSED, UNREACHABLE, USAGE, Admin, audit)


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path)


@pytest.fixture
def alice(admin):
    admin.add()
    return admin


# --- usage ------------------------------------------------------------------

@pytest.mark.parametrize("args", [
    (), ("nonsense",), ("user",), ("user", "adds", "x"), ("user", "add"),
    ("user", "add", "a", "b"), ("user", "add", "a", "--json"),
    ("user", "list", "a"), ("user", "list", "--xml"), ("session", "revoke"),
    ("session", "revoke", "--user"),
    ("session", "revoke", "0123456789", "--all"),
    ("session", "revoke", "--user", "a", "--all"), ("key",), ("store", "x"),
    ("config", "show", "extra"), ("help", "nonsense"), ("version", "x"),
])
def test_wrong_usage(alice, args):
    done = alice(*args, code=USAGE)
    assert done.stderr.startswith("gatecast: ")
    assert done.stdout == ""


def test_usage_names_the_command(admin):
    done = admin("user", "add", code=USAGE)
    assert "usage: gatecast user add NAME [--group GROUP] ... " \
        "[--password-stdin]" in done.stderr


def test_password_is_no_argument(admin):
    done = admin("user", "add", "alice", PASSWORD, code=USAGE)
    assert "too many" in done.stderr


def test_help_lists_every_command(admin):
    text = admin("help").stdout
    for command in ("user add NAME", "user passwd NAME", "user list [--json]",
                    "user lock NAME", "user unlock NAME", "user del NAME",
                    "user show NAME", "session list [NAME] [--json]",
                    "session revoke ID | --user NAME | --all", "key list",
                    "key rotate", "store init", "store check", "store stats",
                    "store checkpoint", "config check", "config show"):
        assert f"gatecast {command}" in text
    assert admin("--help").stdout == text
    some = admin("help", "user", "lock").stdout
    assert some.startswith("gatecast user lock NAME\n")
    assert "unlock" not in some


def test_help_and_version_need_no_configuration(admin):
    admin.conf.unlink()
    admin("help")
    assert re.fullmatch(r"gatecast \d+\.\d+\.\d+\n", admin("version").stdout)


# --- configuration ------------------------------------------------------------

def test_config_check(alice):
    assert alice("config", "check").stdout == f"{alice.conf}: ok\n"
    alice.write_conf("[wsd]\nmessage_bytes = lots\n")
    done = alice("config", "check", code=REFUSED)
    n = len(alice.conf.read_text().splitlines())
    assert f"{alice.conf}:{n}: " in done.stderr
    alice("user", "list", code=REFUSED)


def test_config_check_looks_at_paths(admin):
    admin.store.rmdir()
    done = admin("config", "check", code=REFUSED)
    assert str(admin.store) in done.stderr


def test_config_show_is_a_configuration(admin):
    shown = admin("config", "show").stdout
    assert f"dir = {admin.store}\n" in shown
    admin.conf.write_text(shown)
    assert admin("config", "show").stdout == shown


def test_configuration_missing(admin):
    admin.conf.unlink()
    done = admin("user", "list", code=REFUSED)
    assert str(admin.conf) in done.stderr


# --- users --------------------------------------------------------------------

def test_user_list_and_show(alice):
    alice.add("上线的人")
    rows = json.loads(alice("user", "list", "--json").stdout)
    assert sorted(r["name"] for r in rows) == ["alice", "上线的人"]
    assert all(r["locked"] is False for r in rows)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                        rows[0]["created"])
    text = alice("user", "list").stdout
    assert "alice" in text and "上线的人" in text
    shown = json.loads(alice("user", "show", "alice", "--json").stdout)
    assert shown["name"] == "alice" and shown["sessions"] == 0
    assert "argon2" not in alice("user", "show", "alice").stdout


def test_one_name_one_account(alice):
    done = alice.add("Alice", code=REFUSED)
    assert "alice" in done.stderr
    assert json.loads(alice("user", "show", "ALICE", "--json").stdout)[
        "name"] == "alice"


@pytest.mark.parametrize("args", [
    ("user", "show", "nobody"), ("user", "lock", "nobody"),
    ("user", "unlock", "nobody"), ("user", "del", "nobody"),
    ("session", "list", "nobody"), ("session", "revoke", "--user", "nobody"),
    ("session", "revoke", "0123456789abcdef"),
])
def test_not_found(alice, args):
    done = alice(*args, code=NOTFOUND)
    assert "no such" in done.stderr


def test_passwd_not_found(alice):
    alice("user", "passwd", "nobody", "--password-stdin",
          input=PASSWORD + "\n", code=NOTFOUND)


@pytest.mark.parametrize("name", ["", "a b", "-x", ".x", "a/b", "x" * 65,
                                  "a\nb", "a:b"])
def test_bad_names(alice, name):
    if name.startswith("-"):
        alice("user", "add", "--password-stdin", "--", name,
              input=PASSWORD + "\n", code=REFUSED)
    else:
        alice.add(name, code=REFUSED)


@pytest.mark.parametrize("password, why", [
    ("7 bytes", "8"), ("", "8"), ("x" * 1025, ""), ("iloveyou", ""),
    ("one line\nand another", "one line"),
])
def test_bad_passwords(alice, password, why):
    done = alice.add("bob", password, code=REFUSED)
    assert why in done.stderr
    assert password not in done.stderr or not password
    alice("user", "show", "bob", code=NOTFOUND)


def test_longest_password_and_none_at_the_end(alice):
    alice.add("bob", "x y" * 341 + "z")
    alice("user", "add", "carol", "--password-stdin", input=PASSWORD)


def test_lock_unlock_del(alice):
    def is_locked():
        return json.loads(
            alice("user", "show", "alice", "--json").stdout)["locked"]
    done = alice("user", "lock", "alice")
    assert is_locked() is True
    assert len(audit(done)) == 1 and "user.lock" in audit(done)[0]
    alice("user", "lock", "alice")
    alice("user", "unlock", "alice")
    assert is_locked() is False
    alice("user", "del", "alice")
    alice("user", "show", "alice", code=NOTFOUND)
    alice.add()


def test_audit_lines(alice):
    done = alice.add("bob")
    assert len(audit(done)) == 1
    assert "event=admin action=user.add user=bob" in audit(done)[0]
    assert f"uid={os.getuid()}" in audit(done)[0]
    assert PASSWORD not in done.stderr
    assert audit(alice("user", "list")) == []
    assert audit(alice("user", "add", "bob", "--password-stdin",
                       input=PASSWORD, code=REFUSED)) == []


# --- keys and stores ----------------------------------------------------------

def test_keys(alice):
    first = json.loads(alice("key", "list", "--json").stdout)
    assert [k["state"] for k in first] == ["current"]
    secrets = re.findall(r"key=(\S+)", (alice.store / "keyring").read_text())
    done = alice("key", "rotate")
    second = json.loads(alice("key", "list", "--json").stdout)
    assert [k["state"] for k in second] == ["current", "previous"]
    assert second[1]["id"] == first[0]["id"] != second[0]["id"]
    assert "key.rotate" in audit(done)[0]
    secrets += re.findall(r"key=(\S+)", (alice.store / "keyring").read_text())
    everything = done.stdout + done.stderr + alice("key", "list").stdout
    assert len(secrets) == 3
    assert not any(s in everything for s in secrets)


def test_store_check_stats_checkpoint(alice):
    alice.add("bob")
    assert "2 records, ok" in alice("store", "check").stdout
    before = {r["store"]: r for r in
              json.loads(alice("store", "stats", "--json").stdout)}
    assert before["users"]["records"] == 2
    alice("store", "checkpoint")
    after = {r["store"]: r for r in
             json.loads(alice("store", "stats", "--json").stdout)}
    assert after["users"]["records"] == 2
    for name in ("users", "sessions"):
        assert after[name]["generation"] == before[name]["generation"] + 1
    assert after["users"]["journal_bytes"] < before["users"]["journal_bytes"]
    assert "2 records, ok" in alice("store", "check").stdout


def test_store_damaged(alice):
    base = alice.store / "users" / "base.gdbm"
    base.write_bytes(b"no database")
    done = alice("user", "list", code=UNREACHABLE)
    assert str(base) in done.stderr
    alice("store", "check", code=UNREACHABLE)


def test_keyring_open_to_others(alice):
    (alice.store / "keyring").chmod(0o644)
    done = alice("session", "list", code=UNREACHABLE)
    assert "keyring" in done.stderr
