"""kill -9 over writers and checkpointers of one store.

The oracle reads the writers' own lines: what was acknowledged must be there,
for a reader opened afterwards and for one that was open all along; of what
was only tried, either outcome will do. Each writer has keys of its own, so
that the order of acknowledgements is the order of the records.
"""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from oracle import WORKER, Oracle, Reader

ROUNDS = int(os.environ.get("GATECAST_KILL_ROUNDS", "240"))


def start(store, *args):
    return subprocess.Popen(
        [WORKER, store, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    """Its output; a worker may die of our signal only."""
    out, err = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), err.decode()
    return out


def fresh(store):
    reader = Reader(store)
    try:
        return reader.all()
    finally:
        assert reader.close() == 0


@pytest.fixture
def store(tmp_path):
    assert WORKER.exists(), "build it: make FLAVOUR=asan tools"
    path = tmp_path / "store"
    subprocess.run([WORKER, path, "create"], check=True)
    return path


def test_kill_rounds(store):
    seed = int(os.environ.get("GATECAST_SEED", time.time_ns() % 2**32))
    print("GATECAST_SEED=%d" % seed)
    dice = random.Random(seed)
    oracle = Oracle()
    reader = Reader(store)
    kills = torn = generations = 0
    roles = [
        ("write", "a", "0"),
        ("delete", "b", "0"),
        ("checkpoint", "0"),
        ("checkpoint", "0"),
    ]
    running = [start(store, *role) for role in roles]
    try:
        for round_number in range(ROUNDS):
            time.sleep(dice.uniform(0.0, 0.06))
            # Most rounds end one process, some all of them at once.
            victims = (
                range(len(roles))
                if dice.random() < 0.3
                else [dice.randrange(len(roles))]
            )
            for i in victims:
                running[i].kill()
                kills += 1
            # A writer's records are known when its lines have been read to
            # their end, so all writers rest while the readers are compared.
            for i in range(len(roles)):
                if roles[i][0] != "checkpoint":
                    running[i].kill()
            for i in range(len(roles)):
                if roles[i][0] != "checkpoint":
                    oracle.feed(finish(running[i]))
                elif i in victims:
                    finish(running[i])
            sizes = {p.name for p in store.iterdir()}
            torn += len([n for n in sizes if n.startswith("journal.")]) > 1
            now = fresh(store)
            assert oracle.complaints(now) == [], "round %d" % round_number
            assert oracle.complaints(reader.all()) == [], (
                "long-lived reader, round %d" % round_number
            )
            oracle.settle(now)
            assert reader.all() == now
            for i in range(len(roles)):
                if i in victims or roles[i][0] != "checkpoint":
                    running[i] = start(store, *roles[i])
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.communicate()
    generations = max(
        int(p.name.split(".")[1]) for p in store.glob("journal.*")
    )
    assert reader.close() == 0
    print(
        "%d rounds, %d kills, %d acknowledged, %d generations, "
        "%d rounds with a journal left behind"
        % (ROUNDS, kills, oracle.acknowledged, generations, torn)
    )
    assert oracle.acknowledged > ROUNDS
    assert generations > ROUNDS / 4


# --- the oracle must be able to complain --------------------------------


def journal_of(store):
    (journal,) = store.glob("journal.*")
    return journal


def record_starts(journal):
    """Offsets of the records: a header of 64, then len + 16 each."""
    data = journal.read_bytes()
    at, starts = 64, []
    while at < len(data):
        starts.append(at)
        at += 16 + int.from_bytes(data[at : at + 4], "little")
    assert at == len(data)
    return starts


def written(store, mode, count):
    oracle = Oracle()
    oracle.feed(finish(start(store, mode, "a", str(count))))
    assert oracle.complaints(fresh(store)) == []
    return oracle


def test_oracle_sees_a_lost_record(store):
    oracle = written(store, "write", 31)
    reader = Reader(store)
    assert oracle.complaints(reader.all()) == []
    journal = journal_of(store)
    os.truncate(journal, record_starts(journal)[-1])
    assert oracle.complaints(fresh(store)) != []
    # The one that has read it does not believe that it is gone.
    assert "is shorter than what was read" in oracle.complaints(reader.all())[0]
    reader.close()


def test_oracle_sees_a_resurrected_record(store):
    written(store, "write", 30)
    finish(start(store, "checkpoint", "1"))
    before = store.with_name("before")
    shutil.copytree(store, before)
    oracle = written(store, "delete", 60)
    oracle.allowed = {k: v for k, v in oracle.allowed.items() if v == {None}}
    assert oracle.allowed
    finish(start(store, "checkpoint", "1"))
    # The old base alone does not fit the journal ...
    present = store.with_name("present")
    shutil.copytree(store, present)
    shutil.copy(before / "base.gdbm", store / "base.gdbm")
    result = subprocess.run(
        [WORKER, store, "read"], input=b"", capture_output=True
    )
    assert result.returncode != 0
    assert b"/base.gdbm: damaged, or not the one" in result.stderr
    # ... the old base with its own journal is a store, and a wrong one.
    for path in store.glob("journal.*"):
        path.unlink()
    shutil.copy(journal_of(before), store)
    wrong = oracle.complaints(fresh(store))
    assert any(line.endswith("not of {None}") for line in wrong)


def test_oracle_sees_a_stale_long_lived_reader(store):
    """A reader of a copy stands for one that missed the rename."""
    written(store, "write", 30)
    copy = store.with_name("copy")
    shutil.copytree(store, copy)
    stale = Reader(copy)
    oracle = Oracle()
    oracle.feed(finish(start(store, "delete", "a", "60")))
    assert oracle.complaints(fresh(store)) == []
    assert oracle.complaints(stale.all()) != []
    assert stale.close() == 0
