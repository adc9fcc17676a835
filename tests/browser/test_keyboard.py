"""Without a mouse, and for those who cannot see the page: the order of Tab,
a focus that can be seen, every action by keys, what is announced, input
methods, and nothing that moves for those who do not want it."""

import pytest
from selenium.webdriver import ActionChains, Keys

from people import DESKTOP, PHONE, USERS
from test_chat import fresh

FOCUSABLE = """
    return [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), textarea, [tabindex='0']")]
        .filter((e) => e.checkVisibility({visibilityProperty: true}) &&
            !e.disabled).length;"""

FOCUS = """
    const e = document.activeElement;
    if (!e || e === document.body)
        return null;
    const style = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    window.numbers ??= new Map();
    if (!numbers.has(e))
        numbers.set(e, numbers.size);
    return {number: numbers.get(e), what: e.id || e.name || e.textContent,
        outline: style.outlineStyle === "none"
            ? 0 : parseFloat(style.outlineWidth),
        top: box.top + scrollY, bottom: box.bottom + scrollY,
        left: box.left};"""


def press(b, *keys):
    ActionChains(b.driver).send_keys(*keys).perform()


def walk(b):
    """What has the focus, Tab by Tab, from the page's start to its end."""
    b.js("document.activeElement.blur(); scrollTo(0, 0);"
         "getSelection().removeAllRanges(); window.numbers = new Map();"
         "document.body.tabIndex = -1; document.body.focus();"
         "document.body.removeAttribute('tabindex');")
    seen = []
    for _ in range(60):
        press(b, Keys.TAB)
        at = b.js(FOCUS)
        if at is None or at["number"] < len(seen):
            break
        seen.append(at)
    return seen


def check_walk(b, in_order=True):
    """Everything is reached, the focus is seen, and it goes as one reads:
    down, and to the right within a line."""
    stops = walk(b)
    assert len(stops) == b.js(FOCUSABLE), [s["what"] for s in stops]
    for s in stops:
        assert s["outline"] >= 2, s
    for above, below in zip(stops, stops[1:]) if in_order else ():
        is_same_line = below["top"] < above["bottom"] and \
            above["top"] < below["bottom"]
        assert below["left"] > above["left"] if is_same_line \
            else below["top"] >= above["bottom"], (above, below)


def test_order_of_tab(make_browser):
    b = make_browser()
    for size in DESKTOP, PHONE:
        b.look(size)
        b.open("/login")
        check_walk(b)
    b.sign_in("alice")
    b.say("https://example.org/ is a link")
    b.wait_message("alice", "https://example.org/ is a link", "sent")
    for size in DESKTOP, PHONE:
        b.look(size)
        # The list of people is a column of its own.
        check_walk(b, in_order=size == PHONE)
        b.open("/account")
        check_walk(b)
        b.open("/index")
        b.wait_message("alice", "https://example.org/ is a link")
    b.js("document.querySelector('#logout').style.outline = 'none'")
    with pytest.raises(AssertionError):
        check_walk(b)


def test_in_and_out_by_keys(make_browser):
    """The field to fill has the focus at once; what is written goes out, who
    is here is shown and hidden, and one signs out."""
    b = make_browser()
    b.look(PHONE)
    b.open("/login?next=/index")
    press(b, "alice", Keys.TAB, USERS["alice"], Keys.ENTER)
    b.wait_path("/index")
    b.wait_state("open")
    for s in walk(b):
        if s["what"] == "people-toggle":
            break
    b.one("#people-toggle").send_keys(Keys.SPACE)
    assert b.one("#people").is_displayed()
    press(b, Keys.ESCAPE)
    assert not b.one("#people").is_displayed()
    assert b.js("return document.activeElement.id") == "people-toggle"
    b.one("#text").send_keys("by keys")
    press(b, Keys.TAB, Keys.ENTER)  # the button behind it
    b.wait_message("alice", "by keys", "sent")
    b.one("#logout").send_keys(Keys.ENTER)
    b.wait(lambda: b.path().startswith("/login"), "the login")


def test_retry_and_discard_by_keys(make_browser, make_site):
    b = make_browser(on=make_site(set={
        "wsd.user_rate": 1, "wsd.user_burst": 1})).sign_in("alice")
    for i in range(4):
        b.say(f"number {i}")
    b.wait(lambda: b.all("[data-state=failed] button"), "a refusal")
    n = len(b.all("[data-state=failed]"))
    text = b.one("[data-state=failed] .text").text
    b.one("[data-action=discard]").send_keys(Keys.ENTER)
    b.wait(lambda: len(b.all("[data-state=failed]")) == n - 1, "its end")
    assert b.count("alice", text) == 0
    text = b.one("[data-state=failed] .text").text

    def again():
        for button in b.all("[data-action=retry]")[:1]:
            button.send_keys(Keys.SPACE)
        return ("alice", text, "sent") in b.messages()
    b.wait(again, "its way out", timeout=30)


def test_what_is_announced(alice_and_bob):
    """Others' words, once; not one's own, nor what was said before."""
    alice, bob = alice_and_bob
    old, own, new = fresh("old"), fresh("own"), fresh("new")
    bob.say(old)
    alice.wait_message("bob", old)
    alice.open("/index")
    alice.wait_message("bob", old)
    alice.wait_state("open")
    region = alice.one("#spoken")
    assert region.get_attribute("role") == "log"
    assert region.get_attribute("aria-live") == "polite"
    alice.say(own)
    alice.wait_message("alice", own, "sent")
    bob.say(new)
    alice.wait_message("bob", new)
    assert [p.get_property("textContent") for p in alice.all("#spoken p")] \
        == [f"bob: {new}"]


def test_input_method(alice_and_bob):
    """The Enter that takes a candidate sends nothing; the next one does."""
    alice, bob = alice_and_bob
    box = alice.one("#text")
    box.click()
    before = len(alice.messages())
    alice.js("""window.composing = [];
        arguments[0].addEventListener("keydown",
            (e) => composing.push([e.key, e.isComposing]));""", box)
    for text in "n", "ni", "nih", "nihao":
        alice.driver.execute_cdp_cmd("Input.imeSetComposition", {
            "text": text, "selectionStart": len(text),
            "selectionEnd": len(text)})
    alice.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {
        "type": "rawKeyDown", "key": "Enter", "code": "Enter",
        "windowsVirtualKeyCode": 229})
    assert ["Enter", True] in alice.js("return composing")
    assert box.get_property("value").endswith("nihao")
    mark = fresh("")
    alice.driver.execute_cdp_cmd("Input.insertText", {"text": "你好" + mark})
    assert len(alice.messages()) == before
    press(alice, Keys.ENTER)
    bob.wait_message("alice", "你好" + mark)
    assert len(alice.messages()) == before + 1


def test_less_motion(make_browser):
    b = make_browser().sign_in("alice")
    for wanted, names in ("no-preference", {"breathe"}), ("reduce", {"none"}):
        b.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-reduced-motion", "value": wanted}]})
        b.js("document.querySelector('#state').dataset.state = 'waiting'")
        assert set(b.js(
            "return [getComputedStyle(document.querySelector('.dot'))"
            ".animationName]")) == names
        running = b.js("return document.getAnimations().length")
        assert (running == 0) == (wanted == "reduce")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nothing_is_wider_than_the_screen(make_browser, size):
    """Long words, 4,000 characters, a narrow screen, letters twice as big."""
    b = make_browser()
    b.look(size)
    pages = ["/login", "/account", "/nothing-here"]
    b.allow("status of 404")
    b.open(pages[0])
    fits = "return document.documentElement.scrollWidth <= innerWidth"
    assert b.js(fits)
    b.sign_in("alice")
    b.js("""const box = document.querySelector("#text");
        box.value = arguments[0];
        box.dispatchEvent(new Event("input", {bubbles: true}));""",
         "w" * 1500 + " " + "many words " * 200 + "字" * 90)
    b.one("#text").send_keys(Keys.ENTER)
    b.wait(lambda: b.all("[data-state=sent].message"), "it")
    for zoom in "100%", "200%":
        b.js("document.documentElement.style.fontSize = arguments[0]", zoom)
        assert b.js(fits), zoom
        assert b.js("const log = document.querySelector('#log');"
                    "return log.scrollWidth <= log.clientWidth"), zoom
    for page in pages[1:]:
        b.open(page)
        assert b.js(fits), page
