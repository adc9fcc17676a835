"""Neither program has a second thread, whatever it has done: what they share
is files, and the store's rules are for processes. Should a library begin to
make threads, this says so, and `tests/run tsan` has more to look at."""

import os

import pytest

from conftest import BUILD
from pair import Pair


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


@pytest.mark.skipif("tsan" in BUILD.name,
                    reason="ThreadSanitizer has a thread of its own")
def test_one_thread_each():
    with Pair() as pair:
        cookie = pair.login.sign_in()
        assert pair.is_valid(cookie)
        with pair.client(cookie) as c, \
                pair.client(cookie, protocol=None) as plain:
            c.say("hello")
            c.expect("message", text="hello")
            plain.send("hello")
            pair.tool("key", "rotate")
            pair.tool("store", "checkpoint")
            for process in (pair.login.process, pair.wsd.process):
                process.send_signal(1)  # read the configuration again
            pair.login.sign_in("bob")
            for pid in (pair.wsd.process.pid, pair.login.process.pid,
                        *pair.login.workers()):
                assert threads(pid) == 1
            assert pair.logout(cookie).status == 303
            assert c.closed() == 4401
        for pid in (pair.wsd.process.pid, *pair.login.workers()):
            assert threads(pid) == 1
