"""login.fcgi and wsd as two users who share a group, as a package would set
them up: who may open what, whoever runs the admin tool; and what is refused
because it is open to more than that."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from conftest import ROOT, wait_until
from gatecast_admin import OK, UNREACHABLE
from pair import Pair
from login_process import TOOL, Login

# Nobody's on any Debian: above the login.defs ranges, below systemd's.
LOGIN, WSD, SHARED, STRANGER = 60501, 60502, 60503, 60504
AS_LOGIN = {"user": LOGIN, "group": LOGIN, "extra_groups": [SHARED]}
AS_WSD = {"user": WSD, "group": WSD, "extra_groups": [SHARED]}
AS_STRANGER = {"user": STRANGER, "group": STRANGER, "extra_groups": []}

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="two users are had by root alone")


class TwoUsers(Pair):
    """Not started: what runs as others finds copies of the programs, for
    the source tree may be closed to them."""

    def __init__(self, init_as=None):
        super().__init__(users=(), init=False)
        top = self.login.dir
        top.chmod(0o755)
        shutil.copytree(ROOT / "www/templates", top / "templates")
        for path in (top / "templates", *(top / "templates").iterdir()):
            path.chmod(0o755)
        self.bin = {}
        for path in (self.login.program, self.wsd.program, TOOL):
            self.bin[path.name] = shutil.copy(path, top)
            os.chmod(top / path.name, 0o755)
        self.login.program = self.bin["login.fcgi"]
        self.wsd.program = self.bin["wsd"]
        self.login.config["login.templates"] = top / "templates"
        self.login.write_config()
        os.chown(top, LOGIN, LOGIN)
        os.chown(self.wsd.dir, WSD, WSD)
        os.chown(self.store, LOGIN, SHARED)
        self.store.chmod(0o750)
        self.login_popen = AS_LOGIN
        self.wsd.popen = AS_WSD
        self.run("store", "init", **(init_as or {}))
        self.run("user", "add", "alice", "--password-stdin",
                 input="correct horse battery", **(init_as or {}))

    def run(self, *args, code=OK, **popen):
        done = subprocess.run(
            [self.bin["gatecast-tool"], "-c", self.conf, *args], text=True,
            capture_output=True, timeout=60, **{"input": "", **popen})
        assert done.returncode == code, done
        return done


def table(store):
    """Of all that is in it: owner, group, mode."""
    out = {}
    for path in [store, *store.rglob("*")]:
        st = path.lstat()
        name = re.sub(r"journal\.\d+", "journal", str(path.relative_to(store)))
        out[name] = (st.st_uid, st.st_gid, oct(stat.S_IMODE(st.st_mode)))
    return out


def check_table(store):
    closed, shared = "0o600", "0o640"
    found = table(store)
    for name, entry in found.items():
        owner, group, mode = entry
        assert owner == LOGIN, (name, entry)
        if name.split("/")[0] in ("users", "throttle"):
            assert mode == ("0o700" if "/" not in name else closed), \
                (name, entry)
        elif name.endswith(("lock", "reserve")):
            assert int(mode, 8) & 0o037 == 0, (name, entry)
        else:
            assert group == SHARED, (name, entry)
            assert mode == ("0o750" if name in (".", "sessions")
                            else shared), (name, entry)
    assert {"keyring", "users/secret", "users/base.gdbm", "sessions/journal",
            "sessions/base.gdbm", "sessions/lock"} <= set(found)


# Tries each of its arguments, "PATH FLAGS", and prints those that succeed.
PROBE = """
import os, sys
for one in sys.argv[1:]:
    path, mode = one.rsplit(" ", 1)
    try:
        if mode == "list":
            os.listdir(path)
        elif mode == "make":
            os.close(os.open(path + "/made", os.O_CREAT | os.O_WRONLY))
        else:
            os.close(os.open(path, {"r": os.O_RDONLY, "w": os.O_WRONLY,
                                    "rw": os.O_RDWR}[mode]))
        print(one)
    except PermissionError:
        pass
"""


def probe(store, who, *tries):
    done = subprocess.run(
        ["/usr/bin/python3", "-c", PROBE, *[f"{store}/{t}" for t in tries]],
        text=True, capture_output=True, check=True, cwd="/", **who)
    return {line[len(str(store)) + 1:] for line in done.stdout.splitlines()}


def names(store):
    return [str(p.relative_to(store)) for p in store.rglob("*")
            if p.is_file()]


@needs_root
@pytest.mark.parametrize("admin", [{}, AS_LOGIN], ids=["root", "login"])
def test_two_users(admin):
    with TwoUsers(init_as=admin) as pair:
        check_table(pair.store)
        cookie = pair.login.sign_in()
        assert pair.is_valid(cookie)
        held = pair.client(cookie)

        # Whoever makes generations and keys, they stay for the same people.
        pair.run("store", "checkpoint", **admin)
        pair.run("key", "rotate", **admin)
        pair.run("user", "passwd", "alice", "--password-stdin",
                 input="correct horse battery", **admin)
        assert held.closed() == 4401
        held.sock.close()
        assert not pair.is_valid(cookie)
        cookie = pair.login.sign_in()
        assert pair.is_valid(cookie)
        check_table(pair.store)
        backup = pair.login.dir / "backup"
        pair.run("store", "backup", backup, **admin)
        pair.run("user", "rename", "alice", "alicia", **admin)
        pair.run("store", "restore", backup, **admin)
        check_table(pair.store)
        cookie = pair.login.sign_in()
        assert pair.is_valid(cookie)

        every = names(pair.store)
        dirs = [".", "users", "sessions", "throttle"]
        tries = [f"{n} {how}" for n in every for how in ("r", "w", "rw")] + \
            [f"{d} {how}" for d in dirs for how in ("list", "make")]
        assert probe(pair.store, AS_STRANGER, *tries) == set()
        may = probe(pair.store, AS_WSD, *tries)
        assert may == {". list", "sessions list", "keyring r"} | {
            f"{n} r" for n in every if n.startswith("sessions/") and
            n.split("/")[1].startswith(("base", "journal", "reserve"))}
        # The tool is no way around it.
        for args in (["user", "list"], ["session", "revoke", "--all"],
                     ["key", "rotate"], ["store", "checkpoint"],
                     ["user", "add", "eve", "--password-stdin"]):
            done = pair.run(*args, code=UNREACHABLE, input="a passphrase\n",
                            **AS_WSD)
            assert "denied" in done.stderr.lower(), done.stderr
        assert pair.is_valid(cookie)


# --- open to more than is meant -----------------------------------------

LOOSE = [("users", 0o750), ("users", 0o711), ("users/secret", 0o640),
         ("users/base.gdbm", 0o644), ("users/journal.1", 0o660),
         ("sessions", 0o770), ("sessions", 0o755),
         ("sessions/base.gdbm", 0o660), ("sessions/journal.1", 0o644),
         ("keyring", 0o644), ("keyring", 0o660), (".", 0o770)]


def fix_of(text, path):
    """Carries out the advice of a message."""
    found = re.findall(r"chmod (0?[0-7]{3}) (\S+)", text)
    assert found, text
    mode, where = found[-1]
    assert os.path.samefile(where, path), (text, path)
    os.chmod(where, int(mode, 8))


@pytest.mark.parametrize("name, mode", LOOSE)
def test_loose_mode(request, name, mode):
    login = Login()
    request.addfinalizer(login.stop)
    path = login.store / name
    good = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    login.start()
    command = ["user", "list"] if "users" in name else ["session", "list"]
    done = subprocess.run([TOOL, "-c", login.conf, *command], text=True,
                          capture_output=True)
    assert done.returncode == UNREACHABLE, done
    status = login.ask("GET", "/login").status
    if "users" not in name:
        assert status == 503
    if status == 200:
        assert login.post_login().status == 503
    assert "chmod" in login.log()
    fix_of(done.stderr, path)
    allowed = good | 0o050 if name == "." else good
    assert stat.S_IMODE(path.stat().st_mode) & ~allowed == 0
    login.sign_in()


def test_loosened_while_in_use():
    with Pair() as pair:
        cookie = pair.login.sign_in()
        assert pair.is_valid(cookie)
        for name in ("keyring", "sessions/base.gdbm"):
            path = pair.store / name
            path.chmod(0o666)
            wait_until(lambda: pair.verdicts(cookie) == ({503}, 503),
                       what="refusal")
            for program in (pair.login, pair.wsd):
                wait_until(lambda: pair.verdicts(cookie) and
                           f"chmod 640 {path}" in program.log(), what="words")
            fix_of(pair.login.log(), path)
            wait_until(lambda: pair.verdicts(cookie) == ({200}, 101),
                       what="an end of it")


@pytest.mark.parametrize("name", [
    "users", "sessions", "keyring", "users/secret", "sessions/base.gdbm",
    "users/base.gdbm", "sessions/journal.1", "sessions/lock"])
def test_symlinks(request, name):
    login = Login()
    request.addfinalizer(login.stop)
    path = login.store / name
    moved = login.dir / "moved"
    path.rename(moved)
    path.symlink_to(moved)
    done = subprocess.run([TOOL, "-c", login.conf, "store", "checkpoint"],
                          text=True, capture_output=True)
    assert done.returncode == UNREACHABLE, done
    assert str(path) in done.stderr
    assert "symbolic link" in done.stderr or \
        "not a regular file" in done.stderr
    login.start()
    status = login.ask("GET", "/login").status
    if status == 200:
        assert login.post_login().status == 503
    path.unlink()
    moved.rename(path)
    wait_until(lambda: login.ask("GET", "/login").status == 200 and
               login.post_login().status == 303, what="a sign-in")


# --- a store that can only be read ---------------------------------------

def check_read_only(pair, act, undo):
    """Between act and undo nobody is thrown out, and nothing changes."""
    cookie = pair.login.sign_in()
    assert pair.is_valid(cookie)
    pair.login.process.terminate()
    assert pair.login.process.wait(30) == 0
    act()
    pair.login.start(**pair.login_popen)
    for _ in range(3):
        assert pair.is_valid(cookie)
        for path in ("/index", "/login"):
            assert pair.login.ask("GET", path, cookie=cookie).status in (
                200, 303)
        csrf, pre, _ = pair.login.form()
        answer = pair.login.post_login(csrf=csrf, cookie=pre)
        assert answer.status == 503 and answer.get("Retry-After")
        assert pair.logout(cookie).status == 503
    assert "input/output" not in pair.login.log()
    undo()
    wait_until(lambda: pair.login.post_login().status == 303, what="a sign-in")
    assert pair.is_valid(cookie)
    assert wait_until(lambda: pair.logout(cookie).status == 303,
                      what="a logout")
    assert not pair.is_valid(cookie)


@needs_root
def test_read_only_by_mode():
    with TwoUsers() as pair:
        every = [pair.store, *pair.store.rglob("*")]

        def give(uid):
            for path in every:
                os.chown(path, uid, path.stat().st_gid)

        check_read_only(pair, lambda: give(0), lambda: give(LOGIN))


@needs_root
def test_read_only_file_system(tmp_path):
    mount = tmp_path / "mount"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700",
                       "none", mount], capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")

    def remount(how):
        subprocess.run(["mount", "-o", f"remount,{how}", mount], check=True)

    try:
        with Pair(set={"store.dir": mount}, users=()) as pair:
            pair.login.add_user("alice")
            check_read_only(pair, lambda: remount("ro"),
                            lambda: remount("rw"))
    finally:
        subprocess.run(["umount", "-l", mount], check=True)
