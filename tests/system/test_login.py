"""Signing in and out through the web server, refusals that tell nothing, and
users as the administrator makes them."""

import json
import re
import time

import pytest

from login_browser import NEW, TOKEN, Browser, attributes, own_site, signed_in

own = pytest.fixture(own_site, scope="module")


def test_sign_in(site):
    with Browser(site) as b:
        answer = b.login("alice")
        assert answer.status == 303
        assert answer.headers["location"] == "/index"
        assert TOKEN.fullmatch(answer.value("gatecast"))
        a = attributes(answer.cookies["gatecast"])
        assert a["path"] == "Path=/" and a["samesite"] == "SameSite=Lax"
        assert "httponly" in a and "secure" not in a and "domain" not in a
        page = b.get("/index")
        assert page.status == 200
        assert 'data-user="alice"' in page.body
        assert b.get("/").body.count('data-user="alice"') == 1
        session = json.loads(b.get("/session").body)
        assert session["user"] == "alice"
        assert session["expires"] <= session["ends"]
        # Signed in, there is no form to fill in.
        again = b.get("/login?next=/index")
        assert (again.status, again.headers["location"]) == (303, "/index")


def test_stranger_is_sent_to_the_login(site):
    with Browser(site) as b:
        for path in ("/", "/index"):
            answer = b.get(path)
            assert answer.status == 303
            assert answer.headers["location"] == "/login?next=/index"
        answer = b.get("/session")
        assert answer.status == 401
        assert answer.headers["content-type"].startswith("application/json")
        assert json.loads(answer.body)["login"].startswith("/login")


def test_wrong_unknown_and_locked_are_one_answer(own):
    own.gatecast("user", "add", "dozer", "--password-stdin",
                 input=NEW + "\n")
    own.gatecast("user", "lock", "dozer")
    seen = []
    for user, password in (("alice", "wrong password"), ("ghost", NEW),
                           ("dozer", NEW), ("dozer", "wrong password"),
                           ("a b/c", NEW), ("-mark", NEW)):
        with Browser(own) as b:
            answer = b.login(user, password)
            assert "gatecast" not in answer.cookies
            body = re.sub(r'name="csrf" value="[^"]*"', "", answer.body)
            assert f'value="{user}"' in body
            headers = {k: v for k, v in answer.headers.items() if k != "date"}
            seen.append((answer.status, headers,
                         body.replace(f'value="{user}"', "")))
            assert b.whoami() is None
    assert seen[0][0] == 401
    for other in seen[1:]:
        assert other == seen[0]
    own.gatecast("user", "del", "dozer")


def test_unknown_user_costs_the_same(own):
    def sign_in(user):
        form = b.form()
        begin = time.monotonic()
        answer = b.post("/login", {**form, "name": user,
                                   "password": "wrong password"})
        took = time.monotonic() - begin
        assert answer.status == 401
        return took

    def get():
        begin = time.monotonic()
        b.get("/login")
        return time.monotonic() - begin

    # The least of each: on a busy machine it takes a while to see it.
    known = unknown = cheap = 60
    with Browser(own) as b:
        for _ in range(50):
            known = min(known, sign_in("alice"))
            unknown = min(unknown, sign_in("nobody-here"))
            cheap = min(cheap, get())
            if cheap < known / 2 and 0.7 < unknown / known < 1.4:
                return
    pytest.fail(f"known {known}, unknown {unknown}, a page {cheap}")


def test_logout(site):
    with signed_in(site) as b, signed_in(site) as elsewhere:
        copy = [f"gatecast={b.cookies['gatecast']}"]
        answer = b.logout()
        assert answer.status == 303
        assert answer.headers["location"] == "/login"
        assert "Max-Age=0" in answer.cookies["gatecast"]
        assert answer.value("gatecast") == ""
        a = attributes(answer.cookies["gatecast"])
        assert a["path"] == "Path=/" and "httponly" in a
        # At once, at every worker.
        for _ in range(12):
            with Browser(site) as fresh:
                assert fresh.whoami(cookies=copy) is None
        assert b.get("/index", cookies=copy).status == 303
        assert elsewhere.whoami() == "alice"
        # Out already: nothing to complain about.
        again = b.post("/logout", {"csrf": "x"}, cookies=copy)
        assert (again.status, again.headers["location"]) == (303, "/login")


def test_chinese_name(own):
    own.gatecast("user", "add", "小明", "--password-stdin",
                 input="密码是很长的一句话\n")
    with Browser(own) as b:
        assert b.login("小明", "密码是很长的一句").status == 401
        assert b.login("小明", "密码是很长的一句话").status == 303
        assert b.whoami() == "小明"
        assert 'data-user="小明"' in b.get("/index").body
        b.logout()
    # One account, however its letters are spelled.
    own.gatecast("user", "add", "Zoë", "--password-stdin", input=NEW + "\n")
    with Browser(own) as b:
        for spelling in ("Zoe\u0308", "zoë", "ZOË"):
            assert b.login(spelling, NEW).status == 303, spelling
            assert b.whoami() == "Zoë"


def test_admin_takes_effect_at_once(own):
    def add_password(command, password):
        own.gatecast("user", command, "eve", "--password-stdin",
                     input=password + "\n")

    with Browser(own) as b:
        assert b.login("eve", NEW).status == 401
        add_password("add", NEW)
        assert b.login("eve", NEW).status == 303
        assert b.whoami() == "eve"

        own.gatecast("user", "lock", "eve")
        assert b.whoami() is None
        assert b.get("/index").status == 303
        assert b.login("eve", NEW).status == 401
        own.gatecast("user", "unlock", "eve")
        assert b.whoami() is None, "unlocked is not signed in"
        assert b.login("eve", NEW).status == 303

        add_password("passwd", "a third passphrase")
        assert b.whoami() is None
        assert b.login("eve", NEW).status == 401
        assert b.login("eve", "a third passphrase").status == 303

        own.gatecast("session", "revoke", "--user", "eve")
        assert b.whoami() is None
        assert b.login("eve", "a third passphrase").status == 303
        old = dict(b.cookies)

        own.gatecast("user", "del", "eve")
        assert b.whoami() is None
        assert b.login("eve", "a third passphrase").status == 401
        # Another person of that name does not inherit anything.
        add_password("add", NEW)
        b.cookies = old
        assert b.whoami() is None
        own.gatecast("user", "del", "eve")


def test_sessions_per_user(make_site):
    site = make_site(set={"login.sessions_per_user": 2})
    with signed_in(site) as one, signed_in(site) as two, \
            signed_in(site, "bob") as other:
        assert one.whoami() == "alice"
        with signed_in(site) as three:
            assert one.whoami() is None
            assert two.whoami() == three.whoami() == "alice"
            assert other.whoami() == "bob"
