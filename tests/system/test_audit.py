"""The audit log, as SECURITY.md describes it: one line an event, of
key=value, whatever was sent."""

import re

import pytest

from conftest import wait_until
from login_process import PASSWORD, make, several_users
from test_account import NEW, change, page, revoke
from wsclient import Refused, connect

PLAIN = r"[A-Za-z0-9._:/@+-]+"
QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\x[0-9a-f]{2})*"'
LINE = re.compile(
    rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [a-z.-]+\[\d+\]: audit event=\w+"
    rf"(?: [a-z_]+=(?:{PLAIN}|{QUOTED}))*")
PAIR = re.compile(rf"([a-z_]+)=({PLAIN}|{QUOTED})")

login = pytest.fixture(several_users, scope="module")


def events(text):
    """Each audit line as a dictionary."""
    out = []
    for line in text.splitlines():
        if "audit event" in line:
            assert LINE.fullmatch(line), line
            out.append({k: v.strip('"') for k, v in PAIR.findall(
                line[line.index(" event=") + 1:])})
    return out


@pytest.fixture
def one(login):
    """one(act): the event that act writes, which must be the only one."""
    def one(act):
        since = len(login.log())
        act()
        event, = events(login.log()[since:])
        return event
    return one


def test_sign_in(login, one):
    login.add_user("dave")
    login.tool("user", "lock", "dave")
    for act, result, reason, user in (
            (lambda: login.post_login(), "ok", None, "alice"),
            (lambda: login.post_login("ALICE"), "ok", None, "alice"),
            (lambda: login.post_login("alice", "x"), "failed", "wrong",
             "alice"),
            (lambda: login.post_login("dave"), "failed", "locked", "dave"),
            (lambda: login.post_login("hunter2!", PASSWORD), "failed",
             "unknown", None),
            (lambda: login.post_login("Correct.Horse7", "alice"), "failed",
             "unknown", None)):
        event = one(act)
        assert event["event"] == "login" and event["result"] == result
        assert event.get("reason") == reason and event.get("user") == user
        assert event["address"] == "192.0.2.7"
    for secret in PASSWORD, "hunter2", "Correct.Horse7":
        assert secret not in login.log()


def test_throttled(request):
    site = make(request, login__throttle="yes").start()
    for name, user in ("alice", "alice"), ("not-there", None):
        answers = []
        while not answers or answers[-1].status == 401:
            assert len(answers) < 30
            answers.append(site.post_login(name, "wrong password"))
        found = events(site.log())[-len(answers):]
        assert len(found) == len(answers)
        assert [e["result"] for e in found] == \
            ["failed"] * (len(answers) - 1) + ["throttled"]
        assert all(e.get("user") == user for e in found)
    assert "not-there" not in site.log()


def test_signed_in(login, one):
    cookie, other = login.sign_in("carol"), login.sign_in("carol")
    id, = re.findall(r'"session" value="([0-9a-f]{64})"',
                     page(login, cookie).text)
    event = one(lambda: revoke(login, cookie, id))
    assert event["event"] == "revoke" and event["user"] == "carol"
    assert event["target"] == id[:16] and event["ended"] == "1"
    mine = event["session"]
    assert re.fullmatch("[0-9a-f]{16}", mine) and mine != id[:16]
    event = one(lambda: change(login, cookie, current="wrong password"))
    assert event["event"] == "password" and event["result"] == "failed"
    assert event["reason"] == "wrong" and event["session"] == mine
    login.sign_in("carol")
    answers = []
    event = one(lambda: answers.append(change(login, cookie)))
    assert event["event"] == "password" and event["result"] == "ok"
    assert event["ended"] == "1" and event["user"] == "carol"
    cookie = "gatecast=" + answers[0].cookies()["gatecast"][0]
    event = one(lambda: login.ask(
        "POST", "/account/sessions/revoke", b"csrf=x&session=others", cookie))
    assert event == {"event": "refuse", "path": "/account/sessions/revoke",
                     "reason": "csrf", "address": "192.0.2.7",
                     "origin": "http://chat.test"}
    csrf = page(login, cookie).field("csrf")
    event = one(lambda: login.ask(
        "POST", "/logout", f"csrf={csrf}".encode(), cookie))
    assert event["event"] == "logout" and event["user"] == "carol"
    assert NEW not in login.log() and other[9:] not in login.log()


@pytest.mark.parametrize("agent", [
    'x" event=login result=ok user="alice', "a\\x41\\", "\u202ereversed",
    "\x1b[31mred", "x" * 6000, "\u2028", "", "=", "é李"],
    ids=lambda agent: agent[:8].encode("unicode_escape").decode())
def test_whatever_was_sent(login, one, agent):
    event = one(lambda: login.post_login(
        "alice", "wrong", HTTP_USER_AGENT=agent))
    assert event["event"] == "login" and event["result"] == "failed"
    event = one(lambda: login.post_login(
        HTTP_ORIGIN=agent + "\t", HTTP_SEC_FETCH_SITE=agent))
    assert event["event"] == "refuse"


def test_off(request):
    site = make(request, log__audit="no").start()
    site.post_login("alice", "wrong")
    cookie = site.sign_in()
    change(site, cookie)
    assert "audit" not in site.log()


def test_the_channel(make_site):
    site = make_site(set={"log.audit": "yes"})
    cookie = site.cookie()
    with connect(site, cookie=cookie) as c:
        c.expect("hello")
    with pytest.raises(Refused):
        connect(site, cookie="gatecast=x")
    with pytest.raises(Refused):
        connect(site, cookie=cookie, origin="https://evil.test")
    wait_until(lambda: site.log().count("event=refuse") == 2,
               what="both refusals in the log")
    lines = [line.split("]: ", 1)[1] if "]: " in line else line
             for line in site.log().splitlines() if "audit event=" in line]
    join = [line for line in lines if "event=join" in line]
    refuse = [line for line in lines if "event=refuse" in line]
    assert len(join) == 1 and "user=alice address=127.0.0.1" in join[0]
    assert len(refuse) == 2
    assert "status=401" in refuse[0] and "status=403" in refuse[1]
