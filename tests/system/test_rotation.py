"""The keyring changes under both programs: no valid cookie is refused, no
retired one is taken, and no file that is not whole ever counts."""

import contextlib
import os
import threading
import time

import pytest

from conftest import wait_until
from pair import Pair

ROTATIONS = int(os.environ.get("GATECAST_ROTATIONS", "300"))
# Each program looks at the file every half second.
SOON_S = 1.0


@pytest.fixture
def pair():
    with Pair() as p:
        yield p


@pytest.fixture
def one_worker():
    with Pair(set={"login.workers": 1}) as p:
        yield p


def path_of(pair):
    return pair.store / "keyring"


def put(pair, text):
    """As the tool does: a new file under the old name."""
    fresh = pair.store / "keyring.fresh"
    fresh.write_text(text)
    fresh.chmod(0o640)
    fresh.rename(path_of(pair))


def kid(cookie):
    return cookie.split(".")[1]


def without(text, name):
    return "".join(line for line in text.splitlines(keepends=True)
                   if not line.startswith(f"kid={name} "))


def test_rotation_logs_nobody_out(pair):
    old = pair.login.sign_in()
    cookies = [old]
    with pair.client(old) as held:
        for i in range(4):
            pair.tool("key", "rotate")
            fresh = pair.login.sign_in("bob")
            # At once: whichever worker signed, and whoever looks.
            assert pair.is_valid(fresh)
            cookies.append(fresh)
            for cookie in cookies:
                assert pair.is_valid(cookie)
            held.say(f"round {i}")
            held.expect("message", text=f"round {i}")
            with pair.client(old):
                pass
    assert len({kid(c) for c in cookies}) > 2
    assert pair.logout(old).status == 303
    assert not pair.is_valid(old)
    assert pair.is_valid(cookies[-1])


def test_retired_key(pair):
    old = pair.login.sign_in()
    pair.tool("key", "rotate")
    fresh = wait_until(lambda: next(
        (c for c in [pair.login.sign_in("bob")] if kid(c) != kid(old)), None),
        what="a cookie of the new key")
    assert pair.is_valid(old)
    put(pair, without(path_of(pair).read_text(), kid(old)))
    begin = time.monotonic()
    # Each of the workers looks for itself.
    wait_until(lambda: pair.verdicts(old, times=1) == ({401}, 401),
               what="refusal")
    while time.monotonic() - begin < SOON_S:
        assert pair.is_valid(fresh)
    for _ in range(8):
        assert pair.verdicts(old) == ({401}, 401)
    assert pair.is_valid(fresh)


@pytest.mark.parametrize("bad", ["", "cut", "dir"])
def test_bad_file_never_counts(one_worker, bad):
    """For a moment nobody notices; after a second nothing is valid, and the
    log says which file; put right, all is as before."""
    pair = one_worker
    cookie = pair.login.sign_in()
    assert pair.is_valid(cookie)
    pair.tool("key", "rotate")
    good = path_of(pair).read_text()

    def spoil():
        if bad == "dir":
            path_of(pair).unlink()
            path_of(pair).mkdir()
        else:
            put(pair, {"cut": good[:-5]}.get(bad, bad))

    def mend():
        if bad == "dir":
            path_of(pair).rmdir()
        put(pair, good)

    spoil()
    assert pair.is_valid(cookie)
    wait_until(lambda: pair.verdicts(cookie) == ({503}, 503), what="refusal")
    for program in (pair.login, pair.wsd):
        wait_until(lambda: str(path_of(pair)) in program.log(),
                   what="a line of log")
    mend()
    wait_until(lambda: pair.verdicts(cookie) == ({200}, 101), what="an end")
    assert pair.is_valid(pair.login.sign_in())


@contextlib.contextmanager
def asking(*checks):
    """Calls each again and again meanwhile; all must be true."""
    done = threading.Event()
    wrong, counts = [], []

    def run(check):
        n = 0
        while not done.is_set():
            n += 1
            try:
                answers = check()
                if not set(answers) <= {200, 101}:
                    wrong.append(answers)
            except Exception as e:  # told by the main thread
                wrong.append(repr(e))
        counts.append(n)

    threads = [threading.Thread(target=run, args=(c,)) for c in checks]
    for t in threads:
        t.start()
    try:
        yield wrong
    finally:
        done.set()
        for t in threads:
            t.join()
    assert not wrong, wrong[:5]
    assert min(counts) > 20, counts


@pytest.fixture
def busy():
    with Pair(set={"wsd.connections_per_user": 0,
                   "wsd.max_connections": 0,
                   "login.sessions_per_user": 0}) as p:
        yield p


def test_rotation_under_load(busy):
    """Hundreds of rotations while both are asked without a pause. The newest
    keys and the first are always there."""
    pair = busy
    first = pair.login.sign_in()
    cookies = [first]
    # Real keys, made by the tool, of which each rotation takes some.
    for _ in range(6):
        pair.tool("key", "rotate")
    lines = path_of(pair).read_text().splitlines(keepends=True)[1:]
    keys = [line.replace("state=current", "state=previous") for line in lines]
    oldest = next(k for k in keys if k.startswith(f"kid={kid(first)} "))
    others = [k for k in keys if k is not oldest]

    def rotated(i):
        now = others[i % len(others)]
        return "v=1\n" + now.replace("state=previous", "state=current") + \
            "".join(k for k in others if k is not now) + oldest

    def login():
        return [pair.session(c) for c in cookies]

    def wsd():
        return [pair.join(c) for c in cookies]

    with asking(login, wsd) as wrong:
        for i in range(ROTATIONS):
            put(pair, rotated(i))
            if i % 20 == 0:
                # Signed with whatever is current, it stays among them.
                cookies.append(pair.login.sign_in("bob"))
            if wrong:
                break
    assert len({kid(c) for c in cookies}) > 3
    for cookie in cookies:
        assert pair.is_valid(cookie)
