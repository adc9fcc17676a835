"""What a new administrator is told who gets it wrong."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import BUILD
from gatecast_admin import NOTFOUND, UNREACHABLE, USAGE, Admin


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path)


def usages(done):
    """The commands whose usage is shown."""
    return [line.replace("usage: ", "").strip()
            for line in done.stderr.splitlines()[1:]]


@pytest.mark.parametrize("args, first, shown", [
    (("key",), "a command is missing",
     ["gatecast key list [--json]", "gatecast key rotate"]),
    (("key", "rotat"), "unknown command: rotat",
     ["gatecast key list [--json]", "gatecast key rotate"]),
    (("kye", "list"), "unknown command: kye",
     ["gatecast [-c FILE] COMMAND; see `gatecast help`"]),
    (("user", "list", "--jsn"), "not an option here: --jsn",
     ["gatecast user list [--json]"]),
    (("user", "lock", "--json", "x"), "not an option here: --json",
     ["gatecast user lock NAME"]),
    (("session", "revoke", "--user"), "a value is missing after --user",
     ["gatecast session revoke ID | --user NAME | --all"]),
    (("user", "lock"), "an argument is missing", ["gatecast user lock NAME"]),
])
def test_usage_of_what_was_meant(admin, args, first, shown):
    done = admin(*args, code=USAGE)
    assert done.stderr.splitlines()[0] == f"gatecast: {first}"
    assert usages(done) == shown


def test_help_option(admin):
    for words in ([], ["user"], ["user", "add"], ["version"]):
        text = admin("help", *words).stdout
        assert admin(*words, "--help").stdout == text
        assert admin(*words, "-h").stdout == text
    assert "see `gatecast help`" in admin("help", "usr", code=USAGE).stderr


def test_each_step_names_the_next(admin):
    """From nothing to a store, by what the messages say."""
    admin.store.rmdir()
    done = admin("user", "list", code=UNREACHABLE)
    assert f"store.dir {admin.store}: it is not there; make it" in done.stderr
    admin.store.mkdir(mode=0o700)
    for command in ("user list", "session list", "key list", "throttle list",
                    "store check", "store stats"):
        done = admin(*command.split(), code=UNREACHABLE)
        assert "`gatecast store init` makes it" in done.stderr, command
        assert str(admin.store) in done.stderr
    admin("store", "init")
    for command in ("user list", "session list", "key list", "throttle list",
                    "store check", "store stats"):
        admin(*command.split())
    done = admin("user", "lock", "nobody", code=NOTFOUND)
    assert done.stderr == "gatecast: no such user: nobody\n"


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_stranger(admin):
    """As a user who is neither root nor the owner of the store."""
    admin.add()
    nobody = pwd.getpwnam("nobody")
    # What pytest and the builds lie under may be closed to nobody.
    with tempfile.TemporaryDirectory() as top:
        top = Path(top)
        top.chmod(0o755)
        tool = shutil.copy(BUILD / "gatecast-tool", top)
        store = shutil.copytree(admin.store, top / "store")
        conf = top / "gatecast.conf"
        conf.write_text(f"[store]\ndir = {store}\n")
        store.chmod(0o755)
        for command in ("user list", "user lock alice", "session list",
                        "session revoke --all", "key list", "key rotate",
                        "store init", "store check", "store stats",
                        "store checkpoint", "store dump",
                        "store backup -", "user export",
                        "user rename alice bob", "throttle list",
                        "throttle clear alice"):
            done = subprocess.run(
                [tool, "-c", conf, *command.split()], capture_output=True,
                text=True, timeout=60, user=nobody.pw_uid,
                group=nobody.pw_gid, extra_groups=[])
            assert done.returncode == UNREACHABLE, (command, done.stderr)
            assert done.stdout == "" and str(store) in done.stderr, command
            assert done.stderr.endswith(
                "gatecast: you are neither root nor the owner of store.dir\n")
        before = {p: p.read_bytes() for p in admin.store.rglob("*")
                  if p.is_file()}
        assert before == {admin.store / p.relative_to(store): p.read_bytes()
                          for p in store.rglob("*") if p.is_file()}
