"""How wsd starts, reloads and ends, and goes on without its store."""

import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import time

import pytest

from conftest import BUILD, SOON_S, wait_until
from ws_raw import Wsd, request, settle
from wsclient import CLOSE, Closed, Refused


def test_revocation():
    with Wsd() as w:
        a, b = w.client("alice"), w.client("bob")
        settle(a), settle(b)
        begin = time.monotonic()
        w.end(w.cookies["alice"])
        assert a.closed() == 4401
        assert time.monotonic() - begin < SOON_S
        with pytest.raises(Refused) as e:
            w.client("alice")
        assert e.value.status == 401
        b.expect("leave", user="alice")
        b.sock.close()


def test_store_missing_at_start():
    with Wsd(has_store=False) as w:
        ask = request(cookie="gatecast=v1.k.AAAAAAAAAAAAAAAAAAAAAA." +
                      "A" * 43)
        status, headers, _ = w.ask(ask)
        assert status == 503 and "retry-after" in headers
        time.sleep(1.2)
        assert w.log().count("sessions store:") == 1
        w.add("alice")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["alice"]))[0] == 101, what="the store")


def test_store_lost():
    with Wsd(set={"wsd.store_grace_s": 2}) as w:
        c = settle(w.client("alice"))
        shutil.move(w.dir / "sessions", w.dir / "away")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 503, what="503")
        c.say("still here")
        c.expect("message", text="still here")
        assert c.closed() == 1013
        shutil.move(w.dir / "away", w.dir / "sessions")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 101, what="the store")


def test_revoked_while_the_store_was_away():
    with Wsd(set={"wsd.store_grace_s": 30}) as w:
        c = settle(w.client("alice"))
        os.rename(w.dir / "sessions", w.dir / "away")
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 503, what="503")
        # End it where the store is now, then put it back.
        other = Wsd(has_store=False)
        shutil.copytree(w.dir / "away", other.dir / "sessions")
        for name in ("users", "keyring"):
            src = w.dir / name
            (shutil.copytree if src.is_dir() else shutil.copy2)(
                src, other.dir / name)
        other.end(w.cookies["alice"])
        shutil.move(other.dir / "sessions", w.dir / "sessions")
        assert c.closed() == 4401
        other.temp.cleanup()


def test_sigterm():
    """Soon over whatever the clients do, and who was too slow to be told
    everything that was acknowledged is told when it comes back."""
    said = [f"{i} " + "x" * 3000 for i in range(200)]
    with Wsd(set={"wsd.user_rate": 0}) as w:
        clients = [w.client("alice"), w.client("bob", protocol=None)]
        deaf = w.client("bob")
        hello = deaf.expect("hello")
        half = w.connect()
        half.sendall(b"GET /websocket")
        for text in said:
            clients[0].say(text)
            clients[0].expect("ack")
            clients[1].recv()
        begin = time.monotonic()
        w.signal(signal.SIGTERM)
        for c in clients:
            assert c.closed() == 1001
            c.send_frame(CLOSE, struct.pack(">H", 1001))
        assert half.recv(10) == b""
        # deaf never answers the close frame, and is not waited for.
        assert w.wait() == 0
        assert time.monotonic() - begin < 5
        assert not w.socket_path.exists()
        half.close()

        heard = []
        with pytest.raises(Closed):
            while True:
                heard.append(deaf.event())
        deaf.sock.close()
        assert 0 < len([e for e in heard if e["type"] == "message"]) < 200
        w.start()
        with w.client("bob", since=f"{hello['epoch']}-{heard[-1]['seq']}") \
                as again:
            assert again.event()["resumed"] is True
            while heard[-1].get("text") != said[-1]:
                heard.append(again.event())
        assert [e["text"] for e in heard if e["type"] == "message"] == said
        seqs = [e["seq"] for e in heard]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_sighup():
    with Wsd() as w:
        with w.client() as c:
            settle(c)
            w.conf.write_text("[wsd]\nping_s = soon\n")
            w.signal(signal.SIGHUP)
            wait_until(lambda: w.has_logged("the old values stay"),
                       what="a refusal")
            assert re.search(r"gatecast\.conf:2: ", w.log())
            c.say("still")
            c.expect("message", text="still")
            w.write_conf({"wsd.message_bytes": 64, "wsd.listen":
                          "unix:/elsewhere"})
            w.signal(signal.SIGHUP)
            wait_until(lambda: w.has_logged("configuration read again"),
                       what="a reload")
            assert w.has_logged("wsd.listen")
            c.say("x" * 65)
            assert c.expect("error")["code"] == "too_long"


def test_unix_socket():
    with Wsd() as w:
        assert stat.S_IMODE(w.socket_path.stat().st_mode) == 0o660
        assert w.ask(request(cookie=w.cookies["alice"]), unix=True)[0] == 101

        other = w.dir / "other.conf"
        other.write_text(w.conf.read_text().replace("/history", "/other"))

        def second():
            return subprocess.run(
                [str(BUILD / "wsd"), "-c", str(other), "--listen",
                 f"unix:{w.socket_path}"], capture_output=True, text=True,
                timeout=20)
        # One that answers is not taken away.
        done = second()
        assert done.returncode == 1
        assert "another process is listening" in done.stderr
        assert w.ask(request(cookie=w.cookies["alice"]), unix=True)[0] == 101
        # One left behind by kill -9 is.
        w.signal(signal.SIGKILL)
        w.wait()
        assert w.socket_path.exists()
        w.start()
        assert w.ask(request(cookie=w.cookies["alice"]), unix=True)[0] == 101
        # What is no socket stays.
        w.stop()
        w.socket_path.write_text("precious")
        done = second()
        assert done.returncode == 1 and "not a socket" in done.stderr
        assert w.socket_path.read_text() == "precious"


def test_options(tmp_path):
    def run(*args):
        return subprocess.run([str(BUILD / "wsd"), *map(str, args)],
                              capture_output=True, text=True, timeout=20)
    assert run("-V").stdout.startswith("wsd ")
    assert "usage: wsd" in run("-h").stdout
    assert run("--nonsense").returncode == 2
    assert run("extra").returncode == 2
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("[wsd]\nping_s = 30\n")
    bad.write_text("[wsd]\n\nping_s = soon\n")
    assert run("-n", "-c", good).returncode == 0
    done = run("-n", "-c", bad)
    assert done.returncode == 1 and f"{bad}:3: " in done.stderr
    assert run("-c", tmp_path / "missing").returncode == 1
    done = run("-c", good, "--listen", "nowhere")
    assert done.returncode == 1 and "HOST:PORT" in done.stderr
    done = run("-c", good, "--listen", "192.0.2.1:1")
    assert done.returncode == 1 and "192.0.2.1:1" in done.stderr
