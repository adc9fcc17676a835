"""Records of a version that this program does not know: refused with what to
do, and not a byte of them is changed."""

import struct

import pytest

from gatecast_admin import REFUSED, UNREACHABLE, Admin
from journal_bytes import HEADER, crc32c
from ws_raw import Wsd, request

ADVICE = "later version; upgrade gatecast"


def make_version(journal, version):
    """The header with another version, and its checksum."""
    head = bytearray(journal.read_bytes())
    struct.pack_into("<I", head, 8, version)
    struct.pack_into("<I", head, HEADER - 4, crc32c(bytes(head[:HEADER - 4])))
    journal.write_bytes(head)


def content(store):
    return {p: p.read_bytes() for p in store.rglob("*")
            if p.is_file() and p.name != "lock"}


@pytest.mark.parametrize("name", ["users", "sessions"])
def test_later_store(tmp_path, name):
    admin = Admin(tmp_path)
    admin("store", "init")
    admin.add("alice")
    make_version(next((admin.store / name).glob("journal.*")), 2)
    before = content(admin.store)
    commands = [("user", "lock", "alice"), ("store", "check"),
                ("store", "checkpoint")]
    for command in commands:
        done = admin(*command, code=UNREACHABLE)
        assert ADVICE in done.stderr, done.stderr
    assert content(admin.store) == before


def test_later_keyring(tmp_path):
    admin = Admin(tmp_path)
    admin("store", "init")
    keyring = admin.store / "keyring"
    keyring.write_text(keyring.read_text().replace("v=1", "v=2", 1))
    before = content(admin.store)
    done = admin("key", "rotate", code=None)
    assert done.returncode in (REFUSED, UNREACHABLE)
    assert "v=1 expected; if a " + ADVICE.replace("; ", " wrote it, ") \
        in done.stderr, done.stderr
    assert content(admin.store) == before


def test_later_store_lets_nobody_join():
    with Wsd(has_store=False) as wsd:
        wsd.add("alice")
        wsd.stop()
        make_version(next((wsd.dir / "sessions").glob("journal.*")), 2)
        before = content(wsd.dir / "sessions")
        wsd.start()
        assert wsd.ask(request(cookie=wsd.cookies["alice"]))[0] == 503
        assert content(wsd.dir / "sessions") == before
        assert ADVICE in wsd.log()


def test_store_of_another_word_size(tmp_path):
    """GDBM's files are those of one word size; their first number says it."""
    admin = Admin(tmp_path)
    admin("store", "init")
    admin.add("alice")
    admin("store", "checkpoint")
    store = admin.store / "users"
    base, journal = store / "base.gdbm", next(store.glob("journal.*"))
    content = bytearray(base.read_bytes())
    assert struct.unpack_from("=I", content)[0] in (0x13579acd, 0x13579acf)
    content[0] ^= 0x13579acd ^ 0x13579acf
    base.write_bytes(content)
    head = bytearray(journal.read_bytes())
    struct.pack_into("<I", head, 32, crc32c(bytes(content)))
    struct.pack_into("<I", head, HEADER - 4, crc32c(bytes(head[:HEADER - 4])))
    journal.write_bytes(head)
    done = admin("user", "list", code=UNREACHABLE)
    assert "another word size" in done.stderr, done.stderr
    assert "make a backup there" in done.stderr, done.stderr
    assert base.read_bytes() == content
