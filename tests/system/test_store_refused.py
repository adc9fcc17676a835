"""Files of the stores that are no files, may not be read, are gone or are
another store's, and the real programs: login.fcgi, `store check`, `user list`
and `session list`. Each refuses by the file's name and says what to do, or
goes on as if nothing were when it has no need of that file; none hangs."""

import os
import re
import shutil
import socket
import subprocess

import pytest

from login_process import Login, PROGRAM, TOOL
from store_judge import ROOT
from test_power_commands import cgi_env, login_request

NOBODY = 65534
TIMEOUT_S = 20
CURE = re.compile(r"gatecast store \w+|check owner|chmod|itself there|"
                  r"put (the|what)|move it away")


def directory(path):
    path.unlink()
    path.mkdir()


def fifo(path):
    path.unlink()
    os.mkfifo(path)


def symlink(path):
    """Even to the very file."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def unix_socket(path):
    path.unlink()
    here = os.getcwd()
    os.chdir(path.parent)   # a socket's path is short
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path.name)
    os.chdir(here)


def unreadable(path):
    path.chmod(0)


def missing(path):
    path.unlink()


def empty(path):
    os.truncate(path, 0)


def noise(path):
    path.write_bytes(os.urandom(3000))


KINDS = [directory, fifo, symlink, unix_socket, unreadable, missing, empty,
         noise]
FILES = ["users/base.gdbm", "users/journal", "users/lock", "users/reserve",
         "users/secret", "sessions/base.gdbm", "sessions/journal",
         "sessions/lock", "sessions/reserve", "keyring"]
READS = {"user list": ["users"], "session list": ["sessions", "keyring"]}
# Made anew when they are gone, and empty anyway.
SPARE = ("lock", "reserve")


class Stores:
    """Stores with all files there are, owned by nobody, as are the programs'
    processes: root would be let in everywhere."""

    def __init__(self):
        self.site = Login(users=("alice", "bob"), store__reserve_bytes=65536)
        self.request = login_request(self.site)
        self.login()
        self.good = self.site.dir / "good"
        if os.geteuid() == 0:
            for top, _, names in os.walk(self.site.dir):
                for path in (top, *(os.path.join(top, n) for n in names)):
                    os.chown(path, NOBODY, NOBODY)
        self.program = shutil.copy(PROGRAM, self.site.dir)
        templates = shutil.copytree(ROOT / "www/templates",
                                    self.site.dir / "templates")
        for top in (self.site.dir, templates):
            top.chmod(0o755)
        self.site.config["login.templates"] = templates
        self.site.write_config()
        self.site.conf.chmod(0o644)
        self.whole = {c: self.tool(*c.split()).stdout for c in READS}
        self.copy(self.site.store, self.good)

    @staticmethod
    def copy(source, to):
        subprocess.run(["cp", "-a", source, to], check=True)

    def fresh(self):
        shutil.rmtree(self.site.store)
        self.copy(self.good, self.site.store)

    def path(self, name):
        path = self.site.store / name
        return next(path.parent.glob("journal.*")) \
            if path.name == "journal" else path

    def tool(self, *args):
        """Run by root it becomes the store's owner of itself."""
        return subprocess.run([TOOL, "-c", self.site.conf, *args], text=True,
                              capture_output=True, timeout=TIMEOUT_S)

    def login(self):
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} \
            if hasattr(self, "good") and os.geteuid() == 0 else {}
        done = subprocess.run(
            [getattr(self, "program", PROGRAM)], input=self.request[2],
            env=cgi_env(self.site, *self.request), capture_output=True,
            timeout=TIMEOUT_S, **user)
        done.stdout = done.stdout.decode(errors="replace")
        done.stderr = done.stderr.decode(errors="replace")
        return done


@pytest.fixture(scope="module")
def stores():
    s = Stores()
    yield s
    s.site.stop()


def refuses(done, path):
    """By the name of the file, and with a cure; "" when it does."""
    said = done.stderr
    if "Sanitizer" in said or "runtime error" in said or done.returncode < 0:
        return f"died: {said}"
    if path.name.startswith("journal.") and not path.exists():
        path = path.with_name("base.gdbm")  # has "its journal is missing"
    if str(path) not in done.stderr:
        return f"does not say {path}: {said}"
    if not CURE.search(done.stderr.split(str(path), 1)[1]):
        return f"does not say what to do: {said}"
    return ""


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_refused_by_name(stores, file, kind):
    stores.fresh()
    path = stores.path(file)
    kind(path)
    if os.geteuid() == 0 and path.is_symlink() or path.exists():
        os.lchown(path, NOBODY, NOBODY)
    store, is_spare = file.split("/")[0], path.name in SPARE
    wrong = []

    for command, of in READS.items():
        done = stores.tool(*command.split())
        is_needed = store in of and not is_spare
        if done.returncode == 0:
            if done.stdout != stores.whole[command] or is_needed:
                wrong.append(f"{command} accepts it: {done.stdout}")
        elif store in of:
            wrong.append(refuses(done, path))
        else:
            wrong.append(f"{command} needs no {file}: {done.stderr}")
    done = stores.tool("store", "check")
    is_harmless = is_spare and (path.is_file() or not path.exists()) and \
        not path.is_symlink()
    if not is_harmless:
        assert done.returncode in (1, 4), done
        wrong.append(refuses(done, path))
    done = stores.login()
    if done.stdout.startswith("Status: 303"):
        if not is_spare:
            wrong.append(f"login accepts it: {done.stderr}")
    else:
        wrong.append("login: " + refuses(done, path)
                     if refuses(done, path) else "")
        if not done.stdout.startswith("Status: 503") and \
                file != "keyring":
            wrong.append(f"login: {done.stdout}")
    assert not any(wrong), "\n".join(w for w in wrong if w)


def assert_nobody_gets_in(stores):
    """Nor is anybody shown who is not there."""
    done = stores.tool("store", "check")
    assert done.returncode in (1, 4), done.stdout
    assert str(stores.site.store) in done.stderr
    assert stores.tool("user", "list").returncode == 4
    done = stores.tool("session", "list")
    assert "alice" not in done.stdout + done.stderr
    done = stores.login()
    assert done.stdout.startswith("Status: 503")
    assert str(stores.site.store) in done.stderr


def exchange(a, b):
    x = a.with_name("exchanged")
    a.rename(x)
    b.rename(a)
    x.rename(b)


def test_stores_exchanged(stores):
    stores.fresh()
    exchange(stores.site.store / "users", stores.site.store / "sessions")
    assert_nobody_gets_in(stores)


@pytest.mark.parametrize("names", [["base.gdbm"], ["journal.2"],
                                   ["base.gdbm", "journal.2"]], ids=str)
def test_files_exchanged(stores, names):
    stores.fresh()
    assert stores.tool("store", "checkpoint").returncode == 0
    for name in names:
        exchange(*(stores.site.store / d / name for d in ("users",
                                                          "sessions")))
    if len(names) == 1:
        assert_nobody_gets_in(stores)
        return
    # A whole store, and of records that are none of users.
    done = stores.tool("user", "list")
    assert "alice" not in done.stdout + done.stderr
    assert "alice" not in stores.tool("session", "list").stdout
    assert stores.tool("store", "check").returncode in (1, 4)
    assert not stores.login().stdout.startswith("Status: 303")
