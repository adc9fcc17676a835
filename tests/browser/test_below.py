"""The pages of a Gatecast that is below /gate of a host: whatever they lead to
and ask for is below it, too."""

from people import USERS

BOARD = "/static/example/board.html"


def test_below(make_browser, make_site):
    """In, talk, look at older messages and one's account, say it in Chinese,
    the notice board, and out; the script's own way to the login at the end."""
    site = make_site(prefix="/gate")
    b = make_browser(on=site)
    b.open("/")
    b.wait_path("/login?next=/gate/index")
    b.fill("alice", USERS["alice"])
    b.wait_path("/index")
    b.wait_state("open")
    assert all(name.startswith(site.home + "/") for name in b.js(
        "return performance.getEntriesByType('resource').map(e => e.name);"))
    b.say("from below")
    b.wait_message("alice", "from below", "sent")

    b.one("#account").click()
    b.wait_path("/account")
    assert "Chrome" in b.one("#sessions .current").text
    page = b.one("html")
    b.one("[name=lang]").click()
    b.wait_gone(page)
    assert b.path() == "/account"
    assert b.one("html").get_attribute("lang").startswith("zh")

    site.gatecast("publish", "a notice")
    b.open(BOARD)
    b.wait(lambda: "a notice" in b.one("#board").text, "the notice")

    b.open("/index")
    b.wait_message("alice", "from below")
    other = make_browser(on=site).sign_in("alice")
    other.one("#logout").click()
    other.wait_path("/login")
    b.allow("status of 401", "WebSocket connection to")
    site.gatecast("session", "revoke", "--user", "alice")
    b.wait_path("/login?next=/gate/index")
