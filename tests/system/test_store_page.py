"""What shared/DESIGN.md says of a store's files is enough to read them: a
reader written from it sees what the store itself sees, in stores that real
work and killed checkpoints have left."""

import re
import subprocess

import pytest

from journal_bytes import record
from login_process import Login
from operations import PASSWORD
from oracle import WORKER, Reader
from page_reader import Corrupt, PageReader
from test_store_kill import start


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store"
    subprocess.run([WORKER, path, "create"], check=True)
    return path


def compare(store):
    page, reader = PageReader(store), Reader(store)
    assert {k.decode(): v.decode() for k, v in page.records.items()} == \
        reader.all()
    assert reader.close() == 0
    return page


def work(store, *args):
    subprocess.run([WORKER, store, *args], check=True,
                   stdout=subprocess.DEVNULL)


def test_a_site(tmp_path):
    site = Login(users=(), login__workers=1, login__throttle="yes")
    site.start()
    try:
        for name in ("alice", "bob", "Zoë", "王"):
            site.add_user(name, PASSWORD)
        for _ in range(20):
            assert site.post_login("alice", PASSWORD).status == 303
        site.post_login("bob", "none of his")
        for _ in range(2):
            site.tool("user", "lock", "bob")
            site.tool("user", "del", "Zoë", check=False)
            compare_site(site)
            site.tool("store", "checkpoint")
            assert site.post_login("alice", PASSWORD).status == 303
        compare_site(site)
    finally:
        site.stop()


def compare_site(site):
    def unescape(text):
        return re.sub(rb"\\x(..)", lambda m: bytes([int(m[1], 16)]),
                      text.encode())
    dumped = {}
    for line in site.tool("store", "dump").stdout.splitlines():
        name, _, key, value = line.split(" ", 3)
        dumped.setdefault(name, {})[unescape(key)] = unescape(value)
    assert set(dumped) == {"users", "sessions", "throttle"}
    for name, records in dumped.items():
        assert PageReader(site.store / name).records == records


def test_a_checkpoint_killed_before_its_rename(store):
    work(store, "write", "a", "60")
    subprocess.run(["strace", "-f", "-o", "/dev/null", "-e",
                    "inject=renameat,renameat2:signal=KILL:when=1",
                    WORKER, store, "checkpoint", "1"],
                   stdout=subprocess.DEVNULL)
    stat = (store / "base.new").stat()
    page = compare(store)
    assert page.generation == 1 and (store / "journal.2").exists()
    inode, mtime, size, _ = page.seal
    assert (inode, mtime, size) == \
        (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    work(store, "write", "a", "3")
    assert compare(store).seal is None
    work(store, "checkpoint", "1")
    assert compare(store).generation == 2


def test_carried_records(store):
    work(store, "write", "a", "500")
    writer = start(store, "write", "b", "0")
    try:
        for _ in range(200):
            work(store, "checkpoint", "1")
            (journal,) = store.glob("journal.*")
            if int.from_bytes(journal.read_bytes()[40:48], "little") > 64:
                break
    finally:
        writer.kill()
        writer.communicate()
    page = compare(store)
    assert page.carried > 64

    # Cut below that: corrupt for both.
    (journal,) = store.glob("journal.*")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:page.carried - 1])
    with pytest.raises(Corrupt, match="carried"):
        PageReader(store)
    assert subprocess.run([WORKER, store, "read"], capture_output=True,
                          stdin=subprocess.DEVNULL).returncode != 0


def test_tail_and_damage(store):
    work(store, "write", "a", "20")
    journal = store / "journal.1"
    whole = journal.read_bytes()
    journal.write_bytes(whole + record(1, len(whole), 64, b"\2\1\0k")[:-1])
    assert compare(store).end == len(whole)
    middle = len(whole) // 2
    journal.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) +
                        whole[middle + 1:])
    with pytest.raises(Corrupt, match="damaged"):
        PageReader(store)
    # A whole record of what is no op is no tail either.
    journal.write_bytes(whole + record(1, len(whole), 64, b"\4"))
    with pytest.raises(Corrupt, match="op"):
        PageReader(store)
    refused = subprocess.run([WORKER, store, "read"], capture_output=True,
                             stdin=subprocess.DEVNULL, text=True)
    assert "makes no sense" in refused.stderr
