"""Tabs of one browser share one connection; without a SharedWorker, or with
one that fails, each has its own."""

import json
import os
import signal

from people import USERS
from sharing import BROKEN_WORKER, NO_WORKER, at_start
from test_chat import fresh


def count(site):
    """How many connections wsd has, of all users."""
    who = json.loads(site.gatecast("who", "--json").stdout)
    users = who["users"] if isinstance(who, dict) else who
    return sum(user["connections"] for user in users)


def three_tabs(b):
    tabs = [b.driver.current_window_handle]
    for _ in range(2):
        b.driver.switch_to.new_window("tab")
        b.open("/index")
        b.wait_state("open")
        tabs.append(b.driver.current_window_handle)
    return tabs


def test_tabs_share_one_connection(make_browser, make_site):
    site = make_site()
    alice = make_browser(on=site).sign_in("alice")
    bob = make_browser(on=site).sign_in("bob")
    tabs = three_tabs(alice)
    assert count(site) == 2
    said = [fresh(f"tab {i}") for i in range(3)]
    for tab, text in zip(tabs, said):
        alice.driver.switch_to.window(tab)
        alice.say(text)
        alice.wait_message("alice", text, "sent")
    answer = fresh("answer")
    bob.say(answer)
    for tab in tabs:
        alice.driver.switch_to.window(tab)
        alice.wait_message("bob", answer)
        assert [alice.count("alice", text) for text in said] == [1, 1, 1]
        assert set(alice.online()) == {"alice", "bob"}
    # The tab that opened it goes; the others stay connected.
    alice.driver.switch_to.window(tabs[0])
    alice.driver.close()
    alice.driver.switch_to.window(tabs[1])
    last = fresh("last")
    bob.say(last)
    alice.wait_message("bob", last)
    # Signed out in one tab: over in the other.
    alice.one("#logout").click()
    alice.driver.switch_to.window(tabs[2])
    alice.wait_path("/login?next=/index")
    # The next one in this browser is not taken for the one before.
    alice.fill("林晓雨", USERS["林晓雨"])
    alice.wait_state("open")
    assert "林晓雨" in alice.one("#state").text


def test_without_a_shared_worker(make_browser, make_site):
    site = make_site()
    alice = make_browser(on=site)
    for script in NO_WORKER, BROKEN_WORKER:
        with at_start(alice, script):
            alice.open("/index")
            if alice.path() != "/index":
                alice.fill("alice", USERS["alice"])
            alice.wait_state("open")
            text = fresh("alone")
            alice.say(text)
            alice.wait_message("alice", text, "sent")


def test_no_websocket_gets_through(make_browser, make_site):
    """The site answers, wsd does not: said as it is, and tried again."""
    site = make_site()
    alice = make_browser(on=site).sign_in("alice")
    alice.allow("WebSocket connection to")
    os.kill(site.process.pid, signal.SIGSTOP)  # nobody starts it again
    try:
        os.kill(site.pid("wsd"), signal.SIGKILL)

        def blocked():
            alice.js("document.querySelector('#state button').click()")
            return alice.state() == "blocked"
        alice.wait(blocked, "the state", 30)
        assert "live connection" in alice.one("#state").text
        alice.shoot("blocked-desktop-light")
    finally:
        os.kill(site.process.pid, signal.SIGCONT)
    alice.wait_state("open", timeout=40)
