"""More sign-ins at once than passwords may be hashed at once: they wait, in
order and for a bounded time, and nobody else does."""

import concurrent.futures
import contextlib
import fcntl
import os
import pathlib
import signal
import time
import urllib.parse

import fcgi_client as fcgi
import pytest
from conftest import wait_until
from login_process import FORM, PASSWORD, assert_protected, make, resident

CLASS = 60


@pytest.fixture
def site(request):
    return make(request, users=("alice", "bob"), login__workers=4).start()


@contextlib.contextmanager
def all_slots(site):
    """This process holds every hash slot: a lock on the workers' file."""
    fds = pathlib.Path(f"/proc/{site.workers()[0]}/fd")
    path = next(p for p in fds.iterdir() if "hash-slots" in os.readlink(p))
    with open(path, "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        yield


def login_bytes(csrf, pre):
    body = urllib.parse.urlencode({"name": "alice", "password": PASSWORD,
                                   "next": "/", "csrf": csrf}).encode()
    return fcgi.request_bytes(
        {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/login",
         "HTTP_HOST": "chat.test", "CONTENT_TYPE": FORM,
         "HTTP_COOKIE": pre}, body)


def crowd(pool, site, n, **params):
    csrf, pre, _ = site.form()
    return [pool.submit(site.post_login, csrf=csrf, cookie=pre, timeout=60,
                        **params) for _ in range(n)]


def test_a_class_signs_in_at_once(request):
    site = make(request, users=("alice", "bob"), login__workers=4,
                login__argon2_memory_kib=4096,
                login__throttle="yes").start()
    cookie = site.sign_in("bob")
    with concurrent.futures.ThreadPoolExecutor(CLASS) as pool:
        logins = crowd(pool, site, CLASS)
        checks = 0
        while not all(f.done() for f in logins):
            assert site.ask("GET", "/session", cookie=cookie).status == 200
            checks += 1
    assert [f.result().status for f in logins] == [303] * CLASS
    assert checks > 0


def test_those_who_wait_hold_up_nobody(site):
    cookie = site.sign_in("bob")
    with concurrent.futures.ThreadPoolExecutor(CLASS) as pool:
        with all_slots(site):
            logins = crowd(pool, site, 20)
            for _ in range(200):
                answer = site.ask("GET", "/session", cookie=cookie)
                assert answer.status == 200
            assert not any(f.done() for f in logins)
        assert [f.result().status for f in logins] == [303] * 20


def test_nobody_overtakes_those_who_wait(request):
    """One who was let in before, and is complete when a slot is free and
    others wait for it, waits behind them."""
    site = make(request, login__workers=1, login__argon2_memory_kib=131072,
                login__argon2_passes=4).start()
    csrf, pre, _ = site.form()
    data = login_bytes(csrf, pre)
    with fcgi.connect(site.socket) as first, \
            fcgi.connect(site.socket) as second, \
            fcgi.connect(site.socket) as late:
        late.sendall(data[:40])
        with all_slots(site):
            for s in (first, second):
                s.sendall(data)
                # What comes after it is answered: so it waits.
                assert site.ask("GET", "/login").status == 200
        pid = site.workers()[0]
        wait_until(lambda: resident(pid) > 20000, what="the first's hash")
        late.sendall(data[40:])
        assert fcgi.read_answer(late).status == 303
        for s in (first, second):
            s.setblocking(False)
            assert fcgi.read_answer(s).status == 303


def test_a_lobby_that_is_full(site):
    """As much as fits waits, the rest is told at once to come again."""
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        with all_slots(site):
            logins = crowd(pool, site, 40, HTTP_X_PADDING="x" * 60000)
            wait_until(lambda: any(f.done() for f in logins), what="a 503")
        answers = [f.result() for f in logins]
    assert {a.status for a in answers} == {303, 503}
    for busy in (a for a in answers if a.status == 503):
        assert busy.get("Retry-After") == "1" and busy.field("csrf")
        assert_protected(busy)


def test_waiting_has_an_end(site):
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(3) as pool, all_slots(site):
        answers = [f.result() for f in crowd(pool, site, 3)]
    assert [a.status for a in answers] == [503] * 3
    assert time.monotonic() - start >= 4


def test_a_peer_that_went_away_while_it_waited(site):
    csrf, pre, _ = site.form()
    with all_slots(site):
        for _ in range(5):
            with fcgi.connect(site.socket) as s:
                s.sendall(login_bytes(csrf, pre))
                # Answered after it: the request above was read before.
                for _ in range(8):
                    assert site.ask("GET", "/login").status == 200
    wait_until(lambda: site.log().count("while it waited") == 5,
               what="the end of all five")
    assert "session=" not in site.log()


def test_a_reload_leaves_nobody_behind(site):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        with all_slots(site):
            logins = crowd(pool, site, 20)
            old = set(site.workers())
            site.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(set(site.workers()) - old) == 4,
                       what="new workers")
            assert not any(f.done() for f in logins)
        assert [f.result().status for f in logins] == [303] * 20
    wait_until(lambda: not old & set(site.workers()), what="the old one's end")


def test_a_stop_leaves_nobody_behind(site):
    csrf, pre, _ = site.form()
    with contextlib.ExitStack() as stack:
        with all_slots(site):
            peers = [stack.enter_context(fcgi.connect(site.socket))
                     for _ in range(10)]
            for s in peers:
                s.sendall(login_bytes(csrf, pre))
            # Answered after them: they have been read.
            for _ in range(40):
                assert site.ask("GET", "/login").status == 200
            site.process.terminate()
            with pytest.raises(BlockingIOError):
                peers[0].setblocking(False)
                peers[0].recv(1)
            peers[0].settimeout(30)
        statuses = [fcgi.read_answer(s).status for s in peers]
    assert statuses == [303] * 10
