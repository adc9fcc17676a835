"""The account page: how it looks, and what its buttons do, with a script and
without one."""

import pytest

from people import USERS
from test_look import POOR_CONTRAST, SIZES

NEW = "another good passphrase"


@pytest.mark.parametrize("size, scheme", [
    ("desktop", "light"), ("phone", "dark")])
def test_look(make_browser, size, scheme):
    zh = scheme == "dark"
    make_browser().sign_in("bob")
    b = make_browser("zh-CN" if zh else "en-GB")
    b.look(SIZES[size], scheme)
    b.sign_in("bob")
    b.one("#account").click()
    b.wait_path("/account")
    assert b.js(POOR_CONTRAST) == []
    assert b.js("return document.documentElement.scrollWidth "
                "- innerWidth") <= 0
    assert "Chrome" in b.one("#sessions .current").text
    b.shoot(f"account-{size}-{scheme}")
    b.one("#others").click()
    b.wait(lambda: "done=ended" in b.driver.current_url, "the answer")
    assert not b.driver.find_elements("css selector", "#others")


def test_new_password_without_javascript(make_browser, make_site):
    site = make_site()
    other = make_browser(on=site).sign_in("alice")
    b = make_browser(on=site, prefs={
        "profile.managed_default_content_settings.javascript": 2})
    b.open("/login?next=/account")
    b.fill("alice", USERS["alice"])
    b.wait_path("/account")
    for field, text in (("current", USERS["alice"]), ("new", NEW),
                        ("again", NEW)):
        b.one(f"#{field}").send_keys(text)
    b.one("#password .main").click()
    b.wait(lambda: "done=password" in b.driver.current_url, "the answer")
    assert "is changed" in b.one(".done").text
    other.wait_path("/login?next=/index")
