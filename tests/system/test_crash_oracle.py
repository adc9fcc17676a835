"""The crash tests' oracle complains: each operation once, seen by readers that
are shown the store of before it.

tests/mutation plants faults in the programs for test_every_operation.
"""

import shutil

import pytest

import operations
from crash_place import Place, plain
from oracle import Accounts, AuthReader

READERS = ("fresh", "long-lived")
SILENT = ("Rotate", "Backup", "Checkpoint")  # nothing changes for a reader


@pytest.fixture
def place():
    p = Place()
    yield p
    p.close()


def test_every_operation(place):
    """Twice, so that each finds what the others have left."""
    for _ in range(2):
        for kind in operations.ALL.values():
            place.step(kind(place.site, place.oracle), kind.__name__, plain)


@pytest.mark.parametrize("which", READERS)
def test_acknowledged_and_not_seen(place, which, tmp_path):
    """A reader of a copy stands for one that lost it."""
    place_of = which.replace("-", "_")
    real = getattr(place, place_of)
    for name in [n for n in operations.ALL if n not in SILENT]:
        operation = operations.ALL[name](place.site, place.oracle)
        operation.prepare()
        copy = shutil.copytree(place.site.store, tmp_path / name)
        operation.attempt()
        done = operation.run(plain)
        assert operation.is_acknowledged(done), done
        operation.acknowledge(done)
        stale = AuthReader(copy)
        known = place.oracle.users, place.oracle.sessions
        setattr(place, place_of, stale)
        try:
            with pytest.raises(AssertionError, match=which + " reader"):
                place.judge(name)
        finally:
            setattr(place, place_of, real)
            # What the stale one saw was settled.
            place.oracle.users, place.oracle.sessions = known
            stale.close()


class Told:
    """A reader that says what it is told to."""

    def __init__(self, user, session):
        self.user = lambda name, passwords: user
        self.session = lambda token: session


@pytest.mark.parametrize("user, session, wrong", [
    ((False, "new"), "alice", 0),
    ((True, "new"), "alice", 1),      # a lock that nobody set
    ((False, "old"), "alice", 1),     # the password of before
    ((True, "old"), "alice", 1),      # of two states, none
    ((False, "?"), "alice", 1),
    (None, "alice", 1),
    ((False, "new"), None, 1),        # a cookie that is not valid
    ((False, "new"), "bob", 1),
    ("!the reader died", "!", 2),
])
def test_told(user, session, wrong):
    oracle = Accounts()
    oracle.user("alice", (False, "old"))
    oracle.user("alice", (False, "new"))
    oracle.begun("token", "alice")
    assert len(oracle.complaints(Told(user, session))) == wrong


def test_told_of_an_ended_session():
    oracle = Accounts()
    oracle.begun("token", "alice")
    oracle.try_end(["token"])
    for verdict in ("alice", None):   # not acknowledged: either will do
        assert oracle.complaints(Told(None, verdict)) == []
    assert oracle.settle(Told(None, None)) == []
    # Once seen over, it is.
    assert oracle.complaints(Told(None, "alice")) != []
