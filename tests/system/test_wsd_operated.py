"""The administrator's hand on a running wsd: the control socket and what
`gatecast` does with it."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

import pytest

from conftest import BUILD, SOON_S, wait_until
from gatecast_admin import ENV, NOTFOUND, OK, REFUSED, SCRIPT, UNREACHABLE
from test_gatecast_manual import json_keys_of_manual
from ws_raw import Wsd, settle
from wsclient import CLOSE, Refused


def gatecast(w, *args, input="", code=OK):
    done = subprocess.run([SCRIPT, "-c", str(w.conf), *args], text=True,
                          input=input, capture_output=True, timeout=60,
                          env=ENV, errors="surrogateescape")
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return done


def control(w):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    path = w.dir / "control.sock"
    wait_until(path.exists, what="the control socket")
    s.connect(str(path))
    return s


def lines(s, n):
    """The next n lines of answers."""
    data = b""
    while data.count(b"\n") < n:
        chunk = s.recv(65536)
        assert chunk, data
        data += chunk
    return [json.loads(line) for line in data.splitlines()]


@pytest.fixture(scope="module")
def wsd():
    with Wsd(users=("alice", "bob", "小明"),
             set={"wsd.message_bytes": 100}) as w:
        yield w


def test_publish(wsd):
    page = wsd.client("alice", protocol=None)
    modern = settle(wsd.client("bob"))
    settle(page)
    done = gatecast(wsd, "publish", 'back at 5 <b>"\\')
    assert "audit event=admin action=publish" in done.stderr
    notice = modern.expect("notice", text='back at 5 <b>"\\')
    assert set(notice) == {"type", "seq", "time", "text"}
    assert page.recv() == 'back at 5 <b>"\\'
    # As a user: the next number, the server's time, everybody's order.
    gatecast(wsd, "publish", "--user", "bridge", input="two\nlines\n")
    message = modern.expect("message", text="two\nlines")
    assert message["user"] == "bridge"
    assert message["seq"] == notice["seq"] + 1
    assert re.fullmatch(r"bridge-\d{4}-\d\d-\d\d \d\d:\d\d:\d\d-说:two\nlines",
                        page.recv())
    # Whoever is here keeps the spelling that all see.
    gatecast(wsd, "publish", "--user", "ALICE", "I?")
    assert modern.expect("message", text="I?")["user"] == "alice"
    page.recv()
    for args, input, why in (
            (("x" * 101,), "", "wsd.message_bytes allows 100"),
            ((" \t",), "", "nothing in the text"), ((), "\n\n", "nothing in"),
            (("a\x1bb",), "", "control character"),
            (("--user", "a b", "x"), "", "not a user name"),
            ((), "a\0b", "NUL byte"), ((), "a\udcffb", "not UTF-8"),
            (("a\udcffb",), "", "not UTF-8"),
            ((), "x" * 70000, "longer than 65536")):
        done = gatecast(wsd, "publish", *args, input=input, code=REFUSED)
        assert why in done.stderr, done.stderr
    with pytest.raises(TimeoutError):
        page.recv(0.2)
    page.sock.close(), modern.sock.close()


def test_who_and_status(wsd):
    assert gatecast(wsd, "who").stdout == ""
    clients = [settle(wsd.client(u, protocol=p)) for u, p in
               (("alice", None), ("小明", "gatecast.v1"),
                ("alice", "gatecast.v1"))]
    wait_until(lambda: gatecast(wsd, "who").stdout.count("\n") == 3)
    rows = json.loads(gatecast(wsd, "who", "--json").stdout)
    assert [(r["user"], r["connections"]) for r in rows] == \
        [("alice", 2), ("小明", 1)]
    now = time.time()
    for row in rows:
        since = time.mktime(time.strptime(
            row["since"], "%Y-%m-%dT%H:%M:%S.000Z")) - time.timezone
        assert now - 60 < since <= now + 1
    status = json.loads(gatecast(wsd, "status", "--json").stdout)
    hello = wsd.client("bob").expect("hello")
    assert (status["users"], status["plain"], status["gatecast_v1"]) == (2, 1,
                                                                         2)
    assert status["joins"] == "open" and status["store"] == "ok"
    assert status["epoch"] == hello["epoch"]
    assert status["seq"] <= hello["seq"]
    keys = json_keys_of_manual()
    assert list(status) == keys["status"]
    assert all(list(row) == keys["who"] for row in rows)
    assert re.search(r"^joins +open$", gatecast(wsd, "status").stdout, re.M)
    for c in clients:
        c.sock.close()


def test_kick(wsd):
    def ids():
        stored = gatecast(wsd, "session", "list", "--json").stdout
        return {r["user"]: r["id"] for r in json.loads(stored)}

    a, a2, b = (settle(wsd.client(u)) for u in ("alice", "alice", "bob"))
    done = gatecast(wsd, "kick", "Alice", "enough for today 够了")
    assert done.stdout.startswith("2 connections closed; the session stays")
    for c in (a, a2):
        with pytest.raises(Exception) as e:
            while True:
                c.recv()
        assert (e.value.code, e.value.reason) == (4401,
                                                  "enough for today 够了")
    a = settle(wsd.client("alice"))  # which is still valid
    gatecast(wsd, "kick", ids()["bob"][:16])
    assert b.closed() == 4401
    gatecast(wsd, "kick", ids()["小明"][:16], code=NOTFOUND)
    gatecast(wsd, "kick", "nobody", code=NOTFOUND)
    gatecast(wsd, "kick", ids()["alice"][:7], code=NOTFOUND)
    gatecast(wsd, "kick", "alice", "x" * 124, code=REFUSED)
    a.say("still here")
    a.expect("message", text="still here")
    a.sock.close()


def test_not_reachable(wsd, tmp_path):
    def conf(value):
        path = tmp_path / "c"
        path.write_text(f"[store]\ndir = {wsd.dir}\n[wsd]\n{value}\n")
        return path

    commands = (["publish", "x"], ["who"], ["status"], ["kick", "alice"],
                ["drain"])
    for line, advice in ((f"control = unix:{tmp_path}/none.sock",
                          "is wsd running"),
                         ("control =", "name one in the configuration")):
        for command in commands:
            done = subprocess.run(
                [SCRIPT, "-c", conf(line), *command], env=ENV, text=True,
                capture_output=True, timeout=60)
            assert done.returncode == UNREACHABLE and done.stdout == ""
            assert advice in done.stderr
            assert "audit" not in done.stderr


def test_deaf_daemon(wsd, tmp_path):
    """A socket that a killed wsd left: nobody is listening."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "s"))
    dead.close()
    (tmp_path / "c").write_text(f"[wsd]\ncontrol = unix:{tmp_path}/s\n")
    done = subprocess.run([SCRIPT, "-c", tmp_path / "c", "who"], env=ENV,
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == UNREACHABLE and "is wsd running" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_as_another_user(wsd):
    path = wsd.dir / "control.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    nobody = pwd.getpwnam("nobody")
    tool = shutil.copy(BUILD / "gatecast-tool", wsd.dir)
    wsd.dir.chmod(0o755), wsd.conf.chmod(0o644)

    def ask():
        return subprocess.run([tool, "-c", wsd.conf, "who"], text=True,
                              capture_output=True, timeout=60,
                              user=nobody.pw_uid, group=nobody.pw_gid,
                              extra_groups=[])
    done = ask()
    assert done.returncode == UNREACHABLE
    assert "Permission denied; run it as root" in done.stderr
    # The mode is not all there is.
    path.chmod(0o666)
    done = ask()
    assert done.returncode == UNREACHABLE and done.stdout == ""
    assert "only root, wsd's user and the owner of store.dir" in done.stderr
    assert wsd.has_logged(f"control: refused uid {nobody.pw_uid}")
    # The owner of store.dir may.
    before = wsd.dir.stat()
    os.chown(wsd.dir, nobody.pw_uid, before.st_gid)
    try:
        assert ask().returncode == OK
    finally:
        os.chown(wsd.dir, before.st_uid, before.st_gid)
        path.chmod(0o660)


def test_requests(wsd):
    """The line protocol, right and wrong."""
    with control(wsd) as s:
        s.sendall(b"\n{}\n[]\n\xff\n" + b'{"command":"who"}\n' +
                  b'{"command":"fly"}\n{"command":1}\n{"command":"publish"}\n'
                  b'{"command":"publish","text":1}\n{"command":"kick"}\n'
                  b'{"command":"who","command":"who"}\n')
        answers = lines(s, 11)
        assert [a["ok"] for a in answers] == [False] * 4 + [True] + [False] * 6
        assert all(a["code"] == "refused" and a["error"] for a in answers
                   if not a["ok"])
        # Much asked and nothing read: it waits, and then goes on.
        n = 5000
        def ask():
            s.sendall(b'{"command":"status"}\n' * n)
        asker = threading.Thread(target=ask)
        asker.start()
        gatecast(wsd, "status")
        assert [a["ok"] for a in lines(s, n)] == [True] * n
        asker.join()


def test_flood(wsd):
    c = settle(wsd.client("alice"))
    idle = [control(wsd) for _ in range(40)]
    idle[-1].sendall(b'{"command":')
    assert idle[0].recv(1) == b""  # the oldest goes
    gatecast(wsd, "status")
    long = control(wsd)
    try:
        long.sendall(b"x" * 1_000_000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        assert b"too long" in long.recv(1000)
    except ConnectionResetError:
        pass  # what we still sent came first
    c.say("meanwhile")
    c.expect("message", text="meanwhile")
    for s in [*idle, long]:
        s.close()
    c.sock.close()


def test_half_a_request_is_cut():
    with Wsd() as w:
        with control(w) as s:
            s.sendall(b'{"command":')
            begin = time.monotonic()
            assert s.recv(1) == b""
            assert 2 < time.monotonic() - begin < 3 + SOON_S


def test_drain():
    with Wsd() as w:
        clients = [w.client(u, protocol=p) for u, p in
                   (("alice", None), ("bob", "gatecast.v1"))]
        for c in clients:
            settle(c)
        clients[1].say("the last word")
        done = gatecast(w, "drain")
        assert done.stdout == "closing 2 connections\n"
        assert not w.socket_path.exists()
        with pytest.raises((ConnectionError, Refused)):
            w.client("alice")
        texts = []
        with pytest.raises(Exception) as e:
            while True:
                texts.append(clients[0].recv())
        assert e.value.code == 1001
        assert any("the last word" in t for t in texts)
        for c in clients:
            if c is clients[1]:
                assert c.closed() == 1001
            c.send_frame(CLOSE, struct.pack(">H", 1001))
        assert w.wait() == 0
        assert not (w.dir / "control.sock").exists()


def test_socket_left_and_taken():
    with Wsd() as w:
        w.signal(signal.SIGKILL)
        w.wait()
        assert (w.dir / "control.sock").exists()
        w.start()
        gatecast(w, "status")
        conf = w.dir / "other.conf"
        conf.write_text(w.conf.read_text().replace(
            f"history_dir = {w.dir}/history", "history_dir ="))
        other = subprocess.run(
            [BUILD / "wsd", "-c", conf, "--listen",
             f"unix:{w.dir}/other.sock"], capture_output=True, text=True,
            timeout=20)
        assert other.returncode == 1
        assert "wsd.control: " in other.stderr and "another process" in \
            other.stderr
        gatecast(w, "status")
