"""wsd at its socket: what it takes for a handshake and what it refuses."""

import socket

import pytest

from ws_raw import ORIGIN, Wsd, answer, read_all, request

BIG = "x" * 13000

HANDSHAKES = {
    "good": (101, {}),
    "post": (405, {"line": "POST /websocket HTTP/1.1"}),
    "head": (405, {"line": "HEAD /websocket HTTP/1.1"}),
    "connect": (405, {"line": "CONNECT chat.test:80 HTTP/1.1"}),
    "unknown method": (405, {"line": "BREW /websocket HTTP/1.1"}),
    "http/1.0": (400, {"line": "GET /websocket HTTP/1.0"}),
    "http/2 preface": (405, {"line": "PRI * HTTP/2.0"}),
    "no version": (400, {"line": "GET /websocket"}),
    "other path": (404, {"line": "GET /chat HTTP/1.1"}),
    "path behind": (404, {"line": "GET /websocket/x HTTP/1.1"}),
    "encoded path": (404, {"line": "GET /%77ebsocket HTTP/1.1"}),
    "folded path": (404, {"line": "GET /a/../websocket HTTP/1.1"}),
    "absolute target": (
        400, {"line": "GET http://chat.test/websocket HTTP/1.1"}),
    "unknown query": (400, {"line": "GET /websocket?a=b HTTP/1.1"}),
    "cursor, plain": (400, {"line": "GET /websocket?since=1-1 HTTP/1.1"}),
    "no upgrade": (426, {"change": {"Upgrade": None}}),
    "h2c": (426, {"change": {"Upgrade": "h2c"}, "extra": [
        "HTTP2-Settings: AAMAAABkAAQAAP__"]}),
    "unknown upgrade": (426, {"change": {"Upgrade": "irc"}}),
    "no connection": (400, {"change": {"Connection": None}}),
    "connection close": (400, {"change": {"Connection": "close"}}),
    "version 12": (426, {"change": {"Sec-WebSocket-Version": "12"}}),
    "no version header": (426, {"change": {"Sec-WebSocket-Version": None}}),
    "no key": (400, {"change": {"Sec-WebSocket-Key": None}}),
    "short key": (400, {"change": {"Sec-WebSocket-Key": "c2hvcnQ="}}),
    "two keys": (400, {"change": {
        "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ=="] * 2}}),
    "no host": (400, {"change": {"Host": None}}),
    "two hosts": (400, {"change": {"Host": ["chat.test", "chat.test"]}}),
    "bad host": (400, {"change": {"Host": "chat.test/x"}}),
    "no origin": (403, {"change": {"Origin": None}}),
    "other origin": (403, {"change": {"Origin": "http://evil.test"}}),
    "null origin": (403, {"change": {"Origin": "null"}}),
    "two origins": (400, {"change": {"Origin": [ORIGIN, ORIGIN]}}),
    "nul in origin": (400, {"change": {"Origin": ORIGIN + "\0.evil.test"}}),
    "folded header": (400, {"extra": [" folded"]}),
    "blank before colon": (400, {"extra": ["X : y"]}),
    "bare lf": (400, {"extra": ["X: y\nZ: w"]}),
    "content": (400, {"extra": ["Content-Length: 3"]}),
    "chunked": (400, {"extra": ["Transfer-Encoding: chunked"]}),
    "oversize header": (400, {"extra": ["X: " + BIG]}),
    "many headers": (400, {"extra": ["X: y"] * 120}),
    "unknown subprotocol": (
        400, {"change": {"Sec-WebSocket-Protocol": "mqtt"}}),
}


@pytest.fixture(scope="module")
def wsd():
    with Wsd(users=("alice", "bob", "carol")) as w:
        yield w


@pytest.mark.parametrize("name", HANDSHAKES)
def test_handshake(wsd, name):
    want, kwargs = HANDSHAKES[name]
    status, headers, body = wsd.ask(
        request(cookie=wsd.cookies["alice"], **kwargs))
    assert status == want, body
    if status == 101:
        return
    assert body.count(b"\n") == 1 and body.endswith(b"\n")
    assert int(headers["content-length"]) == len(body)
    assert "close" in headers["connection"]
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    if status == 426:
        assert headers["upgrade"] == "websocket"
        assert headers["sec-websocket-version"] == "13"
    if status == 405:
        assert headers["allow"] == "GET"


def test_cookies(wsd):
    good = wsd.cookies["alice"]
    name, token = good.split("=", 1)
    last = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    table = [
        (101, good),
        (101, f"a=b; {good}; c=d"),
        (101, ["a=b", good]),
        (401, None),
        (401, "a=b"),
        (401, f"{name}={last}"),
        (401, f"{name}="),
        (401, f"{name}=v1"),
        (401, f"{name}={'x' * 4000}"),
        (401, f"__Host-{good}"),
        (400, f"{good}; {good}"),
        (400, [good, good]),
        (400, [good, wsd.cookies["bob"]]),
    ]
    for want, cookie in table:
        status, _, body = wsd.ask(request(change={"Cookie": cookie}))
        assert status == want, (cookie, body)


def test_https_needs_the_host_cookie():
    with Wsd(set={"site.origins": f"{ORIGIN} https://chat.test"}) as w:
        plain = w.cookies["alice"]
        host = f"__Host-{plain}"
        https = {"Origin": "https://chat.test"}
        said = {"X-Forwarded-Proto": "https"}
        assert w.ask(request(cookie=plain, change=https))[0] == 401
        assert w.ask(request(cookie=host, change=https))[0] == 101
        # A proxy behind the Unix socket is believed, a TCP peer is not.
        assert w.ask(request(cookie=plain, change=said), unix=True)[0] == 401
        assert w.ask(request(cookie=plain, change=said))[0] == 101
        assert w.ask(request(cookie=plain), unix=True)[0] == 101


def test_one_request_a_connection(wsd):
    """An unknown Upgrade behind a keep-alive request: a use-after-free in
    the library, which never sees either."""
    first = b"GET / HTTP/1.1\r\nHost: chat.test\r\n\r\n"
    second = request(change={"Upgrade": "irc"})
    assert wsd.ask(first + second)[0] == 404
    with wsd.connect() as s:
        s.sendall(first)
        assert answer(read_all(s))[0] == 404
    # A frame before the answer is not one to a WebSocket yet.
    assert wsd.ask(request(cookie=wsd.cookies["alice"]) +
                   b"\x81\x80abcd")[0] == 400


def test_not_http(wsd):
    assert wsd.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")[0] == 400
    assert wsd.ask(b"\r\n\r\n")[0] == 400
    assert wsd.ask(b"\0" * 20000)[0] == 400
    with wsd.connect() as s:
        s.close()


def test_byte_by_byte(wsd):
    with wsd.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(cookie=wsd.cookies["alice"]):
            s.sendall(bytes([byte]))
        assert answer(read_all(s))[0] == 101


def test_subprotocols(wsd):
    with wsd.client(protocol="mqtt, gatecast.v1") as c:
        assert c.protocol == "gatecast.v1"
        assert c.expect("hello")["user"] == "alice"
        c.close()  # so that the next one's join is one
    with wsd.client(protocol=None) as c:
        assert c.protocol is None
        assert c.recv() == "alice上线"
