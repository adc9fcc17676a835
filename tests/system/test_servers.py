"""Gatecast's own host behind each of the three web servers, with the files of
scripts/deploy as they are: what a web server could spoil. Everything else is
tested behind lighttpd, and with GATECAST_SERVER behind the others."""

import os
import signal

import pytest
import requests

from conftest import SERVERS, Site
from login_browser import Browser, attributes
from wsclient import Closed, Refused, connect

CSP = "Content-Security-Policy"


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    s = Site(server=request.param, set={
        "wsd.user_rate": 0, "wsd.leave_grace_s": 0, "wsd.slow_bytes": 131072,
        "wsd.slow_s": 60, "wsd.message_bytes": 16384})
    try:
        yield s.start()
    finally:
        s.close()


def test_sign_in_and_out(server):
    with Browser(server) as b:
        assert 'value="/index?a=1&amp;b=2"' in \
            b.get("/login?next=/index%3Fa=1%26b=2").body
        answer = b.login("alice", fields={"next": "/index?a=1&b=2"})
        assert answer.status == 303
        assert answer.headers["location"] == "/index?a=1&b=2"
        a = attributes(answer.cookies["gatecast"])
        assert a["path"] == "Path=/" and a["samesite"] == "SameSite=Lax"
        assert "httponly" in a and "secure" not in a and "domain" not in a
        for path in ("/", "/index"):
            assert 'data-user="alice"' in b.get(path).body
        assert "password" in b.get("/account").body
        # Who is signed in, and at what address: what the server passes on.
        devices = server.gatecast("session", "list", "alice").stdout
        assert "127.0.0.1" in devices
    assert server.try_login("alice", "wrong password").status_code == 401


def test_headers_on_every_answer(server):
    many = {"data": b"x" * 5000, "method": "POST"}
    for path, status, options in (
            ("/login", 200, {}), ("/session", 401, {}), ("/index", 303, {}),
            ("/nothing", 404, {}), ("/a%2Fb", 404, {}), ("/a/../b", 404, {}),
            ("/login/x.css", 404, {}), ("/login?next=//x", 200, {}),
            ("/login", 405, {"method": "DELETE"}), ("/login", 413, many)):
        answer = requests.request(
            url=server.url + path, timeout=30, allow_redirects=False,
            **{"method": "GET", **options})
        assert answer.status_code == status, (path, answer.text)
        assert "default-src 'none'" in answer.headers[CSP], path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "no-store" in answer.headers["Cache-Control"], path


def test_body_beyond_every_form(server):
    """The web server itself says no, and login.fcgi is there afterwards."""
    answer = requests.post(server.url + "/login", timeout=30,
                           data=b"x" * 1000000)
    assert answer.status_code == 413
    assert server.get("/login").status_code == 200


def test_static_files(server):
    answer = server.get("/static/js/chat.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in answer.headers["Cache-Control"]
    assert server.get("/static/js/chat.js", headers={
        "If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert server.get("/static/css/gatecast.css").headers["Content-Type"] == \
        "text/css; charset=utf-8"
    for path in ("/static/", "/static/%2e%2e/templates/login.html",
                 "/static/nothing.js"):
        assert server.get(path).status_code in (400, 403, 404), path


def test_resume(server):
    cookie = server.cookie("alice")
    with connect(server, cookie=cookie) as a, connect(server, "bob") as b:
        hello = a.expect("hello", user="alice", resumed=False)
        b.expect("hello")
        b.say("你好 & <before>")
        cursor = a.expect("message", text="你好 & <before>")["seq"]
        a.sock.close()
        b.say("missed")
        with connect(server, cookie=cookie,
                     since=f"{hello['epoch']}-{cursor}") as again:
            again.expect("hello", resumed=True, seq=cursor)
            again.expect("message", text="missed")
            b.say("live")
            again.expect("message", text="live")


def test_refused_before_the_upgrade(server):
    for options, status in (({"cookie": "gatecast=x"}, 401),
                            ({"origin": "http://evil.test"}, 403)):
        options.setdefault("cookie", server.cookie("alice"))
        with pytest.raises(Refused) as e:
            connect(server, **options)
        assert e.value.status == status and e.value.body
    assert server.get("/websocket").status_code == 426


def test_logout_closes_the_connection(server):
    with Browser(server) as b:
        cookie = "gatecast=" + b.login("bob").value("gatecast")
        with connect(server, cookie=cookie) as ws:
            ws.expect("hello", user="bob")
            assert b.logout().status == 303
            assert ws.closed() == 4401
        assert b.get("/session").status == 401


def test_oversize(server):
    with connect(server, "alice") as ws:
        ws.expect("hello")
        ws.say("x" * 16384)
        ws.expect("message", text="x" * 16384)
        ws.send("z" * 200000)
        assert ws.closed() == 1009


def test_slow_reader(server):
    """What one does not read is held by nobody: it is put out, and the others
    have everything."""
    with connect(server, "bob") as slow, connect(server, "alice") as a:
        slow.expect("hello")
        a.expect("hello")
        has_left = False
        for i in range(1500):
            text = f"{i} {'x' * 16000}"
            a.say(text)
            got = None
            while got != text:
                e = a.event()
                has_left = has_left or e["type"] == "leave"
                got = e.get("text")
        if not has_left:
            a.expect("leave", user="bob")
        heard = 0
        with pytest.raises((Closed, ConnectionError)) as e:
            while True:
                slow.recv()
                heard += 1
        assert heard < 750
        if e.type is Closed:
            assert e.value.code in (4408, None)


def test_killed_and_reloaded(server):
    """A web server that dies is there again, and takes a new configuration."""
    cookie = server.cookie("alice")
    pid = server.kill("web")
    assert server.get("/session",
                      headers={"Cookie": cookie}).status_code == 200
    os.kill(pid, signal.SIGHUP)
    server.wait_answering()
    with connect(server, cookie=cookie) as ws:
        ws.expect("hello", user="alice")
