"""A restore while everything runs: logins and connections know of it at
once, and what was ended stays ended."""

import json
import os

import pytest

from channel import joiner, own_site, settle
from conftest import wait_until

own = pytest.fixture(own_site, scope="module")
join = pytest.fixture(joiner)


def status(site, cookie):
    return site.get("/session", headers={"Cookie": cookie}).status_code


def passwd(site, user, password):
    site.gatecast("user", "passwd", user, "--password-stdin",
                  input=password + "\n")


def test_restore_while_in_use(own, join, tmp_path):
    file = str(tmp_path / "backup")
    revoked, before = own.cookie("alice"), own.cookie("bob")
    [listed] = json.loads(
        own.gatecast("session", "list", "alice", "--json").stdout)
    alice, carol = own.cookie("alice"), own.cookie("carol")
    dave = own.cookie("dave")
    stays = [join(own, cookie=alice), join(own, cookie=carol)]
    own.gatecast("store", "backup", file)

    own.gatecast("session", "revoke", listed["id"])
    own.gatecast("user", "lock", "dave")
    passwd(own, "bob", "another passphrase")
    own.gatecast("user", "add", "eve", "--password-stdin",
                 input="the passphrase of eve\n")
    later = own.cookie("bob", "another passphrase")
    eve = own.cookie("eve", "the passphrase of eve")
    goes = [join(own, cookie=later), join(own, cookie=eve)]

    done = own.gatecast("store", "restore", file)
    assert "4 users restored: 2 as before, 2 changed, 0 added; 1 removed" \
        in done.stdout
    for c in goes:
        assert c.closed() == 4401
    settle(*stays)

    def look():
        for cookie in (alice, carol):
            assert status(own, cookie) == 200
        for cookie in (revoked, before, dave, later, eve):
            assert status(own, cookie) == 401
        assert own.try_login("bob", "another passphrase").status_code == 401
        assert own.try_login(
            "eve", "the passphrase of eve").status_code == 401
        own.cookie("bob")
        own.cookie("dave")

    look()
    for name in ("login", "wsd"):
        own.kill(name)
    look()
    own.gatecast("store", "check")


def test_all_is_lost_but_the_backup(own, tmp_path):
    """The programs go on without a restart, and under another secret."""
    file = str(tmp_path / "backup")
    cookies = [own.cookie("alice"), own.cookie("carol")]
    own.gatecast("store", "backup", file)
    store = next(own.dir.glob("**/users/base.gdbm")).parents[1]
    os.unlink(store / "users/secret")
    for name in ("users", "sessions"):
        os.truncate(store / name / "base.gdbm", 3000)
    wait_until(lambda: status(own, cookies[0]) == 503, what="503")
    assert own.gatecast("user", "list", check=False).returncode == 4

    done = own.gatecast("store", "restore", file)
    assert "everybody signs in again" in done.stdout
    wait_until(lambda: status(own, cookies[0]) == 401, what="401")
    for _ in range(6):  # each worker looks for itself
        for user in ("alice", "bob"):
            own.cookie(user)
        assert {status(own, c) for c in cookies} == {401}
    own.gatecast("store", "check")
