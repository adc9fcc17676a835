"""A running site for the system tests: scripts/run-local in a directory and
on a port of its own, with the users alice and bob, a cheap Argon2, and
failed sign-ins that slow nobody down."""

import itertools
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GATECAST_BUILD", ROOT / "build/release"))
USERS = {"alice": "alice's passphrase", "bob": "bob's passphrase"}
CHEAP = {"login.argon2_memory_kib": 8192, "login.argon2_passes": 1,
         "login.throttle": "no"}
SERVERS = ["lighttpd", "apache", "nginx"]
# The one that a site has when a test does not say.
SERVER = os.environ.get("GATECAST_SERVER", "lighttpd")
SANITIZER = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")

sys.path.insert(0, str(pathlib.Path(__file__).parent))


# A runner that works in the background hands down an ignored SIGINT, which no
# shell below us could then trap. A handler of ours is reset by exec.
signal.signal(signal.SIGINT, signal.default_int_handler)

TEST_TIMEOUT_S = int(os.environ.get("GATECAST_TEST_TIMEOUT_S", "180"))


@pytest.fixture(autouse=True)
def time_limit():
    """A test that hangs fails, and the others go on."""
    def over(signum, frame):
        raise TimeoutError(f"the test took longer than {TEST_TIMEOUT_S} s")

    old = signal.signal(signal.SIGALRM, over)
    signal.alarm(TEST_TIMEOUT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


# What "at once" may take on a machine that has other things to do; whatever
# it must not have waited for is made to take longer.
SOON_S = 10.0


def wait_until(check, timeout=30.0, what="it"):
    """Polls until check() is true, and gives what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {timeout} s")
        time.sleep(0.02)


# Each worker of pytest has ports of its own, below those that the kernel gives
# to outgoing connections. Not from the first one: the last run may have left
# some in TIME_WAIT, and another run may go on beside this one.
PORTS = 1000
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_ports = itertools.count(random.randrange(PORTS))


def free_port():
    """A port that was free a moment ago."""
    while True:
        port = 16000 + PORTS * (_worker % 16) + next(_ports) % PORTS
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class Site:
    """One run-local and everything below it."""

    def __init__(self, dir=None, users=None, set=None, options=(), env=None,
                 wsd_port=None, port=None, server=SERVER, prefix=""):
        self.own_dir = dir is None
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="gatecast-"))
        self.dir = pathlib.Path(dir) if dir else self.top / "run"
        self.users = dict(USERS if users is None else users)
        self.port = port or free_port()
        self.wsd_port = wsd_port
        self.server = server
        self.prefix = prefix
        self.options = ["--server", server, *options]
        if prefix:
            self.options += ["--prefix", prefix]
        for name, password in self.users.items():
            self.options += ["--user", f"{name}:{password}"]
        for key, value in {**CHEAP, **(set or {})}.items():
            self.options += ["--set", f"{key}={value}"]
        if wsd_port:
            self.options += ["--wsd-port", str(wsd_port)]
        self.env = {**os.environ, "GATECAST_BUILD": str(BUILD), **(env or {})}
        self.log_path = self.top / "log"
        self.process = None
        self.stdout = []
        self._reader = None

    # --- life -----------------------------------------------------------

    @property
    def url(self):
        """Of the host; what is Gatecast's of it is below the prefix."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def home(self):
        """What the paths of Gatecast's pages follow."""
        return self.url + self.prefix

    @property
    def ws_url(self):
        """The WebSocket through the web server."""
        return f"ws://127.0.0.1:{self.port}{self.prefix}/websocket"

    @property
    def wsd_url(self):
        """The WebSocket of wsd itself; with wsd_port only."""
        return f"ws://127.0.0.1:{self.wsd_port}{self.prefix}/websocket"

    @property
    def conf(self):
        return self.dir / "gatecast.conf"

    def command(self):
        return [str(ROOT / "scripts/run-local"), "--dir", str(self.dir),
                "--port", str(self.port), *self.options]

    def start(self, timeout=60):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, text=True)
        self.stdout = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            wait_until(lambda: self.is_ready() or
                       self.process.poll() is not None, timeout, "ready")
            if not self.is_ready():
                raise AssertionError(
                    f"run-local ended with {self.process.returncode}")
        except AssertionError as e:
            self.stop(check=False)
            raise AssertionError(f"{e}\n{self.log()}") from None
        return self

    def _read(self):
        for line in self.process.stdout:
            self.stdout.append(line.rstrip("\n"))

    def is_ready(self):
        return f"ready {self.home}/" in self.stdout

    def stop(self, check=True):
        """Ends it as a person would; its log must be clean."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.process = None
        if check:
            assert code == 0, f"run-local ended with {code}\n{self.log()}"
            self.check_log()

    def close(self, check=True):
        try:
            self.stop(check)
        finally:
            shutil.rmtree(self.top, ignore_errors=True)

    def log(self):
        return self.log_path.read_text(errors="replace") \
            if self.log_path.exists() else ""

    def check_log(self):
        found = SANITIZER.search(self.log())
        assert not found, self.log()

    def pid(self, name):
        """The pid of web, login or wsd; None while there is none."""
        try:
            return int((self.dir / "pids" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self, name, sig=signal.SIGKILL):
        """Kills a program and waits for its successor to answer."""
        old = wait_until(lambda: self.pid(name), what=f"a pid of {name}")
        os.kill(old, sig)
        wait_until(lambda: self.pid(name) not in (None, old),
                   what=f"a new {name}")
        self.wait_answering()
        return self.pid(name)

    def wait_answering(self, timeout=30):
        """Until all three answer."""
        def answers():
            try:
                session = self.get(self.prefix + "/session").status_code
                channel = self.get(self.prefix + "/websocket").status_code
                return session == 401 and 400 <= channel < 500
            except requests.RequestException:
                return False
        wait_until(answers, timeout, "an answer of all three")

    # --- use ------------------------------------------------------------

    def get(self, path, **kwargs):
        kwargs.setdefault("timeout", 30)
        kwargs.setdefault("allow_redirects", False)
        return requests.get(self.url + path, **kwargs)

    def form(self, session, path="/login"):
        """The hidden fields of a page's form."""
        page = session.get(self.home + path, timeout=30)
        fields = {}
        for tag in re.findall(r"<input\b[^>]*>", page.text):
            name = re.search(r'\bname="([^"]*)"', tag)
            value = re.search(r'\bvalue="([^"]*)"', tag)
            if name and 'type="hidden"' in tag:
                fields[name.group(1)] = value.group(1) if value else ""
        return fields

    def try_login(self, user, password, session=None, next=None):
        """Posts the login form as a browser does; gives the answer."""
        session = session or requests.Session()
        path = "/login" + (f"?next={next}" if next else "")
        fields = self.form(session, path)
        fields.update(name=user, password=password)
        answer = session.post(self.home + "/login", data=fields, timeout=30,
                              headers={"Origin": self.url},
                              allow_redirects=False)
        answer.session = session
        return answer

    def login(self, user="alice", password=None):
        """A requests.Session that holds user's session cookie."""
        answer = self.try_login(
            user, self.users[user] if password is None else password)
        assert answer.status_code == 303, \
            f"{answer.status_code} {answer.text}\n{self.log()}"
        return answer.session

    def cookie(self, user="alice", password=None):
        """A fresh session's Cookie header, "gatecast=..."."""
        session = self.login(user, password)
        return "gatecast=" + session.cookies["gatecast"]

    def gatecast(self, *args, input=None, check=True):
        """The admin script on this site; a CompletedProcess of text."""
        done = subprocess.run(
            [str(ROOT / "scripts/gatecast"), "-c", str(self.conf), *args],
            input=input, stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True, text=True, timeout=60,
            env={**self.env, "GATECAST_TOOL": str(BUILD / "gatecast-tool")})
        if check:
            assert done.returncode == 0, done.stderr
        return done


def running(**kwargs):
    """For a fixture to yield from: a site, and its end."""
    s = Site(**kwargs)
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture(scope="session")
def site():
    """The shared site. Leave its users and settings as they are."""
    yield from running()


@pytest.fixture
def make_site():
    """Makes sites of the test's own: make_site(set={...}, wsd_port=N)."""
    made = []

    def make(start=True, **kwargs):
        s = Site(**kwargs)
        made.append(s)
        return s.start() if start else s

    yield make
    for s in made:
        s.close()


@pytest.fixture
def disk(tmp_path):
    """A disk of 1 MB."""
    from small_disk import SmallDisk
    d = SmallDisk(tmp_path / "small")
    yield d
    d.close()
