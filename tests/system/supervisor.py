"""What systemd does for a service: it makes the listening sockets and keeps
them while the program is restarted, and hears what the program says of
itself (sd_notify)."""

import os
import pathlib
import queue
import socket
import subprocess
import tempfile
import threading
import time

from conftest import SANITIZER


def listening(address):
    """A Unix socket's path, or (host, port)."""
    s = socket.socket(socket.AF_UNIX if isinstance(address, str)
                      else socket.AF_INET)
    s.bind(address)
    s.listen(128)
    return s


class Supervisor:
    """sockets: {name: listening socket}, handed over in this order. Has a
    NOTIFY_SOCKET with a path or, is_abstract, with a name."""

    def __init__(self, command, sockets, is_abstract=False, watchdog_ms=None):
        self.temp = tempfile.TemporaryDirectory(prefix="gatecast-super-")
        self.command, self.sockets = command, sockets
        self.log_path = pathlib.Path(self.temp.name) / "log"
        name = f"{self.temp.name}/notify"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind("\0" + name if is_abstract else name)
        self.env = {**os.environ, "LISTEN_FDS": str(len(sockets)),
                    "LISTEN_FDNAMES": ":".join(sockets),
                    "NOTIFY_SOCKET": "@" + name if is_abstract else name}
        if watchdog_ms:
            self.env["WATCHDOG_USEC"] = str(watchdog_ms * 1000)
        self.said = queue.Queue()
        self.pings = []  # when
        self.process = None
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                text = self.notify.recv(4096).decode()
            except OSError:
                return
            if text == "WATCHDOG=1":
                self.pings.append(time.monotonic())
            else:
                self.said.put(text)

    def spawn(self):
        def become():
            # Off the numbers that are to be theirs.
            fds = [os.dup(s.fileno()) for s in self.sockets.values()]
            fds = [os.dup(fd) for fd in fds]
            for i, fd in enumerate(fds):
                os.dup2(fd, 3 + i)

        with open(self.log_path, "ab") as log:
            # LISTEN_PID must be the program's own, which only it knows.
            self.process = subprocess.Popen(
                ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *self.command],
                preexec_fn=become, close_fds=False, stderr=log, env=self.env,
                stdin=subprocess.DEVNULL)

    def hear(self, timeout=20):
        """What it says next, WATCHDOG=1 aside."""
        return self.said.get(timeout=timeout)

    def start(self):
        self.spawn()
        assert self.hear() == "READY=1", self.log()

    def end(self):
        self.process.terminate()
        assert self.hear() == "STOPPING=1"
        assert self.process.wait(20) == 0, self.log()
        assert self.said.empty()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        log = self.log()
        self.notify.close()
        self.temp.cleanup()
        assert error[0] is not None or not SANITIZER.search(log), log
