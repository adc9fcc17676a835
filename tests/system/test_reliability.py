"""What was acknowledged is there after kill -9 of everything; what was ended
stays ended."""

import os
import signal
import threading

import pytest
import requests

from conftest import Site, wait_until
from wsclient import Refused, connect

PROGRAMS = ("web", "login", "wsd")
ROUNDS = 10


@pytest.fixture(scope="module")
def own():
    s = Site(set={"login.sessions_per_user": 0, "wsd.leave_grace_s": 0})
    try:
        yield s.start()
    finally:
        s.close()


def kill_all(site):
    """SIGKILL to the three and to whatever they have forked, at once."""
    old = {name: site.pid(name) for name in PROGRAMS}
    for pid in old.values():
        os.killpg(pid, signal.SIGKILL)
    return old


def wait_for_successors(site, old):
    wait_until(lambda: all(site.pid(n) not in (None, old[n]) for n in old),
               10, "new programs")
    site.wait_answering()


def status(site, cookie):
    return site.get("/session", headers={"Cookie": cookie}).status_code


def may_join(site, cookie):
    try:
        connect(site, cookie=cookie).sock.close()
        return True
    except Refused as e:
        assert e.status == 401
        return False


def sign_in(site, user="alice", password=None):
    session = site.login(user, password)
    return session, "gatecast=" + session.cookies["gatecast"]


def logout(site, session):
    answer = session.post(site.url + "/logout", timeout=30,
                          data=site.form(session, "/index"),
                          headers={"Origin": site.url}, allow_redirects=False)
    assert answer.status_code == 303


def add_user(site, name):
    site.gatecast("user", "add", name, "--password-stdin",
                  input=f"the passphrase of {name}\n")


def test_acknowledged_survives(own):
    """Each round: a login, a logout, a revocation and a new user, and the
    kill at once after the last one's answer."""
    valid, ended = [], []
    for i in range(ROUNDS):
        keeps, cookie = sign_in(own)
        goes, gone = sign_in(own)
        _, revoked = sign_in(own, "bob")
        # The last thing before the kill is another one each time.
        steps = [lambda: valid.append(sign_in(own)[1]),
                 lambda: (logout(own, goes), ended.append(gone)),
                 lambda: (own.gatecast("session", "revoke", "--user", "bob"),
                          ended.append(revoked)),
                 lambda: add_user(own, f"user{i}")]
        for step in steps[i % 4:] + steps[:i % 4]:
            step()
        valid.append(cookie)
        old = kill_all(own)
        wait_for_successors(own, old)
        assert status(own, cookie) == 200, i
        assert status(own, valid[-2]) == 200, i
        assert status(own, gone) == 401, i
        assert status(own, revoked) == 401, i
        assert may_join(own, cookie) and not may_join(own, gone), i
        sign_in(own, f"user{i}", f"the passphrase of user{i}")
    # And so it stays for all that went before.
    assert {status(own, c) for c in valid} == {200}
    assert {status(own, c) for c in ended} == {401}
    users = own.gatecast("user", "list").stdout
    assert all(f"user{i}" in users for i in range(ROUNDS))
    assert own.gatecast("store", "check").returncode == 0


def test_killed_in_the_middle(own):
    """The kill falls into logins, logouts and checkpoints under way. What
    has no answer may be either way; what has one is as it says."""
    valid, ended, failures = [], [], []
    is_over = threading.Event()

    def work():
        while not is_over.is_set():
            try:
                session, cookie = sign_in(own)
                if len(valid) > len(ended):
                    logout(own, session)
                    ended.append(cookie)
                else:
                    valid.append(cookie)
            except requests.RequestException:
                continue
            except AssertionError as e:
                # The web server may stand alone for a moment; but nobody
                # must be told that a right password is wrong.
                if str(e)[:3] in ("401", "403", "429"):
                    failures.append(str(e)[:400])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for _ in range(6):
            before = len(valid) + len(ended)
            wait_until(lambda: len(valid) + len(ended) > before + 6,
                       what="some logins")
            checkpoint = threading.Thread(target=own.gatecast, args=(
                "store", "checkpoint"), kwargs={"check": False})
            checkpoint.start()
            old = kill_all(own)
            checkpoint.join()
            wait_for_successors(own, old)
    finally:
        is_over.set()
        for t in threads:
            t.join()
    assert not failures, failures
    assert len(valid) > 10 and len(ended) > 10
    assert {status(own, c) for c in valid} == {200}
    assert {status(own, c) for c in ended} == {401}
    assert not any(may_join(own, c) for c in ended[-5:])
    assert all(may_join(own, c) for c in valid[-5:])
    assert own.gatecast("store", "check").returncode == 0


def test_restart_of_the_whole_site(make_site, tmp_path):
    """The machine goes down and comes up."""
    site = make_site(dir=tmp_path / "run")
    _, cookie = sign_in(site)
    session, gone = sign_in(site, "bob")
    logout(site, session)
    site.stop()
    site.start()
    assert status(site, cookie) == 200 and status(site, gone) == 401
    assert may_join(site, cookie) and not may_join(site, gone)


def test_a_worker_is_killed(own):
    """One request may fail; the next worker takes over."""
    _, cookie = sign_in(own)
    for _ in range(3):
        master = own.pid("login")
        workers = children(master)
        assert workers
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: len(children(master)) >= len(workers) and
                   workers[0] not in children(master), what="a new worker")
        assert own.pid("login") == master
        assert [status(own, cookie) for _ in range(6)] == [200] * 6


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]
