"""The live channel through the web server: who may join, one order for
everyone, and who is here."""

import calendar
import json
import re
import threading
import time

import pytest
import requests

from channel import (
    ask, drain, joiner, messages, online, own_site, settle, status)
from conftest import wait_until
from wsclient import Refused, connect

own = pytest.fixture(own_site, scope="module")
join = pytest.fixture(joiner)


def test_no_session_no_upgrade(own):
    cookie = own.cookie("alice")
    kid, sid, mac = cookie.split("=", 1)[1].split(".")[1:]
    forged = [None, "gatecast=", "gatecast=x", f"other={cookie}",
              f"gatecast=v1.{kid}.{sid}.{'A' * 43}",
              f"gatecast=v1.{kid}.{'A' * 22}.{mac}",
              f"gatecast=v1.zz.{sid}.{mac}", cookie[:-1], cookie + "A",
              f"__Host-gatecast={cookie.split('=', 1)[1]}",
              cookie.replace("v1.", "v2."), f"Gate{cookie[4:]}"]
    for bad in forged:
        data = ask(own, bad)
        assert status(data) == 401, bad
        assert b"101" not in data.split(b"\r\n")[0]
        assert b"Sec-WebSocket-Accept" not in data, bad
    for bad in (f"{cookie}; {cookie}", f"{cookie}; gatecast=x"):
        data = ask(own, bad)
        assert status(data) in (400, 401), bad
    data = ask(own, cookie, extra=[f"Cookie: {cookie}"])
    assert status(data) in (400, 401)
    assert status(ask(own, cookie)) == 101


def test_pre_session_is_no_session(own):
    s = requests.Session()
    own.form(s)
    token = s.cookies["gatecast-pre"]
    assert status(ask(own, f"gatecast={token}")) == 401


def test_origin(own):
    cookie = own.cookie("alice")
    for origin in (None, "null", "https://evil.test", own.url + ".evil.test",
                   own.url + "0", own.url + "/", own.url + "@evil.test",
                   own.url.replace("http", "https"), "http://127.0.0.1",
                   own.url.upper() + "X", "x" * 2000, ""):
        data = ask(own, cookie, origin=origin)
        assert status(data) == 403, origin
    assert status(ask(own, cookie, extra=["Origin: https://evil.test"])) \
        in (400, 403)
    assert status(ask(own, cookie,
                      origin=f"http://localhost:{own.port}")) == 101


def test_path_and_method(own):
    cookie = own.cookie("alice")
    for path in ("/websocket/", "/websocketx", "/ws", "/websocket/x",
                 "/Websocket", "/websocket%2f"):
        data = ask(own, cookie, path=path)
        assert status(data) in (303, 404), path
        assert b"Sec-WebSocket-Accept" not in data
    assert status(ask(own, cookie, path="/nothing")) == 404
    assert requests.post(own.url + "/websocket", timeout=30).status_code \
        in (403, 405)
    assert own.get("/websocket").status_code == 426


def test_refusals_have_a_reason(own):
    data = ask(own)
    head, body = data.split(b"\r\n\r\n", 1)
    assert body.endswith(b"\n") and 0 < len(body) < 200
    assert b"no-store" in head and b"nosniff" in head


def test_unknown_subprotocol(own):
    with pytest.raises(Refused) as e:
        connect(own, protocol="chat.v9")
    assert e.value.status == 400


def test_one_order(own, join):
    """Three users talk over each other; everyone gets the same."""
    count = 80
    names = ("alice", "bob", "carol")
    cookies = {n: own.cookie(n) for n in names}
    talkers = {n: join(own, n, cookie=cookies[n]) for n in names}
    listeners = [join(own, n, cookie=cookies[n]) for n in names]
    plain = [join(own, n, cookie=cookies[n], protocol=None) for n in names]
    everyone = [*talkers.values(), *listeners]
    # Who came last is heard by all before the first word.
    begin = talkers["alice"].say("begin")
    for c in everyone:
        c.expect("message", text="begin")
    for c in plain:
        while not c.recv().endswith("说:begin"):
            pass

    def talk(name):
        for i in range(count):
            talkers[name].say(f"{name} {i}", ref=f"{name}-{i}")

    threads = [threading.Thread(target=talk, args=(n,)) for n in names]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    seen = []
    acks = {}
    for c in everyone:
        events = []
        while len(events) < 3 * count:
            e = c.event()
            if e["type"] == "message":
                events.append(e)
            elif e["type"] == "ack":
                acks[e["ref"]] = e["seq"]
        seen.append([(e["seq"], e["user"], e["time"], e["text"])
                     for e in events])
    for other in seen[1:]:
        assert other == seen[0]
    seqs = [e[0] for e in seen[0]]
    assert seqs == list(range(seqs[0], seqs[0] + 3 * count))
    for name in names:
        said = [text for _, user, _, text in seen[0] if user == name]
        assert said == [f"{name} {i}" for i in range(count)]
    times = [e[2] for e in seen[0]]
    assert times == sorted(times)

    for c in talkers.values():
        for e in drain(c):
            assert e["type"] in ("ack", "message"), e
            if e["type"] == "ack":
                acks[e["ref"]] = e["seq"]
    acks.pop(begin, None)
    assert len(acks) == 3 * count
    for seq, user, _, text in seen[0]:
        assert acks[text.replace(" ", "-")] == seq

    for c in plain:
        lines = [c.recv() for _ in range(3 * count)]
        assert [line.split("-说:", 1)[1] for line in lines] == \
            [e[3] for e in seen[0]]
        with pytest.raises(TimeoutError):
            c.recv(timeout=0.1)


def test_nobody_speaks_for_others(own, join):
    """Sender, time and number come from the server."""
    a, b = join(own, "alice"), join(own, "bob")
    settle(a)
    a.send(json.dumps({"type": "send", "ref": "r", "text": "me",
                       "user": "bob", "seq": 1, "time": "1970"}))
    e = b.expect("message", text="me")
    assert e["user"] == "alice" and e["seq"] > 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["time"])
    utc = calendar.timegm(time.strptime(e["time"][:19], "%Y-%m-%dT%H:%M:%S"))
    assert abs(utc - time.time()) < 2


def test_ref_sent_again(own, join):
    cookie = own.cookie("alice")
    a, b = join(own, cookie=cookie), join(own, "bob")
    a.say("once", ref="my ref")
    seq = a.expect("ack", ref="my ref")["seq"]
    assert b.expect("message", text="once")["seq"] == seq
    a.say("once", ref="my ref")
    assert a.expect("ack", ref="my ref")["seq"] == seq
    a.sock.close()
    again = join(own, cookie=cookie)
    again.say("once", ref="my ref")
    assert again.expect("ack", ref="my ref")["seq"] == seq
    # Another's ref of that spelling is another.
    b.say("bob's", ref="my ref")
    assert b.expect("ack", ref="my ref")["seq"] > seq
    again.say("last")
    heard = messages(b, "last")
    assert [e["text"] for e in heard] == ["bob's", "last"]


def test_presence_is_by_user(own, join):
    watchers = own.cookie("bob")
    watcher = join(own, cookie=watchers)
    # Whoever is left of other tests goes first.
    wait_until(lambda: online(own, watchers) == {"bob"}, what="an empty room")
    settle(watcher)
    cookie = own.cookie("alice")
    one = join(own, "alice", cookie=cookie)
    e = watcher.event()
    assert (e["type"], e["user"]) == ("join", "alice")
    assert one.event() == e
    assert {u["user"] for u in one.hello["online"]} == {"alice", "bob"}
    two = join(own, "alice", cookie=cookie, protocol=None)
    three = join(own, "alice")
    # Two of three go, one cleanly, then the third, who is back within the
    # grace: nobody is told.
    one.sock.close()
    assert three.close() == 1000
    two.sock.close()
    back = join(own, "alice", cookie=cookie)
    with pytest.raises(TimeoutError):
        watcher.event(timeout=2.7)
    begin = time.monotonic()
    back.sock.close()
    e = watcher.event()
    assert (e["type"], e["user"]) == ("leave", "alice")
    assert 1.7 < time.monotonic() - begin
    with pytest.raises(TimeoutError):
        watcher.event(timeout=0.2)
