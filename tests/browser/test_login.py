"""The sign-in page, the session's cookie, and the way out."""

import pytest

from people import USERS


def test_to_the_login_and_back(make_browser):
    b = make_browser()
    b.open("/")
    b.wait_path("/login?next=/index")
    assert b.js("return document.activeElement.id") == "name"
    b.fill("alice", USERS["alice"])
    b.wait_path("/index")
    b.wait_state("open")
    assert "Connected as alice" in b.one("#state").text
    b.open("/login")
    b.wait_path("/index")


def test_cookie(make_browser):
    b = make_browser().sign_in("alice")
    cookies = {c["name"]: c for c in b.driver.get_cookies()}
    session = cookies["gatecast"]
    assert session["httpOnly"] is True
    assert session["sameSite"] == "Lax"
    assert session["path"] == "/"
    assert session["secure"] is False  # plain http
    assert session["domain"] == "127.0.0.1"
    assert "gatecast=" not in b.js("return document.cookie")


@pytest.mark.parametrize("lang, words", [
    ("en-GB", "Name or password is not right"),
    ("zh-CN", "用户名或密码不正确"),
])
def test_wrong_password(make_browser, lang, words):
    b = make_browser(lang)
    b.allow("status of 401")
    b.open("/login")
    for name in "alice", "nobody":
        b.fill(name, "not the password")
        assert words in b.one("#problem").text
        assert b.one("#name").get_property("value") == name
        assert b.one("#password").get_property("value") == ""
        assert b.js("return document.activeElement.id") == "password"
        assert "gatecast" not in {c["name"] for c in b.driver.get_cookies()}
    b.fill("alice", USERS["alice"])
    b.wait_path("/index")


def test_languages(make_browser):
    b = make_browser("zh-CN,en")
    b.open("/login")
    assert b.one("h1").text == "登录"
    assert b.js("return document.documentElement.lang") == "zh"
    b.one("[name=lang]").click()
    b.wait(lambda: b.one("h1").text == "Sign in", "English")
    b.fill("林晓雨", USERS["林晓雨"])
    b.wait_state("open")
    assert b.one("#logout").text == "Sign out"
    b.one("[name=lang][value=zh]").click()
    b.wait(lambda: b.one("#logout").text == "退出登录", "Chinese")
    b.wait_state("open")
    assert "已连接" in b.one("#state").text
    b.open("/index")
    assert b.one("#logout").text == "退出登录"


def test_logout_in_one_tab(make_browser):
    b = make_browser().sign_in("bob")
    first = b.driver.current_window_handle
    b.driver.switch_to.new_window("tab")
    b.open("/index")
    b.wait_state("open")
    b.one("#logout").click()
    b.wait(lambda: b.path().startswith("/login"), "the login")
    b.driver.switch_to.window(first)
    b.wait_path("/login?next=/index")
    b.open("/index")
    b.wait_path("/login?next=/index")


def test_session_revoked(make_browser, site):
    """Ended by the administrator: the page goes to the login by itself."""
    b = make_browser().sign_in("林晓雨")
    site.gatecast("session", "revoke", "--user", "林晓雨")
    b.wait_path("/login?next=/index")
    b.fill("林晓雨", USERS["林晓雨"])
    b.wait_path("/index")
    b.wait_state("open")


def test_without_javascript(make_browser):
    b = make_browser(
        prefs={"profile.managed_default_content_settings.javascript": 2})
    b.open("/login")
    b.fill("alice", USERS["alice"])
    b.wait_path("/index")
    assert "needs JavaScript" in b.one(".noscript").text
    b.one("#logout").click()
    b.wait(lambda: b.path().startswith("/login"), "the login")
