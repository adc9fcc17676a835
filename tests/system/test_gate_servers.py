"""The gate behind lighttpd, nginx and Apache, with scripts/deploy's files."""

import os
import signal

import pytest

from conftest import wait_until
from gated_site import GatedSite
from login_process import ORIGIN
from wsclient import Client

SERVERS = ["lighttpd", "nginx", "apache"]


@pytest.fixture(scope="module", params=SERVERS)
def site(request):
    with GatedSite(request.param) as s:
        s.pair.tool("user", "join", "alice", "ops")
        s.alice, s.bob = s.sign_in("alice"), s.sign_in("bob")
        yield s


def test_static_pages(site):
    for path in ("/private/page.html", "/"):
        for cookie in (site.alice, site.bob):
            answer = site.get(path, cookie)
            assert answer.status == 200, (path, site.web.log())
            assert answer.text.startswith("this is ")
            # It is the site's own page: nothing of ours is put on it.
            for name in ("Content-Security-Policy", "X-Frame-Options",
                         "Cache-Control", "Referrer-Policy"):
                assert name not in answer.headers, (path, name)
    answer = site.get("/private/page.html?a=1&b=2")
    assert answer.status == 303
    assert answer.headers["Location"] == \
        "/login?next=/private/page.html%3Fa%3D1%26b%3D2"
    assert "this is" not in answer.text
    assert site.get("/nothing", site.alice).status == 404
    assert site.get("/nothing").status == 303


def test_scripts_are_told(site):
    for method in ("GET", "HEAD", "POST"):
        answer = site.get("/private/page.html", is_page=False, method=method,
                          body=b"x" * 100 if method == "POST" else None)
        assert answer.status == 401
        if method != "HEAD":
            assert answer.text == '{"error":"no session","login":"/login"}\n'
            assert "json" in answer.headers["Content-Type"]


CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("is_page,said", [
    (True, {"Sec-Fetch-Mode": "navigate", "Accept": "*/*"}),
    (False, {"Sec-Fetch-Mode": "cors", "Accept": CHROME}),
    (False, {"Sec-Fetch-Mode": "same-origin", "Accept": "text/html"}),
    (False, {"Sec-Fetch-Mode": "no-cors", "Accept": "image/webp,*/*"}),
    # Over plain http browsers say no more than this.
    (True, {"Accept": CHROME}),
    (False, {"Accept": "*/*"}),
    (False, {"Accept": "text/event-stream"}),
    (False, {"Accept": "application/json, text/plain, */*"}),
    (False, {"Accept": CHROME, "X-Requested-With": "XMLHttpRequest"}),
    (False, {}),
], ids=str)
def test_page_or_not(site, is_page, said):
    for path in ("/private/page.html", site.app_path):
        answer = site.get(path, is_page=None, **said)
        if is_page:
            assert answer.status == 303
            assert answer.headers["Location"] == \
                "/login?next=" + path
        else:
            assert answer.status == 401
            assert answer.text == '{"error":"no session","login":"/login"}\n'
        assert "no-store" in answer.headers["Cache-Control"]


def test_to_the_login_and_back(site):
    for target in ("/private/page.html?a=1&b=%26%3D+%23", "/",
                   "/private/%E4%B8%8A/?q=%E6%9D%8E"):
        cookie = site.sign_in(target=target)
        assert site.get(target, cookie).status in (200, 404)
    assert site.get("/private/page.html?a=1", cookie).text == \
        "this is private/page.html\n"


def test_groups(site):
    assert site.get("/admin/page.html", site.alice).status == 200
    assert site.get("/admin/page.html").status == 303
    answer = site.get("/admin/page.html", site.bob)
    assert answer.status == 403 and "this is" not in answer.text
    if site.server != "nginx":  # which says it with a page of its own
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert 'charset="utf-8"' in answer.text
        answer = site.get("/admin/page.html", site.bob, is_page=False)
        assert answer.text == '{"error":"not in a group that may"}\n'
        assert answer.headers["Content-Type"] == \
            "application/json; charset=utf-8"
    site.pair.tool("user", "join", "bob", "ops")
    assert site.get("/admin/page.html", site.bob).status == 200
    site.pair.tool("user", "leave", "bob", "ops")
    assert site.get("/admin/page.html", site.bob).status == 403


def test_public(site):
    for cookie in (None, site.bob):
        answer = site.get("/pub/page.html", cookie)
        assert (answer.status, answer.text) == (200, "this is pub/page.html\n")


def test_app_knows_its_user(site):
    values = site.get(site.app_path, site.alice).values()
    assert (values["REMOTE_USER"], values["REMOTE_GROUPS"]) == ("alice", "ops")
    values = site.get(site.app_path, site.bob).values()
    assert (values["REMOTE_USER"], values["REMOTE_GROUPS"]) == ("bob", "")
    values = site.get(site.app_path, site.sign_in("李雷")).values()
    assert values["REMOTE_USER"].encode(
        "latin-1" if not values["REMOTE_USER"].startswith("李")
        else "utf-8").decode() == "李雷"
    assert site.get(site.app_path).status == 303
    assert site.get(site.app_admin_path, site.bob).status == 403
    assert site.get(site.app_admin_path, site.alice).status == 200


def test_app_refuses_for_itself(site):
    """A status of its own is nobody else's, and so are its words."""
    for status in (401, 403, 404, 503):
        for is_page in (True, False):
            answer = site.get(f"{site.app_path}?{status}", site.bob, is_page)
            assert answer.status == status
            assert answer.headers["Content-Type"] == "text/plain"
            assert answer.values()["REMOTE_USER"] == "bob"
            assert "Content-Security-Policy" not in answer.headers


def test_user_cannot_be_made_up(site):
    forged = {"REMOTE_USER": "root", "Remote-User": "root", "X-User": "root",
              "X-Groups": "ops", "Remote-Groups": "ops",
              "Variable-REMOTE_USER": "root", "REMOTE_GROUPS": "ops"}
    values = site.get(site.app_path, site.bob, **forged).values()
    assert values["REMOTE_USER"] == "bob"
    assert "root" not in values.values() and "ops" not in values.values()
    assert site.get(site.app_path, **forged).status == 303
    assert site.get("/admin/page.html", site.bob, **forged).status == 403


def test_body_reaches_the_app(site):
    body = b"b" * 100000
    answer = site.get(site.app_path, site.alice, method="POST", body=body)
    assert answer.status == 200 and answer.text.endswith("b" * 100000)
    assert answer.values()["REMOTE_USER"] == "alice"
    # Nor does a stranger's, nor is the body waited for.
    answer = site.get(site.app_path, method="POST", body=body)
    assert answer.status == 303


WALKS = ["/pub/../admin/page.html", "/pub/%2e%2e/admin/page.html",
         "/pub/..%2fadmin/page.html", "/pub%2f..%2fadmin/page.html",
         "//admin/page.html", "/./admin/page.html", "/Admin/page.html",
         "/admin%2fpage.html", "/%61dmin/page.html", "/admin//page.html",
         "/admin/./page.html", "/admin/page.html/", "/admin/page.html%00",
         "/admin/page.html%20", "/admin/page.html.", "/admin;/page.html",
         "/admin/page.html;x", "/login/../admin/page.html",
         "/static/../admin/page.html", "/static/..%2fadmin/page.html",
         "/static/%2e%2e/admin/page.html", "/account/../admin/page.html",
         "/account/%2e%2e/admin/page.html", "/websocket/../admin/page.html",
         "/account/..%2f..%2fadmin/page.html", "/auth", "/auth/login/x",
         "/auth/login/../../admin/page.html", "/auth/%2e%2e/admin/page.html",
         "/%2561dmin/page.html", "/pub/%c0%ae%c0%ae/admin/page.html",
         "/pub\\..\\admin/page.html", "/pub/%5c..%5cadmin/page.html",
         "http://chat.test/admin/page.html"]


def test_no_way_around(site):
    """Of the page for ops nobody else sees a byte, however it is spelled."""
    more = {"X-Original-URI": "/pub/page.html",
            "X-Forwarded-Uri": "/pub/page.html",
            "X-Original-URL": "/pub/page.html",
            "X-Rewrite-URL": "/pub/page.html"}
    for target in WALKS:
        for cookie in (None, site.bob):
            for headers in ({}, more):
                answer = site.get(target, cookie, **headers)
                assert "this is admin" not in answer.text, (target, headers)
                assert answer.status != 200 or "admin" not in target, target


def test_made_up_paths_close_only(site):
    answer = site.get("/admin/page.html", site.bob,
                      **{"X-Original-URI": "/pub/page.html"})
    assert answer.status == 403
    answer = site.get("/admin/page.html",
                      **{"X-Original-URI": "/pub/page.html"})
    assert answer.status == 303


def test_gatecast_itself(site):
    assert site.get("/session", site.alice).status == 200
    assert site.get("/index", site.alice).status == 200
    assert site.get("/static/css/gatecast.css").status == 200
    assert "text/javascript" in \
        site.get("/static/js/chat.js").headers["Content-Type"]
    with Client(f"ws://127.0.0.1:{site.port}/websocket", cookie=site.alice,
                origin=ORIGIN) as c:
        assert c.expect("hello")["user"] == "alice"
        c.say("through the web server")
        c.expect("message")


def test_logout_closes_the_gate(site):
    cookie = site.sign_in("bob")
    assert site.get("/private/page.html", cookie).status == 200
    site.pair.tool("session", "revoke", "--user", "bob")
    assert site.get("/private/page.html", cookie).status == 303
    site.bob = site.sign_in("bob")


def test_closed_without_login_fcgi(site):
    """Nobody is let in while nobody can be asked. The last test: it ends
    login.fcgi and starts it again."""
    masters = [site.pair.login.process] + ([site.gate] if site.gate else [])
    for process in masters:
        os.kill(process.pid, signal.SIGTERM)
    for process in masters:
        assert process.wait(20) == 0
    for path in ("/private/page.html", "/admin/page.html", "/pub/page.html",
                 site.app_path):
        for cookie in (site.alice, None):
            answer = site.get(path, cookie)
            assert answer.status >= 500 or answer.status in (401, 403), path
            assert "this is" not in answer.text
            assert "REMOTE_USER" not in answer.text
    site.pair.login.start()
    site.open_socket()
    if site.gate:
        site.start_gate()
    wait_until(lambda: site.get("/private/page.html",
                                site.alice).status == 200, 30, "open again")


@pytest.mark.parametrize("server", SERVERS)
def test_closed_without_a_store(server):
    with GatedSite(server, rules="") as s:
        cookie = s.sign_in()
        assert s.get("/private/page.html", cookie).status == 200
        sessions = s.pair.login.dir / "store/sessions"
        os.rename(sessions, sessions.with_name("away"))
        wait_until(lambda: {s.get("/private/page.html", cookie).status
                            for _ in range(6)} <= {500, 503}, what="closed")
        os.rename(sessions.with_name("away"), sessions)
        wait_until(lambda: s.get("/private/page.html",
                                 cookie).status == 200, what="open")
