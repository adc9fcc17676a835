"""Files whose format has another version: refused by each program that reads
them, with the file, both versions and what to do, and not a byte of them or of
what lies beside them is changed."""

import shutil
import struct
import subprocess

import pytest

from gatecast_admin import REFUSED, UNREACHABLE, Admin
from journal_bytes import FRAME, HEADER, crc32c, record
from login_process import PROGRAM, Login
from test_power_commands import ENV, ask, cgi_env, login_request
from ws_raw import Wsd, request

VERSIONS = (0, 2, 0xffffffff)
LATER = "a later version wrote it; upgrade gatecast"
EARLIER = "an earlier version wrote it; "


def advice(path, version):
    cure = LATER if version > 1 else EARLIER
    return (f"{path}: of version {version}, and this gatecast reads version "
            f"1: {cure}")


def make_version(journal, version):
    """The header with another version, and its checksum."""
    head = bytearray(journal.read_bytes())
    struct.pack_into("<I", head, 8, version)
    struct.pack_into("<I", head, HEADER - 4, crc32c(bytes(head[:HEADER - 4])))
    journal.write_bytes(head)


def make_keyring_version(keyring, version):
    text = keyring.read_text()
    assert text.startswith("v=1\n")
    keyring.write_text(text.replace("v=1", f"v={version}", 1))


def make_backup_version(backup, version):
    content = backup.read_bytes()
    n, = struct.unpack_from("<I", content, 8)
    end = 8 + FRAME + n
    body = content[8 + FRAME:end]
    assert content[8:end] == record(0, 8, 0, body)
    assert body.startswith(b"backup v=1 made=")
    body = body.replace(b"v=1", b"v=%d" % version, 1)
    backup.write_bytes(content[:8] + record(0, 8, 0, body) + content[end:])


def content(top):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in top.rglob("*")
            if p.is_file() and p.name not in ("lock", "login.slots")}


def plant(store, name, version):
    """The file that now is of that version."""
    if name == "keyring":
        make_keyring_version(store / name, version)
        return store / name
    journal, = (store / name).glob("journal*")
    make_version(journal, version)
    return journal


class Signed(Login):
    """login.fcgi as a CGI program, whose sign-ins are slowed down: so that
    each of its stores is read."""

    def __init__(self):
        super().__init__(login__throttle="yes")
        self.form = login_request(self)
        ask(self, *self.form)
        self.good = self.dir / "good"
        shutil.copytree(self.store, self.good)

    def renew(self):
        shutil.rmtree(self.store)
        shutil.copytree(self.good, self.store)


@pytest.fixture(scope="module")
def site():
    site = Signed()
    yield site
    site.stop()


# What needs the file; the log of login.fcgi has the same words.
COMMANDS = {
    "users": (("user", "lock", "alice"), ("user", "list"),
              ("store", "checkpoint"), ("store", "check")),
    "sessions": (("session", "list"), ("session", "revoke", "--all"),
                 ("store", "checkpoint"), ("store", "check")),
    "throttle": (("throttle", "list"), ("store", "check")),
    "keyring": (("key", "rotate"), ("session", "list")),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_gatecast_and_login(site, name, version):
    site.renew()
    path = plant(site.store, name, version)
    before = content(path.parent)
    for command in COMMANDS[name]:
        done = site.tool(*command, check=False)
        assert done.returncode in (REFUSED, UNREACHABLE), (command, done)
        assert advice(path, version) in done.stderr, (command, done.stderr)
    assert content(path.parent) == before
    done = subprocess.run([PROGRAM], env={**ENV, **cgi_env(site, *site.form)},
                          input=site.form[2], capture_output=True, timeout=60)
    assert advice(path, version) in done.stderr.decode(), done.stderr
    # Nobody is kept out for want of a list of failures.
    status = "303" if name == "throttle" else "503"
    assert done.stdout.startswith(f"Status: {status}".encode()), done.stdout
    assert content(path.parent) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_backup(tmp_path, version):
    admin = Admin(tmp_path)
    admin("store", "init")
    backup = tmp_path / "backup"
    admin("store", "backup", str(backup))
    make_backup_version(backup, version)
    before = content(tmp_path)
    done = admin("store", "restore", str(backup), code=REFUSED)
    assert advice(backup, version) in done.stderr, done.stderr
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["users", "keyring"])
def test_restore_buries_nothing(tmp_path, name):
    """What is damaged it would put aside; what another version wrote is not
    damaged."""
    admin = Admin(tmp_path)
    admin("store", "init")
    admin("store", "backup", str(tmp_path / "backup"))
    path = plant(admin.store, name, 2)
    before = content(admin.store)
    done = admin("store", "restore", str(tmp_path / "backup"),
                 code=UNREACHABLE)
    assert advice(path, 2) in done.stderr, done.stderr
    assert content(admin.store) == before


@pytest.mark.parametrize("name, version", [("sessions", 0), ("sessions", 2),
                                           ("keyring", 2)])
def test_wsd_lets_nobody_join(name, version):
    with Wsd(has_store=False, set={"wsd.history_dir": ""}) as wsd:
        wsd.add("alice")
        wsd.stop()
        path = plant(wsd.dir, name, version)
        before = content(path.parent)
        wsd.start()
        assert wsd.ask(request(cookie=wsd.cookies["alice"]))[0] == 503
        assert content(path.parent) == before
        assert advice(path, version) in wsd.log()


@pytest.mark.parametrize("version", [0, 2])
def test_wsd_does_not_start_on_another_history(version):
    """It is not taken for damage and put aside, with all that was said."""
    with Wsd() as wsd:
        wsd.stop()
        path = plant(wsd.dir, "history", version)
        before = content(path.parent)
        process = wsd.spawn()
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1, said
        assert advice(path, version) in said
        assert "or move it away: then the history begins anew" in said
        assert content(path.parent) == before
        path.rename(wsd.dir / "aside")
        wsd.start()


def test_store_of_another_word_size(tmp_path):
    """GDBM's files are those of one word size; their first number says it."""
    admin = Admin(tmp_path)
    admin("store", "init")
    admin.add("alice")
    admin("store", "checkpoint")
    store = admin.store / "users"
    base, journal = store / "base.gdbm", next(store.glob("journal.*"))
    data = bytearray(base.read_bytes())
    assert struct.unpack_from("=I", data)[0] in (0x13579acd, 0x13579acf)
    data[0] ^= 0x13579acd ^ 0x13579acf
    base.write_bytes(data)
    head = bytearray(journal.read_bytes())
    struct.pack_into("<I", head, 32, crc32c(bytes(data)))
    struct.pack_into("<I", head, HEADER - 4, crc32c(bytes(head[:HEADER - 4])))
    journal.write_bytes(head)
    done = admin("user", "list", code=UNREACHABLE)
    assert "another word size" in done.stderr, done.stderr
    assert "make a backup there" in done.stderr, done.stderr
    assert base.read_bytes() == data
