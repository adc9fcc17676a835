"""wsd alone, without a web server: its process, and requests as bytes."""

import base64
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading

from conftest import BUILD, SANITIZER, wait_until
from wsclient import Client

ORIGIN = "http://chat.test"


class Wsd:
    """A wsd on a port and a Unix socket of its own, in a directory of its
    own. users: each gets a session; cookies[NAME] is its Cookie header. port: 0
    for another one at each start."""

    def __init__(self, users=("alice", "bob"), set=None, options=(),
                 has_store=True, port=0, **popen):
        self.temp = tempfile.TemporaryDirectory(prefix="gatecast-wsd-")
        self.dir = pathlib.Path(self.temp.name)
        self.conf = self.dir / "gatecast.conf"
        self.options = list(options)
        self.listen = f"127.0.0.1:{port}"
        self.popen = popen
        self.program = BUILD / "wsd"
        self.process = None
        self.lines = []
        self.cookies = {}
        self.write_conf(set)
        if has_store:
            self.add(*users)

    def write_conf(self, set=None):
        values = {"site.origins": ORIGIN, "login.plain_http": "yes",
                  "store.dir": self.dir,
                  "wsd.history_dir": self.dir / "history",
                  "wsd.control": f"unix:{self.dir}/control.sock",
                  "wsd.leave_grace_s": 0,
                  "log.level": "debug", **(set or {})}
        text = ""
        for section in ("site", "store", "login", "wsd", "log"):
            text += f"[{section}]\n"
            for key, value in values.items():
                if key.split(".")[0] == section:
                    text += f"{key.split('.')[1]} = {value}\n"
        self.conf.write_text(text)

    # --- sessions -------------------------------------------------------

    def tool(self, *args):
        return subprocess.run(
            [str(BUILD / "tests/make-session"), *map(str, args)],
            check=True, capture_output=True, text=True,
            timeout=60).stdout.split()

    def add(self, *users):
        for user, token in zip(users, self.tool(self.dir, *users)):
            self.cookies[user] = f"gatecast={token}"
        return self.cookies

    def end(self, cookie):
        self.tool("--end", self.dir, cookie.split("=", 1)[1])

    # --- life -----------------------------------------------------------

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        try:
            self.stop(check=error[0] is None)
        finally:
            self.temp.cleanup()

    def spawn(self):
        """A process, which may not be listening yet."""
        self.socket_path = self.dir / "wsd.sock"
        return subprocess.Popen(
            [str(self.program), "-c", str(self.conf),
             "--listen", self.listen, "--listen",
             f"unix:{self.socket_path}", *self.options],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace", **self.popen)

    def start(self):
        self.lines = []
        self.process = self.spawn()
        threading.Thread(target=self._read, args=(self.process.stderr,),
                         daemon=True).start()
        wait_until(lambda: self.has_logged("listening on unix:") or
                   self.process.poll() is not None, what="listening")
        assert self.process.poll() is None, self.log()
        self.port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)",
                                  self.log()).group(1))
        return self

    def _read(self, stream):
        for line in stream:
            self.lines.append(line)

    def log(self):
        return "".join(self.lines)

    def has_logged(self, text):
        return text in self.log()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=30):
        return self.process.wait(timeout)

    def stop(self, check=True):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        if check:
            assert code == 0, self.log()
            assert not SANITIZER.search(self.log()), self.log()

    def memory_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def cpu_s(self):
        fields = pathlib.Path(
            f"/proc/{self.process.pid}/stat").read_text().split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    # --- use ------------------------------------------------------------

    def client(self, user="alice", **kwargs):
        kwargs.setdefault("origin", ORIGIN)
        kwargs.setdefault("cookie", self.cookies.get(user))
        return Client(f"ws://127.0.0.1:{self.port}/websocket", **kwargs)

    def connect(self, unix=False, timeout=30, port=None):
        if unix:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(timeout)
            s.connect(str(self.socket_path))
            return s
        return socket.create_connection(
            ("127.0.0.1", port or self.port), timeout)

    def ask(self, data, unix=False):
        """Sends bytes, reads to the end; (status, headers, body)."""
        with self.connect(unix) as s:
            s.sendall(data)
            return answer(read_all(s))


def request(line="GET /websocket HTTP/1.1", cookie=None, change=None,
            extra=()):
    """A handshake as bytes. change: {header: value or None to leave it out
    or a list for several}."""
    headers = {
        "Host": "chat.test", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Origin": ORIGIN, "Cookie": cookie, **(change or {})}
    lines = [line]
    for name, value in headers.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{name}: {v}" for v in values if v is not None]
    return "\r\n".join([*lines, *extra, "", ""]).encode("latin-1")


def read_all(s):
    data = b""
    try:
        while chunk := s.recv(65536):
            data += chunk
            if data.startswith(b"HTTP/1.1 101") and b"\r\n\r\n" in data:
                break
    except ConnectionError:
        pass
    return data


def answer(data):
    """(status, headers, body); None when there was no answer."""
    if not data:
        return None, {}, b""
    head, _, body = data.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = {f.split(":", 1)[0].lower(): f.split(":", 1)[1].strip()
               for f in fields}
    return int(status.split()[1]), headers, body


def settle(client):
    """Reads what a join brings."""
    while True:
        try:
            client.recv(0.2)
        except TimeoutError:
            return client
