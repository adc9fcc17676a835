"""Guessing passwords: who is slowed down, and who is not."""

import concurrent.futures
import json
import os
import re
import shutil
import signal

import pytest

from conftest import wait_until
from login_process import PASSWORD, assert_protected, make, writing

FREE = 5  # tries of an account that cost no delay
ADDRESS_FREE = 20
FIRST_S = 4  # the first delay
WRONG = "not it at all"


def throttled(request, **config):
    return make(request, **{"login__throttle": "yes", **config})


def fail(site, n=FREE, name="alice", **params):
    """n wrong passwords, from n addresses; the last answer."""
    for i in range(n):
        params["REMOTE_ADDR"] = f"198.51.100.{i}"
        answer = site.post_login(name, WRONG, **params)
        assert answer.status == 401, answer.raw
    return answer


def listed(site):
    return {row["who"]: row for row in
            json.loads(site.tool("throttle", "list", "--json").stdout)}


def device(answer):
    return "gatecast-device=" + answer.cookies()["gatecast-device"][0]


def owner(site, name="alice"):
    """A browser that has signed in: its device cookie."""
    answer = site.post_login(name)
    assert answer.status == 303
    return device(answer)


def try_as(site, cookie, name="alice", password=PASSWORD, **params):
    csrf, pre, _ = site.form()
    return site.post_login(name, password, csrf=csrf,
                           cookie="; ".join(filter(None, (pre, cookie))),
                           **params)


def test_account(request):
    site = throttled(request).start()
    known = owner(site)
    fail(site)
    # A stranger is turned away, with the right password too.
    answer = site.post_login()
    assert answer.status == 429
    assert_protected(answer)
    wait = int(answer.get("Retry-After"))
    assert 1 <= wait <= FIRST_S
    assert "gatecast" not in answer.cookies()
    assert 'value="alice"' in answer.text and 'id="problem"' in answer.text
    assert re.search(r'id="problem">[^<]* \d+ s\.</p>', answer.text)
    assert "event=login result=throttled" in site.log()
    row = listed(site)["alice"]
    assert row["kind"] == "account" and row["failures"] == FREE
    assert row["next_try"].endswith("Z")
    # The owner's browser is not, and goes on being known.
    answer = try_as(site, known)
    assert answer.status == 303 and device(answer)
    # Nor does that help the stranger; nor is being turned away a failure.
    assert site.post_login().status in (303, 429)
    # Over time it passes.
    wait_until(lambda: site.post_login().status == 303, what="the delay's end")
    assert "alice" not in listed(site)


def test_unknown_and_known_are_one(request):
    site = throttled(request).start()
    seen = []
    for name in "alice", "nobody":
        texts = []
        for i in range(FREE + 2):
            answer = site.post_login(name, WRONG,
                                     REMOTE_ADDR=f"198.51.100.{i}")
            wait = answer.get("Retry-After")
            assert wait is None or 1 <= int(wait) <= FIRST_S
            texts.append((answer.status, wait is None, re.sub(
                r'value="[^"]*"|: \d+</p>', "", answer.text)))
        seen.append(texts)
    assert seen[0] == seen[1]
    assert [t[0] for t in seen[0]] == [401] * FREE + [429] * 2
    assert listed(site).keys() >= {"alice", "nobody"}
    # What cannot be anybody's name counts against the address alone.
    assert fail(site, FREE + 2, name="not a name!").status == 401
    assert "not a name!" not in listed(site)


def test_address(request):
    site = throttled(request).start()
    known = owner(site)
    for i in range(ADDRESS_FREE):
        assert site.post_login(f"user{i}", WRONG).status == 401
    # Also for whom nobody has guessed at; not from elsewhere, not the owner.
    assert site.post_login().status == 429
    assert try_as(site, known).status == 303
    assert site.post_login(REMOTE_ADDR="192.0.2.8").status == 303
    assert listed(site)["192.0.2.7"]["failures"] == ADDRESS_FREE
    site.tool("throttle", "clear", "192.0.2.7")
    assert site.post_login().status == 303


def test_address_behind_a_proxy(request):
    """The client's, where a trusted proxy says it; who is none is himself."""
    site = throttled(request, site__trusted_proxies="192.0.2.80").start()
    behind = {"REMOTE_ADDR": "192.0.2.80",
              "HTTP_X_FORWARDED_FOR": "203.0.113.5, 198.51.100.5"}
    for i in range(ADDRESS_FREE):
        assert site.post_login(f"user{i}", WRONG, **behind).status == 401
    assert site.post_login(**behind).status == 429
    assert listed(site)["198.51.100.5"]["failures"] == ADDRESS_FREE
    assert not listed(site).keys() & {"192.0.2.80", "203.0.113.5"}
    other = {**behind, "HTTP_X_FORWARDED_FOR": "198.51.100.6"}
    assert site.post_login(**other).status == 303
    for i in range(ADDRESS_FREE):
        assert site.post_login(
            f"name{i}", WRONG,
            HTTP_X_FORWARDED_FOR=f"10.0.0.{i}").status == 401
    assert site.post_login(HTTP_X_FORWARDED_FOR="10.0.1.1").status == 429
    assert listed(site)["192.0.2.7"]["failures"] == ADDRESS_FREE


def test_network_of_an_address(request):
    site = throttled(request).start()
    for i in range(ADDRESS_FREE):
        assert site.post_login(f"user{i}", WRONG, REMOTE_ADDR=
                               f"2001:db8:0:1::{i:x}").status == 401
    assert site.post_login(REMOTE_ADDR="2001:db8:0:1:ffff::").status == 429
    assert site.post_login(REMOTE_ADDR="2001:db8:0:2::1").status == 303
    assert "2001:db8:0:1::/64" in listed(site)
    site.tool("throttle", "clear", "2001:db8:0:1::/64")
    assert site.post_login(REMOTE_ADDR="2001:db8:0:1:ffff::").status == 303


def test_success_does_not_wash_an_address_clean(request):
    """Who has an account cannot buy more guesses with it."""
    site = throttled(request).start()
    for i in range(ADDRESS_FREE):
        assert site.post_login(f"user{i}", WRONG).status == 401
        if i < ADDRESS_FREE - 1:
            assert site.post_login().status == 303
    assert site.post_login("bob", WRONG).status == 429


def test_device(request):
    site = throttled(request, users=("alice", "bob")).start()
    known = owner(site)
    fail(site)
    # Not of another account, not altered, not a session's or a form's token.
    fail(site, name="bob")
    assert try_as(site, known, "bob").status == 429
    assert try_as(site, known[:-1] + "AB"[known[-1] == "A"]).status == 429
    token, bind = known.split("~")
    # Nor is it a session, or a form's.
    name, _, value = token.partition("=")
    assert site.ask("GET", "/session",
                    cookie="gatecast=" + value).status == 401
    assert site.post_login(csrf=site.form()[0],
                           cookie="gatecast-pre=" + value).status == 403
    session = site.post_login(
        cookie=None, REMOTE_ADDR="198.51.100.99")  # turned away as well
    assert session.status == 429
    assert try_as(site, token).status == 429
    assert try_as(site, f"{token}~{bind}~{bind}x").status == 429
    assert try_as(site, f"{known}; {known}").status == 429
    # What is stolen with it has an end, too.
    for _ in range(FREE):
        assert try_as(site, known, password=WRONG).status == 401
    assert try_as(site, known, password=WRONG).status == 429
    assert [r["kind"] for r in json.loads(site.tool(
        "throttle", "list", "--json").stdout) if r["who"] == "alice"
            ].count("device") == 1


def test_device_of_several_accounts(request):
    names = ("alice", "bob", "carol", "dave", "erin")
    site = throttled(request, users=names).start()
    known = None
    for name in names:
        answer = try_as(site, known, name)
        known = device(answer)
    assert known.count("~") == 4
    answer = try_as(site, known, "carol")  # again: not twice
    known = device(answer)
    assert known.count("~") == 4
    for name in names:
        fail(site, name=name)
    status = {name: try_as(site, known, name).status for name in names}
    assert status == {"alice": 429, "bob": 303, "carol": 303, "dave": 303,
                      "erin": 303}


def test_parallel_guesses(request):
    """A try is counted before its password is looked at."""
    site = throttled(request, login__workers=4,
                login__argon2_memory_kib=4096).start()
    csrf, pre, _ = site.form()

    def guess(i):
        return site.post_login("alice", WRONG, csrf=csrf, cookie=pre,
                               REMOTE_ADDR=f"198.51.100.{i}").status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(guess, range(100)))
    # One more where the first delay ends while they go on.
    assert FREE <= got.count(401) <= FREE + 1
    assert 429 in got and set(got) <= {401, 429, 503}


def test_survives_a_restart_and_a_checkpoint(request):
    site = throttled(request).start()
    fail(site, FREE, name="bob")
    before = listed(site)["bob"]
    assert before["failures"] == FREE
    site.tool("store", "checkpoint")
    workers = site.workers()
    os.kill(site.process.pid, signal.SIGKILL)
    site.process.wait(30)
    # They end with it, and until then the socket is theirs.
    wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in workers),
               what="the workers' end")
    site.start()
    assert listed(site)["bob"] == before
    assert site.post_login("bob").status == 429


def test_killed_workers_do_not_lock_out(request):
    """A try whose worker died stays counted, and the owner is let in."""
    site = throttled(request, login__argon2_memory_kib=131072,
                login__argon2_passes=4, users=()).start()
    site.add_user("alice")
    known = owner(site)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            old = site.workers()
            pending = pool.submit(site.post_login, password=WRONG, timeout=30)
            wait_until(lambda: "alice" in listed(site) or pending.done(),
                       what="the count")
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            pending.exception(30)
            wait_until(lambda: len(site.workers()) == 2 and
                       not set(site.workers()) & set(old), what="new workers")
    assert try_as(site, known, timeout=60).status == 303
    assert site.post_login(timeout=60).status == 303


def test_clear(request):
    site = throttled(request).start()
    known = owner(site)
    fail(site)
    for _ in range(FREE):
        try_as(site, known, password=WRONG)
    assert site.post_login().status == 429
    done = site.tool("throttle", "clear", "ALICE")
    assert "action=throttle.clear user=ALICE" in done.stderr
    assert "alice" not in listed(site)
    assert site.post_login().status == 303
    assert try_as(site, known, password=WRONG).status == 401
    with pytest.raises(Exception) as e:
        site.tool("throttle", "clear", "nobody")
    assert e.value.returncode == 3 and "nobody" in e.value.stderr
    text = site.tool("throttle", "list").stdout
    assert re.search(r"^who +kind +failures +next_try$", text, re.M)


def test_many_names(request):
    """What a guesser leaves behind is tidied up in between."""
    site = throttled(request).start()
    csrf, pre, _ = site.form()
    for i in range(300):
        name = f"n{i}" + chr(0x20000) * (64 - len(f"n{i}"))
        assert site.post_login(name, WRONG, csrf=csrf, cookie=pre,
                               REMOTE_ADDR=f"10.0.{i // 256}.{i % 256}"
                               ).status == 401

    def generation():
        stats = json.loads(site.tool("store", "stats", "--json").stdout)
        return {row["store"]: row["generation"] for row in stats}["throttle"]

    wait_until(lambda: generation() > 1, what="a checkpoint")
    assert site.post_login().status == 303


def test_switched_off(request):
    site = throttled(request, login__throttle="no").start()
    fail(site, FREE * 3)
    answer = site.post_login()
    assert answer.status == 303
    assert "gatecast-device" not in answer.cookies()
    assert listed(site) == {}


def test_held_lock(request):
    """A try that cannot be counted is not made, and those who have to wait
    are turned away all the same."""
    site = throttled(request, store__lock_wait_ms=100).start()
    fail(site, name="bob")
    with writing(site.store / "throttle"):
        answer = site.post_login()
        assert answer.status == 503 and answer.get("Retry-After")
        assert site.post_login("bob").status == 429
    assert site.post_login().status == 303


def test_damage_locks_nobody_out(request):
    site = throttled(request).start()
    owner(site)
    throttle = site.store / "throttle"
    (throttle / "base.gdbm").write_bytes(b"not a database" * 100)
    for _ in range(6):
        assert site.post_login().status == 303
    assert re.search(r"error: throttle: .*base\.gdbm", site.log())
    done = site.tool("store", "stats", check=False)
    assert done.returncode == 4 and "throttle" in done.stderr
    # The cure: it is worth nothing, and made anew.
    shutil.rmtree(throttle)
    assert site.post_login().status == 303
    fail(site)
    assert site.post_login().status == 429
    assert (throttle.stat().st_mode & 0o777) == 0o700
    assert "throttle: generation" in site.tool("store", "check").stdout
