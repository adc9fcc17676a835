"""The account page: one's sessions, and a new password."""

import html
import json
import re
import urllib.parse

import pytest

from login_process import PASSWORD, assert_protected, make, several_users
from wsclient import connect

NEW = "another good passphrase"
FIREFOX = ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
           "Firefox/128.0")
PHONE = ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
         "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
         "Mobile/15E148 Safari/604.1")

login = pytest.fixture(several_users, scope="module")


def page(site, cookie, path="/account", **params):
    answer = site.ask("GET", path, cookie=cookie, **params)
    assert answer.status == 200, answer.raw
    assert_protected(answer)
    return answer


def rows(answer):
    return re.findall(r"<li\b.*?</li>", answer.text, re.S)


def post(site, path, cookie, csrf=None, **fields):
    params = {k: fields.pop(k) for k in list(fields) if k.isupper()}
    if csrf is None:
        csrf = page(site, cookie).field("csrf")
    body = urllib.parse.urlencode({"csrf": csrf, **fields}).encode()
    return site.ask("POST", path, body, cookie, **params)


def change(site, cookie, current=PASSWORD, new=NEW, again=None, **more):
    return post(site, "/account/password", cookie, current=current, new=new,
                again=new if again is None else again, **more)


def revoke(site, cookie, session, **more):
    return post(site, "/account/sessions/revoke", cookie, session=session,
                **more)


def is_alive(site, cookie):
    return site.ask("GET", "/session", cookie=cookie).status == 200


def audit(site, event, since=0):
    return [line for line in site.log()[since:].splitlines()
            if f"audit event={event} " in line]


def test_signed_out(login):
    for path in "/account", "/account?lang=zh":
        assert login.ask("GET", path).status == 303
    assert login.ask("GET", "/account").get("Location") == \
        "/login?next=/account"
    answer = login.ask("POST", "/account/password", b"csrf=x")
    assert answer.get("Location") == "/login?next=/account"
    assert login.ask("GET", "/account/password").status == 405
    # And back to it.
    answer = login.post_login(next="/account")
    assert answer.get("Location") == "/account"


def test_the_list(login):
    login.add_user("erin")
    first = login.sign_in("erin", HTTP_USER_AGENT=FIREFOX)
    second = login.sign_in("erin", HTTP_USER_AGENT=PHONE,
                           REMOTE_ADDR="2001:db8::7")
    evil = login.sign_in("erin", HTTP_USER_AGENT="<script>alert(1)</script>"
                         + "x" * 3000)
    answer = page(login, first)
    mine, *others = rows(answer)
    assert len(others) == 2
    assert "Firefox 128 · Linux" in mine and "this one" in mine
    assert "192.0.2.7" in mine and "<form" not in mine
    both = "".join(others)
    assert "Safari 17 · iPhone" in both and "2001:db8::7" in both
    assert "An unknown program" in both and "<script" not in both
    assert "this one" not in both and both.count("<form") == 2
    times = re.findall(r'<time datetime="([^"]*)">([^<]*)<', answer.text)
    assert len(times) == 6
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d", t)
               for _, t in times)
    # No cookie can be made of what the page says.
    for cookie in first, second, evil:
        assert cookie.split(".")[2] not in answer.text
    assert "当前设备" in page(login, first,
                          HTTP_ACCEPT_LANGUAGE="zh").text
    # Nobody else's.
    assert len(rows(page(login, login.sign_in("carol")))) == 1


def test_end_one(login):
    login.add_user("frank")
    mine, other, third = (login.sign_in("frank") for _ in range(3))
    answer = page(login, mine)
    key = re.findall(r'name="session" value="([0-9a-f]{64})"', answer.text)
    assert len(key) == 2
    since = len(login.log())
    answer = revoke(login, mine, key[0])
    assert answer.status == 303
    assert answer.get("Location") == "/account?done=ended"
    assert "is over" in page(login, mine, "/account?done=ended").text
    assert is_alive(login, mine)
    assert is_alive(login, other) + is_alive(login, third) == 1
    line, = audit(login, "revoke", since)
    assert "user=frank address=192.0.2.7 session=" in line
    assert f"target={key[0][:16]} ended=1" in line
    # Gone already: nothing happens.
    assert revoke(login, mine, key[0]).status == 303
    assert "ended=0" in audit(login, "revoke", since)[1]


def test_end_all_others(login):
    login.add_user("grace")
    mine, *others = (login.sign_in("grace") for _ in range(4))
    bob = login.sign_in("bob")
    since = len(login.log())
    assert revoke(login, mine, "others").status == 303
    assert is_alive(login, mine) and is_alive(login, bob)
    assert not any(is_alive(login, other) for other in others)
    line, = audit(login, "revoke", since)
    assert "target=others ended=3" in line
    answer = page(login, mine)
    assert len(rows(answer)) == 1 and 'value="others"' not in answer.text


def test_sessions_of_others_cannot_be_ended(login):
    mine, bob = login.sign_in(), login.sign_in("bob")
    ids = [s["id"] for s in json.loads(
        login.tool("session", "list", "bob", "--json").stdout)]
    for id in ids:
        assert revoke(login, mine, id).status == 303
    assert is_alive(login, bob)
    for bad in ("", "x", ids[0][:16], ids[0].upper(), ids[0] + "0", "Others",
                "s:" + ids[0][2:], "n:" + ids[0][2:], ids[0][:-1] + "\0"):
        assert revoke(login, mine, bad).status == 400, bad
    assert is_alive(login, bob) and is_alive(login, mine)


def test_forms_are_checked(login):
    mine, bob = login.sign_in(), login.sign_in("bob")
    csrf = page(login, mine).field("csrf")
    since = len(login.log())
    for wrong in ("", csrf[:-1], page(login, bob).field("csrf"),
                  login.form()[0]):
        for send in (lambda: revoke(login, mine, "others", csrf=wrong),
                     lambda: change(login, mine, csrf=wrong)):
            answer = send()
            assert answer.status == 403 and answer.field("csrf") == csrf
            assert "had expired" in answer.text
            assert_protected(answer)
    assert len(audit(login, "refuse", since)) == 8
    for params in ({"HTTP_ORIGIN": "http://evil.test"},
                   {"HTTP_SEC_FETCH_SITE": "cross-site"}):
        assert revoke(login, mine, "others", csrf=csrf,
                      **params).status == 403
        assert change(login, mine, csrf=csrf, **params).status == 403
    assert post(login, "/account/sessions/revoke", mine, csrf).status == 400
    assert revoke(login, mine, "others", csrf=csrf, more="1").status == 400
    assert post(login, "/account/password", mine, csrf, current=PASSWORD,
                new=NEW).status == 400
    assert revoke(login, mine, "others", csrf=csrf,
                  CONTENT_TYPE="text/plain").status == 415
    assert is_alive(login, mine)
    assert login.sign_in()


def test_new_password(login):
    login.add_user("heidi")
    mine, *others = (login.sign_in("heidi") for _ in range(3))
    since = len(login.log())
    answer = change(login, mine)
    assert answer.status == 303
    assert answer.get("Location") == "/account?done=password"
    fresh = "gatecast=" + answer.cookies()["gatecast"][0]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(
        answer.cookies()["gatecast"][1])
    assert fresh != mine and is_alive(login, fresh)
    assert not any(is_alive(login, c) for c in (mine, *others))
    assert "Your password is changed" in page(
        login, fresh, "/account?done=password").text
    assert len(rows(page(login, fresh))) == 1
    line, = audit(login, "password", since)
    assert "result=ok user=heidi address=192.0.2.7 session=" in line
    assert "ended=2" in line
    assert PASSWORD not in login.log() and NEW not in login.log()
    assert login.post_login("heidi").status == 401
    assert login.post_login("heidi", NEW).status == 303


@pytest.mark.parametrize("fields,status,words", [
    ({"current": "not it at all"}, 403, "current password is not right"),
    ({"current": ""}, 403, "current password is not right"),
    ({"new": "short"}, 422, "too short"),
    ({"new": ""}, 422, "too short"),
    ({"new": "x" + "yz" * 512}, 422, "longer than 1024"),
    ({"new": "password123"}, 422, "first that are guessed"),
    ({"again": NEW + " "}, 422, "not typed the same way"),
])
def test_password_refused(login, fields, status, words):
    mine, other = login.sign_in("李雷"), login.sign_in("李雷")
    answer = change(login, mine, **fields)
    assert answer.status == status, answer.raw
    assert_protected(answer)
    assert words in answer.text and answer.all("Set-Cookie") == []
    assert "current" in answer.text and NEW not in answer.text
    zh = change(login, mine, HTTP_ACCEPT_LANGUAGE="zh", **fields)
    assert zh.status == status and "密码" in zh.text and words not in zh.text
    assert is_alive(login, mine) and is_alive(login, other)
    assert login.post_login("李雷").status == 303


def test_exact_bytes(login):
    """A password is bytes: no blank is dropped and nothing is normalised."""
    login.add_user("ivan")
    cookie = login.sign_in("ivan")
    new = "  e\u0301 und \u00e9\t\u0000 "
    answer = change(login, cookie, new=new)
    assert answer.status == 303
    for wrong in new.strip(), new.replace("e\u0301", "\u00e9"), new[:-2]:
        assert login.post_login("ivan", wrong).status == 401
    assert login.post_login("ivan", new).status == 303


def test_longest_passwords(login):
    """Three of 1024 bytes, each of which has to be escaped, fit; beyond it
    the page says what is wrong, and other forms are shorter."""
    login.add_user("judy")
    cookie, other = login.sign_in("judy"), login.sign_in("judy")
    first, second = b"\x80\x81" * 512, b"\x82\xff" * 512
    answer = change(login, cookie, new=first)
    assert answer.status == 303, answer.raw
    cookie = "gatecast=" + answer.cookies()["gatecast"][0]
    assert not is_alive(login, other)
    answer = change(login, cookie, current=first, new=second)
    assert answer.status == 303, answer.raw
    cookie = login.sign_in("judy", password=second)
    for n in (1100, 4000):
        answer = change(login, cookie, current=b"\xff" * n, new=b"\xff" * n)
        assert answer.status == 413
        assert "longer than 1024" in answer.text
        assert answer.field("csrf") and answer.all("Set-Cookie") == []
        assert_protected(answer)
    answer = revoke(login, cookie, "x" * 4096)
    assert answer.status == 413 and "larger than this page" in answer.text
    assert change(login, None, csrf="x", current="x" * 9999).status == 303
    assert is_alive(login, cookie)
    assert login.post_login("judy", second).status == 303
    assert login.post_login("judy", second[:-1]).status == 401


def test_password_minimum(request):
    site = make(request, login__password_min=20).start()
    cookie = site.sign_in()
    assert "Shortest length: 20" in re.sub(
        r"\s+", " ", html.unescape(page(site, cookie).text))
    assert change(site, cookie, new="n" * 10 + "m" * 9).status == 422
    assert change(site, cookie, new="n" * 10 + "m" * 10).status == 303
    done = site.tool("user", "passwd", "alice", "--password-stdin",
                     stdin="n" * 10 + "o" * 9, check=False)
    assert done.returncode == 1 and "at least 20 bytes" in done.stderr


def test_guessing_is_throttled(request):
    """By the account, as at the login, and with the right one no more."""
    site = make(request, login__throttle="yes").start()
    cookie = site.sign_in()
    statuses = []
    while not statuses or statuses[-1] == 403 and len(statuses) < 30:
        answer = change(site, cookie, current="not it at all")
        statuses.append(answer.status)
    assert statuses[-1] == 429 and len(statuses) < 10, statuses
    assert int(answer.get("Retry-After")) > 0
    assert "Too many attempts" in answer.text
    assert change(site, cookie).status == 429
    assert len(audit(site, "password")) == len(statuses) + 1
    assert "result=throttled user=alice" in audit(site, "password")[-1]
    assert is_alive(site, cookie)
    assert site.post_login().status == 429


def test_changed_meanwhile(request):
    """The administrator's new password stands, and who held a session before
    it has none."""
    site = make(request).start()
    cookie = site.sign_in()
    csrf = page(site, cookie).field("csrf")
    site.tool("user", "passwd", "alice", "--password-stdin", stdin=NEW)
    answer = change(site, cookie, csrf=csrf, new="a third passphrase")
    assert answer.status == 303 and "/login" in answer.get("Location")
    assert site.post_login("alice", NEW).status == 303


def test_cap(request):
    """The oldest ends, and the page says so."""
    site = make(request, login__sessions_per_user=3).start()
    cookies = [site.sign_in() for _ in range(5)]
    assert [is_alive(site, c) for c in cookies] == [
        False, False, True, True, True]
    assert len(rows(page(site, cookies[-1]))) == 3


def test_many(request):
    """The page is bounded; what it leaves out can be ended all the same."""
    site = make(request, login__sessions_per_user=0).start()
    cookies = [site.sign_in() for _ in range(150)]
    answer = page(site, cookies[0])
    assert len(rows(answer)) == 100 and "this one" in rows(answer)[0]
    assert "used longer ago: 50" in re.sub(r"\s+", " ", answer.text)
    assert revoke(site, cookies[0], "others").status == 303
    assert len(rows(page(site, cookies[0]))) == 1


def form_post(site, browser, path, **fields):
    csrf = re.search(r'name="csrf" value="([^"]*)"',
                     browser.get(site.url + "/account").text).group(1)
    return browser.post(site.url + path, allow_redirects=False, timeout=20,
                        data={"csrf": csrf, **fields},
                        headers={"Origin": site.url})


def test_live_connections(make_site):
    """Those of the sessions that end are closed; the own one's too where it
    gets a new id."""
    site = make_site()
    mine, other = site.login(), site.login()

    def join(session):
        return connect(site, cookie="gatecast=" + session.cookies["gatecast"])

    with join(mine) as own, join(other) as theirs:
        assert form_post(site, mine, "/account/sessions/revoke",
                         session="others").status_code == 303
        assert theirs.closed() == 4401
        own.say("still here")
        own.expect("ack")
        other = site.login()
        with join(other) as theirs:
            assert form_post(
                site, mine, "/account/password", new=NEW, again=NEW,
                current=site.users["alice"]).status_code == 303
            assert theirs.closed() == 4401 and own.closed() == 4401
        with join(mine) as own:
            own.expect("hello")
