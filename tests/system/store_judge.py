"""tests/tools/store-judge: opens stores as they come, many in one process."""

import os
import pathlib
import select
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("GATECAST_BUILD", "build/asan")
WORKER = BUILD / "tests/store-worker"
ANSWER_S = 20


class Judge:
    def __init__(self, prefix=()):
        self.process = subprocess.Popen(
            [*prefix, BUILD / "tests/store-judge"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        """(lists by name, the error or None)."""
        lists, name, error = {}, None, None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], ANSWER_S)[0]:
            self.process.kill()
            raise AssertionError(f"hangs: {words}")
        while True:
            line = self.process.stdout.readline()
            assert line, f"died: {words}"
            line = line.rstrip("\n")
            if line == "end":
                return lists, error
            if line.startswith("!"):
                error = line[1:]
            elif name is None:
                name, records = line, {}
            elif line == ".":
                lists[name], name = records, None
            else:
                key, _, value = line.partition(" ")
                assert key not in records, f"twice: {key}"
                records[key] = value

    def look(self, store):
        """A fresh reader's records; a string is why there are none."""
        lists, error = self.ask("look", store)
        return error or lists["open"]

    def recovers(self, store, value="x"):
        """What a fresh reader finds, after seeing that a put and a checkpoint
        go on from that, for the same reader and for a later one."""
        lists, error = self.ask("judge", store, "z", value)
        assert error is None, error
        found = lists["open"]
        assert lists["put"] == {**found, "z": value}, "put"
        for name in ("kept", "fresh"):
            assert lists[name] == {**found, "z": "after"}, name
        return found

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        assert code == 0
