"""The example of gatecast.js: a notice board, fed by `gatecast publish`."""

from people import USERS

BOARD = "/static/example/board.html"


def notices(b):
    return b.js("return [...document.querySelectorAll('#board p')]"
                ".map(p => p.textContent);")


def wait_notices(b, *expected):
    b.wait(lambda: notices(b) == list(expected), f"{expected}", timeout=30)


def test_board(make_browser, make_site):
    """Sign in by its link, see what was and what comes; a restart of wsd
    takes and doubles nothing; markup stays text."""
    site = make_site()
    site.gatecast("publish", "first")
    b = make_browser(on=site)
    b.allow("status of 401", "WebSocket connection to")
    b.open(BOARD)
    b.wait(lambda: b.all("#state a"), "the link")
    b.one("#state a").click()
    b.fill("alice", USERS["alice"])
    b.wait_path(BOARD)
    wait_notices(b, "first")
    assert b.one("#state").text == "Live, as alice"
    assert not b.one(".none").is_displayed()

    markup = "<img src=x onerror='document.title = 1'>"
    site.gatecast("publish", markup)
    wait_notices(b, markup, "first")
    assert not b.all("#board img")

    bob = make_browser(on=site).sign_in("bob")
    bob.allow("WebSocket connection to")
    bob.say("no notice")
    bob.wait_message("bob", "no notice", "sent")
    site.kill("wsd")
    site.gatecast("publish", "back")
    wait_notices(b, "back", markup, "first")

    b.open(BOARD)
    wait_notices(b, "back", markup, "first")
    assert b.js("return document.title") == "Notice board · Gatecast"
