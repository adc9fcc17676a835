"""A disk of 1 MB that fills up: sign-ins are refused with words, whoever
leaves can leave, and nothing of what was there is lost."""

import pytest

import operations
from login_process import Login
from oracle import Accounts, AuthReader

RESERVE = 65536
LEAVE = 12288  # bytes free when sign-ins begin to fill the rest


@pytest.fixture
def full(disk):
    """A site on the small disk, with sessions; nothing is full yet."""
    site = Login(users=(), store=disk.path / "store", login__workers=1,
                 login__sessions_per_user=0, store__reserve_bytes=RESERVE)
    oracle = Accounts()
    for name in ("alice", "bob", "carol", "dave"):
        site.add_user(name, operations.PASSWORD)
        oracle.user(name, (False, operations.PASSWORD))
    site.start()
    reader = AuthReader(site.store)
    yield site, disk, oracle, reader
    assert reader.close() == 0
    site.stop()


def sign_in(site, oracle, name="alice"):
    """The answer; what it gave is known to the oracle."""
    answer = site.post_login(name, operations.PASSWORD)
    if answer.status == 303:
        oracle.begun(answer.cookies()["gatecast"][0], name)
    return answer


def logout(site, token):
    cookie = "gatecast=" + token
    csrf = site.ask("GET", "/index", cookie=cookie).field("csrf")
    return site.ask("POST", "/logout", b"csrf=" + csrf.encode(), cookie)


def judge(site, oracle, reader):
    fresh = AuthReader(site.store)
    assert oracle.complaints(fresh) == []
    fresh.close()
    assert oracle.complaints(reader) == []


def fill_by_sign_ins(site, oracle):
    """The first refusal, once refused for good."""
    for _ in range(1000):
        answer = sign_in(site, oracle)
        if answer.status != 303:
            return answer
    raise AssertionError("the disk does not fill up")


def test_sign_ins_fill_the_disk(full):
    site, disk, oracle, reader = full
    for _ in range(20):
        for name in ("alice", "bob", "carol", "dave"):
            assert sign_in(site, oracle, name).status == 303
    disk.fill(LEAVE)
    refused = fill_by_sign_ins(site, oracle)
    assert refused.status == 503
    assert refused.get("Retry-After") and not refused.cookies()
    assert "No space" in site.log() or "no space" in site.log(), site.log()
    assert str(site.store / "sessions") in site.log()
    judge(site, oracle, reader)
    disk.fill()

    # An administrator is told, with the file, and nothing has changed.
    done = site.tool("user", "add", "erin", "--password-stdin",
                     stdin=operations.PASSWORD, check=False)
    while done.returncode == 0:  # the last page had room
        oracle.user("erin", (False, operations.PASSWORD))
        done = site.tool("user", "passwd", "erin", "--password-stdin",
                         stdin=operations.PASSWORD, check=False)
    assert done.returncode == 4
    assert str(site.store / "users") in done.stderr, done.stderr
    assert "o space" in done.stderr, done.stderr

    # Whoever wants to leave can, one after the other.
    for token in oracle.of("bob"):
        assert logout(site, token).status == 303
        oracle.ended([token])
    judge(site, oracle, reader)
    assert "reserve_bytes is given up" in site.log()
    site.tool("session", "revoke", "--user", "carol")
    oracle.ended(oracle.of("carol"))
    judge(site, oracle, reader)
    assert sign_in(site, oracle).status == 503

    # With space again, without a restart.
    disk.free()
    assert sign_in(site, oracle, "bob").status == 303
    reserve = site.store / "sessions/reserve"
    assert reserve.stat().st_blocks * 512 >= RESERVE
    site.tool("user", "lock", "dave")
    oracle.user("dave", (True, operations.PASSWORD))
    oracle.ended(oracle.of("dave"))
    site.tool("store", "checkpoint")
    judge(site, oracle, reader)
    assert "ok" in site.tool("store", "check").stdout


def test_lock_on_a_full_disk(full):
    """What ends sessions may use the reserve; what lets in may not."""
    site, disk, oracle, reader = full
    for _ in range(5):
        assert sign_in(site, oracle, "dave").status == 303
    disk.fill()
    reserve = site.store / "users/reserve"
    while reserve.exists():  # whatever the last page has room for
        site.tool("user", "lock", "dave")
        oracle.user("dave", (True, operations.PASSWORD))
        oracle.ended(oracle.of("dave"))
    judge(site, oracle, reader)
    site.tool("user", "passwd", "bob", "--password-stdin", stdin="another-one")
    oracle.user("bob", (False, "another-one"))
    oracle.ended(oracle.of("bob"))
    done = site.tool("user", "unlock", "dave", check=False)
    assert done.returncode == 4
    assert str(site.store / "users") in done.stderr, done.stderr
    judge(site, oracle, reader)
    site.tool("user", "del", "dave")
    oracle.user("dave", None)
    oracle.ended(oracle.of("dave"))
    judge(site, oracle, reader)


def test_no_room_for_the_reserve(full):
    """Nearly full from the start: said at the sign-in, not at the logout."""
    site, disk, oracle, reader = full
    assert sign_in(site, oracle).status == 303
    for store in ("users", "sessions"):
        (site.store / store / "reserve").unlink(missing_ok=True)
    disk.fill(RESERVE // 2)
    refused = sign_in(site, oracle)
    assert refused.status == 503
    assert "cannot set aside store.reserve_bytes" in site.log()
    for token in oracle.of("alice"):
        assert logout(site, token).status == 303
        oracle.ended([token])
    judge(site, oracle, reader)
    disk.free()
    assert sign_in(site, oracle).status == 303
    judge(site, oracle, reader)


def test_throttle_on_a_full_disk(disk):
    """Tries cannot be counted: nobody is kept out, and what was counted before
    is there afterwards."""
    site = Login(store=disk.path / "store", login__workers=1,
                 login__throttle="yes", store__reserve_bytes=RESERVE)
    site.start()
    try:
        def guess(name, i):
            return site.post_login(
                name, "not it at all", REMOTE_ADDR=f"198.51.100.{i}").status

        session = site.sign_in().removeprefix("gatecast=")
        assert [guess("bob", i) for i in range(6)] == [401] * 5 + [429]
        disk.fill()
        # The page in use may still have room for some of them.
        statuses = [guess(f"user{i}", i) for i in range(40)]
        assert statuses == [401] * 40
        assert "throttle: count: " in site.log()
        assert [guess("alice", i) for i in range(8)] == [401] * 8
        assert logout(site, session).status == 303
        disk.free()
        assert [guess("carol", i) for i in range(6)] == [401] * 5 + [429]
        listed = site.tool("throttle", "list").stdout
        assert "bob" in listed and "carol" in listed
        assert "ok" in site.tool("store", "check").stdout
    finally:
        site.stop()


def test_a_checkpoint_that_fails_is_left_for_a_while(full):
    """Room for the journal until one is due, and none for the new base."""
    site, disk, oracle, reader = full
    disk.fill(RESERVE + (288 << 10))
    for _ in range(1000):
        token = sign_in(site, oracle).cookies()["gatecast"][0]
        if "checkpoint: " in site.log():
            break
    assert "base.new" in site.log()
    before = (site.store / "sessions").stat().st_mtime_ns
    for _ in range(10):
        cookie = "gatecast=" + token
        assert site.ask("GET", "/index", cookie=cookie).status == 200
    assert (site.store / "sessions").stat().st_mtime_ns == before
    judge(site, oracle, reader)
