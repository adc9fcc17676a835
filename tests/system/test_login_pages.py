"""What every page of the login has: its headers and its language."""

import re

import pytest

from login_browser import Browser, attributes, signed_in


def test_security_headers(site):
    with signed_in(site) as b, Browser(site) as stranger:
        answers = {
            "/login": stranger.get("/login"),
            "/ 303": stranger.get("/"),
            "/session 401": stranger.get("/session"),
            "/nothing": stranger.get("/nothing"),
            "405": stranger.get("/logout"),
            "PUT": stranger.ask("PUT", "/login", body=b""),
            "login 401": stranger.login("alice", "wrong password"),
            "login 403": stranger.login("alice", origin="https://evil.test"),
            "login 400": stranger.post("/login", b"x"),
            "login 413": stranger.post("/login", b"x" * 5000),
            "login 415": stranger.post("/login", b"", headers=[
                ("Content-Type", "text/plain")]),
            "/index": b.get("/index"),
            "/session": b.get("/session"),
            "logged in": b.login("alice", fields={"next": "/x"})
            if b.cookies.pop("gatecast") else None,
            "HEAD": stranger.ask("HEAD", "/login"),
            "lang": stranger.get("/login?lang=zh"),
            "theme": stranger.get("/login?theme=dark"),
            "/websocket": stranger.get("/websocket"),
            "/static": stranger.get("/static/css/gatecast.css"),
            "/static 404": stranger.get("/static/nothing"),
        }
        for what, answer in answers.items():
            h = answer.headers
            csp = h.get("content-security-policy", "")
            # Under /static/ the operator's own pages may stand.
            if not what.startswith("/static"):
                assert csp.startswith("default-src 'none'"), what
                assert "frame-ancestors 'none'" in csp, what
            assert "unsafe" not in csp and "*" not in csp, what
            assert h.get("x-content-type-options") == "nosniff", what
            assert h.get("referrer-policy") in (
                "same-origin", "no-referrer"), what
            if not what.startswith("/static"):
                assert h.get("cache-control") == "no-store", what
            type = h.get("content-type", "")
            if type.startswith("text/") and what != "/static 404":
                assert "charset=utf-8" in type.lower(), what
        for what in ("/login", "/index", "login 401", "/nothing", "405"):
            csp = answers[what].headers["content-security-policy"]
            assert "form-action 'self'" in csp, what
            assert f"ws://127.0.0.1:{site.port}" in csp, what
            body = answers[what].body
            assert "<script>" not in body and " on" not in re.sub(
                r">[^<]*<", "><", body).lower().replace(" once", ""), what
            assert "style=" not in body, what
        assert [answers[w].status for w in (
            "/session 401", "/nothing", "405", "PUT", "login 401",
            "login 403", "login 400", "login 413", "login 415", "/index",
            "logged in", "/static", "/static 404")] == [
            401, 404, 405, 405, 401, 403, 400, 413, 415, 200, 303, 200, 404]


def test_head(site):
    with signed_in(site) as b, Browser(site) as stranger:
        for who, path, status in (
                (stranger, "/login", 200), (stranger, "/", 303),
                (stranger, "/index", 303), (stranger, "/session", 401),
                (stranger, "/nothing", 404), (stranger, "/logout", 405),
                (b, "/index", 200), (b, "/session", 200), (b, "/", 200),
                (b, "/login", 303)):
            head, got = who.ask("HEAD", path), who.get(path)
            assert head.status == got.status == status, path
            assert head.body == ""
            for name in ("content-type", "content-security-policy",
                         "location", "allow", "cache-control"):
                assert head.headers.get(name) == got.headers.get(name), path
            # Apache leaves it out.
            if site.server != "apache":
                assert head.headers["content-length"] == \
                    got.headers["content-length"], path


@pytest.mark.parametrize("accept, lang", [
    (None, "en"), ("en", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
    ("en-GB,en;q=0.9,zh;q=0.8", "en"), ("ZH-hant-TW", "zh"), ("fr", "en"),
    ("fr,zh;q=0.1", "zh"), ("zh;q=0,en;q=0.1", "en"), ("*", "en"),
    ("zh;q=nonsense", "en"), ("", "en"), (",,;;q=,zh", "zh"),
])
def test_accept_language(site, accept, lang):
    headers = [] if accept is None else [("Accept-Language", accept)]
    with Browser(site, headers) as b:
        for path in ("/login", "/nothing"):
            page = b.get(path).body
            assert f'<html lang="{lang}"' in page
        assert ("登录" in b.get("/login").body) == (lang == "zh")
        wrong = b.login("alice", "wrong password").body
        assert ("用户名或密码不正确" in wrong) == (lang == "zh")


def test_language_switch(site):
    with signed_in(site) as b:
        for lang in ("zh", "en"):
            answer = b.get(f"/index?lang={lang}")
            assert answer.status == 303
            assert answer.headers["location"] == "/index"
            a = attributes(answer.cookies["lang"])
            assert answer.value("lang") == lang
            assert a["samesite"] == "SameSite=Lax" and "httponly" in a
            page = b.get("/index", headers=[("Accept-Language", "fr")])
            assert f'<html lang="{lang}"' in page.body
        b.get("/index?lang=zh")
        assert '<html lang="zh"' in b.get("/nothing").body
        for bad in ("fr", "", "zh%0d%0aX:y", "../zh", "<b>"):
            answer = b.get(f"/index?lang={bad}")
            assert "lang" not in answer.cookies, bad
            assert "x" not in answer.headers
        assert '<html lang="zh"' in b.get("/index").body
    with Browser(site, [("Accept-Language", "en")]) as b:
        answer = b.get("/login?lang=zh&next=/account")
        assert answer.headers["location"] == "/login?next=/account"
        page = b.get(answer.headers["location"]).body
        assert '<html lang="zh"' in page
        assert 'name="next" value="/account"' in page


def test_theme_switch(site):
    """As the system has it until one is chosen, and remembered then, signed
    in or not; "auto" forgets it."""
    with Browser(site) as b:
        for theme in ("", "dark", "light", "auto"):
            if theme:
                answer = b.get(f"/login?next=/account&theme={theme}")
                assert answer.status == 303
                assert answer.headers["location"] == "/login?next=/account"
                a = attributes(answer.cookies["theme"])
                assert a["samesite"] == "SameSite=Lax" and "httponly" in a
                assert ("max-age" in a and a["max-age"].endswith("=0")) == \
                    (theme == "auto")
            shown = theme if theme != "auto" else ""
            for path in ("/login", "/nothing"):
                page = b.get(path).body
                assert f'data-theme="{shown}"' in page
                assert ('content="light dark"' in page) == (shown == "")
        for bad in ("blue", "", "dark%0d%0aX:y", "<b>"):
            answer = b.get(f"/login?theme={bad}")
            assert "theme" not in answer.cookies, bad
            assert "x" not in answer.headers
        both = b.get("/login?theme=dark&lang=zh")
        assert {"theme", "lang"} <= set(both.cookies)
        assert '<html lang="zh" data-theme="dark">' in b.get("/login").body
