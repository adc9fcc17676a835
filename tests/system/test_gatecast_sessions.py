"""The admin script with a running site: what it does takes effect at once."""

import json
import re

import pytest

import conftest
from conftest import wait_until
from gatecast_admin import NOTFOUND, PASSWORD, REFUSED, audit


@pytest.fixture(scope="module")
def running():
    """A site whose users these tests may change."""
    yield from conftest.running()


def is_signed_in(site, session):
    return session.get(site.url + "/session", timeout=30).status_code == 200


def test_sessions_listed_and_revoked_by_prefix(running):
    one, two = running.login("alice"), running.login("alice")
    other = running.login("bob")
    rows = json.loads(
        running.gatecast("session", "list", "alice", "--json").stdout)
    assert len(rows) == 2
    assert {r["user"] for r in rows} == {"alice"}
    assert all(re.fullmatch("[0-9a-f]{64}", r["id"]) for r in rows)
    assert all(r["address"] == "127.0.0.1" for r in rows)
    assert all(r["agent"].startswith("python-requests") for r in rows)
    cookie = one.cookies["gatecast"]
    everybody = running.gatecast("session", "list").stdout
    assert "bob" in everybody and cookie.split(".")[2] not in everybody
    assert json.loads(running.gatecast(
        "user", "show", "alice", "--json").stdout)["sessions"] == 2

    short = running.gatecast("session", "revoke", rows[0]["id"][:7],
                             check=False)
    assert short.returncode == REFUSED
    done = running.gatecast("session", "revoke", rows[0]["id"][:12])
    assert "session.revoke" in audit(done)[0]
    assert sorted([is_signed_in(running, one), is_signed_in(running, two)]) \
        == [False, True]
    assert is_signed_in(running, other)
    again = running.gatecast("session", "revoke", rows[0]["id"], check=False)
    assert again.returncode == NOTFOUND


def test_revoke_user_and_all(running):
    alice, bob = running.login("alice"), running.login("bob")
    running.gatecast("session", "revoke", "--user", "alice")
    assert not is_signed_in(running, alice)
    assert is_signed_in(running, bob)
    alice = running.login("alice")
    running.gatecast("session", "revoke", "--all")
    assert not is_signed_in(running, alice)
    assert not is_signed_in(running, bob)
    assert running.gatecast("session", "list").stdout == ""


def test_passwd_lock_and_del_end_sessions(running):
    running.gatecast("user", "add", "carol", "--password-stdin",
                     input=PASSWORD + "\n")
    carol, bob = running.login("carol", PASSWORD), running.login("bob")
    running.gatecast("user", "passwd", "carol", "--password-stdin",
                     input="another passphrase\n")
    assert not is_signed_in(running, carol)
    assert running.try_login("carol", PASSWORD).status_code == 401

    carol = running.login("carol", "another passphrase")
    running.gatecast("user", "lock", "carol")
    assert not is_signed_in(running, carol)
    assert running.try_login(
        "carol", "another passphrase").status_code == 401
    running.gatecast("user", "unlock", "carol")

    carol = running.login("carol", "another passphrase")
    done = running.gatecast("user", "del", "carol")
    assert "1 session ended" in done.stdout
    assert not is_signed_in(running, carol)
    assert is_signed_in(running, bob)
    wait_until(lambda: "carol" not in running.gatecast("user", "list").stdout)


def test_rotate_keeps_sessions(running):
    alice = running.login("alice")
    running.gatecast("key", "rotate")
    assert is_signed_in(running, alice)
    old = alice.cookies["gatecast"].split(".")[1]
    # A worker looks at the keyring twice a second.
    wait_until(lambda: running.login("bob").cookies["gatecast"].split(".")[1]
               != old, what="a cookie of the new key")
    assert is_signed_in(running, alice)


def test_checkpoint_under_the_daemons(running):
    alice = running.login("alice")
    running.gatecast("store", "checkpoint")
    assert "sessions: generation" in running.gatecast("store", "check").stdout
    assert is_signed_in(running, alice)
    bob = running.login("bob")
    assert is_signed_in(running, bob)
    running.gatecast("session", "revoke", "--user", "alice")
    assert not is_signed_in(running, alice)
