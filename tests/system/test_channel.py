"""The live channel through the web server: who may join, one order for
everyone, nothing lost on the way back, and who has to go when."""

import calendar
import json
import os
import pathlib
import re
import signal
import socket
import threading
import time

import pytest
import requests

from conftest import Site, free_port, wait_until
from wsclient import BINARY, Closed, Refused, TEXT, connect

USERS = {name: f"the passphrase of {name}"
         for name in ("alice", "bob", "carol", "dave")}


@pytest.fixture(scope="module")
def own():
    """Everybody may talk as fast as they can; sessions come and go. wsd can
    be reached without the web server too."""
    s = Site(users=USERS, set={
        "wsd.user_rate": 0, "wsd.leave_grace_s": 1, "wsd.message_bytes": 4096,
        "wsd.connections_per_user": 0}, wsd_port=free_port())
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture(scope="module")
def tight():
    """Small limits."""
    s = Site(users=USERS, set={
        "wsd.leave_grace_s": 1, "wsd.user_rate": 1, "wsd.user_burst": 3,
        "wsd.connections_per_user": 2, "wsd.max_connections": 4,
        "wsd.history_messages": 5, "wsd.message_bytes": 100})
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture
def join():
    """Opens connections that are closed at the end, each past its hello and
    its own join."""
    opened = []

    def open_(site, user="alice", **kwargs):
        c = connect(site, user, **kwargs)
        opened.append(c)
        if c.protocol == "gatecast.v1":
            c.hello = c.event()
            assert c.hello["type"] == "hello"
        return c

    yield open_
    for c in opened:
        c.sock.close()


def settle(*clients):
    """Reads away what came so far: each says something and hears it."""
    for c in clients:
        mark = os.urandom(6).hex()
        if c.protocol:
            c.say(mark)
            while c.event().get("text") != mark:
                pass
        else:
            c.send(mark)
            while not c.recv().endswith(mark):
                pass


def messages(c, until, of=None):
    """The messages up to the one with that text."""
    got = []
    while True:
        e = c.event()
        if e["type"] == "message" and (of is None or of in e["text"]):
            got.append(e)
            if e["text"] == until:
                return got


def drain(c, timeout=0.3):
    """All that still comes."""
    got = []
    try:
        while True:
            got.append(c.event(timeout))
    except TimeoutError:
        return got


def ask(site, cookie=None, origin=True, path="/websocket", extra=()):
    """A handshake as bytes; all bytes of the answer."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{site.port}",
             "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Version: 13", *extra]
    if origin is True:
        origin = site.url
    if origin is not None:
        lines.append(f"Origin: {origin}")
    if cookie:
        lines.append(f"Cookie: {cookie}")
    with socket.create_connection(("127.0.0.1", site.port), 10) as s:
        s.sendall("\r\n".join([*lines, "", ""]).encode())
        data = b""
        while True:
            chunk = s.recv(65536)
            data += chunk
            if not chunk or data.startswith(b"HTTP/1.1 101"):
                return data
            head, end, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if end and length and len(body) >= int(length.group(1)):
                return data


def status(data):
    assert data.startswith(b"HTTP/1.1 ")
    return int(data[9:12])


# --- the door -----------------------------------------------------------------

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
    assert requests.post(own.url + "/websocket", timeout=10).status_code \
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


# --- one order ----------------------------------------------------------------

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


# --- who is here --------------------------------------------------------------

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
    # Two of three go, one cleanly: nobody is told.
    one.sock.close()
    assert three.close() == 1000
    with pytest.raises(TimeoutError):
        watcher.event(timeout=1.7)
    # Back within the grace: nobody is told either.
    two.sock.close()
    back = join(own, "alice", cookie=cookie)
    with pytest.raises(TimeoutError):
        watcher.event(timeout=1.7)
    begin = time.monotonic()
    back.sock.close()
    e = watcher.event()
    assert (e["type"], e["user"]) == ("leave", "alice")
    assert 0.7 < time.monotonic() - begin < 3
    with pytest.raises(TimeoutError):
        watcher.event(timeout=0.2)


def online(site, cookie):
    with connect(site, cookie=cookie) as c:
        return {u["user"] for u in c.event()["online"]}


# --- what is not taken --------------------------------------------------------

def test_too_long(own, join):
    c, b = join(own), join(own, "bob")
    c.say("x" * 4096)
    b.expect("message", text="x" * 4096)
    c.say("y" * 4097, ref="long")
    assert c.expect("error", ref="long")["code"] == "too_long"
    c.send("z" * 40000)
    assert c.closed() == 1009
    p = join(own, protocol=None)
    p.send("w" * 4096)
    b.expect("message", text="w" * 4096)
    p.send("v" * 4097)
    assert p.closed() == 1009
    settle(b)


def test_binary(own, join):
    for protocol in ("gatecast.v1", None):
        c = join(own, protocol=protocol)
        c.send_frame(BINARY, b'{"type":"send","text":"x"}')
        assert c.closed() == 1003


def test_not_utf8(own, join):
    for protocol in ("gatecast.v1", None):
        c = join(own, protocol=protocol)
        c.send_frame(TEXT, b'{"type":"send","text":"\xff\xfe"}')
        assert c.closed() == 1007


def test_json_errors(own, join):
    c, b = join(own), join(own, "bob")
    settle(c)
    for text, code in (
            ("", "bad_json"), ("x", "bad_json"), ("{", "bad_json"),
            ("[]", "bad_json"), ("null", "bad_json"), ('"send"', "bad_json"),
            ("{}" + "x", "bad_json"), ("[" * 2000, "bad_json"),
            ('{"type":"send","type":"send","text":"x"}', "bad_json"),
            ("{}", "bad_type"), ('{"type":1}', "bad_type"),
            ('{"type":"join"}', "bad_type"), ('{"type":"SEND"}', "bad_type"),
            ('{"type":"send"}', "bad_field"),
            ('{"type":"send","text":1}', "bad_field"),
            ('{"type":"send","text":"a\\u0001b"}', "bad_field"),
            ('{"type":"send","text":"x","ref":1}', "bad_field"),
            ('{"type":"send","text":"x","ref":""}', "bad_field"),
            ('{"type":"send","text":""}', "empty"),
            ('{"type":"send","text":" \\n\\t"}', "empty"),
            ('{"type":"send","text":"x","ref":"%s"}' % ("r" * 65),
             "too_long")):
        c.send(text)
        e = c.event()
        while e["type"] != "error":
            e = c.event()
        assert e["code"] == code, text
        assert e["detail"]
    c.send('{"type":"send","ref":"q","text":""}')
    assert c.expect("error")["ref"] == "q"
    # Nothing of it was said, and the connection is as before.
    c.say("after all")
    assert [e["text"] for e in messages(b, "after all")][-1] == "after all"


def test_too_fast(tight, join):
    cookie = tight.cookie("alice")
    one, two = join(tight, cookie=cookie), join(tight, cookie=cookie)
    refs = [one.say(f"quick {i}") for i in range(3)]
    for ref in refs:
        one.expect("ack", ref=ref)
    # The rate is the user's, not the connection's.
    ref = two.say("too quick")
    e = two.expect("error", ref=ref)
    assert e["code"] == "too_fast"
    assert 0 < e["retry_after_ms"] <= 1000
    # What it says is true.
    deadline = time.monotonic() + 5
    while True:
        time.sleep(e["retry_after_ms"] / 1000)
        ref = two.say("in time")
        e = two.event()
        while e["type"] not in ("ack", "error"):
            e = two.event()
        if e["type"] == "ack":
            break
        assert time.monotonic() < deadline
    # Who never stops is shown the door.
    with pytest.raises((Closed, ConnectionError)) as closed:
        for i in range(40):
            one.say("again and again")
        while True:
            one.recv()
    if closed.type is Closed:
        assert closed.value.code == 4429


def test_caps(tight, join):
    cookies = {n: tight.cookie(n) for n in USERS}
    wait_until(lambda: online(tight, cookies["dave"]) == {"dave"},
               what="room")
    join(tight, cookie=cookies["alice"])
    two = join(tight, "alice")
    with pytest.raises(Refused) as e:
        connect(tight, cookie=cookies["alice"])
    assert e.value.status == 429
    assert int(e.value.headers["retry-after"]) > 0
    join(tight, cookie=cookies["bob"])
    join(tight, cookie=cookies["carol"], protocol=None)
    with pytest.raises(Refused) as e:
        connect(tight, cookie=cookies["dave"])
    assert e.value.status == 503
    assert int(e.value.headers["retry-after"]) > 0
    two.close()
    wait_until(lambda: may_join(tight, cookies["dave"]), what="room")


def may_join(site, cookie):
    try:
        connect(site, cookie=cookie).sock.close()
        return True
    except Refused:
        return False


# --- sessions that end --------------------------------------------------------

def ended(clients, act, limit_s=1.0):
    """Does act; every client must be closed with 4401 that soon after it
    was acknowledged."""
    act()
    begin = time.monotonic()
    for c in clients:
        assert c.closed() == 4401
    took = time.monotonic() - begin
    assert took < limit_s, took
    return took


def test_logout_closes(own, join):
    session = own.login("alice")
    cookie = "gatecast=" + session.cookies["gatecast"]
    mine = [join(own, cookie=cookie), join(own, cookie=cookie, protocol=None),
            join(own, cookie=cookie, direct=True)]
    elsewhere, bob = join(own, "alice"), join(own, "bob")
    csrf = own.form(session, "/index")

    def logout():
        answer = session.post(own.url + "/logout", data=csrf, timeout=10,
                              headers={"Origin": own.url},
                              allow_redirects=False)
        assert answer.status_code == 303

    ended(mine, logout)
    assert status(ask(own, cookie)) == 401
    settle(elsewhere, bob)


def test_new_login_closes_the_old_session(own, join):
    session = own.login("alice")
    pre = session.cookies["gatecast-pre"]
    c = join(own, cookie="gatecast=" + session.cookies["gatecast"])
    page = requests.get(own.url + "/login", timeout=10,
                        cookies={"gatecast-pre": pre}).text
    csrf = re.search(r'name="csrf" value="([^"]*)"', page).group(1)

    def login():
        answer = session.post(own.url + "/login", timeout=10, data={
            "csrf": csrf, "next": "", "name": "alice",
            "password": USERS["alice"]}, allow_redirects=False)
        assert answer.status_code == 303

    ended([c], login)


@pytest.mark.parametrize("how", [
    "revoke ID", "revoke user", "lock", "passwd", "del"])
def test_admin_closes(own, join, how):
    own.gatecast("user", "add", "eve", "--password-stdin",
                 input="a passphrase of eve\n")
    try:
        cookies = [own.cookie("eve", "a passphrase of eve")
                   for _ in range(2)]
        clients = [join(own, cookie=c, protocol=p) for c in cookies
                   for p in ("gatecast.v1", None)]
        bob = join(own, "bob")
        stays = []
        if how == "revoke ID":
            rows = json.loads(own.gatecast(
                "session", "list", "eve", "--json").stdout)
            one = max(rows, key=lambda r: r["created"]
                      if isinstance(r.get("created"), (int, str)) else 0)
            own.gatecast("session", "revoke", one["id"])
            gone = [i for i, c in enumerate(cookies)
                    if status(ask(own, c)) == 401]
            assert len(gone) == 1
            begin = time.monotonic()
            for c in clients[gone[0] * 2:gone[0] * 2 + 2]:
                assert c.closed() == 4401
            assert time.monotonic() - begin < 1
            stays = clients[(1 - gone[0]) * 2:(1 - gone[0]) * 2 + 2]
        else:
            command = {
                "revoke user": ("session", "revoke", "--user", "eve"),
                "lock": ("user", "lock", "eve"),
                "passwd": ("user", "passwd", "eve", "--password-stdin"),
                "del": ("user", "del", "eve")}[how]
            ended(clients, lambda: own.gatecast(
                *command, input="another passphrase\n"
                if how == "passwd" else None))
            for cookie in cookies:
                assert status(ask(own, cookie)) == 401
        settle(bob, *stays)
    finally:
        own.gatecast("user", "del", "eve", check=False)


def test_revoked_hears_nothing_more(own, join):
    """wsd sleeps; a session ends, then somebody speaks. When it wakes, the
    one who was revoked must not hear it, though both wait to be read."""
    for _ in range(5):
        cookie = own.cookie("carol")
        out = [join(own, cookie=cookie, direct=True, protocol=p)
               for p in ("gatecast.v1", None)]
        bob = join(own, "bob", direct=True)
        settle(*out)
        settle(bob)
        pid = own.pid("wsd")
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: stopped(pid), what="stopped")
            own.gatecast("session", "revoke", "--user", "carol")
            bob.say("a secret")
        finally:
            os.kill(pid, signal.SIGCONT)
        bob.expect("message", text="a secret")
        for c in out:
            heard = ""
            with pytest.raises(Closed) as e:
                while True:
                    heard += c.recv()
            assert e.value.code == 4401
            assert "a secret" not in heard
        bob.sock.close()


def stopped(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text() \
        .rsplit(")", 1)[1].split()[0] == "T"


def test_revoked_says_nothing_more(own, join):
    """The same, but the one who was revoked speaks."""
    cookie = own.cookie("carol")
    c, bob = join(own, cookie=cookie, direct=True), join(own, "bob")
    settle(c)
    settle(bob)
    pid = own.pid("wsd")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: stopped(pid), what="stopped")
        own.gatecast("session", "revoke", "--user", "carol")
        c.say("from beyond")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert c.closed() == 4401
    bob.say("end of it")
    assert [e["text"] for e in messages(bob, "end of it")] == ["end of it"]


def test_session_that_expires(make_site, join):
    """Its connections go when it ends by itself."""
    site = make_site(set={"login.absolute_lifetime_s": 3,
                          "login.idle_lifetime_s": 3})
    begin = time.monotonic()
    c = join(site, "alice")
    assert c.closed(timeout=8) == 4401
    assert 1.5 < time.monotonic() - begin < 6


def test_rotated_key(own, join):
    old = own.cookie("alice")
    before = join(own, cookie=old)
    for _ in range(2):
        own.gatecast("key", "rotate")
        # At once, whichever worker signs and whenever wsd looks.
        for _ in range(4):
            session = own.login("bob")
            cookie = "gatecast=" + session.cookies["gatecast"]
            join(own, cookie=cookie).sock.close()
            form = own.form(session, "/index")
            assert session.post(own.url + "/logout", data=form, timeout=10,
                                allow_redirects=False).status_code == 303
            assert status(ask(own, cookie)) == 401
        assert status(ask(own, old)) == 101
        assert own.get("/session", headers={"Cookie": old}).status_code == 200
    kid = old.split(".")[1]
    fresh = wait_until(lambda: next(
        (c for c in [own.cookie("bob")] if c.split(".")[1] != kid), None),
        what="a cookie of the new key")
    settle(before, join(own, cookie=fresh))


# --- wsd comes and goes -------------------------------------------------------

def rejoin(site, join, cookie, **kwargs):
    def attempt():
        try:
            return join(site, cookie=cookie, **kwargs)
        except (Refused, Closed, OSError):
            return None
    return wait_until(attempt, 10, "a new wsd")


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
    begin = time.monotonic()
    for c in clients:
        assert c.closed() == 1001
    assert time.monotonic() - begin < 3
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
    begin = time.monotonic()
    for c in clients:
        assert c.closed() is None
    new = rejoin(own, join, cookie)
    assert time.monotonic() - begin < 5
    assert own.pid("wsd") not in (None, old)
    settle(new)
    # The pages were there all the while.
    assert own.get("/session", headers={"Cookie": cookie}).status_code == 200


# --- slow readers -------------------------------------------------------------

@pytest.fixture(scope="module")
def narrow():
    """Little room for those who do not read. ASan keeps little of what was
    freed, so that the memory tells something."""
    asan = os.environ.get("ASAN_OPTIONS", "")
    s = Site(users=USERS, set={
        "wsd.user_rate": 0, "wsd.slow_bytes": 131072, "wsd.slow_s": 60,
        "wsd.message_bytes": 16384, "wsd.history_bytes": 65536,
        "wsd.leave_grace_s": 0}, wsd_port=free_port(), env={
            "ASAN_OPTIONS": f"{asan}:quarantine_size_mb=1".lstrip(":")})
    try:
        yield s.start()
    finally:
        s.close()


def rss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "proxied"])
def test_slow_reader(narrow, join, direct):
    """One does not read. It is put out before what waits for it has become
    much, and the others have everything."""
    slow = join(narrow, "bob", direct=direct)
    a, c = join(narrow, "alice"), join(narrow, "carol", protocol=None)
    settle(a, c)
    before = {n: rss_kib(narrow.pid(n)) for n in ("wsd", "web")}
    count, text = 1500, "x" * 16000
    has_left = False
    for i in range(count):
        a.say(f"{i} {text}", ref=str(i))
        got = None
        while got != f"{i} {text}":
            e = a.event()
            has_left = has_left or e["type"] == "leave"
            got = e.get("text")
        line = c.recv()
        while not line.endswith("x"):
            line = c.recv()
        assert line.split("-说:")[1].startswith(f"{i} x")
    grown = {n: rss_kib(narrow.pid(n)) - before[n] for n in before}
    if not has_left:
        a.expect("leave", user="bob")
    assert grown["wsd"] < 8 * 1024 and grown["web"] < 8 * 1024, grown
    # It may read what was on its way, and then that it is out.
    heard = 0
    with pytest.raises(Closed) as e:
        while True:
            slow.recv()
            heard += 1
    assert heard < count / 2
    assert e.value.code in (4408, None)
    settle(a, c)
