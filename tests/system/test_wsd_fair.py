"""One user's excess is not the others' loss: floods, storms, more who join
than wsd.max_memory is for. All of it at once is test_wsd_attack."""

import json
import threading
import time

import pytest

from conftest import wait_until
from ws_raw import Wsd, request, settle
from wsclient import Closed, Refused


@pytest.mark.parametrize("connections", [1, 10])
def test_flood(connections):
    """Whoever floods, over one connection or ten, has one user's rate; what
    the others say comes whole and in order."""
    rate, burst = 50, 100
    with Wsd(users=("alice", "bob", "mallory"), set={
            "wsd.user_rate": rate, "wsd.user_burst": burst}) as w:
        alice, bob = settle(w.client("alice")), settle(w.client("bob"))
        crowd = [settle(w.client("mallory")) for _ in range(connections)]
        begin = time.monotonic()
        thrown_out, waits = [], []
        is_over = threading.Event()

        def flood(c):
            try:
                while not is_over.is_set():
                    c.say("spam")
            except OSError:
                pass

        def read(c):
            try:
                while True:
                    e = c.event()
                    if e["type"] == "error":
                        assert e["code"] == "too_fast"
                        waits.append(e["retry_after_ms"])
            except Closed as e:
                thrown_out.append(e.code)

        threads = [threading.Thread(target=f, args=(c,), daemon=True)
                   for c in crowd for f in (flood, read)]
        for t in threads:
            t.start()
        texts = [f"{i} of alice" for i in range(40)]
        heard, spam = [], 0
        for text in texts:
            ref = alice.say(text)
            alice.expect("ack", ref=ref)
            while not heard or heard[-1] != text:
                e = bob.expect("message")
                if e["user"] == "alice":
                    heard.append(e["text"])
                spam += e["user"] == "mallory"
        wait_until(lambda: len(thrown_out) == connections,
                   what="all thrown out")
        is_over.set()
        alice.say("the end")
        while (e := bob.expect("message"))["text"] != "the end":
            assert e["user"] == "mallory"
            spam += 1
        took = time.monotonic() - begin
        assert heard == texts
        assert burst <= spam <= burst + rate * took + 1
        assert all(ms > 0 for ms in waits)
        # Who was thrown out may have seen no frame: the kernel resets what
        # is unread.
        assert set(thrown_out) <= {4429, None}
        for t in threads:
            t.join(30)
        # Else the end waits for their answers to a close.
        for c in (alice, bob, *crowd):
            c.sock.close()


def test_history_costs():
    """Asking for history is as dear as talking."""
    with Wsd(set={"wsd.user_rate": 1, "wsd.user_burst": 5}) as w:
        with w.client() as c:
            settle(c)
            for _ in range(8):
                c.send(json.dumps(
                    {"type": "history", "before": 9, "limit": 1}))
            error = c.expect("error", code="too_fast", ref=None)
            assert error["retry_after_ms"] > 0


def test_joins_beyond_the_memory():
    with Wsd(set={"wsd.max_memory": 65536,
                  "wsd.connections_per_user": 0}) as w:
        crowd = []
        with pytest.raises(Refused) as e:
            while len(crowd) < 20:
                crowd.append(w.client())
        assert e.value.status == 503
        for c in crowd:
            c.sock.close()
        wait_until(lambda: w.ask(
            request(cookie=w.cookies["bob"]))[0] == 101, what="room")


def test_storm():
    """Users who go and come back within the grace are no news, and neither
    is who comes with a second connection."""
    users = [f"u{i}" for i in range(60)]
    with Wsd(users=("alice", *users), set={"wsd.leave_grace_s": 30}) as w:
        alice = settle(w.client("alice"))
        for round in range(4):
            crowd = [w.client(u) for u in users]
            for c in crowd:
                c.expect("hello")
                c.sock.close()
        alice.say("the end")
        seen = []
        while (e := alice.event()).get("text") != "the end":
            seen.append((e["type"], e.get("user")))
        joins = [u for kind, u in seen if kind == "join"]
        assert sorted(joins) == sorted(users)
        assert not [s for s in seen if s[0] == "leave"]
        alice.sock.close()
