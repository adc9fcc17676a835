"""Plain lines, for pages like the Tornado tutorial's: their exact bytes, and
how they meet gatecast.v1."""

import calendar
import re
import socket
import time

import pytest

from conftest import Site
from wsclient import Refused, connect

# Eight hours east of Greenwich, wherever the tests run.
ZONE, OFFSET_S = "CST-8", 8 * 3600
USERS = {"alice": "alice's passphrase", "bob": "bob's passphrase",
         "小明": "小明的密码是一句话", "Zoë.x-1_": "Zoë's passphrase"}
SAID = r"{}-\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d-说:(.*)"


@pytest.fixture(scope="module")
def raw():
    yield from running()


@pytest.fixture(scope="module")
def escaped():
    yield from running(**{"wsd.plain_lines": "html"})


def running(**settings):
    s = Site(users=USERS, env={"TZ": ZONE}, set={
        "wsd.leave_grace_s": 1, "wsd.user_rate": 0, **settings})
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture
def join():
    opened = []

    def open_(site, user, protocol=None):
        c = connect(site, user, protocol=protocol)
        opened.append(c)
        return c

    yield open_
    for c in opened:
        c.sock.close()


def line(c, wanted):
    """Reads on to a line that matches as a whole."""
    seen = []
    while True:
        try:
            text = c.recv(timeout=5)
        except TimeoutError:
            raise AssertionError(f"no {wanted!r}; came: {seen}") from None
        found = re.fullmatch(wanted, text, re.DOTALL)
        if found:
            return found
        seen.append(text)


def said(c, user, text):
    """The line with which user said that."""
    return line(c, SAID.format(re.escape(user)).replace(
        "(.*)", re.escape(text))).group(0)


def test_what_is_said(raw, join):
    a, b = join(raw, "alice"), join(raw, "bob")
    assert a.recv() == "alice上线"
    a.send("hello, world")
    got = line(a, r"alice-(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)-说:hello, world")
    local = calendar.timegm(time.strptime(got.group(1), "%Y-%m-%d %H:%M:%S"))
    assert abs(local - OFFSET_S - time.time()) < 2
    # The same line at everyone.
    assert said(b, "alice", "hello, world") == got.group(0)


def test_frames_are_text(raw, join):
    c = join(raw, "alice")
    c.send("你好")
    payload = b""
    while not payload.endswith("-说:你好".encode()):
        opcode, is_final, payload = c.frame()
        assert (opcode, is_final) == (1, True)
    assert payload.startswith(b"alice-")
    assert "sec-websocket-protocol" not in c.headers


def test_coming_and_going(raw, join):
    watcher = join(raw, "bob")
    watcher.send("here")
    said(watcher, "bob", "here")
    mine = join(raw, "小明")
    assert mine.recv() == "小明上线"
    assert line(watcher, "小明上线|alice下线~").group(0)
    second = join(raw, "小明")
    mine.close()
    second.send("still")
    said(watcher, "小明", "still")
    begin = time.monotonic()
    second.sock.close()
    # Only now, after the grace, and once.
    while watcher.recv() != "小明下线~":
        pass
    assert 0.7 < time.monotonic() - begin
    watcher.send("end")
    rest = [watcher.recv()]
    while not rest[-1].endswith("说:end"):
        rest.append(watcher.recv())
    assert "小明下线~" not in rest and "小明上线" not in rest


@pytest.mark.parametrize("text", [
    "<b>bold</b>", "<script>alert(1)</script>", "a & b &amp; c", "\"'`",
    "你好，世界", "😀 👩‍👩‍👧 é e\u0301", "a-说:b", "alice下线~", "x" * 4096,
    "two\nlines", "\ttab", "  blanks around  ", "\u202eright to left",
    "{\"type\":\"send\"}", "\\n \\u0041 %s %n %00"])
def test_raw_is_raw(raw, join, text):
    a = join(raw, "alice")
    a.send(text)
    said(a, "alice", text)


def test_raw_loses_controls(raw, join):
    a = join(raw, "alice")
    a.send("a\x00b\x07c\x1bd\re")
    said(a, "alice", "abcde")
    for blank in ("", " ", "\n", "\t \n", "\u3000", "\x00"):
        a.send(blank)
    a.send("next")
    assert said(a, "alice", "next") and a.buffer == b""


def test_names(raw, join):
    for user in ("小明", "Zoë.x-1_"):
        c = join(raw, user)
        assert c.recv() == f"{user}上线"
        c.send("我")
        said(c, user, "我")


def test_html_escapes(escaped, join):
    a, b = join(escaped, "alice"), join(escaped, "bob", "gatecast.v1")
    text = "<img src=x onerror=\"alert('1')\">&lt; 你好 & 😀"
    a.send(text)
    html = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;" \
        "&amp;lt; 你好 &amp; 😀"
    said(a, "alice", html)
    # Objects carry text; their pages do not insert it as markup.
    assert b.expect("message", user="alice")["text"] == text
    b.say("</span><b>x</b>")
    said(a, "bob", "&lt;/span&gt;&lt;b&gt;x&lt;/b&gt;")
    for special in "&<>\"'":
        a.send(special * 3)
        assert special * 3 not in line(
            a, SAID.format("alice")).group(1)


def test_html_names(escaped, join):
    """No name can hold markup, so that they come as they are."""
    c = join(escaped, "Zoë.x-1_")
    assert c.recv() == "Zoë.x-1_上线"


def test_off(make_site):
    site = make_site(set={"wsd.plain_lines": "off"})
    with pytest.raises(Refused) as e:
        connect(site, "alice", protocol=None)
    assert e.value.status == 400
    assert b"gatecast.v1" in e.value.body
    with connect(site, "alice") as c:
        assert c.event()["type"] == "hello"


def test_both_ways(raw, join):
    plain, v1 = join(raw, "alice"), join(raw, "bob", "gatecast.v1")
    v1.expect("hello")
    plain.send("to the objects")
    e = v1.expect("message", text="to the objects")
    assert e["user"] == "alice"
    v1.say("to the lines")
    got = said(plain, "bob", "to the lines")
    e = v1.expect("message", text="to the lines")
    # The same second on both sides.
    utc = calendar.timegm(time.strptime(e["time"][:19], "%Y-%m-%dT%H:%M:%S"))
    local = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(utc + OFFSET_S))
    assert got == f"bob-{local}-说:to the lines"
    # A line break in a message stays inside its line's frame.
    v1.say("one\ntwo")
    said(plain, "bob", "one\ntwo")


def test_tutorials_handshake(raw):
    """What the tutorial's page sends: a cookie, an Origin, no subprotocol."""
    cookie = raw.cookie("alice")
    with socket.create_connection(("127.0.0.1", raw.port), 30) as s:
        s.sendall((
            f"GET /websocket HTTP/1.1\r\nHost: 127.0.0.1:{raw.port}\r\n"
            "Connection: Upgrade\r\nPragma: no-cache\r\n"
            "Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0\r\n"
            f"Upgrade: websocket\r\nOrigin: {raw.url}\r\n"
            "Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\n"
            f"Accept-Language: zh-CN,zh;q=0.9\r\nCookie: {cookie}; lang=zh\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; "
            "client_max_window_bits\r\n\r\n").encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += s.recv(4096)
    head = data.split(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 101")
    assert b"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in head
    assert b"extensions" not in head and b"protocol:" not in head
