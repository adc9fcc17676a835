"""login.fcgi at its own socket: its process, its stores and its workers."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import urllib.parse

import fcgi_client as fcgi
from conftest import BUILD, ROOT, wait_until

PROGRAM = BUILD / "login.fcgi"
TOOL = BUILD / "gatecast-tool"
PASSWORD = "correct horse battery"
ORIGIN = "http://chat.test"
FORM = "application/x-www-form-urlencoded"


def resident(pid):
    """Pages of memory of a process; hashing a password shows in it."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])


@contextlib.contextmanager
def writing(store):
    """Another process holds the writer's lock of this store."""
    with open(store / "lock", "rb+") as lock:
        flock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, flock)
        yield


class Login:
    """A login.fcgi with its stores, listening on a Unix socket."""

    def __init__(self, users=("alice",), init=True, top=None, store=None,
                 **config):
        self.dir = pathlib.Path(
            tempfile.mkdtemp(prefix="gatecast-login-", dir=top))
        self.store = store or self.dir / "store"
        self.store.mkdir(mode=0o700)
        self.socket = str(self.dir / "login.sock")
        self.conf = self.dir / "gatecast.conf"
        self.process = None
        self.program = PROGRAM
        self.log_path = self.dir / "log"
        self.config = {"login.templates": ROOT / "www/templates",
                       "login.plain_http": "yes",
                       "login.argon2_memory_kib": 64,
                       "login.argon2_passes": 1, "login.workers": 2,
                       "login.throttle": "no",
                       "store.dir": self.store, "log.audit": "yes",
                       "log.level": "info", "site.origins": ORIGIN}
        for key, value in config.items():
            self.config[key.replace("__", ".")] = value
        self.write_config()
        if init:
            self.tool("store", "init")
            for name in users:
                self.add_user(name)

    def write_config(self, extra=""):
        text = ""
        for key, value in self.config.items():
            section, _, name = key.partition(".")
            text += f"[{section}]\n{name} = {value}\n"
        self.conf.write_text(text + extra)

    def tool(self, *args, stdin="", check=True):
        return subprocess.run([TOOL, "-c", self.conf, *args], input=stdin,
                              text=True, capture_output=True, check=check,
                              timeout=60)

    def add_user(self, name, password=PASSWORD):
        self.tool("user", "add", name, "--password-stdin", stdin=password)

    def start(self, *args, **popen):
        if not args:
            args = ("--listen", "unix:" + self.socket)
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [self.program, "-c", self.conf, *args], stderr=log,
            stdin=popen.pop("stdin", subprocess.DEVNULL), **popen)
        log.close()
        wait_until(lambda: len(self.workers()) == self.config["login.workers"]
                   or self.process.poll() is not None, what="start")
        assert self.process.poll() is None, self.log()
        return self

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def workers(self):
        pid = self.process.pid
        try:
            text = pathlib.Path(
                f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            return []
        return [int(p) for p in text.split()]

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        code = self.process.returncode if self.process else 0
        log = self.log()
        shutil.rmtree(self.dir)
        assert "Sanitizer" not in log and "runtime error" not in log, log
        assert code == 0, log

    def ask(self, method, target, body=b"", cookie=None, timeout=30.0,
            drop=(), **params):
        """One request. Extra parameters replace; None or drop leaves out."""
        path, _, query = target.partition("?")
        all_params = {"REQUEST_METHOD": method, "SCRIPT_NAME": path,
                      "QUERY_STRING": query, "REQUEST_URI": target,
                      "HTTP_HOST": "chat.test", "REMOTE_ADDR": "192.0.2.7",
                      "SERVER_PROTOCOL": "HTTP/1.1"}
        if cookie:
            all_params["HTTP_COOKIE"] = cookie
        if method == "POST":
            all_params.update(CONTENT_TYPE=FORM, HTTP_ORIGIN=ORIGIN,
                              CONTENT_LENGTH=str(len(body)))
        all_params.update(params)
        all_params = {k: v for k, v in all_params.items()
                      if v is not None and k not in drop}
        return fcgi.send(self.socket, fcgi.request_bytes(all_params, body),
                         timeout)

    def form(self, target="/login", pre=None, **params):
        """A login form: (csrf field, pre-session cookie, answer)."""
        answer = self.ask("GET", target, cookie=pre, **params)
        assert answer.status == 200, answer.raw
        for name, (value, _) in answer.cookies().items():
            if name.endswith("gatecast-pre"):
                pre = f"{name}={value}"
        return answer.field("csrf"), pre, answer

    def post_login(self, name="alice", password=PASSWORD, next="/index",
                   csrf=None, cookie=None, body=None, **params):
        if csrf is None:
            csrf, cookie, _ = self.form()
        if body is None:
            body = urllib.parse.urlencode(
                {"name": name, "password": password, "next": next,
                 "csrf": csrf}).encode()
        return self.ask("POST", "/login", body, cookie, **params)

    def sign_in(self, name="alice", **params):
        """The session cookie."""
        answer = self.post_login(name, **params)
        assert answer.status == 303, answer.raw
        return "gatecast=" + answer.cookies()["gatecast"][0]


def several_users():
    """A fixture: one that several can sign in to."""
    site = Login(users=("alice", "bob", "carol", "李雷")).start()
    yield site
    site.stop()


def make(request, **config):
    site = Login(**config)
    request.addfinalizer(site.stop)
    return site


def assert_protected(answer):
    csp = answer.get("Content-Security-Policy")
    assert csp.startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in csp and "unsafe" not in csp
    assert answer.get("X-Content-Type-Options") == "nosniff"
    assert answer.get("X-Frame-Options") == "DENY"
    assert answer.get("Referrer-Policy") == "same-origin"
    assert answer.get("Cache-Control") == "no-store"
    assert int(answer.get("Content-Length")) == len(answer.body)
    if answer.body:
        assert "charset=utf-8" in answer.get("Content-Type")
