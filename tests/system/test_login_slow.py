"""Peers that are slow, silent or gone, many more than there are workers:
everybody else is answered while they are still there. What is looked at is the
order of events: none of them has been answered or cut off when the others have
their answers. How long these take is tests/bench/slow_post's."""

import os

import pytest

import fcgi_client as fcgi
from conftest import SERVERS, wait_until
from hosted_site import HostedSite
from login_process import FORM, ORIGIN, Login, make, resident
from web_visitor import SlowPosts, Visitor, is_open

ROOM = 64  # INTAKES_MAX
GET = fcgi.request_bytes({"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login",
                          "HTTP_HOST": "chat.test"})
HEAD = fcgi.begin() + fcgi.stream(fcgi.PARAMS, fcgi.pairs(
    {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/login",
     "HTTP_HOST": "chat.test", "HTTP_ORIGIN": ORIGIN, "CONTENT_TYPE": FORM,
     "CONTENT_LENGTH": "4000"}))
# What they say before they fall silent.
BEGINNINGS = {
    "nothing": b"", "half a header": GET[:5], "a begin": GET[:16],
    "half of the parameters": GET[:40], "all but the end": GET[:-8],
    "a head": HEAD, "half a body": HEAD + fcgi.record(fcgi.STDIN, b"name="),
    "another request's records": GET[:16] + fcgi.record(
        fcgi.STDIN, b"x" * 20000, request_id=2),
}


def silent(site, data):
    s = fcgi.connect(site.socket)
    s.sendall(data)
    s.setblocking(False)
    return s


def serves(site):
    cookie = site.sign_in()
    for _ in range(10):
        assert site.ask("GET", "/session", cookie=cookie).status == 200


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture
def site(request):
    return make(request).start()


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_silent_peers(site, beginning):
    peers = [silent(site, BEGINNINGS[beginning])
             for _ in range(4 * len(site.workers()))]
    serves(site)
    assert all(map(is_open, peers))
    for peer in peers:
        peer.close()


def test_dripping_peers(request):
    """Their time comes all the same, however often they say something."""
    site = make(request, login__request_timeout_ms=2000).start()
    peers = [silent(site, HEAD + fcgi.record(fcgi.STDIN, b"x" * 999)[:8])
             for _ in range(8)]

    def drip():
        for peer in peers:
            try:
                peer.send(b"x")
            except OSError:
                pass
        return not any(map(is_open, peers))

    drip()
    serves(site)
    assert all(map(is_open, peers))
    wait_until(drip, what="the end of their time")
    for peer in peers:
        peer.close()
    assert "no complete request in time" in site.log()


def hears(peer):
    """Whether anybody is there still."""
    try:
        peer.send(b"x")
    except OSError:
        return False
    return True


def test_answered_peers(site):
    """They read nothing, or may send on for a second after an answer that
    came early, for which nobody waits with them."""
    def answered():
        peers = [silent(site, data) for data in (
            GET, HEAD + fcgi.record(fcgi.STDIN, b"x" * 10000),
            fcgi.begin() + fcgi.record(fcgi.PARAMS, b"x" * 65000) * 2)
            for _ in range(8)]
        serves(site)
        still_there = sum(map(hears, peers[8:]))
        for peer in peers:
            peer.setblocking(True)
            assert fcgi.read_answer(peer).status in (200, 413, 431)
            peer.close()
        return still_there

    # Again where this machine was away for that second.
    wait_until(lambda: answered() > len(site.workers()),
               what="an answer before theirs were over")


def test_more_than_there_is_room_for(site):
    """The oldest give way; what a worker holds has a bound."""
    pages = {pid: resident(pid) for pid in site.workers()}
    many = ROOM * len(pages)
    # A large part of a request each.
    data = fcgi.begin() + fcgi.record(fcgi.PARAMS, b"x" * 30000)
    peers = [silent(site, data) for _ in range(2 * many)]
    serves(site)
    assert sum(map(is_open, peers)) <= many
    assert is_open(peers[-1]) and not is_open(peers[0])
    assert sorted(site.workers()) == sorted(pages)
    for pid in pages:
        assert descriptors(pid) < ROOM + 40
        # 64 KiB at each place, and what a sanitizer makes of it.
        assert resident(pid) - pages[pid] < 8192
    for peer in peers:
        peer.close()
    assert f"incomplete, and {ROOM} more are" in site.log()
    serves(site)


@pytest.fixture(params=SERVERS)
def hosted(request):
    login = Login(login__workers=2).start()
    try:
        with HostedSite(request.param, login) as site:
            yield site
    finally:
        login.stop()


def test_slow_posts(hosted):
    visitor = Visitor(hosted)
    with SlowPosts(hosted.port, 50) as slow:
        for _ in range(3):
            slow.drip()
            assert visitor.page() == 200
            assert visitor.sign_in() == 303
            assert visitor.session() == 200
        assert slow.over() == []
