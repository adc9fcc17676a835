"""What judges `make soak` sees planted faults in made-up samples."""

import random

import pytest

from conftest import ROOT

STORE = {"wrong": [], "checks": 300, "known": 1500}


@pytest.fixture
def judge(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests/bench/soak"))
    import judge
    return judge


def members(judge, **changes):
    return {**dict.fromkeys(judge.NEVER, 0), "here": 1000, "wanted": 1000,
            "newest": 9, "level": True,
            "calm": {"prompt": {"n": 1000, "p99": 20.0}}, **changes}


def samples(leak_mib_h=0, files_h=0, lives_s=300):
    """An hour, with programs that begin anew and fill up within seconds."""
    dice = random.Random(1)
    for t in range(0, 3600, 5):
        age = t % lives_s
        leaked = leak_mib_h * 1024 * age / 3600
        rss = 9000 + 2000 * min(age / 30, 1) + leaked + dice.uniform(-20, 20)
        yield {"t": t, "calm": age > 5, "pid": {"wsd": 1 + t // lives_s},
               "rss": {"wsd": rss}, "fds": {
                   "wsd": 1050 + dice.randrange(20) + files_h * t / 3600}}


def failed(judge, rows=None, store=STORE, ends=None, **changes):
    rows = list(samples()) if rows is None else rows
    return [name for name, ok, _ in judge.verdict(
        rows, members(judge, **changes), store, 60, ends) if ok is False]


def test_good(judge):
    assert failed(judge, ends={"wsd": (25, 25)}) == []


def test_leak(judge):
    for lives_s in (1200, 3600):
        rows = list(samples(leak_mib_h=3, lives_s=lives_s))
        assert failed(judge, rows) == ["RSS of wsd, slope < 1 MiB/h"]


def test_leak_of_what_outlives_a_restart(judge):
    rows = list(samples())
    for s in rows:
        s["rss"]["wsd"] += 3 * 1024 * s["t"] / 3600
    assert failed(judge, rows) == ["RSS of wsd, slope < 1 MiB/h"]


def test_short_lives_fill_up(judge):
    """What a life fills in its first minutes is no leak."""
    assert failed(judge, list(samples(leak_mib_h=30))) == []


def test_descriptors(judge):
    assert failed(judge, list(samples(files_h=200))) == \
        ["descriptors of wsd level"]
    assert len(failed(judge, ends={"wsd": (25, 26)})) == 1


def test_short_run_has_no_slope(judge):
    rows = [s for s in samples(leak_mib_h=9) if s["t"] < 120]
    assert failed(judge, rows) == []


def test_each_count(judge):
    for name in judge.NEVER:
        assert failed(judge, **{name: 1}) == [f"members: {name}"]
    assert failed(judge, level=False)
    assert failed(judge, calm={"prompt": {"n": 9, "p99": 120.0}})
    assert failed(judge, store={**STORE, "wrong": ["a session came back"]})
    assert failed(judge, store={**STORE, "checks": 0})
