"""Two things at the same instant, of which one must win: whichever it is,
there is never a live session afterwards that should not be.

GATECAST_RACE_ROUNDS says how often each is tried (make crash: 1,000)."""

import concurrent.futures
import os
import random
import threading
import time

import pytest

from pair import Pair
from login_process import PASSWORD
from wsclient import Closed, Refused

ROUNDS = int(os.environ.get("GATECAST_RACE_ROUNDS", "20"))
CAP = 7
AT_ONCE = 100


@pytest.fixture(scope="module")
def pair():
    with Pair(users=("ann", "ben", "cem", "dan"), set={
            "login.workers": 6, "login.hash_slots": 5,
            "login.throttle": "no", "login.argon2_memory_kib": 64,
            "login.argon2_passes": 1, "login.sessions_per_user": CAP,
            "store.lock_wait_ms": 20000, "wsd.user_rate": 0}) as p:
        yield p


@pytest.fixture(scope="module")
def pool():
    with concurrent.futures.ThreadPoolExecutor(12) as p:
        yield p


@pytest.fixture
def dice():
    seed = int(os.environ.get("GATECAST_SEED", time.time_ns() % 2**32))
    print(f"GATECAST_SEED={seed}")
    return random.Random(seed)


def together(pool, dice, spread_s, *acts):
    """Runs them at once, each up to spread_s later: their results."""
    gate = threading.Barrier(len(acts))

    def run(act, delay):
        gate.wait()
        time.sleep(delay)
        return act()

    tried = [pool.submit(run, act, dice.uniform(0, spread_s)) for act in acts]
    return [t.result() for t in tried]


def cookie_of(answer):
    """What a sign-in gave; None when it was refused."""
    assert answer.status in (303, 401), answer.raw
    if answer.status == 401:
        return None
    return "gatecast=" + answer.cookies()["gatecast"][0]


def join(pair, cookie):
    """A connection, or None when it was refused."""
    try:
        return pair.client(cookie)
    except Refused as e:
        assert e.status == 401, e
        return None
    except Closed as e:
        # Over between the handshake and its hello.
        assert e.code == 4401, e
        return None


def assert_over(pair, cookie, connection=None):
    assert pair.verdicts(cookie, 2) == ({401}, 401)
    if connection is None:
        return
    with connection, pytest.raises(Closed) as closed:
        while True:
            connection.recv()
    assert closed.value.code == 4401


def test_signing_in_while_being_locked(pair, pool, dice):
    # Somebody who may: what stays is not everybody thrown out.
    other = pair.login.sign_in("ben")
    for _ in range(ROUNDS):
        forms = [pair.login.form()[:2] for _ in range(2)]
        *answers, _ = together(
            pool, dice, 0.02,
            *(lambda f=f: pair.login.post_login("ann", csrf=f[0], cookie=f[1])
              for f in forms),
            lambda: pair.tool("user", "lock", "ann"))
        for cookie in filter(None, map(cookie_of, answers)):
            assert_over(pair, cookie)
        pair.tool("user", "unlock", "ann")
    assert pair.is_valid(other)
    assert pair.is_valid(pair.login.sign_in("ann"))


def test_joining_while_signing_out(pair, pool, dice):
    for _ in range(ROUNDS):
        cookie = pair.login.sign_in("ben")
        page = pair.login.ask("GET", "/index", cookie=cookie)
        body = f"csrf={page.field('csrf')}".encode()
        out, *connections = together(
            pool, dice, 0.003,
            lambda: pair.login.ask("POST", "/logout", body, cookie),
            *(lambda: join(pair, cookie) for _ in range(3)))
        assert out.status == 303
        assert_over(pair, cookie)
        for connection in filter(None, connections):
            assert_over(pair, cookie, connection)


def insist(pair, csrf, pre, deadline):
    """Signs in, asking again while too many wait for a hash slot."""
    while True:
        answer = pair.login.post_login("cem", csrf=csrf, cookie=pre,
                                       timeout=60)
        if answer.status != 503 or time.monotonic() > deadline:
            return cookie_of(answer)


def test_a_hundred_sign_ins_of_one(pair, dice):
    """As many stay as the cap allows, no more, and everywhere the same."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as crowd:
        for _ in range(max(1, ROUNDS // 10)):
            csrf, pre, _ = pair.login.form()
            deadline = time.monotonic() + 60
            cookies = together(
                crowd, dice, 0.01,
                *[lambda: insist(pair, csrf, pre, deadline)] * AT_ONCE)
            assert len(set(cookies)) == AT_ONCE
            live = [c for c in cookies if pair.is_valid(c)]
            assert len(live) == CAP
            pair.tool("session", "revoke", "--user", "cem")
            assert not any(map(pair.is_valid, live))


def test_password_changed_while_connected(pair, pool, dice):
    """Whoever comes with the old password is out afterwards, connected or
    about to be."""
    old = PASSWORD
    for i in range(ROUNDS):
        new = f"passphrase number {i}"
        held = pair.login.sign_in("dan", password=old)
        connection = pair.client(held)
        csrf, pre, _ = pair.login.form()
        _, answer, late = together(
            pool, dice, 0.02,
            lambda: pair.tool("user", "passwd", "dan", "--password-stdin",
                              input=new + "\n"),
            lambda: pair.login.post_login("dan", password=old, csrf=csrf,
                                          cookie=pre),
            lambda: join(pair, held))
        assert_over(pair, held, connection)
        if late is not None:
            assert_over(pair, held, late)
        cookie = cookie_of(answer)
        if cookie is not None:
            assert_over(pair, cookie)
        assert pair.login.post_login("dan", password=old).status == 401
        old = new
    assert pair.is_valid(pair.login.sign_in("dan", password=old))
