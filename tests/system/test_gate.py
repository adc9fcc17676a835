"""The gate without a web server: the role Authorizer, /auth and /auth/login,
the rules, and that it never opens when it cannot tell."""

import os
import shutil
import subprocess
import time
from urllib.parse import quote

import pytest

import fcgi_client as fcgi
from conftest import BUILD, wait_until
from login_process import Login, assert_protected, make

NAVIGATE = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_ACCEPT": "text/html"}
FETCH = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "*/*"}
RULES = "/pub=public /admin=ops /admin/all=any /shared=staff,ops"


def authorize(site, path="/private/a.html", cookie=None, uri=None, **params):
    """What a web server asks; uri "" for one that does not say it."""
    all_params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": path,
                  "REQUEST_URI": quote(path) if uri is None else uri,
                  "HTTP_HOST": "chat.test", "REMOTE_ADDR": "192.0.2.7",
                  **NAVIGATE}
    if cookie:
        all_params["HTTP_COOKIE"] = cookie
    all_params.update(params)
    pairs = {k: v for k, v in all_params.items() if v not in (None, "")}
    # As the specification has it: no STDIN in this role.
    data = fcgi.begin(fcgi.AUTHORIZER) + \
        fcgi.stream(fcgi.PARAMS, fcgi.pairs(pairs))
    return fcgi.send(site.socket, data)


def user_of(answer):
    assert answer.status == 200 and answer.body == b"", answer.raw
    assert {n for n, _ in answer.headers} <= {
        "Status", "Variable-REMOTE_USER", "Variable-REMOTE_GROUPS"}
    return answer.get("Variable-REMOTE_USER")


@pytest.fixture(scope="module")
def plain():
    """Without rules: every signed-in user."""
    site = Login(users=("alice", "李雷")).start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def ruled():
    site = Login(users=("alice", "bob"), gate__rules=RULES)
    site.tool("user", "join", "alice", "ops")
    site.start()
    site.alice, site.bob = site.sign_in("alice"), site.sign_in("bob")
    yield site
    site.stop()


# --- who is let through -------------------------------------------------------

def test_signed_in(plain):
    for name in ("alice", "李雷"):
        cookie = plain.sign_in(name)
        answer = authorize(plain, cookie=cookie)
        assert user_of(answer) == name
        assert answer.get("Variable-REMOTE_GROUPS") is None


def test_stranger_who_navigates(plain):
    for uri, next in (("/private/a.html", "/private/a.html"),
                      ("/x?a=1&b=2", "/x?a=1&b=2"), ("/%E4%B8%8A", "/%E4%B8%8A"),
                      ("//evil.test", None), ("/a/../b", None),
                      ("/login", None), ("/auth", None), ("*", None),
                      ("http://evil.test/", None), ("", None)):
        answer = authorize(plain, uri=uri)
        assert answer.status == 303, uri
        assert answer.get("Location") == "/login" + (
            "?next=" + quote(next) if next else "")
        assert_protected(answer)


def test_stranger_who_fetches(plain):
    for params in (FETCH, {"HTTP_SEC_FETCH_MODE": "websocket"},
                   {"HTTP_SEC_FETCH_MODE": None, "HTTP_ACCEPT": "*/*"},
                   {"HTTP_SEC_FETCH_MODE": None,
                    "HTTP_ACCEPT": "text/event-stream"},
                   {"HTTP_SEC_FETCH_MODE": None,
                    "HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}):
        answer = authorize(plain, **params)
        assert answer.status == 401
        assert answer.text == '{"error":"no session","login":"/login"}\n'
        assert answer.get("Content-Type").startswith("application/json")
        assert_protected(answer)


@pytest.mark.parametrize("body", [b"", fcgi.record(fcgi.STDIN)])
def test_with_and_without_an_empty_body(plain, body):
    cookie = plain.sign_in()
    data = fcgi.begin(fcgi.AUTHORIZER) + fcgi.stream(
        fcgi.PARAMS, fcgi.pairs({"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/x",
                                 "HTTP_COOKIE": cookie})) + body
    with fcgi.connect(plain.socket) as s:
        s.sendall(data)
        assert user_of(fcgi.read_answer(s)) == "alice"


def test_who_lost_the_right(plain):
    plain.add_user("carol")
    cookie = plain.sign_in("carol")
    assert user_of(authorize(plain, cookie=cookie)) == "carol"
    plain.tool("user", "lock", "carol")
    assert authorize(plain, cookie=cookie).status == 303
    plain.tool("user", "unlock", "carol")
    assert authorize(plain, cookie=cookie).status == 303
    cookie = plain.sign_in("carol")
    assert user_of(authorize(plain, cookie=cookie)) == "carol"
    plain.tool("user", "del", "carol")
    assert authorize(plain, cookie=cookie).status == 303


def test_locked_between_two_writes(request):
    """The account is locked already, and its session still there."""
    site = make(request)
    made = subprocess.run([BUILD / "tests/make-session", site.store, "alice"],
                          check=True, capture_output=True, text=True)
    cookie = "gatecast=" + made.stdout.split()[0]
    shutil.copytree(site.store / "sessions", site.dir / "sessions")
    site.tool("user", "lock", "alice")
    shutil.rmtree(site.store / "sessions")
    shutil.copytree(site.dir / "sessions", site.store / "sessions")
    site.start()
    assert both(site, cookie) == {(303, 401)}
    site.tool("user", "unlock", "alice")
    assert both(site, cookie) == {(200, 204)}


def test_what_is_no_cookie(plain):
    cookie = plain.sign_in()
    for bad in (cookie[:-1], cookie + "x", cookie.swapcase(), "gatecast=",
                f"{cookie}; {cookie}", "__Host-" + cookie):
        assert authorize(plain, cookie=bad).status == 303
    # Over https the cookie of plain http is nobody's.
    assert authorize(plain, cookie=cookie, HTTPS="on").status == 303


def test_long_url(plain):
    """What is too long for a page of ours may be another program's."""
    cookie = plain.sign_in()
    for path in ("/" + "a" * 300, "/" + "b/" * 4000):
        assert user_of(authorize(plain, path, cookie)) == "alice"
    assert user_of(authorize(plain, cookie=cookie,
                             QUERY_STRING="q" * 5000)) == "alice"
    assert plain.ask("GET", "/" + "a" * 300).status == 400
    assert plain.ask("GET", "/login?" + "q" * 5000).status == 400


# --- rules --------------------------------------------------------------------

def test_rules(ruled):
    for path, alice, bob, nobody in (
            ("/", 200, 200, 303), ("/other", 200, 200, 303),
            ("/pub/a", 200, 200, 200), ("/pub", 200, 200, 200),
            ("/publish", 200, 200, 303), ("/admin", 200, 403, 303),
            ("/admin/x", 200, 403, 303), ("/admin/all/x", 200, 200, 303),
            ("/shared/x", 200, 403, 303)):
        got = [authorize(ruled, path, c).status
               for c in (ruled.alice, ruled.bob, None)]
        assert got == [alice, bob, nobody], path
    # On a public path, who is signed in is named all the same.
    assert user_of(authorize(ruled, "/pub/a", ruled.bob)) == "bob"
    assert user_of(authorize(ruled, "/pub/a")) is None
    answer = authorize(ruled, "/admin", ruled.alice)
    assert answer.get("Variable-REMOTE_GROUPS") == "ops"


def test_refusal(ruled):
    answer = authorize(ruled, "/admin/x", ruled.bob)
    assert "not in a group" in answer.text
    assert_protected(answer)
    answer = authorize(ruled, "/admin/x", ruled.bob, **FETCH)
    assert (answer.status, answer.text) == \
        (403, '{"error":"not in a group that may"}\n')
    assert "audit event=refuse path=/admin/x reason=group user=bob " \
        "address=192.0.2.7" in ruled.log()


def test_rules_cannot_be_walked_around(ruled):
    walks = ["/pub/../admin/x", "/pub/%2e%2e/admin/x", "/pub/..%2fadmin/x",
             "/%2fadmin/x", "/pub\\..\\admin/x", "/pub/%5c..%5cadmin",
             "//admin/x", "/./admin/x", "/admin%00/x", "/admin./x",
             "/admin%20/x", "/admin;/x", "/admin;x=/y", "/Admin/x",
             "/ADMIN/x", "/%2561dmin/x", "/admin%3f/x", "/admin%23/x",
             "/pub/%c0%ae%c0%ae/admin/x", "/pub%", "/pub/a%zz", "/PUB/a",
             "//pub/a", "http://chat.test/pub/a", "*", "pub/a"]
    for uri in walks:
        # Whatever the web server made of it, even something harmless.
        for path in ("/admin/x", "/pub/a", ""):
            for cookie in (ruled.bob, None):
                answer = authorize(ruled, path, cookie, uri=uri)
                # 400: nobody knows any path.
                assert answer.status in ((403,) if path else (400, 403)), uri
                answer = ruled.ask(
                    "GET", "/auth", cookie=cookie, REQUEST_URI="/auth",
                    HTTP_X_ORIGINAL_URI=uri)
                assert answer.status == 403, uri
    # Plainly spelled in escapes it is the path that it is.
    for uri in ("/%61dmin/x", "/admin//x", "/%61%64%6D%69%6e"):
        assert authorize(ruled, "", ruled.bob, uri=uri).status == 403
        assert authorize(ruled, "", ruled.alice, uri=uri).status == 200


def test_rewritten_path(ruled):
    """Both must be allowed: what was asked for, and what became of it."""
    for path, uri in (("/index.php", "/admin/x"), ("/admin/x", "/nice"),
                      ("/pub/front.php", "/admin/x"), ("/admin/x", "/pub/a")):
        got = [authorize(ruled, path, c, uri=uri).status
               for c in (ruled.alice, ruled.bob, None)]
        assert got == [200, 403, 303], (path, uri)
    assert authorize(ruled, "/other", uri="/pub/a").status == 303
    # The web server has decoded this one already.
    assert authorize(ruled, "/pub/a b", uri="/pub/a%20b").status == 200
    assert authorize(ruled, "/pub", PATH_INFO="/x").status == 200
    assert authorize(ruled, "/pub", PATH_INFO="/../admin").status == 403


def test_rewritten_path_between_groups(ruled):
    """Who meets one rule of two has not met both."""
    ruled.tool("user", "join", "bob", "staff")
    assert authorize(ruled, "/shared/x", ruled.bob).status == 200
    for path, uri in (("/admin/x", "/shared/x"), ("/shared/x", "/admin/x")):
        got = [authorize(ruled, path, c, uri=uri).status
               for c in (ruled.alice, ruled.bob)]
        assert got == [200, 403], (path, uri)
    ruled.tool("user", "leave", "bob", "staff")


def test_no_path_at_all(ruled):
    answer = ruled.ask("GET", "/auth", cookie=ruled.alice,
                       REQUEST_URI="/auth")
    assert answer.status == 403
    assert "the web server does not say which path" in ruled.log()


def test_group_change_takes_effect_at_once(ruled):
    for _ in range(3):
        ruled.tool("user", "join", "bob", "ops")
        # Each worker sees it: more requests than there are workers.
        assert [authorize(ruled, "/admin", ruled.bob).status
                for _ in range(6)] == [200] * 6
        ruled.tool("user", "leave", "bob", "ops")
        assert [authorize(ruled, "/admin", ruled.bob).status
                for _ in range(6)] == [403] * 6


# --- /auth and /auth/login ----------------------------------------------------

def auth(site, uri, cookie=None, **params):
    return site.ask(params.pop("method", "GET"), "/auth", cookie=cookie,
                    **{"REQUEST_URI": "/auth",
                       "HTTP_X_ORIGINAL_URI": uri, **params})


def test_auth(ruled):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        answer = auth(ruled, "/admin/x", ruled.alice, method=method)
        assert answer.status == 204
        assert (answer.get("X-User"), answer.get("X-Groups")) == \
            ("alice", "ops")
    assert auth(ruled, "/admin/x", ruled.bob).status == 403
    answer = auth(ruled, "/admin/x")
    assert (answer.status, answer.get("X-User")) == (401, None)
    assert_protected(answer)
    answer = auth(ruled, "/pub/x")
    assert (answer.status, answer.get("X-User")) == (204, None)


def test_auth_path_that_a_client_made_up(ruled):
    """Whatever it says beside what the web server says opens nothing."""
    for made_up in ({"HTTP_X_FORWARDED_URI": "/pub/x"},
                    {"REQUEST_URI": "/pub/x"}):
        assert auth(ruled, "/admin/x", **made_up).status == 401
        assert auth(ruled, "/admin/x", ruled.bob, **made_up).status == 403
    assert auth(ruled, "/pub/x", HTTP_X_FORWARDED_URI="/admin").status == 401
    # REQUEST_URI as nginx has it in a subrequest: the browser's.
    assert auth(ruled, None, ruled.bob, REQUEST_URI="/admin/x").status == 403
    assert auth(ruled, None, ruled.alice, REQUEST_URI="/admin/x").status == 204


def test_auth_login(plain):
    page = plain.ask("GET", "/auth/login", REQUEST_URI="/app?x=1", **NAVIGATE)
    assert page.status == 303
    assert page.get("Location") == "/login?next=/app%3Fx%3D1"
    fetched = plain.ask("POST", "/auth/login", REQUEST_URI="/app", **FETCH)
    assert fetched.status == 401 and "/login" in fetched.text
    # Visited as such it leads to the login, and not in a circle.
    page = plain.ask("GET", "/auth/login", **NAVIGATE)
    assert page.get("Location") == "/login"


# --- not open by failure ------------------------------------------------------

def both(site, cookie):
    """Asked often enough that every worker has answered."""
    return {(authorize(site, "/x", cookie).status,
             auth(site, "/x", cookie).status) for _ in range(4)}


@pytest.mark.parametrize("store", ["users", "sessions"])
def test_store_that_cannot_be_read(request, store):
    site = make(request, gate__rules="/=any /pub=public").start()
    cookie = site.sign_in()
    assert both(site, cookie) == {(200, 204)}
    path = site.dir / "store" / store
    os.rename(path, path.with_name("away"))
    wait_until(lambda: both(site, cookie) == {(503, 503)}, what="503")
    answer = authorize(site, "/x", cookie, **FETCH)
    assert (answer.status, answer.get("Retry-After")) == (503, "5")
    # With a cookie on a public path too: who it is cannot be told.
    assert authorize(site, "/pub/x", cookie).status == 503
    assert authorize(site, "/pub/x").status == 200
    os.rename(path.with_name("away"), path)
    wait_until(lambda: both(site, cookie) == {(200, 204)}, what="again")


def test_record_that_is_damaged(request):
    site = make(request).start()
    cookie = site.sign_in()
    base = site.dir / "store/users"
    site.tool("store", "checkpoint")
    data = (base / "base.gdbm").read_bytes()
    (base / "base.gdbm").write_bytes(data[:len(data) // 2])
    wait_until(lambda: both(site, cookie) == {(503, 503)}, what="503")


def test_bad_requests(plain):
    cookie = plain.sign_in()
    assert authorize(plain, cookie=cookie, HTTP_X="x" * 70000).status == 431
    for params in ([("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", "/a"),
                    ("SCRIPT_NAME", "/b")],
                   [("SCRIPT_NAME", "/a")], [("REQUEST_METHOD", "GET")]):
        data = fcgi.begin(fcgi.AUTHORIZER) + fcgi.stream(
            fcgi.PARAMS, fcgi.pairs(params + [("HTTP_COOKIE", cookie)]))
        assert fcgi.send(plain.socket, data).status == 400


# --- activity -----------------------------------------------------------------

def test_checks_are_activity(request):
    """They keep a session alive, and write at most each tenth of its life."""
    site = make(request, login__idle_lifetime_s=4).start()
    kept, auth_kept, left = (site.sign_in() for _ in range(3))
    journal = next((site.dir / "store/sessions").glob("journal.*"))
    before = journal.stat().st_size
    checks = 0
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        assert authorize(site, "/x", kept).status == 200
        assert auth(site, "/x", auth_kept).status == 204
        checks += 1
        time.sleep(0.02)
    assert authorize(site, "/x", left).status == 303
    # Clocks tick in seconds, so twice six touches at the most.
    assert checks > 20
    assert journal.stat().st_size - before < 14 * 400
