"""Signing in and out of login.fcgi without a web server."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.parse

import pytest

import fcgi_client as fcgi
from conftest import wait_until
from login_process import (PASSWORD, TOOL, assert_protected, make, resident,
                           several_users, writing)

login = pytest.fixture(several_users, scope="module")


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


def test_the_same_bytes(login):
    """Unknown, wrong and locked: but for the token, and the name that was
    typed, with its length. The times are tests/bench/login_timing's."""
    login.add_user("erwin")
    login.tool("user", "lock", "erwin")
    csrf, pre, _ = login.form()
    answers = set()
    for name, password in (("alice", "not it"), ("erwin", PASSWORD),
                           ("nobod", PASSWORD), ("erwin", "not it")):
        raw = login.post_login(name, password, csrf=csrf, cookie=pre).raw
        assert raw.count(name.encode()) == 1
        answers.add(raw.replace(name.encode(), b"NAME").replace(
            csrf.encode(), b"CSRF"))
    assert len(answers) == 1


def test_why_is_logged(login):
    login.add_user("emil")
    login.tool("user", "lock", "emil")
    for name, password in (("alice", "no"), ("nobody", "no"),
                           ("emil", PASSWORD)):
        assert login.post_login(name, password).status == 401
    log = login.log()
    for reason in ("wrong", "unknown", "locked"):
        assert f"event=login result=failed reason={reason}" in log
    # What is no account's name may be a password in the wrong field.
    assert "reason=unknown address=" in log and "nobody" not in log
    assert "reason=wrong user=alice address=" in log


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


def test_default_cost(request):
    """What stands in the users' file where nothing is configured."""
    site = make(request, users=())
    del site.config["login.argon2_memory_kib"]
    del site.config["login.argon2_passes"]
    site.write_config()
    site.add_user("alice")
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in \
        site.tool("user", "export").stdout
    site.start().sign_in()


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


def test_rehash_leaves_a_new_password_alone(request):
    """It was set while the old one's hash was made anew."""
    site = make(request, login__workers=1)
    cheap = site.dir / "cheap.conf"
    cheap.write_text(site.conf.read_text())
    site.config.update({"login.argon2_memory_kib": 131072,
                        "login.argon2_passes": 10})
    site.write_config()
    site.start()
    (worker,) = site.workers()
    before = resident(worker)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(site.post_login)
        wait_until(lambda: resident(worker) - before > 8192, what="the hash")
        os.kill(worker, signal.SIGSTOP)
        try:
            subprocess.run(
                [TOOL, "-c", cheap, "user", "passwd", "alice",
                 "--password-stdin"], input="another passphrase", text=True,
                check=True, capture_output=True, timeout=60)
        finally:
            os.kill(worker, signal.SIGCONT)
        assert answer.result().status == 401
    assert "$m=64,t=1," in site.tool("user", "export").stdout


def test_rehash_is_no_fault(request):
    """While somebody else writes, a later sign-in is to do it."""
    site = make(request, users=(), store__lock_wait_ms=100)
    site.add_user("alice")
    site.config["login.argon2_passes"] = 3
    site.write_config()
    site.start()
    with writing(site.store / "users"):
        assert site.post_login().status == 503
    assert "error: users: login:" in site.log()
    assert "rehash" not in site.log()
