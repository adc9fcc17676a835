"""Where an allocation fails in login.fcgi, the n-th for every n: the answer is
the right one or says that something is wrong here, never the opposite; and the
next request is answered as ever.

libfcgi is spared: it ends the process where malloc fails, and the master
starts another worker, which has a test of its own.
"""

import urllib.parse

import pytest

from conftest import wait_until
from login_process import PASSWORD, Login
from memory_fault import ALL, MOST, Memory


NO_HASH = "no memory for a password hash"


class Site:
    def __init__(self, spares="libfcgi", **config):
        self.login = Login(login__workers=1, **config)
        self.memory = Memory(self.login.dir / "memory", spares)
        self.login.start(env=self.memory.env)
        self.pid = self.login.workers()[0]
        assert self.login.ask("GET", "/login").status == 200

    def body(self, password):
        csrf, self.pre, _ = self.login.form()
        return urllib.parse.urlencode(
            {"name": "alice", "password": password, "next": "/index",
             "csrf": csrf}).encode()

    def sign_in(self):
        """A store that could not be opened is tried again a moment later."""
        def signed_in():
            answer = self.login.post_login()
            assert answer.status in (303, 503), answer.raw
            return answer.status == 303 and answer.cookies()["gatecast"][0]

        return "gatecast=" + wait_until(signed_in, what="a sign-in")

    def is_in(self, cookie):
        answer = self.login.ask("GET", "/session", cookie=cookie)
        assert answer.status in (200, 401), answer.raw
        return answer.status == 200

    def close(self):
        workers = self.login.workers()
        checked = self.login.tool("store", "check", check=False)
        self.login.stop()
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert workers == [self.pid], "a worker ended"


@pytest.fixture(scope="module")
def site():
    s = Site()
    yield s
    s.close()


def refused_for_now(answer):
    """An answer that promises nothing: 503, or the connection is closed."""
    if answer is None:
        return True
    assert answer.status not in (200, 303, 401, 403), answer.raw
    assert not answer.cookies(), answer.raw
    return answer.status in (500, 503)


@pytest.mark.parametrize("many", [1, ALL])
def test_a_good_password(site, many):
    body = site.body(PASSWORD)
    before = site.login.log()

    def attempt(n):
        answer = site.login.post_login(csrf="", cookie=site.pre, body=body)
        if answer is not None and answer.status == 303:
            token = answer.cookies()["gatecast"][0]
            site.memory.pause()
            assert site.is_in("gatecast=" + token), n
        else:
            assert refused_for_now(answer), (n, answer and answer.raw)

    assert site.memory.every(attempt, many) > 10
    log = site.login.log()[len(before):]
    assert "reason=wrong" not in log and "unusable" not in log
    assert site.sign_in()


def test_without_a_hash_no_try_is_counted():
    """Nobody's mistake, so none is on the account's or address's record."""
    s = Site(login__throttle="yes")
    s.sign_in()
    body = s.body(PASSWORD)
    seen = 0

    def attempt(n):
        nonlocal seen
        start = len(s.login.log())
        s.login.post_login(csrf="", cookie=s.pre, body=body)
        s.memory.pause()
        if NO_HASH in s.login.log()[start:]:
            seen += 1
            listed = s.login.tool("throttle", "list").stdout
            assert "alice" not in listed and "192.0.2.7" not in listed, n
        for what in "alice", "192.0.2.7":
            s.login.tool("throttle", "clear", what, check=False)

    s.memory.every(attempt)
    assert seen > 2
    s.close()


@pytest.mark.parametrize("many", [1, ALL])
def test_a_wrong_password(site, many):
    body = site.body("not this one, certainly")

    def attempt(n):
        answer = site.login.post_login(csrf="", cookie=site.pre, body=body)
        if answer is None or answer.status != 401:
            assert refused_for_now(answer), (n, answer and answer.raw)
        else:
            assert "gatecast" not in answer.cookies(), n

    assert site.memory.every(attempt, many) > 10


@pytest.mark.parametrize("many", [1, ALL])
@pytest.mark.parametrize("target, statuses", [
    ("/session", (200,)), ("/login", (200, 303)), ("/auth", (200, 204)),
    ("/account", (200,))])
def test_a_session_is_asked_for(site, target, statuses, many):
    cookie = site.sign_in()

    def attempt(n):
        answer = site.login.ask("GET", target, cookie=cookie)
        if answer is None or answer.status not in statuses:
            assert answer is None or answer.status in (500, 503), \
                (n, answer.raw)

    assert site.memory.every(attempt, many) > 0
    assert site.is_in(cookie)


@pytest.mark.parametrize("many", [1, ALL])
def test_nobody_gets_in_without_a_session(site, many):
    def attempt(n):
        answer = site.login.ask("GET", "/session", cookie=f"gatecast={n}")
        assert answer is None or answer.status in (401, 500, 503), answer.raw

    assert site.memory.every(attempt, many) > 0


def test_a_sign_out_is_done_or_not(site):
    def attempt(n):
        site.memory.pause()
        cookie = site.sign_in()
        csrf, _, _ = site.login.form("/account", cookie)
        site.memory.fail(n, n)
        body = urllib.parse.urlencode({"csrf": csrf}).encode()
        answer = site.login.ask("POST", "/logout", body, cookie)
        site.memory.pause()
        if answer is not None and answer.status == 303:
            assert not site.is_in(cookie), n
        else:
            assert answer is None or answer.status in (500, 503), \
                (n, answer.raw)

    assert site.memory.every(attempt) > 5


def test_libfcgi_ends_a_worker_and_another_begins():
    site = Site(spares="")
    workers = [site.pid]
    try:
        for n in range(1, MOST):
            site.memory.fail(n, n)
            site.login.ask("GET", "/login")
            assert site.memory.pause() == 1, "no worker ended"
            # By the only worker there is, as soon as there is one.
            assert site.login.ask("GET", "/login").status == 200
            workers = site.login.workers()
            if workers != [site.pid]:
                break
        assert f"worker {site.pid} was killed by signal" in site.login.log()
        [site.pid] = workers
        assert site.sign_in()
    finally:
        site.close()
