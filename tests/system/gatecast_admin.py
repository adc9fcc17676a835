"""The admin script on a configuration and a store of its own."""

import os
import subprocess

from conftest import BUILD, CHEAP, ROOT

OK, REFUSED, USAGE, NOTFOUND, UNREACHABLE = range(5)
PASSWORD = "a quiet passphrase"
SCRIPT = str(ROOT / "scripts/gatecast")
ENV = {**os.environ, "GATECAST_TOOL": str(BUILD / "gatecast-tool")}


class Admin:
    """A configuration and a store directory without any daemon."""

    def __init__(self, top, store=None):
        self.store = store or top / "store"
        self.store.mkdir(mode=0o700)
        self.conf = top / "gatecast.conf"
        self.write_conf()

    def write_conf(self, extra=""):
        lines = [f"[store]\ndir = {self.store}", "[login]"]
        lines += [f"{k.split('.')[1]} = {v}" for k, v in CHEAP.items()]
        self.conf.write_text("\n".join(lines) + "\n" + extra)

    def __call__(self, *args, input=None, code=OK, env=None):
        done = subprocess.run(
            [SCRIPT, "-c", str(self.conf), *args], capture_output=True,
            input=input.encode() if isinstance(input, str) else input or b"",
            timeout=60, env=env or ENV, start_new_session=True)
        done.stdout = done.stdout.decode()
        done.stderr = done.stderr.decode()
        assert code in (None, done.returncode), (args, done.stdout, done.stderr)
        return done

    def add(self, name="alice", password=PASSWORD, code=OK):
        return self("user", "add", name, "--password-stdin",
                    input=password + "\n", code=code)


def sign_in(admin, *users):
    """Cookies of fresh sessions, without a login."""
    made = subprocess.run(
        [BUILD / "tests/make-session", admin.store, *users],
        capture_output=True, text=True, check=True)
    return made.stdout.split()


def put(admin, store, key, value):
    """A record of a store, whatever it says."""
    subprocess.run([BUILD / "tests/store-worker", admin.store / store,
                    "put", key, value], check=True, capture_output=True)


def audit(done):
    return [line for line in done.stderr.splitlines() if "audit " in line]
