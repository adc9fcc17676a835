"""Forms that another site sends for somebody: neither in nor out."""

import re

import pytest

from login_browser import Browser, count, other_spelling, own_site, signed_in

own = pytest.fixture(own_site, scope="module")


def test_login_csrf(own):
    before = count(own, "alice")
    right = {"name": "alice", "password": own.users["alice"], "next": "/"}
    evil = "https://evil.test"

    def post(b, fields, **kwargs):
        answer = b.post("/login", fields, **kwargs)
        assert "gatecast" not in answer.cookies
        return answer.status

    with Browser(own) as b, Browser(own) as other:
        form, foreign = b.form(), other.form()
        csrf = form["csrf"]
        for wrong in ("", "x", csrf[:-1], csrf + "A", foreign["csrf"],
                      other_spelling(csrf), b.cookies["gatecast-pre"]):
            assert post(b, {**right, "csrf": wrong}) == 403, wrong
        good = {**right, "csrf": csrf}
        # The token without its cookie, or with another's.
        assert post(b, good, cookies=[]) == 403
        assert post(b, good, cookies=[
            "gatecast-pre=" + other.cookies["gatecast-pre"]]) == 403
        assert post(b, good, cookies=[
            f"gatecast-pre={b.cookies['gatecast-pre']}; gatecast-pre=x"]) \
            == 403
        for origin in (evil, "null", own.url + ".evil.test",
                       own.url.replace("http", "https"),
                       own.url.rsplit(":", 1)[0], "http://127.0.0.1:1",
                       own.url + "/", "x" * 3000):
            assert post(b, good, origin=origin) == 403, origin
        for site_ in ("cross-site", "Cross-Site", "nonsense", ""):
            assert post(b, good, headers=[("Sec-Fetch-Site", site_)]) \
                == 403, site_
            assert post(b, good, headers=[("Sec-Fetch-Site", site_)],
                        origin=None) == 403, site_
        assert post(b, good, headers=[("Origin", own.url)], origin=evil) \
            in (400, 403)
        assert count(own, "alice") == before
        # A 403 page is a fresh form, and works.
        page = b.post("/login", {**right, "csrf": "x"})
        fresh = re.search(r'name="csrf" value="([^"]*)"', page.body).group(1)
        answer = b.post("/login", {**right, "csrf": fresh}, headers=[
            ("Sec-Fetch-Site", "same-origin")])
        assert answer.status == 303
        b.logout()
    # A browser that tells nothing has the token, at least.
    with Browser(own) as b:
        assert b.post("/login", {**right, "csrf": b.form()["csrf"]},
                      origin=None).status == 303
        b.logout()
    assert count(own, "alice") == before


def test_two_tabs(site):
    with Browser(site) as b:
        one, two = b.form(), b.form()
        for form, user in ((two, "bob"), (one, "alice"), (two, "bob")):
            answer = b.post("/login", {**form, "name": user,
                                       "password": site.users[user]})
            assert answer.status == 303
            assert b.whoami() == user


def test_logout_by_others(site):
    with signed_in(site) as b, signed_in(site, "bob") as other:
        csrf = b.form("/index")["csrf"]
        for fields in ({}, {"csrf": ""}, {"csrf": "x"},
                       {"csrf": other.form("/index")["csrf"]},
                       {"csrf": csrf, "x": "1"}, [("csrf", csrf)] * 2):
            assert b.post("/logout", fields).status in (400, 403), fields
        right = {"csrf": csrf}
        assert b.post("/logout", right, origin="https://evil.test").status \
            == 403
        assert b.post("/logout", right, headers=[
            ("Sec-Fetch-Site", "cross-site")]).status == 403
        assert b.post("/logout", right, headers=[
            ("Content-Type", "text/plain")]).status == 415
        answer = b.get("/logout?csrf=" + csrf)
        assert answer.status == 405 and answer.headers["allow"] == "POST"
        assert b.whoami() == "alice"
