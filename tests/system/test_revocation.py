"""Sessions that end, and who has to leave the channel with them, and when."""

import contextlib
import json
import os
import pathlib
import re
import signal
import time

import pytest
import requests

from channel import USERS, ask, joiner, messages, own_site, settle, status
from conftest import SOON_S, wait_until
from wsclient import Closed

own = pytest.fixture(own_site, scope="module")
join = pytest.fixture(joiner)


def ended(clients, act):
    """Does act; every client must be closed with 4401 that soon after it
    was acknowledged."""
    act()
    begin = time.monotonic()
    for c in clients:
        assert c.closed() == 4401
    assert time.monotonic() - begin < SOON_S


def test_logout_closes(own, join):
    session = own.login("alice")
    cookie = "gatecast=" + session.cookies["gatecast"]
    mine = [join(own, cookie=cookie), join(own, cookie=cookie, protocol=None),
            join(own, cookie=cookie, direct=True)]
    elsewhere, bob = join(own, "alice"), join(own, "bob")
    csrf = own.form(session, "/index")

    def logout():
        answer = session.post(own.url + "/logout", data=csrf, timeout=30,
                              headers={"Origin": own.url},
                              allow_redirects=False)
        assert answer.status_code == 303

    ended(mine, logout)
    assert status(ask(own, cookie)) == 401
    settle(elsewhere, bob)


def test_new_login_closes_the_old_session(own, join):
    session = own.login("alice")
    pre = session.cookies["gatecast-pre"]
    c = join(own, cookie="gatecast=" + session.cookies["gatecast"])
    page = requests.get(own.url + "/login", timeout=30,
                        cookies={"gatecast-pre": pre}).text
    csrf = re.search(r'name="csrf" value="([^"]*)"', page).group(1)

    def login():
        answer = session.post(own.url + "/login", timeout=30, data={
            "csrf": csrf, "next": "", "name": "alice",
            "password": USERS["alice"]}, allow_redirects=False)
        assert answer.status_code == 303

    ended([c], login)


@pytest.mark.parametrize("how", [
    "revoke ID", "revoke user", "lock", "passwd", "del"])
def test_admin_closes(own, join, how):
    own.gatecast("user", "add", "eve", "--password-stdin",
                 input="a passphrase of eve\n")
    try:
        cookies = [own.cookie("eve", "a passphrase of eve")
                   for _ in range(2)]
        clients = [join(own, cookie=c, protocol=p) for c in cookies
                   for p in ("gatecast.v1", None)]
        bob = join(own, "bob")
        stays = []
        if how == "revoke ID":
            rows = json.loads(own.gatecast(
                "session", "list", "eve", "--json").stdout)
            one = max(rows, key=lambda r: r["created"]
                      if isinstance(r.get("created"), (int, str)) else 0)
            own.gatecast("session", "revoke", one["id"])
            gone = [i for i, c in enumerate(cookies)
                    if status(ask(own, c)) == 401]
            assert len(gone) == 1
            begin = time.monotonic()
            for c in clients[gone[0] * 2:gone[0] * 2 + 2]:
                assert c.closed() == 4401
            assert time.monotonic() - begin < SOON_S
            stays = clients[(1 - gone[0]) * 2:(1 - gone[0]) * 2 + 2]
        else:
            command = {
                "revoke user": ("session", "revoke", "--user", "eve"),
                "lock": ("user", "lock", "eve"),
                "passwd": ("user", "passwd", "eve", "--password-stdin"),
                "del": ("user", "del", "eve")}[how]
            ended(clients, lambda: own.gatecast(
                *command, input="another passphrase\n"
                if how == "passwd" else None))
            for cookie in cookies:
                assert status(ask(own, cookie)) == 401
        settle(bob, *stays)
    finally:
        own.gatecast("user", "del", "eve", check=False)


def stopped(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text() \
        .rsplit(")", 1)[1].split()[0] == "T"


@contextlib.contextmanager
def asleep(pid):
    """The process does nothing until the block is left."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: stopped(pid), what="stopped")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_revoked_hears_nothing_more(own, join):
    """wsd sleeps; a session ends, then somebody speaks. When it wakes, the
    one who was revoked must not hear it, though both wait to be read."""
    for _ in range(5):
        cookie = own.cookie("carol")
        out = [join(own, cookie=cookie, direct=True, protocol=p)
               for p in ("gatecast.v1", None)]
        bob = join(own, "bob", direct=True)
        settle(*out)
        settle(bob)
        with asleep(own.pid("wsd")):
            own.gatecast("session", "revoke", "--user", "carol")
            bob.say("a secret")
        bob.expect("message", text="a secret")
        for c in out:
            heard = ""
            with pytest.raises(Closed) as e:
                while True:
                    heard += c.recv()
            assert e.value.code == 4401
            assert "a secret" not in heard
        bob.sock.close()


def test_revoked_says_nothing_more(own, join):
    """The same, but the one who was revoked speaks."""
    cookie = own.cookie("carol")
    c, bob = join(own, cookie=cookie, direct=True), join(own, "bob")
    settle(c)
    settle(bob)
    with asleep(own.pid("wsd")):
        own.gatecast("session", "revoke", "--user", "carol")
        c.say("from beyond")
    assert c.closed() == 4401
    bob.say("end of it")
    assert [e["text"] for e in messages(bob, "end of it")] == ["end of it"]


def test_session_that_expires(make_site, join):
    """Its connections go when it ends by itself."""
    site = make_site(set={"login.absolute_lifetime_s": 3,
                          "login.idle_lifetime_s": 3})
    begin = time.monotonic()
    c = join(site, "alice")
    assert c.closed() == 4401
    assert 1.5 < time.monotonic() - begin < 3 + SOON_S


def test_rotated_key(own, join):
    old = own.cookie("alice")
    before = join(own, cookie=old)
    for _ in range(2):
        own.gatecast("key", "rotate")
        # At once, whichever worker signs and whenever wsd looks.
        for _ in range(4):
            session = own.login("bob")
            cookie = "gatecast=" + session.cookies["gatecast"]
            join(own, cookie=cookie).sock.close()
            form = own.form(session, "/index")
            assert session.post(own.url + "/logout", data=form, timeout=30,
                                allow_redirects=False).status_code == 303
            assert status(ask(own, cookie)) == 401
        assert status(ask(own, old)) == 101
        assert own.get("/session", headers={"Cookie": old}).status_code == 200
    kid = old.split(".")[1]
    fresh = wait_until(lambda: next(
        (c for c in [own.cookie("bob")] if c.split(".")[1] != kid), None),
        what="a cookie of the new key")
    settle(before, join(own, cookie=fresh))
