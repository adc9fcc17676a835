"""`make bench` measures what it says, with tiny numbers: figures and judgement
of every server, what could not be measured, pieces put together, and faults
of a server that has some."""

import importlib.machinery
import importlib.util
import json
import pathlib
import sys

import pytest

from conftest import BUILD, ROOT

BENCH = ROOT / "tests/bench"
FAULTY = pathlib.Path(__file__).parent / "faulty_server.py"


@pytest.fixture
def bench(monkeypatch):
    """tests/bench/run as a module."""
    monkeypatch.syspath_prepend(str(BENCH))
    loader = importlib.machinery.SourceFileLoader(
        "bench_run", str(BENCH / "run"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("bench_run", loader))
    loader.exec_module(module)
    return module


def run(bench, monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", [
        "run", "--rounds", "1", "--receivers", "10", "--patience", "2",
        "--scale", "0.1", *map(str, args)])
    return bench.main()


def other(bench, name, launch):
    """A server of this test's own in the bench."""
    base = sys.modules["servers"].Server

    class Other(base):
        def start(self, directory, port):
            return self.launch(directory, launch(port))

    bench.SERVERS.clear()
    bench.SERVERS[name] = Other(name)


def runs_of(path):
    saved = json.loads((path / "bench.json").read_text())
    return {(entry["what"], entry["server"]): entry["runs"]
            for entry in saved["runs"]}


def test_measures_and_merges(bench, monkeypatch, capsys, tmp_path):
    one, twice = tmp_path / "one", tmp_path / "twice"
    # On a machine that stands still nothing may arrive in a tenth of the time.
    for scale in (0.1, 1, 3):
        assert run(bench, monkeypatch, "--rows", "one", "handshakes",
                   "--peers", "raw", "wsd", "--scale", scale,
                   "--out", one) == 0
        if not any("error" in got for got in sum(runs_of(one).values(), [])):
            break
    capsys.readouterr()
    assert run(bench, monkeypatch, "--rounds", 0, "--merge",
               one / "bench.json", one / "bench.json", "--out", twice) == 0
    runs = runs_of(twice)
    for server in ("raw", "wsd"):
        assert runs["one/main", server] == runs_of(one)["one/main", server] * 2
        got = runs["one/main", server][0]
        # Everyone got everything, and it took time of both processes.
        assert got["done"] >= 10 and got["lost"] == 0
        assert got["server_us_each"] > 0 and got["generator_cpu"] > 0
        assert 0 < got["p50_ms"] <= got["p99_ms"] <= got["max_ms"]
        assert got["rss_kib"] > 100
        assert runs["handshakes/main", server][0]["done"] > 0
    shown = capsys.readouterr().out
    assert "| work | raw | wsd |" in shown
    assert "| one message in flight | ≤ 1.06 × that of raw |" in shown
    assert (twice / "table.md").read_text() in shown


@pytest.mark.parametrize("fault, said", [
    ("none", None), ("loss", "1 lost"), ("double", "1 doubled"),
    ("swap", "1 swapped")])
def test_faults_of_a_server(bench, monkeypatch, capsys, fault, said):
    other(bench, "faulty",
          lambda port: [sys.executable, FAULTY, port, fault])
    status = run(bench, monkeypatch, "--peers", "faulty", "--rows", "sixteen")
    shown = capsys.readouterr().out
    errors = [line for line in shown.splitlines() if "ERROR" in line]
    assert (status, errors) == ((0, []) if said is None else (
        1, [f"ERROR: sixteen/main, faulty, run 1: {said}"]))


def test_what_measured_nothing_is_said(bench, monkeypatch, capsys):
    other(bench, "broken", lambda port: ["sh", "-c", "echo no; exit 3"])
    assert run(bench, monkeypatch, "--peers", "broken",
               "--rows", "one", "room") == 0
    shown = capsys.readouterr().out
    for what in ("one/main", "room/main"):
        assert (f"note: {what}, broken: measured nothing in 1 of 1: "
                "it ended with 3: no") in shown


def test_a_refused_handshake_is_said(bench, monkeypatch, capsys):
    other(bench, "refusing",
          lambda port: [sys.executable, FAULTY, port, "refusal"])
    assert run(bench, monkeypatch, "--peers", "refusing",
               "--rows", "one") == 0
    assert ("measured nothing in 1 of 1: "
            "loadgen: handshake: HTTP/1.1 503") in capsys.readouterr().out


def test_it_is_the_build_under_test(bench):
    assert sys.modules["servers"].BUILD == BUILD
