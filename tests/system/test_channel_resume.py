"""Nothing is lost on the way back: connections that break, history, and a wsd
that comes and goes."""

import json
import os
import signal
import time

import pytest

from channel import joiner, own_site, settle, tight_site
from conftest import wait_until
from wsclient import Closed, Refused, connect

own = pytest.fixture(own_site, scope="module")
tight = pytest.fixture(tight_site, scope="module")
join = pytest.fixture(joiner)


def test_resume(own, join):
    cookie = own.cookie("alice")
    a, b = join(own, cookie=cookie), join(own, "bob")
    settle(a)
    b.say("before")
    cursor = a.expect("message", text="before")["seq"]
    epoch = a.hello["epoch"]
    a.sock.close()
    for i in range(50):
        b.say(f"missed {i}")
    late = join(own, "dave")
    b.say("missed too")
    b.expect("message", text="missed too")
    a = join(own, cookie=cookie, since=f"{epoch}-{cursor}")
    assert a.hello["resumed"] is True
    assert a.hello["epoch"] == epoch and a.hello["seq"] == cursor
    b.say("live")
    got = []
    while not got or got[-1].get("text") != "live":
        got.append(a.event())
    assert [e["seq"] for e in got] == \
        list(range(cursor + 1, cursor + 1 + len(got)))
    assert [e["text"] for e in got if e["type"] == "message"] == \
        [f"missed {i}" for i in range(50)] + ["missed too", "live"]
    assert any(e["type"] == "join" and e["user"] == "dave" for e in got)
    late.close()


@pytest.mark.parametrize("cut", range(0, 12, 4))
def test_resume_again_and_again(own, join, cut):
    """The connection breaks at any place; the whole is without a hole and
    without a double."""
    cookie = own.cookie("carol")
    b = join(own, "bob")
    c = join(own, "carol", cookie=cookie)
    settle(c)
    settle(b)
    mark = os.urandom(4).hex()
    heard, cursor, epoch = [], None, c.hello["epoch"]
    for i in range(40):
        b.say(f"{mark} {i}")
    while True:
        for _ in range(cut + 1):
            e = c.event()
            if e["type"] in ("message", "join", "leave"):
                assert cursor is None or e["seq"] == cursor + 1
                cursor = e["seq"]
            if e["type"] == "message" and mark in e["text"]:
                heard.append(e["text"])
            if e.get("text") == f"{mark} 39":
                break
        if e.get("text") == f"{mark} 39":
            break
        c.sock.close()
        c = join(own, cookie=cookie, since=f"{epoch}-{cursor}")
        assert c.hello["resumed"] is True
    assert heard == [f"{mark} {i}" for i in range(40)]


def test_cursors_that_are_none(own, join):
    a = join(own)
    epoch, seq = a.hello["epoch"], a.hello["seq"]
    other = f"{int(epoch, 16) ^ 1:x}"
    for since in (f"{other}-{seq}", f"{epoch}-{seq + 10 ** 6}", "1-0",
                  f"{epoch}-18446744073709551615"):
        c = join(own, since=since)
        assert c.hello["resumed"] is False, since
        assert c.hello["epoch"] == epoch
        assert seq <= c.hello["seq"] < seq + 10 ** 6
    for since in ("", "x", f"{epoch}", f"{epoch}-", f"{epoch}--1", "-1",
                  f"{epoch}-1x", f"{epoch}-1%00", "g-1",
                  f"{epoch}-99999999999999999999999",
                  f"{epoch}-1&x=y", f"{epoch}-1&since={epoch}-1"):
        with pytest.raises(Refused) as e:
            connect(own, path=f"/websocket?since={since}")
        assert e.value.status == 400, since


def test_history(own, join):
    a, b = join(own, "alice"), join(own, "bob")
    for i in range(30):
        b.say(f"old {i}")
    b.expect("ack")
    last = a.expect("message", text="old 29")["seq"]

    def history(**kwargs):
        a.send(json.dumps({"type": "history", **kwargs}))
        return a.expect("history")

    h = history(limit=10)
    assert [e["text"] for e in h["messages"]] == \
        [f"old {i}" for i in range(20, 30)]
    assert h["more"] is True
    older = history(before=h["messages"][0]["seq"], limit=10)
    assert [e["text"] for e in older["messages"]] == \
        [f"old {i}" for i in range(10, 20)]
    assert all(e["type"] == "message" and e["user"] == "bob"
               for e in older["messages"])
    assert history(before=1, limit=10) == {
        "type": "history", "messages": [], "more": False}
    assert history(before=last + 1000, limit=1)["messages"][0]["seq"] == last
    everything = history(limit=100000)["messages"]
    assert [e["seq"] for e in everything] == \
        sorted({e["seq"] for e in everything})
    for bad in ({"limit": 0}, {"limit": -1}, {"before": -1}, {"limit": "x"},
                {"before": 1.5}, {"before": None}):
        a.send(json.dumps({"type": "history", **bad}))
        assert a.expect("error")["code"] == "bad_field", bad


def test_gap_when_too_much_was_missed(tight, join):
    """What is no longer kept is said to be missing."""
    cookie = tight.cookie("alice")
    a, b = join(tight, cookie=cookie), join(tight, "bob")
    epoch, cursor = a.hello["epoch"], a.hello["seq"]
    a.sock.close()
    for i in range(90):
        b.say(f"m{i}")
        e = b.event()
        while e["type"] not in ("ack", "error"):
            e = b.event()
        if e["type"] == "error":
            break
    # Three users' bursts are more than the five that are kept; joins and
    # leaves between them may be kept as well.
    for name in ("carol", "dave"):
        c = join(tight, name)
        for i in range(3):
            c.say(f"{name}{i}")
        c.expect("ack")
        c.sock.close()
    b.expect("message", text="dave2")
    a = join(tight, cookie=cookie, since=f"{epoch}-{cursor}")
    assert a.hello["resumed"] is True
    gap = a.event()
    assert gap["type"] == "gap" and gap["from"] == cursor + 1
    assert gap["to"] >= gap["from"]
    seq = gap["to"]
    while True:
        e = a.event()
        assert e["seq"] == seq + 1
        seq = e["seq"]
        if e.get("text") == "dave2":
            break


def rejoin(site, join, cookie, **kwargs):
    def attempt():
        try:
            return join(site, cookie=cookie, **kwargs)
        except (Refused, Closed, OSError):
            return None
    return wait_until(attempt, what="a new wsd")


def test_wsd_stops(own, join):
    cookie = own.cookie("alice")
    clients = [join(own, cookie=cookie, **k) for k in (
        {}, {"protocol": None}, {"direct": True})]
    settle(*clients)
    last = clients[0].hello["epoch"], clients[0].hello["seq"]
    old = own.pid("wsd")
    clients[2].say("the last word")
    clients[2].expect("ack")
    os.kill(old, signal.SIGTERM)
    for c in clients:
        assert c.closed() == 1001
    again = rejoin(own, join, cookie, since=f"{last[0]}-{last[1]}")
    assert own.pid("wsd") != old
    # Either it goes on where it was, or says that it does not.
    assert again.hello["resumed"] == (again.hello["epoch"] == last[0])
    settle(again)


def test_wsd_is_killed(own, join):
    cookie = own.cookie("alice")
    clients = [join(own, cookie=cookie, **k) for k in (
        {}, {"protocol": None}, {"direct": True})]
    settle(*clients)
    old = own.pid("wsd")
    os.kill(old, signal.SIGKILL)
    for c in clients:
        assert c.closed() is None
    new = rejoin(own, join, cookie)
    assert own.pid("wsd") not in (None, old)
    settle(new)
    # The pages were there all the while.
    assert own.get("/session", headers={"Cookie": cookie}).status_code == 200
