"""Both programs as systemd runs them: what they say and when (Type=notify,
WatchdogSec), and sockets that stay while they are restarted."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import fcgi_client as fcgi
from conftest import BUILD, SERVERS, wait_until
from gatecast_admin import ENV, SCRIPT
from hosted_site import HostedSite
from login_process import Login
from supervisor import Supervisor, listening
from web_visitor import Visitor
from ws_raw import Wsd, answer, read_all, request

WATCHDOG_MS = 400


class Service:
    """A program below a supervisor; ask() gives the status of an answer."""

    def __exit__(self, *error):
        try:
            self.super.__exit__(*error)
        finally:
            for s in self.super.sockets.values():
                s.close()
            self.cleanup()

    def __enter__(self):
        self.super.__enter__()
        return self


class WsdService(Service):
    def __init__(self, **kwargs):
        self.wsd = Wsd(set={"wsd.connections_per_user": 0})
        self.conf = self.wsd.conf
        self.cleanup = self.wsd.temp.cleanup
        # The control socket is told by its path, not by its place.
        self.wsd.socket_path = f"\0{self.wsd.dir}/abstract"
        sockets = {"control": listening(str(self.wsd.dir / "control.sock")),
                   "wsd": listening(("127.0.0.1", 0)),
                   "local": listening(self.wsd.socket_path)}
        self.wsd.port = sockets["wsd"].getsockname()[1]
        self.super = Supervisor([BUILD / "wsd", "-c", self.conf], sockets,
                                **kwargs)

    def ask(self, unix=False):
        return self.wsd.ask(
            request(cookie=self.wsd.cookies["alice"]), unix)[0]

    def gatecast(self, *args):
        return subprocess.run([SCRIPT, "-c", self.conf, *args], env=ENV,
                              text=True, capture_output=True, timeout=60)


class LoginService(Service):
    def __init__(self, **kwargs):
        self.login = Login()
        self.conf = self.login.conf
        self.cleanup = self.login.stop
        self.super = Supervisor(
            [self.login.program, "-c", self.conf],
            {"login": listening(self.login.socket)}, **kwargs)

    def ask(self):
        return self.login.ask("GET", "/login").status


@pytest.mark.parametrize("service, is_abstract", [
    (WsdService, False), (LoginService, True)])
def test_what_it_says(service, is_abstract):
    with service(is_abstract=is_abstract) as s:
        good = s.ask()
        assert good in (101, 200)
        # A reload that works, and one that does not.
        for extra, line in (("", None), ("[log]\nloud = 1\n", "loud")):
            text = s.conf.read_text()
            s.conf.write_text(text + extra)
            s.super.process.send_signal(signal.SIGHUP)
            assert s.super.hear() == "RELOADING=1"
            assert s.super.hear() == "READY=1"
            assert line is None or line in s.super.log()
            assert s.ask() == good
        s.super.end()
        # With that file it does not start, and says nothing.
        s.super.spawn()
        assert s.super.process.wait(20) != 0
        assert s.super.said.empty()


def test_watchdog():
    with WsdService(watchdog_ms=WATCHDOG_MS, is_abstract=True) as s:
        pings, pid = s.super.pings, s.super.process.pid
        wait_until(lambda: len(pings) > 1, what="pings")
        # One that hangs is silent, for longer than systemd waits.
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: open(f"/proc/{pid}/stat").read()
                   .rsplit(")", 1)[1].split()[0] == "T", what="stopped")
        time.sleep(0.1)  # what was sent before has been read
        before = len(pings)
        time.sleep(WATCHDOG_MS / 1000 * 1.5)
        assert len(pings) == before
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: len(pings) > before, what="a ping")
        s.super.end()


class Caller(threading.Thread):
    """Somebody who asks again and again; answers holds what came."""

    def __init__(self, ask):
        super().__init__(daemon=True)
        self.ask, self.answers, self.is_over, self.error = ask, [], False, None

    def run(self):
        try:
            while not self.is_over:
                self.answers.append(self.ask())
        except BaseException as e:
            self.error = e


@contextlib.contextmanager
def callers(*asks):
    crowd = [Caller(ask) for ask in asks]
    for c in crowd:
        c.start()
    try:
        yield crowd
    finally:
        for c in crowd:
            c.is_over = True
        for c in crowd:
            c.join(20)
    for c in crowd:
        if c.error is not None:
            raise c.error


def asked(crowd, n=3):
    """Each has had n answers more."""
    before = [len(c.answers) for c in crowd]
    wait_until(lambda: all(c.error or len(c.answers) >= b + n
                           for c, b in zip(crowd, before)), 20, "answers")


def test_wsd_restarts():
    """Whoever connects meanwhile is answered, by the old one or by the new
    one: 101, or 503 from one that is just going."""
    def slowly(s):
        """One that is connected for a while before it asks."""
        with s.wsd.connect() as c:
            data = request(cookie=s.wsd.cookies["bob"])
            c.sendall(data[:20])
            time.sleep(0.05)
            c.sendall(data[20:])
            return answer(read_all(c))[0]

    with WsdService() as s, callers(
            s.ask, s.ask, lambda: s.ask(unix=True), lambda: slowly(s),
            lambda: slowly(s)) as crowd:
        for _ in range(3):
            asked(crowd)
            s.super.end()
            # Nobody is there, and the administrator waits like the others.
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(s.wsd.dir / "control.sock"))
                control.sendall(b'{"command":"status"}\n')
                s.super.start()
                control.settimeout(20)
                assert json.loads(control.makefile().readline())["ok"]
            asked(crowd)
        assert s.gatecast("status").returncode == 0
        for c in crowd:
            assert set(c.answers) <= {101, 503}, c.answers
            assert c.answers.count(101) > 10


def test_wsd_killed():
    """An answer may be lost with it, but nobody meets a closed door."""
    def ask():
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            return s.ask()

    with WsdService() as s, callers(ask, ask) as crowd:
        for _ in range(3):
            asked(crowd)
            s.super.process.kill()
            s.super.process.wait()
            s.super.start()
            asked(crowd)
        assert all(set(c.answers) <= {101, None} for c in crowd)


def test_login_restarts():
    """Every request is answered in full."""
    def slowly():
        params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login",
                  "REQUEST_URI": "/login", "QUERY_STRING": "",
                  "HTTP_HOST": "chat.test", "REMOTE_ADDR": "192.0.2.7",
                  "SERVER_PROTOCOL": "HTTP/1.1"}
        data = fcgi.request_bytes(params, b"")
        with fcgi.connect(s.login.socket) as c:
            c.sendall(data[:20])
            time.sleep(0.05)
            c.sendall(data[20:])
            return fcgi.read_answer(c).status

    with LoginService() as s, callers(s.ask, s.ask, slowly) as crowd:
        for _ in range(3):
            asked(crowd)
            s.super.end()
            s.super.start()
            asked(crowd)
        assert all(set(c.answers) == {200} for c in crowd)


@pytest.mark.parametrize("server", SERVERS)
def test_login_restarts_behind(server):
    """At a web server that goes on, under load: not one 5xx."""
    with LoginService() as s, HostedSite(server, s.login) as site:
        one, other = Visitor(site), Visitor(site)
        with callers(one.page, one.sign_in, other.sign_in,
                     other.sign_in_slowly) as crowd:
            for _ in range(3):
                asked(crowd)
                s.super.process.send_signal(signal.SIGHUP)
                assert s.super.hear() == "RELOADING=1"
                assert s.super.hear() == "READY=1"
                asked(crowd)
                s.super.end()
                s.super.start()
            asked(crowd)
        page, *forms = crowd
        assert set(page.answers) == {200}
        assert all(set(c.answers) == {303} for c in forms)
