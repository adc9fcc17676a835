"""Everybody at once: sign-ins and logouts at several workers, connections at
wsd, three administrators and a checkpoint after the other. Each of them keeps
a list of what was acknowledged, and in the end all of it must be so."""

import concurrent.futures
import json
import os
import random
import threading

import pytest

from gatecast_admin import OK, UNREACHABLE
from pair import Pair
from login_process import PASSWORD
from wsclient import Closed

ROUNDS = int(os.environ.get("GATECAST_CONCURRENT_ROUNDS", "40"))
STEADY = ("ann", "ben", "cem")  # come and go, nobody touches their accounts
SWITCHED = ("dan", "eva")  # locked and unlocked again and again


@pytest.fixture
def pair():
    with Pair(users=(*STEADY, *SWITCHED, "fay", "gus"), set={
            "login.workers": 12, "login.hash_slots": 11,
            "login.throttle": "no",
            "store.lock_wait_ms": 20000, "wsd.connections_per_user": 0,
            "wsd.user_rate": 0, "login.sessions_per_user": 0}) as p:
        yield p


class Book:
    """What has been acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.valid = {}  # cookie: its connection or None
        self.ended = []

    def add(self, cookie, connection=None):
        with self.lock:
            self.valid[cookie] = connection

    def take(self, rng):
        """A session for the caller alone; None while there are few."""
        with self.lock:
            if len(self.valid) < 4:
                return None, None
            cookie = rng.choice(list(self.valid))
            return cookie, self.valid.pop(cookie)


def closed(connection):
    try:
        while True:
            connection.recv()
    except Closed as e:
        connection.sock.close()
        return e.code


def come_and_go(pair, book, name, seed):
    """Sign-ins, some with a connection; logouts of anybody's."""
    rng = random.Random(seed)
    for i in range(ROUNDS):
        cookie = pair.login.sign_in(name)
        assert pair.session(cookie) == 200
        assert pair.join(cookie) == 101
        book.add(cookie, pair.client(cookie) if i % 5 == 0 else None)
        cookie, connection = book.take(rng)
        if cookie is None or rng.random() < 0.3:
            if cookie is not None:
                book.add(cookie, connection)
            continue
        assert pair.logout(cookie).status == 303
        assert pair.session(cookie) == 401
        assert pair.join(cookie) == 401
        with book.lock:
            book.ended.append(cookie)
        if connection is not None:
            assert closed(connection) == 4401


def switch(pair, book, name, seed):
    """Locks and unlocks; a lock ends every session and allows no other."""
    for _ in range(ROUNDS // 8):
        mine = [pair.login.sign_in(name) for _ in range(2)]
        held = pair.client(mine[0])
        pair.tool("user", "lock", name)
        assert closed(held) == 4401
        for cookie in mine:
            assert pair.verdicts(cookie, 2) == ({401}, 401)
        assert pair.login.post_login(name).status == 401
        pair.tool("user", "unlock", name)
        with book.lock:
            book.ended += mine
    cookie = pair.login.sign_in(name)
    assert pair.is_valid(cookie)
    book.add(cookie)


def race_for_a_lock(pair, name):
    """Sign-ins while the account is being locked: what was acknowledged
    before or during it must be over after it."""
    for _ in range(ROUNDS // 10):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            tries = [pool.submit(pair.login.post_login, name)
                     for _ in range(4)]
            locking = pool.submit(pair.tool, "user", "lock", name)
            locking.result()
            answers = [t.result() for t in tries]
        for answer in answers:
            assert answer.status in (303, 401), answer.raw
            if answer.status == 303:
                value = answer.cookies()["gatecast"][0]
                assert pair.verdicts(f"gatecast={value}", 2) == ({401}, 401)
        pair.tool("user", "unlock", name)


def change_password(pair, name):
    """Of somebody whom another administrator locks once: no change of one
    undoes the other's."""
    for i in range(ROUNDS // 4):
        pair.tool("user", "passwd", name, "--password-stdin",
                  input=f"passphrase number {i}\n")
        if i == ROUNDS // 8:
            pair.tool("user", "lock", name)
    return f"passphrase number {ROUNDS // 4 - 1}"


def make_users(pair, prefix, seed):
    """Accounts that come and go; gives those that must be there."""
    rng = random.Random(seed)
    there = {}
    for i in range(ROUNDS // 2):
        if there and rng.random() < 0.3:
            name = rng.choice(list(there))
            pair.tool("user", "del", name)
            del there[name]
        elif there and rng.random() < 0.4:
            name = rng.choice(list(there))
            there[name] = not there[name]
            pair.tool("user", "lock" if there[name] else "unlock", name)
        else:
            name = f"{prefix}{i}"
            pair.tool("user", "add", name, "--password-stdin",
                      input=PASSWORD + "\n")
            there[name] = False
    return there


def checkpoints(pair, done):
    n = 0
    while not done.is_set():
        answer = pair.tool("store", "checkpoint", code=None)
        assert answer.returncode in (OK, UNREACHABLE), answer
        if answer.returncode == UNREACHABLE:
            assert "another process holds the lock" in answer.stderr
        n += answer.returncode == OK
    return n


def test_all_at_once(pair):
    book, done = Book(), threading.Event()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        checkpointers = [pool.submit(checkpoints, pair, done)
                         for _ in range(2)]
        jobs = [pool.submit(come_and_go, pair, book, name, i)
                for i, name in enumerate(STEADY)]
        jobs += [pool.submit(switch, pair, book, name, i)
                 for i, name in enumerate(SWITCHED)]
        jobs.append(pool.submit(race_for_a_lock, pair, "gus"))
        passwords = [pool.submit(change_password, pair, "fay")]
        makers = [pool.submit(make_users, pair, prefix, prefix)
                  for prefix in ("left-", "right-")]
        try:
            for job in (*jobs, *passwords, *makers):
                job.result()
        finally:
            done.set()
        assert sum(c.result() for c in checkpointers) > 3

    for cookie, connection in book.valid.items():
        assert pair.is_valid(cookie)
        if connection is not None:
            connection.say("still here")
            connection.expect("ack")
            connection.sock.close()
    for cookie in book.ended:
        assert not pair.is_valid(cookie)
    assert len(book.valid) > 10 and len(book.ended) > 20

    listed = {u["name"]: u for u in json.loads(
        pair.tool("user", "list", "--json").stdout)}
    expected = {name: False for name in (*STEADY, *SWITCHED, "gus")}
    expected["fay"] = True
    for maker in makers:
        expected.update(maker.result())
    assert {n: u["locked"] for n, u in listed.items()} == expected
    sessions = json.loads(pair.tool("session", "list", "--json").stdout)
    steady = [s for s in sessions if s["user"] in (*STEADY, *SWITCHED)]
    assert len(steady) == len(book.valid)
    # The last password counts, and it was changed while the lock held.
    assert pair.login.post_login("fay", passwords[0].result()).status == 401
    pair.tool("user", "unlock", "fay")
    assert pair.login.post_login("fay", passwords[0].result()).status == 303
    pair.tool("store", "check")
