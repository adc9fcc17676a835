"""Power loss at any moment of real workloads.

disk.py has what may be left; each image is opened as if nothing had happened.
What was acknowledged before the cut must be there, a record is never half
there or from nowhere, and writing goes on.

GATECAST_POWER_IMAGES: images of the store under load, and as many again of
the commands (default 800).
GATECAST_SEED repeats a run.
"""

import copy
import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from disk import record
from journal_bytes import FRAME as RECORD_FRAME, HEADER, PUT_HEAD, put
from journal_bytes import record as record_bytes
from store_judge import WORKER, Judge
from oracle import Oracle

IMAGES = int(os.environ.get("GATECAST_POWER_IMAGES", "800"))
LIVES = 4


@pytest.fixture
def dice():
    seed = int(os.environ.get("GATECAST_SEED", time.time_ns() % 2**32))
    print(f"GATECAST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def judge():
    j = Judge()
    yield j
    j.close()


@pytest.fixture
def shelf():
    """Where images are made: in memory, for their fsyncs cost time only."""
    memory = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(
        prefix="gatecast-", dir=memory if os.access(memory, os.W_OK) else None))
    yield path
    shutil.rmtree(path)


def cut_points(calls, top, n, dice):
    """{index: images}. Most is at stake just before an fsync, the most is
    promised just after it, and a directory's are the fewest."""
    changes = [i for i, (_, call) in enumerate(calls) if call.changes(top)]
    kinds = [[i for i in changes if not calls[i][0]]]
    for is_begin in (True, False):
        kinds.append([i for i in changes if calls[i][0] == is_begin and
                      calls[i][1].name in ("fsync", "fdatasync")])
    kinds.append([i for i in kinds[1] if os.path.isdir(calls[i][1].fds[0])])
    points, kinds = {}, [k for k in kinds if k]
    for i in range(n):
        at = dice.choice(kinds[i % len(kinds)])
        points[at] = points.get(at, 0) + 1
    return points


def said(call):
    """What a writer wrote to its standard output."""
    if call.name == "write" and call.fd == 1:
        return b"".join(s for s in call.strings
                        if s.startswith((b"try ", b"put ", b"del ")))
    return b""


def hole(node, path):
    """The length of the first record that the image has not got: a writer
    that fills exactly this must not bring back what stands behind it."""
    for name, journal in node.now.items():
        image = path / name
        if not name.startswith("journal.") or not image.is_file():
            continue
        content = image.read_bytes()
        for at, data in journal.pending:
            if data is not None and content[at:at + len(data)] != data:
                return len(data)
    return 0


FRAME = RECORD_FRAME + PUT_HEAD + len("z")


class Life:
    """A recorded run on the store below top, from one power loss to the
    next, and what may be there at each moment of it."""

    def __init__(self, top, script, log, judge, shelf, oracle):
        self.disk, self.calls, _ = record(top, script, log)
        self.judge, self.shelf, self.oracle = judge, shelf, oracle
        self.images = self.holes = 0

    def end(self, n, dice, legacy):
        """Looks at n images; leaves another at legacy, and the oracle as of
        then: in the next life these count."""
        points = cut_points(self.calls, self.disk.top, n, dice)
        last = dice.choice(list(points))
        for i, (is_begin, call) in enumerate(self.calls):
            self.disk.feed(is_begin, call)
            if not is_begin and said(call):
                self.oracle.feed(said(call))
            for _ in range(points.get(i, 0)):
                path = self.shelf / f"image-{i}"
                self.disk.power_loss(path, dice)
                self.check(path / "store", call)
                shutil.rmtree(path)
                self.images += 1
            if i == last:
                self.disk.power_loss(legacy, dice)
                oracle = copy.deepcopy(self.oracle)
        oracle.settle(self.judge.look(legacy / "store"))
        return oracle

    def check(self, store, call):
        size = hole(self.disk.root.now[store.name], store)
        self.holes += size > 0
        where = f"at {call}"
        try:
            found = self.judge.recovers(store, "x" * max(1, size - FRAME))
        except AssertionError as e:
            raise AssertionError(f"{where}\n{e}") from None
        assert self.oracle.complaints(found) == [], where


def load(store, life, count):
    """Two that put and delete, one that makes checkpoints, all at once."""
    return (f"{WORKER} {store} write writer-a{life} {count} & a=$!; "
            f"{WORKER} {store} delete writer-b{life} {count} & b=$!; "
            f"{WORKER} {store} checkpoint {count // 8} & c=$!; "
            f"wait $a && wait $b && wait $c")


def test_power_loss_under_load(tmp_path, dice, judge, shelf):
    """One power loss after the other, with a life between them."""
    oracle = Oracle()
    top = tmp_path / "0"
    top.mkdir()
    subprocess.run([WORKER, top / "store", "create"], check=True)
    images = holes = 0
    for number in range(LIVES):
        life = Life(top, load(top / "store", number, 40), tmp_path / "log",
                    judge, shelf, oracle)
        top = tmp_path / f"{number + 1}"
        oracle = life.end(IMAGES // LIVES, dice, top)
        images += life.images
        holes += life.holes
        assert life.oracle.acknowledged >= 80
    print(f"{images} images, {holes} with a hole")
    assert holes > images / 50


def test_what_a_power_loss_took_stays_away(tmp_path, judge):
    """Of two records that nobody had synced the first is lost. The second is
    none then, and must not become one when the gap is filled."""
    store = tmp_path / "store"
    subprocess.run([WORKER, store, "create"], check=True)
    journal = store / "journal.1"
    first = record_bytes(1, HEADER, HEADER, put(b"first", b"1"))
    second = record_bytes(1, HEADER + len(first), HEADER, put(b"second", b"2"))
    header = journal.read_bytes()
    journal.write_bytes(header + first + second)
    assert judge.look(store) == {"first": "1", "second": "2"}
    journal.write_bytes(header + bytes(len(first)) + second)
    assert judge.recovers(store, "x" * (len(first) - FRAME)) == {}


def test_a_store_without_fdatasync_loses_its_tail_alone(
        tmp_path, dice, judge, shelf):
    """As the throttle's is: it opens, and has been so at some time."""
    store = tmp_path / "top/store"
    store.parent.mkdir()
    subprocess.run([WORKER, store, "create"], check=True)
    disk, calls, _ = record(
        store.parent, f"{WORKER} {store} forget w 200 & "
        f"{WORKER} {store} checkpoint 5; wait $!", tmp_path / "log")
    points = cut_points(calls, disk.top, IMAGES // 4, dice)
    now = {}
    states = [{}]
    for i, (is_begin, call) in enumerate(calls):
        disk.feed(is_begin, call)
        if not is_begin and said(call).startswith(b"try "):
            _, verb, key, *value = said(call).decode().split()
            now.pop(key, None)
            if verb == "put":
                now[key] = value[0]
            states.append(dict(now))
        for _ in range(points.get(i, 0)):
            disk.power_loss(shelf / "image", dice)
            assert judge.recovers(shelf / "image/store") in states, str(call)
            shutil.rmtree(shelf / "image")
    assert len(states) == 201
