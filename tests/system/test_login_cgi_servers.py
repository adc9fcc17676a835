"""Plain CGI under lighttpd (mod_cgi) and Apache (mod_cgid), and copies that
Apache starts (mod_fcgid), give the answers that a login.fcgi of its own gives:
status, headers and body, but for tokens and times."""

import concurrent.futures
import contextlib
import fcntl
import pathlib
import re
import signal
import urllib.parse

import pytest

from conftest import wait_until
from hosted_site import HostedSite
from login_process import FORM, ORIGIN, PASSWORD, Login
from ws_raw import Wsd
from wsclient import Client

TOKEN = re.compile(r"v1\.[a-z0-9]{1,8}\.[\w-]{22}\.[\w-]{43}(~[\w-]+)*")
# What a web server says of itself, of the connection and of the body's framing.
ITS_OWN = {"date", "server", "connection", "keep-alive", "transfer-encoding",
           "content-length"}
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?")


CHUNKS = b"2710\r\n" + b"x" * 10000 + b"\r\n"
CHUNKS = 2 * CHUNKS + b"0\r\n\r\n"


def plain(answer):
    """Without what differs from one session to the next."""
    def same(text):
        for what, by in ((TOKEN, "TOKEN"), (TIME, "TIME"),
                         (re.compile(r"[\w-]{43}"), "MAC"),
                         (re.compile(r"\b[0-9a-f]{64}\b"), "ID")):
            text = what.sub(by, text)
        return text

    status, headers, body = answer
    return (status, sorted((n.lower(), same(v)) for n, v in headers
                           if n.lower() not in ITS_OWN), same(body.decode()))


class Visitor:
    """Keeps cookies, and the answers by what was asked."""

    def __init__(self, site):
        self.site, self.jar, self.answers, self.csrf = site, {}, {}, None

    def ask(self, what, method, target, fields=None, body=None,
            origin=ORIGIN):
        headers = [("Accept-Language", "en"), ("User-Agent", "Firefox/128.0")]
        if self.jar:
            headers.append(("Cookie", "; ".join(
                f"{n}={v}" for n, v in self.jar.items())))
        if fields is not None:
            body = urllib.parse.urlencode(
                {**fields, "csrf": self.csrf}).encode()
        if body is not None:
            headers += [("Content-Type", FORM), ("Origin", origin)]
        answer = self.site.ask(method, target, body, headers)
        for name, value in answer[1]:
            if name.lower() == "set-cookie":
                name, _, value = value.split(";")[0].partition("=")
                self.jar[name] = value
        found = re.search(rb'name="csrf"[^>]*value="([^"]*)"', answer[2])
        if found:
            self.csrf = found[1].decode()
        assert what not in self.answers
        self.answers[what] = plain(answer)
        return answer


def visit(site):
    v = Visitor(site)
    v.ask("page", "GET", "/login?next=/index%3Fa=1%26b=2")
    v.ask("head", "HEAD", "/login")
    v.ask("wrong", "POST", "/login", {"name": "alice", "password": "not it",
                                      "next": "/index"})
    v.ask("sign-in", "POST", "/login", {
        "name": "alice", "password": PASSWORD, "next": "/index?a=1&b=2"})
    for path in ("/session", "/", "/index", "/account", "/auth", "/nothing",
                 "/login/x.css", "/a//b", "/li%20x", "/login?-n", "/a%3Fb",
                 "/login%3fnext=/x", "/a%23b", "/a%2Fb", "/account/%3f"):
        v.ask(path, "GET", path)
    v.ask("method", "DELETE", "/login")
    v.ask("oversize", "POST", "/login", body=b"x" * 5000)
    v.ask("empty", "POST", "/login", body=b"")
    v.ask("no token", "POST", "/login", body=b"name=alice&password=x")
    v.ask("evil", "POST", "/login", {"name": "alice"}, origin="http://x.test")
    v.ask("/account again", "GET", "/account")  # for its token
    mistyped = {"current": PASSWORD, "new": "a new passphrase", "again": ""}
    v.ask("mistyped", "POST", "/account/password", mistyped)
    v.ask("password", "POST", "/account/password",
          {**mistyped, "again": "a new passphrase"})
    v.ask("/account?", "GET", "/account?done=password")
    v.ask("others", "POST", "/account/sessions/revoke", {"session": "others"})
    v.ask("/index again", "GET", "/index")
    v.ask("logout", "POST", "/logout", {})
    v.ask("stranger", "GET", "/index")
    v.ask("no session", "GET", "/session")
    return v.answers


EXPECTED = {"page": 200, "wrong": 401, "sign-in": 303, "/session": 200,
            "/index": 200, "/account": 200, "/nothing": 404, "oversize": 413,
            "/a%3Fb": 404, "/login%3fnext=/x": 404, "evil": 403,
            "mistyped": 422, "password": 303, "others": 303,
            "logout": 303, "stranger": 303, "no session": 401}


@pytest.fixture
def login():
    login = Login(login__workers=1, login__hash_slots=1)
    yield login
    login.stop()


def answers_of(server, way):
    with contextlib.ExitStack() as stack:
        login = Login(login__workers=1 if way == "fcgid" else 2)
        stack.callback(login.stop)
        if way == "host":
            login.start()
        site = stack.enter_context(HostedSite(server, login, way))
        assert (way == "host") == (login.process is not None)
        return visit(site)


@pytest.mark.parametrize("server, ways", [
    ("lighttpd", ["cgi"]), ("apache", ["cgi", "fcgid"])])
def test_same_answers(server, ways):
    fcgi = answers_of(server, "host")
    assert {k: fcgi[k][0] for k in EXPECTED} == EXPECTED
    for way in ways:
        others = answers_of(server, way)
        assert fcgi.keys() == others.keys()
        for what, answer in fcgi.items():
            assert others[what] == answer, (way, what)


def test_copies_share_hash_slots(login):
    """Copies that Apache starts hash one password at a time, if that is what
    is wanted, and another copy answers while a sign-in waits."""
    with HostedSite("apache", login, "fcgid") as site, \
            concurrent.futures.ThreadPoolExecutor(1) as pool, \
            open(login.store / "login.slots", "r+b") as slots:
        v = Visitor(site)
        v.ask("page", "GET", "/login")
        fcntl.lockf(slots, fcntl.LOCK_EX, 1)
        waiting = pool.submit(v.ask, "sign-in", "POST", "/login", {
            "name": "alice", "password": PASSWORD, "next": "/index"})
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting.result(0.5)
        assert site.ask("GET", "/session")[0] == 401
        fcntl.lockf(slots, fcntl.LOCK_UN, 1)
        assert waiting.result()[0] == 303


@pytest.mark.parametrize("server, way", [
    ("lighttpd", "cgi"), ("apache", "cgi"), ("apache", "fcgid")])
def test_what_is_beside_the_pages(server, way, login):
    """The live channel of who signs in there, static files, and bodies
    beyond every form."""
    with Wsd(has_store=False, set={"store.dir": login.store}) as wsd, \
            HostedSite(server, login, way, wsd_port=wsd.port) as site:
        v = Visitor(site)
        v.ask("page", "GET", "/login")
        v.ask("sign-in", "POST", "/login", {
            "name": "alice", "password": PASSWORD, "next": "/index"})
        with Client(f"ws://127.0.0.1:{site.port}/websocket", origin=ORIGIN,
                    cookie="gatecast=" + v.jar["gatecast"]) as ws:
            ws.expect("hello", user="alice")
            v.ask("index", "GET", "/index")
            assert v.ask("logout", "POST", "/logout", {})[0] == 303
            assert ws.closed() == 4401
        assert site.ask("GET", "/static/js/chat.js")[0] == 200
        # Of a length that the web server is told, and of one that it is not.
        big = [("Content-Type", FORM), ("Origin", ORIGIN)]
        assert site.ask("POST", "/login", b"x" * 100000, big)[0] == 413
        chunked = [*big, ("Transfer-Encoding", "chunked")]
        assert site.ask("POST", "/login", CHUNKS, chunked)[0] == 413
        # Whoever it is that says no.
        assert site.ask("POST", "/login", b"x" * 1000000, big)[0] == \
            (500 if way == "fcgid" else 413)
        assert site.ask("GET", "/login")[0] == 200


def copies(site):
    """The masters below Apache's process manager, and their workers."""
    found = set()
    for stat in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if str(site.login.conf).encode() in stat.read_bytes():
                found.add(int(stat.parent.name))
    return found


def test_restarted(login):
    """A graceful restart of Apache ends the copies and starts others, and
    its end leaves none."""
    with HostedSite("apache", login, "fcgid") as site:
        v = Visitor(site)
        v.ask("page", "GET", "/login")
        v.ask("sign-in", "POST", "/login", {
            "name": "alice", "password": PASSWORD, "next": "/index"})
        before = copies(site)
        assert len(before) >= 2
        site.web.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: not before & copies(site), 20, "the old copies")
        site.web.wait(lambda: site.ask("GET", "/login")[0] == 200)
        assert v.ask("session", "GET", "/session")[0] == 200
        assert copies(site)
    wait_until(lambda: not copies(site), 20, "no copies")
