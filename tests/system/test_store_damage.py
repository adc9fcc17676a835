"""A store that is damaged or gone: nobody gets in who may not, nothing dies,
and the log says what to do."""

import os
import re
import shutil
import time

import pytest
import requests

from conftest import Site, wait_until
from wsclient import Refused, connect

GRACE_S = 2


@pytest.fixture(scope="module")
def own():
    s = Site(set={"wsd.store_grace_s": GRACE_S, "wsd.leave_grace_s": 0,
                  "login.sessions_per_user": 0})
    try:
        yield s.start()
    finally:
        s.close()


class Store:
    """The sessions of a site, to be damaged and put back as they were."""

    def __init__(self, site):
        self.site = site
        self.dir = site.dir / "store/sessions"
        self.away = site.dir / "store/away"
        self.pids = {n: site.pid(n) for n in ("login", "wsd", "web")}

    def take(self):
        """A copy stays in its place, to be damaged."""
        self.dir.rename(self.away)
        shutil.copytree(self.away, self.dir)

    def put_back(self):
        if self.away.exists():
            if self.dir.is_dir():
                shutil.rmtree(self.dir)
            self.away.rename(self.dir)

    def base(self):
        return self.dir / "base.gdbm"

    def journal(self):
        return next(self.dir.glob("journal.*"))

    def assert_alive(self):
        assert {n: self.site.pid(n) for n in self.pids} == self.pids


@pytest.fixture
def store(own):
    s = Store(own)
    yield s
    s.put_back()
    wait_until(lambda: is_back(own), what="the store")


def is_back(site):
    return may_join(site, site.cookie("alice"))


def may_join(site, cookie):
    try:
        connect(site, cookie=cookie).sock.close()
        return True
    except Refused as e:
        assert e.status in (401, 503), e
        return False


# --- damage -------------------------------------------------------------------

def missing(store):
    store.dir.rename(store.away)


def base_missing(store):
    store.take()
    store.base().unlink()


def journal_missing(store):
    store.take()
    store.journal().unlink()


def base_truncated(store):
    store.take()
    os.truncate(store.base(), store.base().stat().st_size // 2)


def base_empty(store):
    store.take()
    os.truncate(store.base(), 0)


def base_zeroed(store):
    store.take()
    store.base().write_bytes(bytes(store.base().stat().st_size))


def base_is_a_directory(store):
    store.take()
    store.base().unlink()
    store.base().mkdir()


def base_is_a_symlink(store):
    store.take()
    store.base().unlink()
    store.base().symlink_to("/dev/zero")


def base_is_noise(store):
    store.take()
    store.base().write_bytes(os.urandom(20000))


def journal_empty(store):
    store.take()
    os.truncate(store.journal(), 0)


def journal_header_gone(store):
    store.take()
    data = bytearray(store.journal().read_bytes())
    data[:16] = bytes(16)
    store.journal().write_bytes(data)


def journal_bit_flipped(store):
    """In what was durable: acknowledged records stand behind it."""
    store.take()
    data = bytearray(store.journal().read_bytes())
    data[len(data) // 2] ^= 4
    store.journal().write_bytes(data)


def base_is_a_fifo(store):
    store.take()
    store.base().unlink()
    os.mkfifo(store.base())


def journal_is_a_fifo(store):
    store.take()
    journal = store.journal()
    journal.unlink()
    os.mkfifo(journal)


def journal_is_a_directory(store):
    store.take()
    journal = store.journal()
    journal.unlink()
    journal.mkdir()


DAMAGE = [missing, base_missing, journal_missing, base_truncated, base_empty,
          base_zeroed, base_is_a_directory, base_is_a_symlink, base_is_noise,
          journal_empty, journal_header_gone, journal_bit_flipped,
          base_is_a_fifo, journal_is_a_fifo, journal_is_a_directory]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_damage(own, store, damage):
    # Enough records that the middle of the journal is one of them.
    cookies = [own.cookie("alice") for _ in range(3)]
    cookie = own.cookie("bob")
    answer = own.get("/session", headers={"Cookie": cookie})
    assert answer.status_code == 200
    visitor = requests.Session()
    form = own.form(visitor)
    before = len(own.log())

    damage(store)
    # Worker by worker, each looks for itself, and not at what it has looked
    # at less than 20 ms ago.
    since = time.monotonic()
    for _ in range(8):
        wait_until(lambda: own.get("/session", headers={
            "Cookie": cookie}).status_code == 503 and
            time.monotonic() - since > 0.1, what="503")
    answer = own.get("/session", headers={"Cookie": cookie})
    assert answer.status_code == 503
    assert "store" in answer.json()["error"]
    assert int(answer.headers["Retry-After"]) > 0
    answer = own.get("/index", headers={"Cookie": cookie})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "text/html" in answer.headers["Content-Type"]
    answer = visitor.post(
        own.url + "/login", timeout=30, allow_redirects=False,
        headers={"Origin": own.url},
        data={**form, "name": "alice", "password": own.users["alice"]})
    assert answer.status_code == 503
    assert "gatecast=" not in answer.headers.get("Set-Cookie", "")

    for c in (cookie, cookies[0]):
        def refused():
            try:
                connect(own, cookie=c).sock.close()
                return None
            except Refused as e:
                return e.status == 503 and e
        wait_until(refused, what="a 503 of wsd")
    with pytest.raises(Refused) as e:
        connect(own, cookie=cookie)
    assert e.value.status == 503 and b"session" in e.value.body

    def said(program):
        """What that program said of the sessions; it repeats itself at most
        once a second."""
        own.get("/session", headers={"Cookie": cookie})
        return " ".join(
            line for line in own.log()[before:].splitlines()
            if line.startswith(f"{program}:") and str(store.dir) in line
            and "audit" not in line)

    for program in ("login", "wsd"):
        text = wait_until(lambda: said(program), what=f"a word of {program}")
        assert re.search(
            r"gatecast store \w+|make the store|put the file|"
            r"check owner", text), text
    done = own.gatecast("store", "check", check=False)
    assert done.returncode == 4, done.stdout + done.stderr
    assert str(store.dir) in done.stderr
    store.assert_alive()

    # Put back: everything goes on, without a restart.
    store.put_back()
    wait_until(lambda: all(
        own.get("/session", headers={"Cookie": c}).status_code == 200
        for c in [*cookies, cookie] * 3), what="sessions")

    wait_until(lambda: may_join(own, cookie), what="a join")
    own.cookie("alice")
    assert own.gatecast("store", "check").returncode == 0
    store.assert_alive()


def test_torn_tail_is_no_damage(own, store):
    """What was never acknowledged may be cut off; the rest counts."""
    cookie = own.cookie("alice")
    with open(store.journal(), "ab") as f:
        f.write(b"\x40\x00\x00\x00torn by a power loss")
    for _ in range(8):
        assert own.get("/session",
                       headers={"Cookie": cookie}).status_code == 200
    with connect(own, cookie=cookie) as c:
        assert c.event()["type"] == "hello"
    later = own.cookie("bob")
    for c in (cookie, later):
        assert own.get("/session", headers={"Cookie": c}).status_code == 200
    with connect(own, cookie=later) as c:
        assert c.event()["type"] == "hello"
    assert own.gatecast("store", "check").returncode == 0


def test_users_store_gone(own):
    """Nobody can sign in; who is signed in stays so."""
    cookie = own.cookie("alice")
    users, away = own.dir / "store/users", own.dir / "store/users.away"
    users.rename(away)
    try:
        # Of every worker: each looks anew when it has to.
        wait_until(lambda: all(own.try_login(
            name, own.users["alice"]).status_code == 503
            for name in ("alice", "nobody-here") * 4), what="503")
        assert own.get("/session",
                       headers={"Cookie": cookie}).status_code == 200
        with connect(own, cookie=cookie) as c:
            assert c.event()["type"] == "hello"
        assert own.gatecast("user", "list", check=False).returncode == 4
    finally:
        away.rename(users)
    wait_until(lambda: own.try_login(
        "alice", own.users["alice"]).status_code == 303, what="a login")


def test_keyring_gone(own):
    cookie = own.cookie("alice")
    ring, away = own.dir / "store/keyring", own.dir / "store/keyring.away"
    ring.rename(away)
    try:
        wait_until(lambda: all(own.get("/session", headers={
            "Cookie": cookie}).status_code == 503 for _ in range(8)), what="503")

        def refused():
            try:
                connect(own, cookie=cookie).sock.close()
                return None
            except Refused as e:
                return e.status
        assert wait_until(refused, what="a refusal") == 503
    finally:
        away.rename(ring)
    wait_until(lambda: all(own.get("/session", headers={
        "Cookie": cookie}).status_code == 200 for _ in range(8)), what="a session")
    wait_until(lambda: may_join(own, cookie), what="a join")


def test_connected_clients_stay_for_the_grace(own, store):
    cookie = own.cookie("alice")
    wait_until(lambda: may_join(own, cookie), what="a join")
    a, b = connect(own, cookie=cookie), connect(own, "bob", protocol=None)
    a.expect("hello")
    missing(store)

    def is_lost():
        try:
            connect(own, cookie=cookie).sock.close()
        except Refused as e:
            return e.status == 503
    wait_until(is_lost, what="503")
    a.say("still here")
    a.expect("message", text="still here")
    while not b.recv().endswith("说:still here"):
        pass
    assert a.closed() == 1013
    assert b.closed() == 1013
    store.put_back()
    wait_until(lambda: not is_lost(), what="a join")
    with connect(own, cookie=cookie) as c:
        assert c.event()["type"] == "hello"


def test_back_within_the_grace(own, store):
    """Nobody notices; but who was revoked meanwhile does."""
    a, b = connect(own, "alice"), connect(own, "bob")
    b.expect("hello")
    missing(store)

    def is_lost():
        try:
            connect(own, "alice", cookie="gatecast=x").sock.close()
        except Refused as e:
            return e.status
    assert is_lost() in (401, 503)
    store.put_back()
    own.gatecast("session", "revoke", "--user", "alice")
    assert a.closed() == 4401
    b.say("here")
    b.expect("message", text="here")
    with pytest.raises(TimeoutError):
        b.event(timeout=GRACE_S + 0.5)
    b.sock.close()
