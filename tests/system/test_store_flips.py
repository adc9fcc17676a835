"""Files of a store with a bit flipped, a block zeroed, cut short, exchanged:
refused by name, or read exactly as they were; no record is ever made up.

One exception is by design (shared/DESIGN.md, "Tail or damage"): what no whole
record behind it says to have been synced is taken for a tail that was never
finished. The oracle knows the format and allows exactly that: the records
before the damage, and only where no later one vouches for what is missing.
"""

import os
import random
import re
import shutil
import subprocess

import pytest

from journal_bytes import HEADER, records
from store_judge import WORKER
from test_power_loss import dice, judge, shelf

FLIPS = int(os.environ.get("GATECAST_FLIPS", "1000"))
CURE = re.compile(r"gatecast store \w+|upgrade gatecast|check owner")


class Specimen:
    """A store with a base of some blocks and a journal, in memory."""

    def __init__(self, shelf, judge, count=90):
        self.dir, self.judge = shelf / "store", judge
        for args in (["create"], ["write", "writer-a", str(count)],
                     ["checkpoint", "1"], ["write", "writer-b", str(count)],
                     ["delete", "writer-a", "20"]):
            subprocess.run([WORKER, self.dir, *args], check=True,
                           stdout=subprocess.DEVNULL)
        self.base, self.journal = self.dir / "base.gdbm", \
            next(self.dir.glob("journal.*"))
        self.files = {p: p.read_bytes() for p in (self.base, self.journal)}
        self.whole = judge.look(self.dir)
        self.records = list(records(self.files[self.journal]))
        with_base_only = self.files[self.journal][:HEADER]
        self.journal.write_bytes(with_base_only)
        self.at_base = judge.look(self.dir)
        self.put_back()
        assert len(self.records) > count and len(self.whole) >= 20
        assert judge.look(self.dir) == self.whole

    def put_back(self):
        for path, data in self.files.items():
            path.write_bytes(data)

    def tail(self, bad):
        """What is read when bad, in the journal's place, may be taken for one
        with an unfinished tail; None when it must be refused."""
        good = self.files[self.journal]
        if bad[:HEADER] != good[:HEADER]:
            return None
        is_whole = [bad[at:end] == good[at:end]
                    for at, end, _, _ in self.records]
        n = is_whole.index(False) if False in is_whole else len(is_whole)
        for (_, _, durable, _), whole in zip(self.records[n:], is_whole[n:]):
            if whole and durable > self.records[n][0]:
                return None
        state = dict(self.at_base)
        for _, _, _, ops in self.records[:n]:
            for key, value in ops:
                state.pop(key.decode(), None)
                if value is not None:
                    state[key.decode()] = value.decode()
        return state

    def check(self, path, data, where=""):
        """With data in path's place."""
        path.write_bytes(data)
        found = self.judge.look(self.dir)
        path.write_bytes(self.files[path])
        where = f"{path.name} {where}"
        if data == self.files[path]:
            assert found == self.whole
            return "same"
        allowed = self.tail(data) if path == self.journal else None
        if allowed is not None:
            assert found == allowed, where
            return "tail"
        assert isinstance(found, str), f"accepted: {where}"
        assert f"{self.dir}/" in found and CURE.search(found), found
        # Which of the two it is, the checksum cannot tell.
        assert self.base.name in found or self.journal.name in found, found
        return "refused"


@pytest.fixture
def specimen(shelf, judge):
    return Specimen(shelf, judge)


def flipped(data, at, bit=0):
    bad = bytearray(data)
    bad[at] ^= 1 << bit
    return bytes(bad)


def test_the_oracle_knows_the_format(specimen):
    journal = specimen.files[specimen.journal]
    at, end, _, _ = specimen.records[-1]
    assert specimen.tail(journal) == specimen.whole
    assert specimen.tail(journal + b"torn") == specimen.whole
    assert specimen.tail(flipped(journal, HEADER)) is None
    assert specimen.tail(flipped(journal, at - 1)) is None
    assert specimen.tail(flipped(journal, at)) not in (None, specimen.whole)
    assert specimen.tail(journal[:at]) == specimen.tail(flipped(journal, at))
    assert specimen.tail(journal[:HEADER]) == specimen.at_base


def test_bit_flips(specimen, dice):
    results = {"refused": 0, "tail": 0}
    for path, data in specimen.files.items():
        for _ in range(FLIPS // 2):
            at = dice.randrange(len(data))
            bad = flipped(data, at, dice.randrange(8))
            results[specimen.check(path, bad, f"byte {at}")] += 1
    print(results)
    assert results["refused"] > FLIPS * 0.9


def test_zeroed(specimen, dice):
    """Blocks that a disk gives back as zeroes, or as noise."""
    for path, data in specimen.files.items():
        for size in (1, 16, 512, 4096):
            for i in range(25):
                at = dice.randrange(0, len(data), min(size, len(data)))
                junk = bytes(size) if i % 2 else dice.randbytes(size)
                bad = data[:at] + junk[:len(data) - at] + data[at + size:]
                specimen.check(path, bad, f"{size} bytes at {at}")


def test_every_length(specimen, dice):
    """Of a journal each, of a base a choice; and longer than they were."""
    data = specimen.files[specimen.journal]
    results = [specimen.check(specimen.journal, data[:n], f"of {n} bytes")
               for n in range(len(data))]
    assert results == ["refused"] * HEADER + ["tail"] * (len(data) - HEADER)
    data = specimen.files[specimen.base]
    for n in {0, 1, len(data) - 1, *dice.sample(range(len(data)), 100)}:
        assert specimen.check(specimen.base, data[:n]) == "refused"
    for more in (b"\0", b"x" * 4096):
        assert specimen.check(specimen.base, data + more) == "refused"


def test_of_another_time(specimen, shelf):
    """Base and journal that do not belong together, in every pairing."""
    old = specimen.files
    subprocess.run([WORKER, specimen.dir, "checkpoint", "1"], check=True,
                   stdout=subprocess.DEVNULL)
    new = next(specimen.dir.glob("journal.*"))
    assert new.name != specimen.journal.name
    base = specimen.base.read_bytes()
    assert specimen.judge.look(specimen.dir) == specimen.whole
    # The old journal too, as a kill leaves it: not read.
    specimen.journal.write_bytes(old[specimen.journal])
    assert specimen.judge.look(specimen.dir) == specimen.whole
    # The old base beside both: the old store, whole.
    specimen.base.write_bytes(old[specimen.base])
    assert specimen.judge.look(specimen.dir) == specimen.whole
    specimen.journal.unlink()
    assert "base.gdbm: " in specimen.judge.look(specimen.dir)
    # The new base beside the old journal, under its name and the new one's.
    specimen.base.write_bytes(base)
    new.unlink()
    specimen.journal.write_bytes(old[specimen.journal])
    assert "base.gdbm: " in specimen.judge.look(specimen.dir)
    new.write_bytes(old[specimen.journal])
    specimen.journal.unlink()
    found = specimen.judge.look(specimen.dir)
    assert f"/{new.name}: " in found and CURE.search(found), found
    # Another store's files of the same names.
    shutil.rmtree(specimen.dir)
    other = Specimen(shelf, specimen.judge, 120)
    other.base.write_bytes(old[specimen.base])
    assert isinstance(specimen.judge.look(other.dir), str)
    other.journal.write_bytes(old[specimen.journal])
    assert specimen.judge.look(other.dir) == specimen.whole
