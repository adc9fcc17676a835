"""What a program that has been taken over could still do, by role."""

import os
import pathlib
import resource
import subprocess

import pytest

from conftest import BUILD, wait_until
from login_process import make
from pair import Pair

TRY = BUILD / "tests/sandbox-try"
ROLES = ("master", "worker", "wsd")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A configuration, and a directory for each of its paths."""
    top = tmp_path_factory.mktemp("sandbox")
    for name in ("etc", "store", "templates", "history", "run", "elsewhere"):
        (top / name).mkdir()
        (top / name / "file").write_text("content")
    (top / "etc/gatecast.conf").write_text(f"""
        [store]
        dir = {top}/store
        [login]
        listen = unix:{top}/run/login.sock
        templates = {top}/templates
        [wsd]
        listen = unix:{top}/run/wsd.sock
        control = unix:{top}/run/control.sock
        history_dir = {top}/history
    """)
    return top


def attempt(place, role, call, *path):
    done = subprocess.run([TRY, place / "etc/gatecast.conf", role, call,
                           *path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "no Landlock" not in done.stderr, done
    return done.stdout.split()[-1]


def may(call):
    """Here, without a sandbox: chroots and containers refuse namespaces,
    sudo takes core files."""
    if call == "namespace":
        return subprocess.run(["unshare", "--user", "true"],
                              capture_output=True, timeout=60).returncode == 0
    if call == "core":
        return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
    return call != "root" or os.geteuid() == 0


@pytest.mark.parametrize("call", [
    "exec", "fork", "namespace", "ptrace", "signal", "socket", "connect",
    "bind", "code", "root", "core"])
def test_forbidden_call(place, call):
    """Refused to every role, and the tool would have seen it succeed."""
    if may(call):
        assert attempt(place, "none", call) == "allowed"
    for role in ROLES:
        expected = {"allowed"} if (role, call) == ("master", "fork") else \
            {"ENOSYS", "EPERM"}
        assert attempt(place, role, call) in expected, role


# Directory, and the roles that may do it there.
READ = {"etc": {"master", "wsd"}, "store": set(ROLES), "history": {"wsd"},
        "templates": {"master"}, "run": set(), "elsewhere": set()}
WRITE = {"etc": set(), "store": {"master", "worker"}, "history": {"wsd"},
         "templates": set(), "run": set(), "elsewhere": set()}
REMOVE = {**WRITE, "run": {"master", "wsd"}}


@pytest.mark.parametrize("call,may", [
    ("read", READ), ("write", WRITE), ("remove", REMOVE)])
def test_files(place, call, may):
    for name, allowed in may.items():
        for role in ("none", *ROLES):
            path = place / name / "file"
            path.write_text("content")
            expected = "allowed" if role in allowed or role == "none" \
                else "EACCES"
            assert attempt(place, role, call, path) == expected, (name, role)
            path.write_text("content")
    for role in ROLES:
        assert attempt(place, role, "read", "/etc/passwd") == "EACCES"
        assert attempt(place, role, "read", "/etc/localtime") in (
            "allowed", "ENOENT")


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


def assert_closed(pid):
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    core = next(x for x in limits.splitlines() if "core file" in x)
    assert core.split()[4:6] == ["0", "0"]
    # What is not dumpable belongs to root, whoever runs it.
    return status(pid)["NoNewPrivs"], status(pid)["Seccomp"]


def test_the_programs_are_in_it():
    with Pair() as pair:
        cookie = pair.login.sign_in()
        assert pair.is_valid(cookie)
        pids = [pair.login.process.pid, pair.wsd.process.pid,
                *pair.login.workers()]
        for pid in pids:
            assert assert_closed(pid) == ("1", "2")
        # Each worker has a filter of its own behind its master's.
        for pid in pair.login.workers():
            assert status(pid)["Seccomp_filters"] == "2"


def test_a_kernel_without(request):
    """Neither seccomp nor Landlock: said, and no reason not to run."""
    site = make(request)
    site.start(env={
        **os.environ, "LD_PRELOAD": str(BUILD / "tests/no_sandbox.so"),
        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
        ":verify_asan_link_order=0"})
    assert site.sign_in()
    assert "no seccomp here" in site.log()
    assert "no Landlock in this kernel" in site.log()


def test_missing_store_comes_later(request):
    """The directory above it is named in its place."""
    site = make(request, init=False)
    site.store.rmdir()
    site.start()
    assert site.ask("GET", "/login").status == 503
    site.store.mkdir(mode=0o700)
    site.tool("store", "init")
    site.add_user("alice")
    wait_until(lambda: site.ask("GET", "/login").status == 200,
               what="the store")
    site.sign_in()
