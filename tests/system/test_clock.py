"""The wall clock jumps: a month of sleep, minutes and years back, ten years
and eight thousand ahead. libfaketime moves it under both programs."""

import glob
import json
import os
import time

import pytest

from pair import Pair, asleep

LIBRARY = next(iter(glob.glob(
    "/usr/lib/*/faketime/libfaketime.so.1")), None)
pytestmark = pytest.mark.skipif(
    LIBRARY is None, reason="the package faketime is not installed")

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY


class Clock:
    """What the programs started with env take the time for."""

    def __init__(self, path, has_monotonic=False):
        self.path = path
        self.set(0)
        options = os.environ.get("ASAN_OPTIONS", "")
        self.env = {
            **os.environ, "LD_PRELOAD": LIBRARY, "NO_FAKE_STAT": "1",
            "FAKETIME_TIMESTAMP_FILE": str(path), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": str(int(not has_monotonic)),
            "ASAN_OPTIONS": ":".join(
                filter(None, [options, "verify_asan_link_order=0"]))}

    def set(self, offset_s):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{offset_s:+d}\n")
        fresh.rename(self.path)


@pytest.fixture
def world(request):
    """(pair, clock)"""
    param = getattr(request, "param", None)
    popen = {"env": {}}
    pair = Pair(login=popen, wsd=popen, set={
        "login.idle_lifetime_s": 2 * HOUR,
        "login.absolute_lifetime_s": 7 * DAY,
        **(param if isinstance(param, dict) else {})})
    # Where both may read, for the library asks each time.
    clock = Clock(pair.store / "clock", has_monotonic=param == "both")
    popen["env"].update(clock.env)
    with pair:
        yield pair, clock


def sign_in(pair, name="alice"):
    cookie = pair.login.sign_in(name)
    assert pair.is_valid(cookie)
    return cookie


@pytest.mark.parametrize("world", ["wall", "both"], indirect=True)
def test_sleep_of_a_month(world):
    pair, clock = world
    cookies = [sign_in(pair, name) for name in ("alice", "bob") * 4]
    clients = [pair.client(cookie) for cookie in cookies]
    pids = [pair.wsd.process.pid, pair.login.process.pid,
            *pair.login.workers()]
    lines, cpu = len(pair.wsd.lines), pair.wsd.cpu_s()
    begin = time.monotonic()
    with asleep(*pids):
        clock.set(30 * DAY)
    for c in clients:
        assert c.closed() == 4401
        c.sock.close()
    for cookie in cookies:
        assert not pair.is_valid(cookie)
    fresh = sign_in(pair)
    with pair.client(fresh) as c:
        c.say("good morning")
        c.expect("message", text="good morning")
    # Nothing catches up on what it slept through, and nothing is said twice.
    took = time.monotonic() - begin
    assert pair.wsd.cpu_s() - cpu < took / 2 + 0.5
    assert len(pair.wsd.lines) - lines < 60, pair.wsd.log()


@pytest.mark.parametrize("world", [
    {"login.idle_lifetime_s": 0, "login.absolute_lifetime_s": 0}],
    indirect=True)
def test_no_limits(world):
    """0 is no limit: nobody is signed out by time, of which the page says
    nothing; the cookie lives as long as a browser keeps one."""
    pair, clock = world
    answer = pair.login.post_login()
    value, attributes = answer.cookies()["gatecast"]
    assert "Max-Age=34560000" in attributes
    cookie = f"gatecast={value}"
    with pair.client(cookie) as here:
        clock.set(5 * YEAR)
        pair.tool("store", "checkpoint", env=clock.env)
        assert pair.is_valid(cookie)
        here.say("five years")
        here.expect("message", text="five years")
    said = json.loads(pair.login.ask("GET", "/session", cookie=cookie).body)
    assert said["user"] == "alice" and not said.keys() & {"expires", "ends"}


def records(pair, clock):
    """Of each store."""
    rows = pair.tool("store", "stats", "--json", env=clock.env).stdout
    return {r["store"]: r["records"] for r in json.loads(rows)}


@pytest.mark.parametrize("world", [{"login.throttle": "yes"}], indirect=True)
def test_checkpoint_drops_what_expired(world):
    pair, clock = world
    pair.tool("store", "checkpoint", env=clock.env)
    empty = records(pair, clock)
    for _ in range(3):
        sign_in(pair)
    assert pair.login.post_login("bob", "wrong").status == 401
    pair.tool("store", "checkpoint", env=clock.env)
    full = records(pair, clock)
    assert full["sessions"] >= empty["sessions"] + 3
    assert full["throttle"] > empty["throttle"]
    clock.set(30 * DAY)
    pair.tool("store", "checkpoint", env=clock.env)
    after = records(pair, clock)
    assert after["sessions"] == empty["sessions"]
    # The secret under which its records are filed stays.
    assert after["throttle"] <= empty["throttle"] + 1
    assert after["users"] == empty["users"]
    sign_in(pair)


@pytest.mark.parametrize("world", ["both"], indirect=True)
def test_nap(world):
    """An hour is no reason to part from anybody whose session lasts: who
    could not answer a ping is asked again."""
    pair, clock = world
    cookie = sign_in(pair)
    with pair.client(cookie) as c:
        for i in range(3):
            with asleep(pair.wsd.process.pid):
                clock.set((i + 1) * HOUR // 2)
            c.say(f"awake {i}")
            c.expect("message", text=f"awake {i}")
    assert pair.is_valid(cookie)


def test_set_back(world):
    """Neither what was seen expired nor what was ended comes back."""
    pair, clock = world
    ended, expired, lives = (sign_in(pair) for _ in range(3))
    held = pair.client(lives)
    assert pair.logout(ended).status == 303
    clock.set(HOUR)
    assert pair.is_valid(lives)  # and notes that it was active
    clock.set(2 * HOUR + MINUTE)
    assert not pair.is_valid(expired)
    for back in (2 * HOUR, HOUR, 0, -10 * MINUTE, -DAY, -3 * YEAR):
        clock.set(back)
        assert not pair.is_valid(expired), back
        assert not pair.is_valid(ended), back
    # So far back the clock is wrong, and nobody is trusted by it.
    assert not pair.is_valid(lives)
    clock.set(HOUR)
    assert pair.is_valid(lives)
    # Waits inside wsd go by another clock.
    held.say("still here")
    held.expect("message", text="still here")
    held.sock.close()


def test_ten_years_ahead(world):
    pair, clock = world
    seen, unseen = sign_in(pair), sign_in(pair, "bob")
    held = pair.client(seen)
    clock.set(10 * YEAR)
    assert held.closed() == 4401
    held.sock.close()
    assert not pair.is_valid(seen)
    ahead = sign_in(pair)
    # Back again: what was deleted stays so, what nobody asked about lives,
    # what comes from the future waits for it.
    clock.set(0)
    assert not pair.is_valid(seen)
    assert pair.is_valid(unseen)
    assert not pair.is_valid(ahead)
    clock.set(10 * YEAR)
    assert pair.is_valid(ahead)
    pair.tool("store", "checkpoint", env=clock.env)
    clock.set(0)
    assert not pair.is_valid(unseen)
    sign_in(pair)


@pytest.mark.parametrize("at", [
    2**31 - 5, 2**32 + 5, 253402300700, 253402300900, -5, -2 * 10**9, 0])
def test_far_times(world, at):
    """Around 2038, 2106, 9999 and before 1970: signing in works or is
    refused in good order, and afterwards all is as before."""
    pair, clock = world
    before = sign_in(pair)
    clock.set(at - int(time.time()))
    answer = pair.login.post_login("bob")
    assert answer.status in (303, 503), answer.raw
    if at > 0:
        assert answer.status == 303
        there = "gatecast=" + answer.cookies()["gatecast"][0]
        assert pair.is_valid(there)
        with pair.client(there) as c:
            c.say("hello")
            c.expect("message", text="hello")
    assert pair.login.ask("GET", "/login").status == 200
    pair.tool("session", "list", env=clock.env)
    pair.tool("session", "list", "--json", env=clock.env)
    clock.set(0)
    assert pair.is_valid(before)
    sign_in(pair)
