"""Visitors of a HostedSite: one who signs in and asks, and many who send a
form byte by byte and never come to its end."""

import contextlib
import re
import socket
import time
import urllib.parse

from login_process import FORM, ORIGIN, PASSWORD

POST = (b"POST /login HTTP/1.1\r\nHost: chat.test\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Origin: " + ORIGIN.encode() + b"\r\n")


def is_open(peer):
    """Neither answered nor closed."""
    try:
        peer.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except ConnectionResetError:
        pass
    return False


class Visitor:
    """Knows a form's token; each method gives the status of an answer."""

    def __init__(self, site):
        self.site = site
        status, headers, body = site.ask("GET", "/login")
        assert status == 200, body
        self.pre = dict(headers)["Set-Cookie"].split(";")[0]
        csrf = re.search(rb'name="csrf"[^>]*value="([^"]*)"', body)[1]
        self.form = urllib.parse.urlencode(
            {"name": "alice", "password": PASSWORD, "next": "/index",
             "csrf": csrf}).encode()
        self.cookie = None

    def page(self):
        return self.site.ask("GET", "/login")[0]

    def sign_in(self):
        status, headers, _ = self.site.ask(
            "POST", "/login", self.form, [
                ("Cookie", self.pre), ("Content-Type", FORM),
                ("Origin", ORIGIN)])
        for name, value in headers:
            if name.lower() == "set-cookie" and value.startswith("gatecast="):
                self.cookie = value.split(";")[0]
        return status

    def session(self):
        return self.site.ask("GET", "/session",
                             headers=[("Cookie", self.cookie)])[0]

    def sign_in_slowly(self, pause_s=0.05):
        """The body in two pieces."""
        with socket.create_connection(("127.0.0.1", self.site.port)) as s:
            s.settimeout(30)
            s.sendall(POST + b"Connection: close\r\nCookie: %s\r\n"
                      b"Content-Length: %d\r\n\r\n" % (
                          self.pre.encode(), len(self.form)))
            s.sendall(self.form[:20])
            time.sleep(pause_s)
            s.sendall(self.form[20:])
            return int(s.makefile("rb").readline().split()[1])


class SlowPosts:
    """n connections with the head of a form and the beginning of it."""

    def __init__(self, port, n):
        self.port = port
        self.peers = [self.begin() for _ in range(n)]

    def begin(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.sendall(POST + b"Content-Length: 4000\r\n\r\nname=")
        s.setblocking(False)
        return s

    def drip(self):
        """One byte more from each."""
        for s in self.peers:
            with contextlib.suppress(OSError):
                s.send(b"x")

    def over(self):
        """Those that have been answered or cut off."""
        return [s for s in self.peers if not is_open(s)]

    def renew(self):
        """Others in their place; how many."""
        over = self.over()
        for s in over:
            s.close()
            self.peers[self.peers.index(s)] = self.begin()
        return len(over)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for s in self.peers:
            s.close()
