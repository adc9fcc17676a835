"""A crowd of gatecast.v1 clients in a process of its own (tests/tools/crowd.c):
call it with a command, get what it answers."""

import json
import subprocess

from conftest import BUILD
from ws_raw import ORIGIN


class Crowd:
    def __init__(self, port, cookies):
        """cookies: a file, one session a line."""
        self.process = subprocess.Popen(
            [str(BUILD / "tests/crowd"), str(port), ORIGIN, str(cookies)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()

    def __call__(self, *command):
        print(*command, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert answer.get("done", True), (command, answer, self("stats"))
        return answer

    def stats(self):
        """What was seen since the last time, none of it wrong."""
        seen = self("stats")
        assert not seen["lost"] and not seen["wrong"], seen
        assert not seen["gaps"] and not seen["fresh"], seen
        return seen
