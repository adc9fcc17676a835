"""The files of scripts/deploy/systemd: what systemd itself thinks of them, and
that the programs need no system call that they take away."""

import os
import re
import signal
import subprocess

import pytest

from conftest import BUILD, ROOT, wait_until
from login_process import TOOL
from pair import Pair

UNITS = ROOT / "scripts/deploy/systemd"
SERVICES = ["wsd", "login-fcgi", "gatecast-checkpoint"]
PLACES = {"/usr/sbin/wsd": BUILD / "wsd",
          "/usr/sbin/gatecast": ROOT / "scripts/gatecast",
          "/usr/libexec/gatecast/login.fcgi": BUILD / "login.fcgi"}


def run(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, timeout=60,
                          **kwargs)


@pytest.mark.parametrize("service", SERVICES)
def test_exposure(service):
    """1.5 of 10 at most."""
    path = UNITS / f"{service}.service"
    done = run("systemd-analyze", "security", "--offline=yes",
               "--threshold=15", path)
    assert "Overall exposure level" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout


def test_verify(tmp_path):
    """With the programs where they are here."""
    for path in UNITS.glob("*.[st]*"):
        if path.suffix == ".conf":
            continue
        text = path.read_text()
        for place, program in PLACES.items():
            text = text.replace(f"={place}", f"={program}")
        (tmp_path / path.name).write_text(text)
    assert len(list(tmp_path.iterdir())) == 7

    def verify():
        done = run("systemd-analyze", "verify", "--man=no",
                   *sorted(tmp_path.iterdir()),
                   env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
        # What this machine has besides is not ours.
        return [line for line in done.stderr.splitlines()
                if re.search(r"wsd|login-fcgi|gatecast", line)]

    assert verify() == []
    unit = tmp_path / "wsd.service"
    unit.write_text(unit.read_text().replace("[Service]",
                                             "[Service]\nNoSuchKey=1"))
    assert any("NoSuchKey" in line for line in verify())


@pytest.mark.skipif(os.getuid() != 0, reason="takes root")
def test_users_and_directories(tmp_path):
    (tmp_path / "etc").mkdir()
    done = run("systemd-sysusers", f"--root={tmp_path}",
               UNITS / "sysusers.conf")
    assert done.returncode == 0, done.stderr
    passwd = {line.split(":")[0]: line.split(":")[2:]
              for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    group = re.search(r"^gatecast:[^:]*:(\d+)",
                      (tmp_path / "etc/group").read_text(), re.M)[1]
    assert set(passwd) == {"gatecast", "gatecast-wsd"}
    for name, (uid, gid, _, home, shell) in passwd.items():
        assert gid == group and uid != "0", name
        assert shell.endswith("nologin"), name
    done = run("systemd-tmpfiles", f"--root={tmp_path}", "--create",
               UNITS / "tmpfiles.conf")
    assert done.returncode == 0, done.stderr
    place = (tmp_path / "var/lib/gatecast").stat()
    assert place.st_mode & 0o7777 == 0o750
    assert [str(place.st_uid), str(place.st_gid)] == passwd["gatecast"][:2]
    # The web server starts login.fcgi, and owns it: also after the next boot.
    os.chown(tmp_path / "var/lib/gatecast", 33, 33)
    run("systemd-tmpfiles", f"--root={tmp_path}", "--create",
        UNITS / "tmpfiles.conf")
    assert (tmp_path / "var/lib/gatecast").stat().st_uid == 33


# --- system calls ---------------------------------------------------------

def groups():
    """Names by group, as systemd has them."""
    out, name = {}, None
    for line in run("systemd-analyze", "syscall-filter").stdout.splitlines():
        if line.startswith("@"):
            name = line
            out[name] = []
        elif line.startswith("    ") and name and "#" not in line:
            out[name].append(line.strip())
    return out


def allowed(service):
    known = groups()

    def expand(word):
        if not word.startswith("@"):
            return {word}
        return set().union(*map(expand, known[word]))

    calls = expand("@default")
    text = (UNITS / f"{service}.service").read_text()
    for line in re.findall(r"^SystemCallFilter=(.*)", text, re.M):
        words = set().union(*map(expand, line.lstrip("~").split()))
        calls = calls - words if line.startswith("~") else calls | words
    return calls | {"execve", "arch_prctl"}


def traced(tmp_path, name, program):
    """A stand-in for the program, which writes down what it calls."""
    out, script = tmp_path / f"{name}.calls", tmp_path / name
    script.write_text(f"#!/bin/sh\nexec strace -D -f -qq -o {out} "
                      f"{program} \"$@\"\n")
    script.chmod(0o755)
    return script, out


def calls_of(path):
    return set(re.findall(r"^\d+ +([a-z_0-9]+)\(", path.read_text(), re.M))


def judge(service, path, need):
    calls = calls_of(path)
    # ASan looks at its own process; what else is in /proc ProcSubset hides.
    if "\nProcSubset=pid\n" in (UNITS / f"{service}.service").read_text():
        assert not re.search(r'"/proc/(?!self/|\d)', path.read_text())
    assert need <= calls, need - calls
    permitted = allowed(service)
    assert {"ptrace", "mount", "setuid", "chown", "bpf"}.isdisjoint(permitted)
    assert calls <= permitted, calls - permitted


def test_calls(tmp_path):
    """Both go through what they do in a day, and the daily checkpoint."""
    # The leak check at the end would trace what is traced already.
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    pair = Pair(login={"env": env}, wsd={"env": env})
    pair.login.program, login_calls = traced(tmp_path, "login.fcgi",
                                             pair.login.program)
    pair.wsd.program, wsd_calls = traced(tmp_path, "wsd", pair.wsd.program)
    with pair:
        cookie = pair.login.sign_in("alice")
        assert pair.session(cookie) == 200
        with pair.wsd.client(cookie=cookie) as c:
            c.expect("hello")
            c.say("said")
            c.expect("message", text="said")
            os.kill(pair.login.workers()[0], signal.SIGKILL)
            wait_until(lambda: len(pair.login.workers()) == 2,
                       what="a new worker")
            for process in (pair.login.process, pair.wsd.process):
                process.send_signal(signal.SIGHUP)
            wait_until(lambda: all(
                re.search("configuration (read|loaded) again", program.log())
                for program in (pair.wsd, pair.login)), what="reloads")
            _, checkpoint_calls = traced(tmp_path, "tool", TOOL)
            done = run(tmp_path / "tool", "-c", pair.conf, "store",
                       "checkpoint", env=env)
            assert done.returncode == 0, done.stderr
            pair.tool("session", "revoke", "--all")
            assert c.closed() == 4401
    judge("login-fcgi", login_calls, {"accept4", "openat", "prctl"})
    judge("wsd", wsd_calls, {"epoll_ctl", "openat", "prctl"})
    judge("gatecast-checkpoint", checkpoint_calls,
          {"openat", "fdatasync"})
