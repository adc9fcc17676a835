"""What the tests of the live channel share: their sites (own_site, tight_site)
and connections that are closed at the end (joiner), as fixtures, and what is
read from them."""

import os
import re
import socket

from conftest import free_port, running
from wsclient import connect

USERS = {name: f"the passphrase of {name}"
         for name in ("alice", "bob", "carol", "dave")}


def own_site():
    """Everybody may talk as fast as they can; sessions come and go. wsd can
    be reached without the web server too."""
    yield from running(users=USERS, set={
        "wsd.user_rate": 0, "wsd.leave_grace_s": 2, "wsd.message_bytes": 4096,
        "wsd.connections_per_user": 0}, wsd_port=free_port())


def tight_site():
    """Small limits."""
    yield from running(users=USERS, set={
        "wsd.leave_grace_s": 1, "wsd.user_rate": 1, "wsd.user_burst": 3,
        "wsd.connections_per_user": 2, "wsd.max_connections": 4,
        "wsd.history_messages": 5, "wsd.message_bytes": 100})


def joiner():
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


def online(site, cookie):
    with connect(site, cookie=cookie) as c:
        return {u["user"] for u in c.event()["online"]}


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
    with socket.create_connection(("127.0.0.1", site.port), 30) as s:
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
