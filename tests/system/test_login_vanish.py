"""Peers that go away in the middle leave nothing behind in a worker."""

import contextlib
import os

import fcgi_client as fcgi
from conftest import wait_until
from login_process import make, resident

ROUNDS = int(os.environ.get("GATECAST_VANISH_ROUNDS", "100"))
GET = fcgi.request_bytes({"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login",
                          "HTTP_HOST": "chat.test"})
BEGIN, PARAMS = fcgi.begin(), GET[:-8]
STAGES = {"connected": b"", "half a header": BEGIN[:5], "begun": BEGIN,
          "half of the parameters": PARAMS[:40], "parameters": PARAMS,
          "half of a body": PARAMS + fcgi.record(fcgi.STDIN, b"a"),
          "complete": GET}


def test_vanished_peers(request):
    """GATECAST_VANISH_ROUNDS=1000 for a long run."""
    # ASan keeps what was freed, up to a bound: a small one, for this test.
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    site = make(request, login__workers=1).start(
        env={**os.environ, "ASAN_OPTIONS": options.lstrip(":")})
    worker = site.workers()[0]

    def vanish(rounds):
        for _ in range(rounds):
            with contextlib.ExitStack() as all_at_once:
                for data in STAGES.values():
                    all_at_once.enter_context(
                        fcgi.connect(site.socket)).sendall(data)
            # One answer behind them all: the backlog never fills up.
            assert site.ask("GET", "/login").status == 200
        return resident(worker)

    def descriptors():
        return len(os.listdir(f"/proc/{worker}/fd"))

    pages = vanish(ROUNDS)
    before = descriptors()
    pages_after = vanish(ROUNDS)
    assert site.workers() == [worker]
    # The last answer is here before its connection is closed there.
    wait_until(lambda: descriptors() <= before, what="every close")
    assert pages_after - pages < 1024
