"""The admin script on a terminal, and where passwords go."""

import os
import pty
import select
import termios
import time

import pytest

from gatecast_admin import ENV, NOTFOUND, OK, PASSWORD, REFUSED, SCRIPT, Admin


@pytest.fixture
def alice(tmp_path):
    admin = Admin(tmp_path)
    admin.add()
    return admin


class Terminal:
    """The script on a terminal of its own."""

    def __init__(self, conf, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(SCRIPT, [SCRIPT, "-c", str(conf), *args], ENV)
        self.text = ""

    def wait_for(self, what):
        deadline = time.monotonic() + 20
        while what not in self.text:
            assert time.monotonic() < deadline, self.text
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode()
                except OSError:
                    break
        assert what in self.text, self.text

    def has_echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The rest of the text is read; gives the exit code."""
        while True:
            assert select.select([self.fd], [], [], 20)[0], self.text
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_terminal_asks_twice_without_echo(alice):
    t = Terminal(alice.conf, "user", "add", "bob")
    assert t.has_echo()
    t.wait_for("New password: ")
    assert not t.has_echo()
    t.type(PASSWORD + "\n")
    t.wait_for("Again: ")
    assert not t.has_echo()
    t.type(PASSWORD + "\n")
    t.wait_for("user bob added")
    assert t.end() == OK
    assert PASSWORD not in t.text


def test_terminal_mismatch(alice):
    t = Terminal(alice.conf, "user", "passwd", "alice")
    t.wait_for("New password: ")
    t.type(PASSWORD + "\n")
    t.wait_for("Again: ")
    t.type("something else\n")
    t.wait_for("not the same")
    assert t.end() == REFUSED


def test_terminal_interrupted(alice):
    t = Terminal(alice.conf, "user", "add", "bob")
    keep = os.dup(t.fd)
    t.wait_for("New password: ")
    assert not t.has_echo()
    t.type("\x03")
    assert t.end() == REFUSED
    assert termios.tcgetattr(keep)[3] & termios.ECHO
    os.close(keep)
    alice("user", "show", "bob", code=NOTFOUND)


def test_no_terminal(alice):
    done = alice("user", "add", "bob", input=PASSWORD + "\n", code=REFUSED)
    assert "--password-stdin" in done.stderr


def test_password_reaches_no_argument(alice, tmp_path):
    """Every execve of the script and below, arguments and environment."""
    trace = tmp_path / "trace"
    secret = "open-sesame-" + os.urandom(6).hex()
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe("strace", [
            "strace", "-f", "-v", "-s", "4096", "-e", "trace=execve",
            "-o", str(trace), SCRIPT, "-c", str(alice.conf), "user", "add",
            "bob"],
            {**ENV, "ASAN_OPTIONS": "detect_leaks=0"})
    t = Terminal.__new__(Terminal)
    t.pid, t.fd, t.text = pid, fd, ""
    t.wait_for("New password: ")
    t.type(secret + "\n")
    t.wait_for("Again: ")
    t.type(secret + "\n")
    t.wait_for("user bob added")
    assert t.end() == OK
    text = trace.read_text()
    assert "gatecast-tool" in text and "--password-stdin" in text
    assert secret not in text
