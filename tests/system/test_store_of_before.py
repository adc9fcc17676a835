"""A store, a history and a backup that version 1 of each format has written
(tests/system/data/v1, made by data/make there): read to the last word by this
program. Who raises a format's version makes another beside them with the last
program that writes it, and these are refused from then on: with advice, and
unchanged (shared/DESIGN.md, Versions).

The base is a file of GDBM, and so of machines with 64-bit words and the
little end first. Elsewhere it is refused, and the backup is the way."""

import json
import pathlib
import shutil

import pytest

from gatecast_admin import UNREACHABLE
from login_process import PROGRAM, Login
from pair import Pair
from test_store_version import content

DATA = pathlib.Path(__file__).parent / "data/v1"
# Neither the session nor what was said grows too old to be read.
FOREVER = {"login.idle_lifetime_s": 0, "login.absolute_lifetime_s": 0,
           "wsd.history_age_s": 0, "login.throttle": "yes",
           "store.reserve_bytes": 0}
PASSWORDS = {"alice": "the first of them", "bob": "a locked account",
             "李雷": "还在日志里的用户"}
SAID = ["hello", "漢字 and \U0001f600", "the last word"]
COOKIE = ("gatecast=v1.uqem2k.KIh_6kjaJYufXcIBJc7Grw."
          "32NoSaIIrnuFPT23KFqE-va5sDrikJEMsGkKTQvHNFM")
# Signed out before the copy was made.
ENDED = ("gatecast=v1.uqem2k.PRFQEwW8lTG1I0DLNgp2Rw."
         "sIQRU032fx2myjWG9ecJ8ZUaJcWX3812dd8hVoj2U_Y")
EPOCH = "7e33035a3fe5776f"


def has_its_gdbm():
    """By the programs' own ELF header: class, byte order."""
    with open(PROGRAM, "rb") as f:
        return f.read(6) == b"\x7fELF\x02\x01"


def take(source, to):
    """With modes that git does not keep."""
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(source, to)
    for path in (to, *to.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def people(tool):
    return {u["name"]: (u["locked"], u["groups"])
            for u in json.loads(tool("user", "list", "--json").stdout)}


@pytest.fixture
def pair():
    """Both programs on a copy of it, and not yet started."""
    pair = Pair(users=(), set=FOREVER)
    take(DATA / "store", pair.store)
    take(DATA / "history", pair.wsd.dir / "history")
    return pair


def test_read_and_used(pair):
    before = content(pair.store)
    if not has_its_gdbm():
        done = pair.tool("user", "list", code=UNREACHABLE)
        assert "another word size" in done.stderr
        assert content(pair.store) == before
        pair.login.stop()
        pytest.skip("the GDBM of another machine is refused; no more to see")
    assert people(pair.tool) == {"alice": (False, ["editors"]),
                                 "bob": (True, []), "李雷": (False, [])}
    session, = json.loads(pair.tool("session", "list", "--json").stdout)
    assert session["user"] == "alice" and session["ends"] is None
    pair.tool("store", "check")
    # Who only reads has written nothing.
    assert content(pair.store) == before
    with pair:
        assert pair.is_valid(COOKIE)
        assert not pair.is_valid(ENDED)
        client = pair.client(COOKIE, since=f"{EPOCH}-0")
        for text in SAID:
            assert client.expect("message", text=text)["user"] == "alice"
        # It goes on: the same numbers, the same accounts.
        client.say("today")
        client.expect("message", text="today")
        for name in ("alice", "李雷"):
            pair.login.sign_in(name, password=PASSWORDS[name])
        answer = pair.login.post_login("bob", password=PASSWORDS["bob"])
        assert answer.status != 303
        pair.tool("store", "checkpoint")
        assert pair.is_valid(COOKIE)
        pair.tool("store", "check")


def test_backup_restored():
    """On any machine."""
    site = Login(users=())
    site.tool("store", "restore", DATA / "backup")
    assert people(site.tool) == {"alice": (False, ["editors"]),
                                 "bob": (True, []), "李雷": (False, [])}
    site.start()
    for name in ("alice", "李雷"):
        site.sign_in(name, password=PASSWORDS[name])
    site.stop()
