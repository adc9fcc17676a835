"""Requests to login.fcgi that are not what its pages send: forms that are not
ours, other addresses and methods, and https."""

import urllib.parse

import pytest

from login_process import PASSWORD, assert_protected, make, several_users

login = pytest.fixture(several_users, scope="module")


def test_csrf(login):
    csrf, pre, _ = login.form()
    other, other_pre, _ = login.form()
    assert csrf != other
    cookie = login.sign_in()
    for field, jar in ((csrf, None), (csrf, other_pre), ("", pre),
                       (csrf[:-1], pre), (csrf + "A", pre),
                       (csrf, "gatecast-pre=" + cookie[9:]),
                       (pre.split("=")[1], pre)):
        answer = login.post_login("alice", csrf=field, cookie=jar)
        assert answer.status == 403, (field, jar)
        assert_protected(answer)
        # The form again, with the name, ready to be sent.
        assert answer.field("name") == "alice"
        assert answer.field("csrf") and "gatecast" not in answer.cookies()
        jars = answer.cookies()
        jar = ("gatecast-pre=" + jars["gatecast-pre"][0]
               if "gatecast-pre" in jars else jar)
        assert login.post_login(csrf=answer.field("csrf"),
                                cookie=jar).status == 303
    assert "event=refuse path=/login reason=csrf" in login.log()


@pytest.mark.parametrize("params,ok", [
    ({}, True), ({"HTTP_ORIGIN": None}, True),
    ({"HTTP_SEC_FETCH_SITE": "same-origin"}, True),
    ({"HTTP_ORIGIN": None, "HTTP_SEC_FETCH_SITE": "same-origin"}, True),
    ({"HTTP_SEC_FETCH_SITE": "cross-site"}, False),
    ({"HTTP_ORIGIN": "null"}, False), ({"HTTP_ORIGIN": ""}, False),
    ({"HTTP_ORIGIN": "http://evil.test"}, False),
    ({"HTTP_ORIGIN": "https://chat.test"}, False),
    ({"HTTP_ORIGIN": "http://chat.test.evil.test"}, False),
    ({"HTTP_ORIGIN": "http://evil.test",
      "HTTP_SEC_FETCH_SITE": "same-origin"}, False),
    ({"HTTP_HOST": "evil.test", "HTTP_ORIGIN": "http://evil.test"}, False)])
def test_source(login, params, ok):
    answer = login.post_login(**params)
    assert answer.status == (303 if ok else 403)
    cookie = login.sign_in()
    field = login.ask("GET", "/", cookie=cookie).field("csrf")
    body = urllib.parse.urlencode({"csrf": field}).encode()
    answer = login.ask("POST", "/logout", body, cookie, **params)
    assert answer.status == (303 if ok else 403)
    after = login.ask("GET", "/session", cookie=cookie).status
    assert after == (401 if ok else 200)


def test_logout_needs_its_own_csrf(login):
    first, second = login.sign_in(), login.sign_in("bob")
    csrf, pre, _ = login.form()
    other = login.ask("GET", "/", cookie=second).field("csrf")
    for field in ("", csrf, other):
        body = urllib.parse.urlencode({"csrf": field}).encode()
        answer = login.ask("POST", "/logout", body, f"{first}; {pre}")
        assert answer.status == 403
    assert login.ask("POST", "/logout", b"", first).status == 400
    assert login.ask("GET", "/session", cookie=first).status == 200


def test_logout_without_the_cookie_takes_none_back(login):
    """What a browser sends for a form on a foreign page, if it is too old to
    say where that came from."""
    answer = login.ask("POST", "/logout", b"csrf=x", HTTP_ORIGIN=None)
    assert answer.status == 303
    assert answer.cookies() == {}


@pytest.mark.parametrize("change", [
    lambda b: b"", lambda b: b + b"&x=1", lambda b: b + b"&name=alice",
    lambda b: b + b"&password=x", lambda b: b + b"&csrf=x",
    lambda b: b + b"&next=/x", lambda b: b.replace(b"name=", b"user="),
    lambda b: b.replace(b"&csrf", b"&CSRF"), lambda b: b + b"%",
    lambda b: b.replace(b"next=", b"nex=")])
def test_bad_fields(login, change):
    csrf, pre, _ = login.form()
    body = change(urllib.parse.urlencode(
        {"name": "alice", "password": PASSWORD, "next": "/index",
         "csrf": csrf}).encode())
    answer = login.post_login(csrf=csrf, cookie=pre, body=body)
    assert answer.status == 400
    assert_protected(answer)


def test_query_is_no_body(login):
    csrf, pre, _ = login.form()
    query = urllib.parse.urlencode(
        {"name": "alice", "password": PASSWORD, "next": "/", "csrf": csrf})
    answer = login.ask("POST", "/login?" + query, b"", pre)
    assert answer.status == 400
    assert login.ask("GET", "/login?" + query, cookie=pre).status == 200


def test_body_limit(login):
    csrf, pre, _ = login.form()
    body = urllib.parse.urlencode(
        {"name": "alice", "next": "/index", "csrf": csrf}).encode()
    body += b"&password="
    fits = body + b"x" * (4096 - len(body))
    assert login.post_login(csrf=csrf, cookie=pre,
                            body=fits).status == 401
    for more in (1, 4096, 1000000):
        answer = login.post_login(csrf=csrf, cookie=pre,
                                  body=fits + b"x" * more)
        assert answer.status == 413
        assert_protected(answer)
    # Said to be large, without being sent.
    answer = login.post_login(csrf=csrf, cookie=pre, body=body,
                              CONTENT_LENGTH="99999999999")
    assert answer.status == 413


@pytest.mark.parametrize("kind", [
    None, "", "text/plain", "multipart/form-data; boundary=x",
    "application/json", "application/x-www-form-urlencodedx"])
def test_type(login, kind):
    assert login.post_login(CONTENT_TYPE=kind).status == 415


def test_routes(login):
    for path in ("/nothing", "/login/", "//login", "/Login", "/index.html",
                 "/login%2f", "/../login", "/static/x"):
        answer = login.ask("GET", path)
        assert answer.status == 404, path
        assert_protected(answer)
    for method, path, allow in (
            ("GET", "/logout", "POST"), ("DELETE", "/login",
                                         "GET, HEAD, POST"),
            ("POST", "/index", "GET, HEAD"), ("POST", "/", "GET, HEAD"),
            ("PUT", "/session", "GET, HEAD"), ("get", "/", "GET, HEAD"),
            ("OPTIONS", "/login", "GET, HEAD, POST")):
        answer = login.ask(method, path)
        assert answer.status == 405 and answer.get("Allow") == allow
        assert_protected(answer)


def test_mount_points(login):
    for script, info in (("", "/login"), ("/", "/login"), ("/login", ""),
                         ("/cgi-bin/login.fcgi", "/login")):
        answer = login.ask("GET", "/x", SCRIPT_NAME=script, PATH_INFO=info)
        assert answer.status == 200 and answer.field("csrf"), (script, info)
    answer = login.ask("GET", "/login?next=/r", drop=("SCRIPT_NAME",))
    assert answer.status == 200


def test_head(login):
    cookie = login.sign_in()
    for path in ("/login", "/", "/session", "/nothing"):
        get = login.ask("GET", path, cookie=cookie)
        head = login.ask("HEAD", path, cookie=cookie)
        assert head.status == get.status and head.body == b""
        assert head.get("Content-Length") == get.get("Content-Length")


def test_languages(login):
    chinese = "登录"
    for params, is_chinese in (
            ({}, False), ({"HTTP_ACCEPT_LANGUAGE": "zh-CN,zh;q=0.9"}, True),
            ({"HTTP_ACCEPT_LANGUAGE": "en;q=0.1,zh;q=0.9"}, True),
            ({"HTTP_ACCEPT_LANGUAGE": "fr"}, False),
            ({"HTTP_COOKIE": "lang=zh"}, True),
            ({"HTTP_COOKIE": "lang=en",
              "HTTP_ACCEPT_LANGUAGE": "zh"}, False),
            ({"HTTP_COOKIE": "lang=xx",
              "HTTP_ACCEPT_LANGUAGE": "zh"}, True)):
        page = login.ask("GET", "/login", **params)
        assert (chinese in page.text.partition("<form")[0]) == is_chinese
    answer = login.ask("GET", "/login?next=/a%3Fb&lang=zh")
    assert answer.status == 303
    assert answer.get("Location") == "/login?next=/a%3Fb"
    value, attributes = answer.cookies()["lang"]
    assert value == "zh" and "Max-Age=31536000" in attributes
    answer = login.ask("GET", "/index?lang=en")
    assert answer.get("Location") == "/index"
    answer = login.ask("GET", "/login?lang=%0d%0aX:y")
    assert answer.status == 303 and answer.all("Set-Cookie") == []


def test_https(login):
    for params in ({"HTTPS": "on"}, {"REQUEST_SCHEME": "https"},
                   {"REMOTE_ADDR": "unix:",
                    "HTTP_X_FORWARDED_PROTO": "https"}):
        csrf, pre, answer = login.form(**params)
        name, (_, attributes), = next(iter(answer.cookies().items()))
        assert name == "__Host-gatecast-pre" and "Secure" in attributes
        answer = login.post_login(csrf=csrf, cookie=pre, **params)
        assert answer.status == 303
        value, attributes = answer.cookies()["__Host-gatecast"]
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(
            attributes)
        assert not any(a.startswith("Domain") for a in attributes)
        good = "__Host-gatecast=" + value
        assert login.ask("GET", "/session", cookie=good,
                         **params).status == 200
        # Over https the plain name is never accepted, nor the other way.
        plain = "gatecast=" + value
        assert login.ask("GET", "/session", cookie=plain,
                         **params).status == 401
        assert login.ask("GET", "/session", cookie=good).status == 401
    # A stranger's claim of https is not believed.
    _, _, answer = login.form(HTTP_X_FORWARDED_PROTO="https")
    assert "gatecast-pre" in answer.cookies()


def test_plain_http_refused(request):
    site = make(request, login__plain_http="no").start()
    answer = site.ask("GET", "/login")
    assert answer.status == 403 and "https" in answer.text
    assert_protected(answer)
    csrf, pre, _ = site.form(HTTPS="on")
    answer = site.post_login(csrf=csrf, cookie=pre)
    assert answer.status == 403 and answer.all("Set-Cookie") == []
    answer = site.post_login(csrf=csrf, cookie=pre, HTTPS="on")
    assert answer.status == 303
    plain = "gatecast=" + answer.cookies()["__Host-gatecast"][0]
    assert site.ask("GET", "/session", cookie=plain).status == 401
    assert site.ask("GET", "/", cookie=plain).status == 303
