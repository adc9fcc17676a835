"""Theme, passwords that can be looked at, and Caps Lock; with and without a
script."""

import pytest

from people import USERS

PAPER = "return getComputedStyle(document.documentElement).backgroundColor"
LIGHT, DARK = "rgb(251, 252, 250)", "rgb(17, 21, 19)"


def press(b):
    old = b.one("[name=theme]").get_property("value")
    b.one("[name=theme]").click()
    b.wait(lambda: b.one("[name=theme]").get_property("value") != old,
           "the next theme")


@pytest.mark.parametrize("has_script", [True, False])
def test_theme(make_browser, has_script):
    b = make_browser(prefs=None if has_script else {
        "profile.managed_default_content_settings.javascript": 2})
    b.look(scheme="dark")
    b.open("/login?next=/account")
    assert b.js(PAPER) == DARK
    press(b)
    assert b.js(PAPER) == DARK
    press(b)
    assert b.js(PAPER) == LIGHT
    b.open("/login?next=/account")
    assert b.js(PAPER) == LIGHT
    b.fill("alice", USERS["alice"])
    b.wait_path("/account")
    assert b.js(PAPER) == LIGHT
    press(b)
    assert b.js(PAPER) == DARK
    b.look(scheme="light")
    assert b.js(PAPER) == LIGHT  # the system's again


def test_theme_leaves_the_chat_as_it_is(make_browser):
    b = make_browser().sign_in("alice")
    b.js("window.isSame = true")
    press(b)
    assert b.js(PAPER) == DARK
    assert b.js("return window.isSame") and b.state() == "open"


def test_password_shown(make_browser):
    b = make_browser()
    b.open("/login")
    b.one("#name").send_keys("alice")
    field, button = b.one("#password"), b.one(".secret button")
    field.send_keys(USERS["alice"])
    assert button.accessible_name == "Show Password"
    button.click()
    assert field.get_property("type") == "text"
    assert button.accessible_name == "Hide Password"
    b.js("""document.querySelector("form.fields").addEventListener("submit",
        e => sessionStorage.sent = document.querySelector("#password").type);
        """)
    b.one(".main").click()
    b.wait_path("/index")
    assert b.js("return sessionStorage.sent") == "password"


def test_caps_lock(make_browser):
    b = make_browser()
    b.open("/login")
    hint = b.one(".secret [role=status]")

    def key(is_on):
        b.js("""document.querySelector("#password").dispatchEvent(
            new KeyboardEvent("keydown", {key: "A",
                modifierCapsLock: arguments[0]}))""", is_on)
    key(True)
    assert hint.text == "Caps Lock is on"
    key(False)
    assert hint.text == ""
