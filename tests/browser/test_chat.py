"""Two people talk: what they see of each other, and what a hostile one or a
dying server can do to it."""

import os
import signal
import uuid

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from people import PHONE
from sharing import NO_WORKER, at_start


def fresh(text):
    """A text that nobody has said before."""
    return f"{text} {uuid.uuid4().hex[:8]}"


def test_both_ways(alice_and_bob):
    alice, bob = alice_and_bob
    hello, answer = fresh("hello, bob"), fresh("你好，alice")
    alice.say(hello)
    bob.wait_message("alice", hello)
    bob.say(answer)
    alice.wait_message("bob", answer)
    alice.wait_message("alice", hello, "sent")
    for b in alice_and_bob:
        texts = [m[1] for m in b.messages()]
        assert texts.index(hello) < texts.index(answer)
        assert b.count("alice", hello) == 1
        assert b.count("bob", answer) == 1


def test_own_message_confirmed_by_its_ack(alice_and_bob):
    """The same text often, and from two tabs: each stands there once."""
    alice, bob = alice_and_bob
    text = fresh("again")
    first = alice.driver.current_window_handle
    alice.driver.switch_to.new_window("tab")
    alice.open("/index")
    alice.wait_state("open")
    for _ in range(3):
        alice.say(text)
    alice.wait(lambda: alice.count("alice", text) == 3, "three")
    second = alice.driver.current_window_handle
    alice.driver.switch_to.window(first)
    for _ in range(2):
        alice.say(text)
    for handle in second, first:
        alice.driver.switch_to.window(handle)
        alice.wait(lambda: alice.count("alice", text) >= 5, "five")
        alice.wait(lambda: not alice.all("[data-state=pending]"), "all sent")
        assert alice.count("alice", text) == 5
    bob.wait(lambda: bob.count("alice", text) >= 5, "five at bob")
    assert bob.count("alice", text) == 5
    alice.driver.switch_to.window(second)
    alice.driver.close()
    alice.driver.switch_to.window(first)


def test_who_is_online(alice_and_bob, make_browser):
    alice, bob = alice_and_bob
    third = make_browser(lang="zh-CN").sign_in("林晓雨")
    for b in alice, bob, third:
        b.wait(lambda: set(b.online()) == {"alice", "bob", "林晓雨"}, "three")
    alice.wait(lambda: "林晓雨" in alice.js(
        "return document.querySelector('#lines').textContent"), "the join")
    assert "3 online" in alice.one("#people-title").text
    assert "3 人在线" in third.one("#people-title").text
    third.one("#logout").click()
    for b in alice, bob:
        b.wait(lambda: "林晓雨" not in b.online(), "the leave", 20)


MARKUP = [
    "<img src=x onerror=\"window.pwned=1\">",
    "<script>window.pwned=1</script>",
    "</li></ol><svg onload=window.pwned=1>",
    "<a href=\"javascript:window.pwned=1\">x</a> & &amp; {{csrf}}",
]


def test_markup_stays_text(alice_and_bob):
    alice, bob = alice_and_bob
    for text in MARKUP:
        alice.say(text)
    for b in alice_and_bob:
        for text in MARKUP:
            b.wait_message("alice", text, "sent" if b is alice else None)
        assert b.js("return window.pwned === undefined")
        assert b.js("return document.querySelectorAll('#lines img, "
                    "#lines script, #lines svg, #lines a').length") == 0
        assert b.js("return document.querySelectorAll('#spoken *:not(p)')"
                    ".length") == 0


def test_keys_of_the_composer(alice_and_bob):
    alice, bob = alice_and_bob
    box = alice.one("#text")
    text = fresh("two")
    box.send_keys(text, Keys.SHIFT, Keys.ENTER, Keys.NULL, "lines")
    assert box.get_property("value") == f"{text}\nlines"
    # What an input method sends when Enter picks a candidate.
    for init in "{isComposing: true}", "{keyCode: 229}":
        alice.js(f"""arguments[0].dispatchEvent(new KeyboardEvent("keydown",
            Object.assign({{key: "Enter", bubbles: true, cancelable: true}},
            {init})));""", box)
    assert box.get_property("value") == f"{text}\nlines"
    box.send_keys(Keys.ENTER)
    assert box.get_property("value") == ""
    bob.wait_message("alice", f"{text}\nlines")
    box.send_keys("   ", Keys.ENTER)
    assert alice.all("[data-state=pending]") == []


def test_too_long_is_not_sent(alice_and_bob):
    alice, _ = alice_and_bob
    box = alice.one("#text")
    alice.js("""arguments[0].value = "字".repeat(1366);
        arguments[0].dispatchEvent(new Event("input"));""", box)
    assert "2 bytes too long" in alice.one(".room-left").text
    box.send_keys(Keys.ENTER)
    assert len(box.get_property("value")) == 1366
    box.send_keys(Keys.BACKSPACE, Keys.ENTER)
    alice.wait_message("alice", "字" * 1365, "sent")


def test_too_fast_fails_and_is_retried(make_browser, make_site):
    site = make_site(set={"wsd.user_rate": 1, "wsd.user_burst": 2})
    alice = make_browser(on=site).sign_in("alice")
    for i in range(4):
        alice.say(f"m{i}")
    failed = alice.wait(lambda: alice.all("[data-state=failed]"), "a refusal")
    text = failed[0].find_element("css selector", ".text").text
    assert "too many" in failed[0].text

    def retried():
        for button in alice.all("[data-action=retry]"):
            button.click()
        return (not alice.all("[data-state=failed], [data-state=pending]")
                and ("alice", text, "sent") in alice.messages())
    alice.wait(retried, "the retry", 30)
    for i in range(4):
        assert alice.count("alice", f"m{i}") == 1


def test_history_for_a_newcomer(alice_and_bob, make_browser):
    alice, _ = alice_and_bob
    said = [fresh(f"before {i}") for i in range(3)]
    for text in said:
        alice.say(text)
    alice.wait_message("alice", said[-1], "sent")
    third = make_browser().sign_in("林晓雨")
    for text in said:
        third.wait_message("alice", text)
    texts = [m[1] for m in third.messages()]
    assert [t for t in texts if t in said] == said


def test_reader_further_up_is_left_alone(alice_and_bob):
    alice, bob = alice_and_bob
    alice.look(PHONE)
    for i in range(30):  # more than a phone shows
        alice.say(fresh(f"line {i}"))
    alice.wait(lambda: alice.js("""const b = document.querySelector("#log");
        return b.scrollHeight > b.clientHeight + 100 &&
            b.scrollHeight - b.scrollTop - b.clientHeight < 3;"""), "bottom")
    alice.js("document.querySelector('#log').scrollTop = 0")
    alice.wait(lambda: alice.one("#jump").is_displayed(), "the button")
    text = fresh("news")
    bob.say(text)
    alice.wait_message("bob", text)
    alice.wait(lambda: "1 new message" in alice.one("#jump").text, "the count")
    assert alice.js("return document.querySelector('#log').scrollTop") == 0
    alice.one("#jump").click()
    alice.wait(lambda: not alice.one("#jump").is_displayed(), "bottom")


def is_expanded(b, selector):
    """What a screen reader is told."""
    root = b.driver.execute_cdp_cmd("DOM.getDocument", {"depth": 0})
    node = b.driver.execute_cdp_cmd("DOM.querySelector", {
        "nodeId": root["root"]["nodeId"], "selector": selector})
    tree = b.driver.execute_cdp_cmd("Accessibility.getPartialAXTree", {
        "nodeId": node["nodeId"], "fetchRelatives": False})
    return {p["name"]: p["value"].get("value")
            for p in tree["nodes"][0]["properties"]}["expanded"]


def test_people_on_a_phone(alice_and_bob):
    alice, _ = alice_and_bob
    alice.look(PHONE)
    toggle, panel = alice.one("#people-toggle"), alice.one("#people")
    assert not panel.is_displayed()
    assert not is_expanded(alice, "#people-toggle")
    toggle.click()
    assert panel.is_displayed()
    assert is_expanded(alice, "#people-toggle")
    ActionChains(alice.driver).send_keys(Keys.ESCAPE).perform()
    assert not panel.is_displayed()
    assert alice.driver.switch_to.active_element == toggle


def test_wsd_killed(make_browser, make_site):
    """kill -9: both come back by themselves and go on; what was written
    meanwhile goes out, once."""
    site = make_site()
    alice = make_browser(on=site).sign_in("alice")
    bob = make_browser(on=site).sign_in("bob")
    for b in alice, bob:
        b.allow("WebSocket connection to")
    before, meanwhile, after = fresh("a"), fresh("b"), fresh("c")
    alice.say(before)
    bob.wait_message("alice", before)
    # Stopped first, so that the page is certain to write into silence.
    pid = site.pid("wsd")
    os.kill(pid, signal.SIGSTOP)
    alice.say(meanwhile)
    assert ("alice", meanwhile, "pending") in alice.messages()
    os.kill(pid, signal.SIGKILL)
    alice.wait(lambda: site.pid("wsd") not in (None, pid), "a new wsd")
    alice.wait_message("alice", meanwhile, "sent")
    bob.wait_message("alice", meanwhile)
    bob.say(after)
    alice.wait_message("bob", after)
    for b in alice, bob:
        assert b.state() == "open"
        for user, text in ("alice", before), ("alice", meanwhile), \
                ("bob", after):
            assert b.count(user, text) == 1


def test_state_line_while_the_server_is_away(make_browser, make_site):
    site = make_site()
    alice = make_browser(on=site).sign_in("alice")
    alice.allow("WebSocket connection to", "/session")
    url = site.url
    site.stop()
    alice.wait_state("waiting")
    alice.wait(lambda: "Trying again in" in alice.one("#state").text,
               "the countdown")
    button = alice.one("#state button")
    assert button.is_displayed() and button.text == "Try now"
    text = fresh("written meanwhile")
    alice.say(text)
    assert ("alice", text, "pending") in alice.messages()
    alice.shoot("waiting-desktop-light")
    site.start()
    assert site.url == url
    if alice.state() == "waiting":
        alice.js("document.querySelector('#state button').click()")
    alice.wait_state("open", timeout=40)
    alice.wait_message("alice", text, "sent")


def test_resume_in_the_same_life_of_the_server(make_browser, make_site):
    """The web server between dies; wsd does not: nothing is missed, and
    there is no sign of it in the log."""
    site = make_site()
    alice = make_browser(on=site).sign_in("alice")
    bob = make_browser(on=site).sign_in("bob")
    for b in alice, bob:
        b.allow("WebSocket connection to", "/session")
    for round in range(3):
        site.kill("web")
        text = fresh(f"round {round}")
        bob.say(text)
        alice.wait_message("bob", text)
        assert alice.count("bob", text) == 1
    assert alice.all(".gap, .fresh") == []


def test_away_and_back(make_browser, alice_and_bob):
    """A page left by a link is offline, cached by the browser or not, and
    is itself again when one comes back to it."""
    alice, bob = alice_and_bob
    third = make_browser().sign_in("林晓雨")
    alice.wait(lambda: "林晓雨" in alice.online(), "the join")
    third.allow("favicon.ico")  # a picture by itself has none
    third.open("/static/img/logo.svg")
    alice.wait(lambda: "林晓雨" not in alice.online(), "the leave", 20)
    text = fresh("meanwhile")
    bob.say(text)
    alice.wait_message("bob", text)
    third.driver.back()
    third.wait_path("/index")
    third.wait_state("open")
    third.wait_message("bob", text)
    assert third.count("bob", text) == 1


def test_session_is_kept_alive(make_browser):
    """The page asks GET /session by itself."""
    alice = make_browser()
    with at_start(alice, NO_WORKER):  # so that it asks from the page
        alice.sign_in("alice")
    alice.js("""
        window.asked = [];
        const real = window.fetch;
        window.fetch = (...a) => { window.asked.push(a[0]); return real(...a); };
        const now = Date.now, start = now();
        Date.now = () => now() + 5 * 60e3;
        document.dispatchEvent(new Event("visibilitychange"));""")
    alice.wait(lambda: alice.js("return window.asked.length") == 1, "asking")
    assert alice.js("return window.asked[0]") == "/session"
    assert alice.state() == "open"
