"""scripts/run-local: starts a whole site, keeps it up, leaves nothing."""

import os
import pathlib
import re
import signal
import socket
import stat
import subprocess

import pytest

from conftest import ROOT, USERS, free_port, wait_until
import wsclient

PROGRAMS = ("web", "login", "wsd")


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"


def descendants(pid):
    """All processes below pid."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def refused(site, timeout=20):
    """Runs to the end a run-local that must not start."""
    done = subprocess.run(site.command(), env=site.env, capture_output=True,
                          text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    assert "ready" not in done.stdout
    return done


def test_ready_and_demo_users(make_site):
    site = make_site(users={})
    assert len(site.stdout) == 3
    assert site.stdout[-1] == f"ready {site.url}/"
    users = dict(re.fullmatch(r"user (\w+) password (\S+)", line).groups()
                 for line in site.stdout[:2])
    assert len(users) == 2
    assert len(set(users.values())) == 2
    for name, password in users.items():
        assert len(password) >= 12
        session = site.login(name, password)
        assert session.get(site.url + "/session",
                           timeout=30).json()["user"] == name
        assert password not in site.log()


def test_given_users_are_made_and_not_printed(make_site):
    site = make_site(users={"carol": "carol:with:colons"})
    assert site.stdout == [f"ready {site.url}/"]
    site.login("carol", "carol:with:colons")
    assert "with:colons" not in site.log()


def test_configuration_and_modes(make_site):
    site = make_site(set={"wsd.message_bytes": 64,
                          "log.level": "debug"})
    text = site.conf.read_text()
    assert f"origins = http://127.0.0.1:{site.port} " \
        f"http://localhost:{site.port}" in text
    assert "message_bytes = 64" in text
    shown = site.gatecast("config", "show").stdout
    assert "message_bytes = 64" in shown and "level = debug" in shown
    assert stat.S_IMODE(site.dir.stat().st_mode) == 0o700
    for path in site.dir.rglob("*"):
        # Apache makes its own for all to read; it holds a number.
        if path.name == "httpd.pid":
            continue
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0, path


@pytest.mark.parametrize("name", PROGRAMS)
def test_killed_program_comes_back(make_site, name):
    site = make_site()
    alice = site.login("alice")
    before = {n: site.pid(n) for n in PROGRAMS}
    below = descendants(before[name])
    os.kill(before[name], signal.SIGKILL)
    wait_until(lambda: site.pid(name) not in (None, before[name]),
               what=f"{name} again")
    site.wait_answering()
    for other in PROGRAMS:
        assert (site.pid(other) == before[other]) == (other != name)
        assert is_alive(site.pid(other))
    wait_until(lambda: not any(is_alive(p) for p in below),
               what="the end of the killed program's children")
    assert alice.get(site.url + "/session", timeout=30).status_code == 200
    with wsclient.connect(site, "bob") as ws:
        ws.expect("hello", user="bob")


def test_killed_again_and_again(make_site):
    site = make_site()
    for _ in range(3):
        site.kill("wsd")
    site.login("alice")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_stop_leaves_nothing(make_site, sig):
    site = make_site()
    everything = descendants(site.process.pid)
    assert len(everything) >= 3
    with wsclient.connect(site) as ws:
        ws.expect("hello")
        site.process.send_signal(sig)
        assert site.process.wait(30) == 0
        assert ws.closed() == 1001
    assert not any(is_alive(p) for p in everything)
    assert not (site.dir / "pids").exists()
    assert list(site.dir.glob("*.sock")) == []
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", site.port))


def test_ctrl_c_reaches_the_whole_group(make_site):
    """A terminal's Ctrl-C goes to every process of the foreground group."""
    site = make_site(start=False)
    launch = site.command
    site.command = lambda: ["setsid", *launch()]
    site.start()
    everything = descendants(site.process.pid)
    os.killpg(site.process.pid, signal.SIGINT)
    assert site.process.wait(30) == 0
    assert not any(is_alive(p) for p in everything)
    last_word = {"lighttpd": "server stopped", "apache": "shutting down",
                 "nginx": "exiting"}[site.server]
    assert last_word in site.log()


def test_killed_supervisor_takes_its_programs_along(make_site):
    site = make_site()
    everything = descendants(site.process.pid)
    site.process.kill()
    assert site.process.wait(30) == -signal.SIGKILL
    wait_until(lambda: not any(is_alive(p) for p in everything),
               what="the end of all programs")
    # Its pid files and sockets do not keep the next one from starting.
    site.stop(check=False)
    site.start()
    site.login("bob")


def test_stopped_while_starting(make_site):
    site = make_site(start=False)
    process = subprocess.Popen(site.command(), env=site.env,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    wait_until(lambda: site.pid("login"), what="a first program")
    everything = descendants(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stdout.close()
    assert not any(is_alive(p) for p in everything)
    assert site.pid("login") is None


def test_restart_keeps_users_and_sessions(make_site):
    site = make_site()
    alice = site.login("alice")
    site.gatecast("user", "passwd", "bob", "--password-stdin",
                  input="bob's new passphrase\n")
    site.stop()
    site.start()
    assert alice.get(site.url + "/session", timeout=30).status_code == 200
    assert site.try_login("bob", USERS["bob"]).status_code == 401
    site.login("bob", "bob's new passphrase")

    site.stop()
    site.options = [o for o in site.options if o != "--user" and
                    o.split(":")[0] not in USERS]
    site.start()
    assert site.stdout == [f"ready {site.url}/"]
    site.login("alice")


def test_two_side_by_side(make_site):
    one, two = make_site(), make_site()
    cookie = one.cookie("alice")
    with wsclient.connect(two, "alice") as ws:
        ws.expect("hello")
        with pytest.raises(wsclient.Refused) as e:
            wsclient.connect(two, cookie=cookie)
        assert e.value.status == 401
        one.stop()
        ws.say("still here", ref="r1")
        ws.expect("ack", ref="r1")


def test_wsd_port(make_site):
    site = make_site(wsd_port=free_port())
    with wsclient.connect(site, "alice", direct=True) as direct, \
            wsclient.connect(site, "bob") as proxied:
        direct.expect("hello", user="alice")
        proxied.expect("hello", user="bob")
        direct.say("hello from beside the web server")
        proxied.expect("message", user="alice",
                       text="hello from beside the web server")


@pytest.mark.parametrize("setting, what", [
    ("wsd.nonsense=1", "nonsense"), ("wsd.message_bytes=lots", "lots"),
    ("nosuch.key=1", "nosuch"),
])
def test_bad_set_names_the_line(make_site, setting, what):
    site = make_site(start=False)
    site.options += ["--set", setting]
    done = refused(site)
    assert done.returncode == 1
    lines = site.conf.read_text().splitlines()
    number = int(re.search(rf"{re.escape(str(site.conf))}:(\d+): ",
                           done.stderr).group(1))
    assert what in lines[number - 1]
    assert site.pid("wsd") is None


@pytest.mark.parametrize("options", [
    ["--nonsense"], ["--port"], ["--port", "0"], ["--port", "65536"],
    ["--port", "x"], ["--set", "wsd"], ["--set", "wsd.x"], ["--set", "x=1"],
    ["--user", "alice"], ["--user", ":pw"], ["--server", "iis"],
    ["--set", "wsd.listen=127.0.0.1:1"], ["--dir", ""], ["extra"],
])
def test_wrong_usage(tmp_path, options):
    done = subprocess.run([str(ROOT / "scripts/run-local"), *options],
                          cwd=tmp_path, capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 2
    assert "usage:" in done.stderr and done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_port_taken(make_site):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        site = make_site(start=False, port=port)
        done = refused(site)
        assert done.returncode == 1
        assert f"port {port} of 127.0.0.1 is taken" in done.stderr
        site = make_site(start=False, wsd_port=port)
        assert f"port {port}" in refused(site).stderr
        assert not (site.dir / "pids").exists()


def test_directory_taken(make_site):
    site = make_site()
    second = make_site(start=False, dir=site.dir)
    done = refused(second)
    assert done.returncode == 1
    assert str(site.dir) in done.stderr
    site.login("alice")


def test_directory_open_to_others(make_site, tmp_path):
    tmp_path.chmod(0o777)
    done = refused(make_site(start=False, dir=tmp_path))
    assert done.returncode == 1 and "writable by others" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_directory_too_long(make_site, tmp_path):
    done = refused(make_site(start=False, dir=tmp_path / ("x" * 100)))
    assert done.returncode == 1 and "too long" in done.stderr


def test_nothing_built(make_site, tmp_path):
    site = make_site(start=False, env={"GATECAST_BUILD": str(tmp_path)})
    done = refused(site)
    assert done.returncode == 1 and "run make" in done.stderr


def test_program_that_cannot_start(make_site, tmp_path):
    """A wsd that ends at once: a clear word, and nothing is left."""
    build = pathlib.Path(make_site(start=False).env["GATECAST_BUILD"])
    for name in ("login.fcgi", "gatecast-tool"):
        (tmp_path / name).symlink_to(build / name)
    (tmp_path / "wsd").write_text("#!/bin/sh\necho my last words >&2\nexit 7\n")
    (tmp_path / "wsd").chmod(0o755)
    site = make_site(start=False, env={"GATECAST_BUILD": str(tmp_path)})
    done = refused(site)
    assert done.returncode == 1
    assert "wsd ended with status 7" in done.stderr
    assert "wsd: my last words" in done.stderr
    assert site.pid("web") is None and site.pid("login") is None


def test_static_files(site):
    answer = site.get("/static/js/gatecast.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in answer.headers["Cache-Control"]
    fresh = site.get("/static/js/gatecast.js",
                     headers={"If-None-Match": answer.headers["ETag"]})
    assert fresh.status_code == 304
    assert site.get("/static/").status_code in (403, 404)
    assert site.get("/static/../templates/login.html").status_code == 404
    assert site.get("/static/%2e%2e/templates/login.html").status_code == 404
    assert site.get("/static/nothing.js").status_code == 404


def test_everything_else_is_login_fcgi(site):
    for path in ("/nothing", "/login/x", "/static", "/websocket/", "/x.js"):
        answer = site.get(path)
        assert answer.status_code == 404, path
        assert "default-src 'none'" in \
            answer.headers["Content-Security-Policy"], path
    assert site.get("/websocket").headers.get("Server", "")
    assert 400 <= site.get("/websocket").status_code < 500
