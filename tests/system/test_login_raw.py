"""login.fcgi at its own sockets, without a web server: FastCGI and CGI as
they are spoken, and as they should not be."""

import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest

import fcgi_client as fcgi

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GATECAST_BUILD", ROOT / "build/asan"))
PROGRAM = BUILD / "login.fcgi"
TOOL = BUILD / "gatecast-tool"
PASSWORD = "correct horse battery"
ORIGIN = "http://chat.test"
FORM = "application/x-www-form-urlencoded"


def wait_for(check, timeout=10.0, what="it"):
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def resident(pid):
    """Pages of memory of a process; hashing a password shows in it."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])


class Login:
    """A login.fcgi with its stores, listening on a Unix socket."""

    def __init__(self, users=("alice",), init=True, **config):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gatecast-login-"))
        self.store = self.dir / "store"
        self.store.mkdir(mode=0o700)
        self.socket = str(self.dir / "login.sock")
        self.conf = self.dir / "gatecast.conf"
        self.process = None
        self.log_path = self.dir / "log"
        self.config = {"login.templates": ROOT / "www/templates",
                       "login.plain_http": "yes",
                       "login.argon2_memory_kib": 64,
                       "login.argon2_passes": 1, "login.workers": 2,
                       "store.dir": self.store, "log.audit": "yes",
                       "log.level": "info", "site.origins": ORIGIN}
        for key, value in config.items():
            self.config[key.replace("__", ".")] = value
        self.write_config()
        if init:
            self.tool("store", "init")
            for name in users:
                self.add_user(name)

    def write_config(self, extra=""):
        text = ""
        for key, value in self.config.items():
            section, _, name = key.partition(".")
            text += f"[{section}]\n{name} = {value}\n"
        self.conf.write_text(text + extra)

    def tool(self, *args, stdin=""):
        return subprocess.run([TOOL, "-c", self.conf, *args], input=stdin,
                              text=True, capture_output=True, check=True,
                              timeout=60)

    def add_user(self, name, password=PASSWORD):
        self.tool("user", "add", name, "--password-stdin", stdin=password)

    def start(self, *args, **popen):
        if not args:
            args = ("--listen", "unix:" + self.socket)
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [PROGRAM, "-c", self.conf, *args], stderr=log,
            stdin=popen.pop("stdin", subprocess.DEVNULL), **popen)
        log.close()
        wait_for(lambda: len(self.workers()) == self.config["login.workers"]
                 or self.process.poll() is not None, what="start")
        assert self.process.poll() is None, self.log()
        return self

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def workers(self):
        pid = self.process.pid
        try:
            text = pathlib.Path(
                f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            return []
        return [int(p) for p in text.split()]

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        code = self.process.returncode if self.process else 0
        log = self.log()
        shutil.rmtree(self.dir)
        assert "Sanitizer" not in log and "runtime error" not in log, log
        assert code == 0, log

    def ask(self, method, target, body=b"", cookie=None, timeout=10.0,
            drop=(), **params):
        """One request. Extra parameters replace; None or drop leaves out."""
        path, _, query = target.partition("?")
        all_params = {"REQUEST_METHOD": method, "SCRIPT_NAME": path,
                      "QUERY_STRING": query, "REQUEST_URI": target,
                      "HTTP_HOST": "chat.test", "REMOTE_ADDR": "192.0.2.7",
                      "SERVER_PROTOCOL": "HTTP/1.1"}
        if cookie:
            all_params["HTTP_COOKIE"] = cookie
        if method == "POST":
            all_params.update(CONTENT_TYPE=FORM, HTTP_ORIGIN=ORIGIN,
                              CONTENT_LENGTH=str(len(body)))
        all_params.update(params)
        all_params = {k: v for k, v in all_params.items()
                      if v is not None and k not in drop}
        return fcgi.send(self.socket, fcgi.request_bytes(all_params, body),
                         timeout)

    def form(self, target="/login", pre=None, **params):
        """A login form: (csrf field, pre-session cookie, answer)."""
        answer = self.ask("GET", target, cookie=pre, **params)
        assert answer.status == 200, answer.raw
        for name, (value, _) in answer.cookies().items():
            if name.endswith("gatecast-pre"):
                pre = f"{name}={value}"
        return answer.field("csrf"), pre, answer

    def post_login(self, name="alice", password=PASSWORD, next="/index",
                   csrf=None, cookie=None, body=None, **params):
        if csrf is None:
            csrf, cookie, _ = self.form()
        if body is None:
            body = urllib.parse.urlencode(
                {"name": name, "password": password, "next": next,
                 "csrf": csrf}).encode()
        return self.ask("POST", "/login", body, cookie, **params)

    def sign_in(self, name="alice", **params):
        """The session cookie."""
        answer = self.post_login(name, **params)
        assert answer.status == 303, answer.raw
        return "gatecast=" + answer.cookies()["gatecast"][0]


@pytest.fixture(scope="module")
def login():
    site = Login(users=("alice", "bob", "carol", "李雷")).start()
    yield site
    site.stop()


def make(request, **config):
    site = Login(**config)
    request.addfinalizer(site.stop)
    return site


def assert_protected(answer):
    csp = answer.get("Content-Security-Policy")
    assert csp.startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in csp and "unsafe" not in csp
    assert answer.get("X-Content-Type-Options") == "nosniff"
    assert answer.get("X-Frame-Options") == "DENY"
    assert answer.get("Referrer-Policy") == "same-origin"
    assert answer.get("Cache-Control") == "no-store"
    assert int(answer.get("Content-Length")) == len(answer.body)
    if answer.body:
        assert "charset=utf-8" in answer.get("Content-Type")


# --- signing in and out ---------------------------------------------------


def test_form(login):
    csrf, pre, answer = login.form("/login?next=/room%3Fa")
    assert_protected(answer)
    assert len(csrf) == 43 and answer.field("next") == "/room?a"
    assert "ws://chat.test wss://chat.test" in answer.get(
        "Content-Security-Policy")
    value, attributes = answer.cookies()["gatecast-pre"]
    assert value.startswith("v1.")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} == set(attributes)
    # Another tab: the same cookie, which is not set again.
    again, same, second = login.form(pre=pre)
    assert second.all("Set-Cookie") == [] and again == csrf and same == pre
    # A cookie that is not ours is replaced.
    _, fresh, third = login.form(pre="gatecast-pre=v1.x.y.z")
    assert "gatecast-pre" in third.cookies()


def test_round(login):
    answer = login.post_login(next="/room?a=b")
    assert answer.status == 303 and answer.get("Location") == "/room?a=b"
    assert_protected(answer)
    value, attributes = answer.cookies()["gatecast"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"} == set(
        attributes)
    cookie = "gatecast=" + value

    for path in ("/", "/index"):
        page = login.ask("GET", path, cookie=cookie)
        assert page.status == 200 and 'data-user="alice"' in page.text
        assert_protected(page)
    session = login.ask("GET", "/session", cookie=cookie)
    assert session.status == 200
    assert session.get("Content-Type").startswith("application/json")
    data = json.loads(session.body)
    assert data["user"] == "alice"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                        data["expires"])
    # Already signed in: on to where one wanted to go.
    answer = login.ask("GET", "/login?next=/room", cookie=cookie)
    assert answer.status == 303 and answer.get("Location") == "/room"

    body = urllib.parse.urlencode({"csrf": page.field("csrf")}).encode()
    answer = login.ask("POST", "/logout", body, cookie)
    assert answer.status == 303 and answer.get("Location") == "/login"
    value, attributes = answer.cookies()["gatecast"]
    assert value == "" and "Max-Age=0" in attributes
    answer = login.ask("GET", "/session", cookie=cookie)
    assert answer.status == 401
    assert json.loads(answer.body) == {"error": "no session",
                                       "login": "/login?next=/index"}
    # A dead session's logout is harmless.
    answer = login.ask("POST", "/logout", body, cookie)
    assert answer.status == 303 and answer.get("Location") == "/login"


def test_without_session(login):
    for path in ("/", "/index"):
        for cookie in (None, "gatecast=", "gatecast=v1.a.b.c",
                       "gatecast=x; gatecast=y"):
            answer = login.ask("GET", path, cookie=cookie)
            assert answer.status == 303
            assert answer.get("Location") == "/login?next=/index"
            assert_protected(answer)


def test_double_cookie(login):
    cookie = login.sign_in()
    assert login.ask("GET", "/session", cookie=cookie).status == 200
    twice = cookie + "; " + cookie
    assert login.ask("GET", "/session", cookie=twice).status == 401
    params = [("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", "/session"),
              ("HTTP_COOKIE", cookie), ("HTTP_COOKIE", cookie)]
    assert fcgi.send(login.socket,
                     fcgi.request_bytes(params)).status == 401


def test_wrong_one_wording(login):
    login.add_user("dave")
    login.tool("user", "lock", "dave")
    texts = set()
    for name, password in (("alice", "not it at all"), ("nobody", PASSWORD),
                           ("dave", PASSWORD), ("dave", "not it at all"),
                           ("alice", ""), ("alice", PASSWORD + "x"),
                           ("alice", PASSWORD + "\0"), ("", PASSWORD),
                           ("not a name!", PASSWORD), ("a" * 300, PASSWORD),
                           ("alice", "x" * 2000), ("\0", PASSWORD)):
        answer = login.post_login(name, password)
        assert answer.status == 401, (name, answer.raw)
        assert_protected(answer)
        assert "gatecast" not in answer.cookies()
        text = re.sub(r'value="[^"]*"', "", answer.text)
        texts.add(re.sub(r"\s+autofocus", "", text))
    assert len(texts) == 1
    log = login.log()
    for reason in ("wrong", "unknown", "locked"):
        assert f"event=login result=failed reason={reason}" in log


def test_same_cost(request):
    """Whether a user exists cannot be seen from the time."""
    site = make(request, login__argon2_memory_kib=8192,
                login__argon2_passes=2).start()
    csrf, pre, _ = site.form()
    times = {"alice": [], "nobody": [], "not a name!": []}
    for _ in range(15):
        for name, taken in times.items():
            start = time.monotonic()
            answer = site.post_login(name, "not it at all", csrf=csrf,
                                     cookie=pre)
            taken.append(time.monotonic() - start)
            assert answer.status == 401
    middle = {n: sorted(t)[len(t) // 2] for n, t in times.items()}
    assert max(middle.values()) < 1.5 * min(middle.values()), middle


def memory_holds(pid, needle):
    """Whether the bytes are in memory that a process can write to."""
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, mode = line.split()[:2]
            start, end = (int(at, 16) for at in span.split("-"))
            # What is larger is a sanitizer's and no buffer of ours.
            if "w" in mode and end - start <= 64 << 20:
                memory.seek(start)
                if needle in memory.read(end - start):
                    return True
    return False


def test_passwords_are_forgotten(request):
    site = make(request, login__workers=1).start()
    worker = site.workers()[0]
    for name, password, status in (
            ("alice", "neither-right-nor-kept", 401),
            ("nobody", "unknown-and-not-kept", 401),
            ("alice", PASSWORD, 303)):
        assert site.post_login(name, password).status == status
        assert site.ask("GET", "/session").status == 401  # all is tidied up
        assert not memory_holds(
            worker, urllib.parse.quote_plus(password).encode())
        assert not memory_holds(worker, password.encode())
    # What is not wiped is found.
    assert memory_holds(worker, str(site.store).encode())


def test_name_is_retyped_escaped(login):
    answer = login.post_login('"><script>alert(1)</script>', "wrong password")
    assert answer.status == 401 and "<script>alert" not in answer.text
    assert "&quot;&gt;&lt;script&gt;" in answer.text


def test_name_spellings(login):
    for name in ("李雷", "Alice", "ALICE"):
        answer = login.post_login(name)
        assert answer.status == 303, name
        cookie = "gatecast=" + answer.cookies()["gatecast"][0]
        user = json.loads(login.ask("GET", "/session",
                                    cookie=cookie).body)["user"]
        assert user == ("李雷" if name == "李雷" else "alice")


def test_new_session_each_time(login):
    first = login.sign_in()
    csrf, pre, _ = login.form()
    answer = login.post_login(csrf=csrf, cookie=f"{pre}; {first}")
    assert answer.status == 303
    second = "gatecast=" + answer.cookies()["gatecast"][0]
    assert second != first
    assert login.ask("GET", "/session", cookie=second).status == 200
    # The one that came along has ended.
    assert login.ask("GET", "/session", cookie=first).status == 401
    # Another browser's has not.
    third = login.sign_in()
    assert login.ask("GET", "/session", cookie=second).status == 200
    assert login.ask("GET", "/session", cookie=third).status == 200


@pytest.mark.parametrize("next,target", [
    ("/room", "/room"), ("/room/?q=%20", "/room/?q=%20"), ("/", "/"),
    ("", "/index"), ("room", "/index"), ("//evil.test", "/index"),
    ("///evil.test", "/index"), ("/\\evil.test", "/index"),
    ("\\/evil.test", "/index"), ("http://evil.test/", "/index"),
    ("https:evil.test", "/index"), ("javascript:alert(1)", "/index"),
    ("/a\r\nSet-Cookie: x=y", "/index"), ("/%0d%0aSet-Cookie:x=y", "/index"),
    ("/..", "/index"), ("/a/../b", "/index"), ("/%2e%2e/", "/index"),
    ("/%2fevil.test", "/index"), ("/%5cevil.test", "/index"),
    ("/\tevil", "/index"), ("/a\x00b", "/index"), ("/a\x7f", "/index"),
    ("/a#b", "/index"), ("/é", "/index"), ("/" + "a" * 600, "/index"),
    ("/login?next=/x", "/index"), ("/logout", "/index")])
def test_next(login, next, target):
    answer = login.post_login(next=next)
    assert answer.status == 303 and answer.get("Location") == target
    _, _, form = login.form(
        "/login?" + urllib.parse.urlencode({"next": next}))
    assert form.field("next") == target.replace("&", "&amp;")


def test_rehash(request):
    site = make(request, users=())
    site.add_user("alice")
    site.config["login.argon2_passes"] = 3
    site.write_config()
    site.start()
    site.sign_in()
    first = site.tool("store", "check").stdout
    site.sign_in()
    site.tool("store", "checkpoint")
    base = (site.store / "users/base.gdbm").read_bytes()
    assert b"t%3D3" in base or b"t=3" in base, first


# --- forms that are not ours ----------------------------------------------


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


@pytest.mark.parametrize("length,status", [
    (None, 303), ("", 303), ("-1", 303), ("+1", 400), ("abc", 400),
    ("-2", 400), ("0", 400), ("1", 400), ("4000", 400), ("1e3", 400)])
def test_content_length(login, length, status):
    assert login.post_login(CONTENT_LENGTH=length).status == status


# --- addresses and methods ------------------------------------------------


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
    assert answer.get("Location") == "/login?next=%2Fa%3Fb"
    value, attributes = answer.cookies()["lang"]
    assert value == "zh" and "Max-Age=31536000" in attributes
    answer = login.ask("GET", "/index?lang=en")
    assert answer.get("Location") == "/index"
    answer = login.ask("GET", "/login?lang=%0d%0aX:y")
    assert answer.status == 303 and answer.all("Set-Cookie") == []


# --- https ----------------------------------------------------------------


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


# --- FastCGI as it should not be ------------------------------------------


def test_missing_method(login):
    for drop in (("REQUEST_METHOD",),
                 ("SCRIPT_NAME", "REQUEST_URI", "REQUEST_METHOD"),
                 ("SCRIPT_NAME", "REQUEST_URI")):
        answer = login.ask("GET", "/login", drop=drop)
        assert answer.status == 400
        assert_protected(answer)
    assert fcgi.send(login.socket, fcgi.request_bytes({})).status == 400
    double = [("REQUEST_METHOD", "GET"), ("REQUEST_METHOD", "POST"),
              ("SCRIPT_NAME", "/login")]
    assert fcgi.send(login.socket, fcgi.request_bytes(double)).status == 400


def test_params_limits(login):
    answer = login.ask("GET", "/login", HTTP_X="x" * 60000)
    assert answer.status == 200
    for params in ({"HTTP_X": "x" * 70000},
                   {"HTTP_X": "x" * 5000000},
                   {f"HTTP_X{i}": "" for i in range(300)}):
        answer = login.ask("GET", "/login", **params)
        assert answer.status == 431
        assert_protected(answer)
    # A NUL would hide the rest of a value.
    answer = login.ask("GET", "/login", HTTP_ORIGIN=ORIGIN + "\0.evil.test")
    assert answer.status == 400
    lie = fcgi.begin() + fcgi.stream(fcgi.PARAMS, b"\xff\xff\xff\xff" * 2)
    assert fcgi.send(login.socket, lie).status == 400


def test_roles(login):
    params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login"}
    for role in (fcgi.AUTHORIZER, fcgi.FILTER):
        answer = fcgi.send(login.socket,
                           fcgi.request_bytes(params, role=role))
        assert answer.status == 403
        assert_protected(answer)
    assert fcgi.send(login.socket,
                     fcgi.request_bytes(params, role=9)) is None
    # A client's header cannot choose the role.
    answer = login.ask("GET", "/login", FCGI_ROLE="AUTHORIZER")
    assert answer.status == 200


def test_garbage(login):
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100,
                 fcgi.record(fcgi.STDIN, b"x"), b"\x01",
                 fcgi.begin() + fcgi.record(fcgi.ABORT)):
        with fcgi.connect(login.socket) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            assert fcgi.read_answer(s) is None
    assert login.ask("GET", "/login").status == 200


def test_pieces(login):
    """A request that comes byte by byte is a request."""
    data = fcgi.request_bytes({"REQUEST_METHOD": "GET",
                               "SCRIPT_NAME": "/login"})
    with fcgi.connect(login.socket) as s:
        for i in range(len(data)):
            s.sendall(data[i:i + 1])
        assert fcgi.read_answer(s).status == 200


def test_keep_connection_is_closed(login):
    """A kept connection would keep a worker: it is answered and closed."""
    with fcgi.connect(login.socket) as s:
        s.sendall(fcgi.request_bytes(
            {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login"}, flags=1))
        assert fcgi.read_answer(s).status == 200
        assert s.recv(1) == b""


def test_silent_peers(request):
    """Silent and dripping peers hold their worker no longer than allowed."""
    site = make(request, login__request_timeout_ms=700).start()
    half = fcgi.begin() + fcgi.record(fcgi.PARAMS, b"\x0e\x03REQ")
    start = time.monotonic()
    peers = [fcgi.connect(site.socket) for _ in range(4)]
    for peer in peers[:2]:
        peer.sendall(half)

    stop = threading.Event()

    def drip():
        try:
            while not stop.wait(0.05):
                peers[1].sendall(b"x")
        except OSError:
            pass

    thread = threading.Thread(target=drip)
    thread.start()
    answer = site.ask("GET", "/login")
    took = time.monotonic() - start
    stop.set()
    thread.join()
    # Two workers, two peers each before us.
    assert answer.status == 200 and 0.5 < took < 4
    for peer in peers:
        peer.close()
    assert "no complete request in time" in site.log()


def test_peer_that_does_not_read(request):
    """An answer nobody takes is given up. The peer's buffer is made full by
    never reading; a page is small, so the worker is free at once."""
    site = make(request, login__workers=1,
                login__request_timeout_ms=700).start()
    data = fcgi.request_bytes({"REQUEST_METHOD": "GET",
                               "SCRIPT_NAME": "/login"})
    peers = [fcgi.connect(site.socket) for _ in range(5)]
    for peer in peers:
        peer.sendall(data)
    assert site.ask("GET", "/login").status == 200
    for peer in peers:
        peer.close()
    assert site.ask("GET", "/login").status == 200


def test_many_at_once(login):
    cookie = login.sign_in()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(
            lambda _: login.ask("GET", "/session", cookie=cookie).status,
            range(200)))
    assert answers == [200] * 200


def test_hash_slots(request):
    """With one slot, a second password at the same time gets 503; checks of
    sessions go on."""
    site = make(request, login__workers=4, login__hash_slots=1,
                login__argon2_memory_kib=65536,
                login__argon2_passes=4).start()
    cookie = site.sign_in()
    csrf, pre, _ = site.form()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        logins = [pool.submit(site.post_login, "nobody", csrf=csrf,
                              cookie=pre) for _ in range(6)]
        start = time.monotonic()
        checks = 0
        while not all(f.done() for f in logins):
            assert site.ask("GET", "/session", cookie=cookie).status == 200
            checks += 1
        answers = [f.result() for f in logins]
    statuses = sorted(a.status for a in answers)
    assert statuses[0] == 401 and statuses[-1] == 503, statuses
    busy = next(a for a in answers if a.status == 503)
    assert busy.get("Retry-After") == "1" and busy.field("csrf")
    assert_protected(busy)
    assert checks > 0 and time.monotonic() > start
    # The slot is free again.
    site.sign_in()


# --- processes ------------------------------------------------------------


def test_killed_worker_is_replaced(request):
    site = make(request).start()
    for _ in range(3):
        before = set(site.workers())
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(site.workers()) == 2 and
                 victim not in site.workers(), what="a new worker")
        assert site.ask("GET", "/login").status == 200
    assert "was killed by signal 9" in site.log()


def test_killed_worker_gives_its_slot_back(request):
    site = make(request, login__workers=2, login__hash_slots=1,
                login__argon2_memory_kib=262144,
                login__argon2_passes=8).start()
    csrf, pre, _ = site.form()
    body = urllib.parse.urlencode(
        {"name": "nobody", "password": "x" * 10, "next": "/",
         "csrf": csrf}).encode()
    params = {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/login",
              "HTTP_HOST": "chat.test", "CONTENT_TYPE": FORM,
              "HTTP_COOKIE": pre}
    with fcgi.connect(site.socket) as s:
        s.sendall(fcgi.request_bytes(params, body))
        wait_for(lambda: any(resident(p) > 30000 for p in site.workers()),
                 what="the hashing")
        assert site.post_login(csrf=csrf, cookie=pre).status == 503
        for pid in site.workers():
            os.kill(pid, signal.SIGKILL)
        assert fcgi.read_answer(s) is None
    wait_for(lambda: len(site.workers()) == 2, what="new workers")
    assert site.post_login("nobody", csrf=csrf, cookie=pre,
                           timeout=60).status == 401


def test_master_killed(request):
    """Workers do not outlive their parent."""
    site = make(request).start()
    workers = site.workers()
    os.kill(site.process.pid, signal.SIGKILL)
    site.process.wait(10)
    wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in workers),
             what="the workers' end")
    # Its socket is a leftover, which the next one replaces.
    assert os.path.exists(site.socket)
    site.start()
    assert site.ask("GET", "/login").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop(request, number):
    site = make(request).start()
    workers = site.workers()
    with fcgi.connect(site.socket) as silent:
        silent.sendall(fcgi.begin())
        start = time.monotonic()
        site.process.send_signal(number)
        assert site.process.wait(10) == 0
        assert time.monotonic() - start < 5
    assert not any(os.path.exists(f"/proc/{p}") for p in workers)
    assert not os.path.exists(site.socket)


def test_stop_finishes_the_request(request):
    site = make(request, login__workers=1, login__argon2_memory_kib=131072,
                login__argon2_passes=4).start()
    csrf, pre, _ = site.form()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pending = pool.submit(site.post_login, csrf=csrf, cookie=pre,
                              timeout=30)
        pid = site.workers()[0]
        wait_for(lambda: resident(pid) > 20000, what="the hashing")
        site.process.terminate()
        assert pending.result().status == 303
    assert site.process.wait(10) == 0


def test_live_socket_is_not_taken(request):
    site = make(request).start()
    second = subprocess.run(
        [PROGRAM, "-c", site.conf, "--listen", "unix:" + site.socket],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
    assert second.returncode == 1 and "in use" in second.stderr
    assert site.ask("GET", "/login").status == 200
    plain = site.dir / "file"
    plain.write_text("precious")
    second = subprocess.run(
        [PROGRAM, "-c", site.conf, "--listen", f"unix:{plain}"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
    assert second.returncode == 1 and plain.read_text() == "precious"


def test_reload(request):
    site = make(request, login__plain_http="no").start()
    old = site.workers()
    assert site.ask("GET", "/login").status == 403
    # A bad file: everything stays.
    site.write_config("[login]\nnonsense = 1\n")
    site.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "the old one stays" in site.log(), what="the refusal")
    assert site.ask("GET", "/login").status == 403
    assert site.workers() == old
    assert re.search(r"gatecast\.conf:\d+: .*nonsense", site.log())
    # What needs a restart is named.
    site.config["login.plain_http"] = "yes"
    site.config["login.hash_slots"] = 1
    site.write_config()
    # A good one, while requests go on.
    site.process.send_signal(signal.SIGHUP)
    wait_for(lambda: site.ask("GET", "/login").status == 200,
             what="the new value")
    wait_for(lambda: len(site.workers()) == 2 and
             not set(old) & set(site.workers()), what="new workers")
    assert "needs a restart to change: login.hash_slots" in site.log()


def test_reload_of_bad_templates(request):
    site = make(request)
    templates = site.dir / "templates"
    shutil.copytree(ROOT / "www/templates", templates)
    site.config["login.templates"] = templates
    site.write_config()
    site.start()
    old = site.workers()
    page = templates / "login.html"
    good = page.read_text()
    page.write_text("{{nothing}}")
    site.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "the old one stays" in site.log(), what="the refusal")
    assert f"{page}:1: " in site.log() and site.workers() == old
    assert site.ask("GET", "/login").status == 200
    page.write_text(good.replace("<main", "<p>new look</p><main"))
    site.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "new look" in site.ask("GET", "/login").text,
             what="the new page")


def test_reload_drops_no_request(request):
    site = make(request).start()
    stop = threading.Event()
    bad = []

    def ask():
        while not stop.is_set():
            answer = site.ask("GET", "/login")
            if answer is None or answer.status != 200:
                bad.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(5):
        site.process.send_signal(signal.SIGHUP)
        wait_for(lambda: site.log().count("loaded again") == i + 1,
                 what="reload")
    stop.set()
    for t in threads:
        t.join()
    assert bad == []


@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes another user")
def test_reload_without_new_processes(request):
    """While no worker can be made, the old ones go on."""
    site = make(request)
    for path in [site.dir, *site.dir.rglob("*")]:
        os.chown(path, 54321, 54321)  # nobody else's, whose limit counts
    for path in (pathlib.Path(PROGRAM), ROOT / "www/templates/login.html"):
        if any(p.stat().st_mode & 0o001 == 0 for p in path.parents):
            pytest.skip(f"{path} is not for other users")
    site.start(user=54321, group=54321, extra_groups=[],
               # A leak check would be one process more.
               env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
               preexec_fn=lambda: resource.setrlimit(
                   resource.RLIMIT_NPROC, (3, 3)))  # they and the master
    old = site.workers()
    site.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "fork" in site.log(), what="a fork that fails")
    for _ in range(10):
        assert site.ask("GET", "/login").status == 200
    assert site.workers() == old
    os.kill(old[0], signal.SIGKILL)
    wait_for(lambda: len(site.workers()) == len(old)
             and not set(site.workers()) & set(old), what="new workers")
    assert site.ask("GET", "/login").status == 200


# --- how it is started ----------------------------------------------------


def listening(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(16)
    return s


def test_descriptor_0(request):
    site = make(request)
    with listening(site.socket) as s:
        site.start("-c", site.conf, stdin=s)
    assert site.ask("GET", "/login").status == 200
    site.process.terminate()
    assert site.process.wait(10) == 0
    # Not ours to remove.
    assert os.path.exists(site.socket)


def test_systemd_socket(request):
    site = make(request)
    with listening(site.socket) as s:
        fd = s.fileno()
        code = ("import os,sys\nos.dup2(%d, 3)\nos.set_inheritable(3, True)\n"
                "os.environ['LISTEN_FDS']='1'\n"
                "os.environ['LISTEN_PID']=str(os.getpid())\n"
                "os.execv(sys.argv[1], sys.argv[1:])" % fd)
        log = open(site.log_path, "ab")
        site.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", code, str(PROGRAM), "-c",
             str(site.conf)], stderr=log, stdin=subprocess.DEVNULL,
            pass_fds=(fd,))
        log.close()
    wait_for(lambda: len(site.workers()) == 2, what="start")
    assert site.ask("GET", "/login").status == 200


def test_tcp(request):
    site = make(request)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    site.start("--listen", f"127.0.0.1:{port}")
    answer = fcgi.send(("127.0.0.1", port), fcgi.request_bytes(
        {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login"}))
    assert answer.status == 200
    # Cut off in the middle of a large body, the answer still arrives.
    answer = fcgi.send(("127.0.0.1", port), fcgi.request_bytes(
        {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/login",
         "CONTENT_TYPE": FORM}, b"x" * 300000))
    assert answer.status == 413


def run(site, *args, env=None, stdin=b"", argv=None):
    return subprocess.run(
        argv or [PROGRAM, "-c", site.conf, *args], input=stdin,
        capture_output=True, timeout=30, env=env)


def test_options(request):
    site = make(request, init=False)
    done = run(site, "-n")
    assert done.returncode == 0 and done.stderr == b""
    assert run(site, "-h").stdout.startswith(b"usage: login.fcgi")
    assert re.match(rb"login\.fcgi \d", run(site, "-V").stdout)
    assert run(site, "--nonsense").returncode == 2
    assert run(site, "extra").returncode == 2
    # Nothing to listen on.
    done = run(site)
    assert done.returncode == 1 and b"nothing to listen on" in done.stderr
    site.write_config("[login]\nnonsense = 1\n")
    done = run(site, "-n")
    assert done.returncode == 1
    assert re.search(rb"gatecast\.conf:\d+: ", done.stderr)


def test_bad_templates(request):
    site = make(request, init=False)
    templates = site.dir / "templates"
    shutil.copytree(ROOT / "www/templates", templates)
    site.config["login.templates"] = templates
    site.write_config()
    assert run(site, "-n").returncode == 0
    page = templates / "login.html"
    good = page.read_text()
    lines = good.count("\n")
    page.write_text(good + "{{user}}\n")
    done = run(site, "-n")
    assert done.returncode == 1
    assert f"{page}:{lines + 1}: ".encode() in done.stderr
    page.write_text(good)
    with open(templates / "phrases.zh", "a") as f:
        f.write("surplus = x\n")
    done = run(site, "-n")
    assert done.returncode == 1 and b"surplus" in done.stderr


# --- CGI ------------------------------------------------------------------


def cgi(site, method, path, body=b"", stdin=None, args=(), **env):
    all_env = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method,
               "SCRIPT_NAME": path, "HTTP_HOST": "chat.test",
               "REMOTE_ADDR": "192.0.2.7", "GATECAST_CONF": str(site.conf)}
    if method == "POST":
        all_env.update(CONTENT_TYPE=FORM, HTTP_ORIGIN=ORIGIN,
                       CONTENT_LENGTH=str(len(body)))
    all_env.update(env)
    for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if key in os.environ:
            all_env[key] = os.environ[key]
    done = subprocess.run([PROGRAM, *args], input=body, env=all_env,
                          capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert b"Sanitizer" not in done.stderr
    return fcgi.Answer(done.stdout)


def test_cgi(request):
    site = make(request)
    answer = cgi(site, "GET", "/login")
    assert answer.status == 200
    assert_protected(answer)
    jar = "gatecast-pre=" + answer.cookies()["gatecast-pre"][0]
    body = urllib.parse.urlencode(
        {"name": "alice", "password": PASSWORD, "next": "/index",
         "csrf": answer.field("csrf")}).encode()
    answer = cgi(site, "POST", "/login", body, HTTP_COOKIE=jar)
    assert answer.status == 303
    jar = "gatecast=" + answer.cookies()["gatecast"][0]
    answer = cgi(site, "GET", "/session", HTTP_COOKIE=jar)
    assert json.loads(answer.body)["user"] == "alice"
    # Announced and never sent; a lie; too much; no method.
    assert cgi(site, "POST", "/login", body,
               CONTENT_LENGTH=str(len(body) + 5)).status == 400
    assert cgi(site, "POST", "/login", b"x" * 5000).status == 413
    assert cgi(site, "", "/login").status == 400
    assert cgi(site, "POST", "/login", b"", CONTENT_LENGTH="-1",
               HTTP_COOKIE=jar).status == 400


def test_cgi_takes_no_arguments(request):
    """A query without '=' arrives as arguments with some servers."""
    site = make(request)
    for argument in ("-n", "-V", "--listen", "-c/dev/null"):
        answer = cgi(site, "GET", "/login", args=(argument,),
                     QUERY_STRING=argument)
        assert answer.status == 200


def test_cgi_silent_body(request):
    """A server that announces a body and sends none is not waited for."""
    site = make(request, login__request_timeout_ms=300)
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST",
           "SCRIPT_NAME": "/login", "CONTENT_LENGTH": "10",
           "CONTENT_TYPE": FORM, "GATECAST_CONF": str(site.conf)}
    start = time.monotonic()
    process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=env)
    answer = fcgi.Answer(process.stdout.read())
    process.stdin.close()
    process.stdout.close()
    assert process.wait(10) == 0 and time.monotonic() - start < 5
    assert answer.status == 400


# --- the store ------------------------------------------------------------


def assert_unavailable(site):
    answer = site.ask("GET", "/login")
    assert answer.status == 503 and answer.get("Retry-After")
    assert_protected(answer)
    answer = site.ask("GET", "/session", cookie="gatecast=v1.k.i.m")
    assert answer.status == 503
    assert json.loads(answer.body)["error"] == "store unavailable"
    assert answer.get("Retry-After")


def test_missing_store(request):
    site = make(request, init=False).start()
    assert_unavailable(site)
    assert str(site.store) in site.log()
    # It comes while we run: no restart is needed.
    site.tool("store", "init")
    site.add_user("alice")
    site.sign_in()


def test_lost_users(request):
    site = make(request)
    hidden = site.store / "hidden"
    (site.store / "users").rename(hidden)
    site.start()
    csrf, pre, _ = site.form()
    answer = site.post_login(csrf=csrf, cookie=pre)
    assert answer.status == 503
    assert_protected(answer)
    hidden.rename(site.store / "users")
    assert site.post_login(csrf=csrf, cookie=pre).status == 303


def test_corrupt_store(request):
    site = make(request)
    base = site.store / "sessions/base.gdbm"
    good = base.read_bytes()
    base.write_bytes(b"not a database" * 100)
    site.start()
    assert_unavailable(site)
    assert "sessions:" in site.log() and "base.gdbm" in site.log()
    base.write_bytes(good)
    site.sign_in()


def test_store_is_shared_between_workers(request):
    """A session is valid at every worker at once, and its end too."""
    site = make(request, login__workers=4).start()
    for _ in range(5):
        cookie = site.sign_in()
        for _ in range(12):
            assert site.ask("GET", "/session",
                            cookie=cookie).status == 200
        site.tool("session", "revoke", "--user", "alice")
        for _ in range(12):
            assert site.ask("GET", "/session",
                            cookie=cookie).status == 401
