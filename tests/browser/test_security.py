"""What other people's pages can do, and who comes after somebody has signed
out: nothing. Each test begins signed out, on one site and in one browser."""

import json
import re

import pytest
from selenium.common.exceptions import NoSuchFrameException

from people import USERS
from stranger import fetch_page, form_page

SOURCES = "same-site", "cross-site"
BLOCKED = "chrome-error://chromewebdata/"
REFUSED = re.compile(r"event=refuse path=(\S+) reason=origin .*"
                     r"fetch_site=(\S+)")


def session_of(b):
    """The name of who is signed in, as the site sees this browser."""
    b.open("/login?next=/account")
    return b.driver.execute_async_script("""const [done] = arguments;
        fetch("/session").then(r => r.json()).then(s => done(s.user));""")


def cookies(b):
    """As the browser holds them, also those no script sees."""
    got = b.driver.execute_cdp_cmd("Network.getCookies", {"urls": [b.url]})
    return {c["name"]: c for c in got["cookies"]}


def sign_out(b):
    b.one("#logout").click()
    b.wait(lambda: b.path().startswith("/login"), "the login")


def token(b, path):
    b.open(path)
    return b.one("[name=csrf]").get_property("value")


def send_as_our_own(b, action, fields):
    """The same form as a stranger's, from a page of ours."""
    old = b.one("html")
    b.js("""const form = document.createElement("form");
        form.method = "post";
        form.action = arguments[0];
        for (const [name, value] of Object.entries(arguments[1])) {
            const input = document.createElement("input");
            Object.assign(input, {type: "hidden", name, value});
            form.append(input);
        }
        document.body.append(form);
        form.submit();""", action, fields)
    b.wait_gone(old)


@pytest.mark.parametrize("source", SOURCES)
def test_cross_site_post(b, home, stranger, source):
    """With every token right, as if it had leaked: the source alone keeps
    the form out, by the cookie that stays away or by Origin."""
    pre_csrf = token(b, "/login")
    pre = cookies(b)["gatecast-pre"]["value"]
    b.fill("alice", USERS["alice"])
    b.wait_path("/index")
    csrf = token(b, "/index")
    other = home.login("alice")
    # The stranger's own, for a victim that signs in as somebody else: on the
    # same host it can be set for our port too.
    stranger.cookie = f"gatecast-pre={pre}; Path=/; HttpOnly; SameSite=Lax"
    forms = {
        "/account/sessions/revoke": {"csrf": csrf, "session": "others"},
        "/account/password": {
            "csrf": csrf, "current": USERS["alice"],
            "new": "the stranger's choice", "again": "the stranger's choice"},
        "/logout": {"csrf": csrf},
        "/login": {"csrf": pre_csrf, "next": "/index", "name": "bob",
                   "password": USERS["bob"]},
    }
    before = cookies(b)["gatecast"]["value"]
    b.allow("status of 403", "status of 401", "blocked by CORS policy", "net::ERR_FAILED")
    seen = len(REFUSED.findall(home.log()))
    for path, fields in forms.items():
        stranger.pages = {"/form": form_page(home.url + path, fields),
                          "/fetch": fetch_page(home.url + path, fields)}
        b.driver.get(stranger.origins[source] + "/form")
        b.wait_path(path)
        assert b.one("#error .status").text == "403"
        b.driver.get(stranger.origins[source] + "/fetch")
        b.wait(lambda: b.driver.title == "opaque,failed", "its answers")
    # The form, two of fetch and the beacon, each told by the browser.
    b.wait(lambda: REFUSED.findall(home.log())[seen:] ==
           [(path, source) for path in forms for _ in range(4)],
           "the audit lines")
    assert cookies(b)["gatecast"]["value"] == before
    assert session_of(b) == "alice"
    # A fresh connection: the web server is about to close the idle one.
    other.close()
    assert other.get(home.url + "/session").json()["user"] == "alice"
    home.login("alice", USERS["alice"])
    # From a page of ours the same forms do what they say.
    for path, user in (("/account/sessions/revoke", "alice"),
                       ("/logout", None), ("/login", "bob")):
        send_as_our_own(b, path, forms[path])
        assert session_of(b) == user
    assert other.get(home.url + "/session").status_code == 401


def framed(b, element):
    """What a frame shows; None: there is no frame."""
    try:
        b.driver.switch_to.frame(element)
    except NoSuchFrameException:
        return None
    url, text = b.js("return [document.URL, document.body.innerText]")
    b.driver.switch_to.default_content()
    return url if url == BLOCKED else text


@pytest.mark.parametrize("source", SOURCES)
def test_framing(b, home, stranger, source):
    """Others' pages show nothing of ours, whichever element they use."""
    b.sign_in("alice")
    paths = "/index", "/login", "/account", "/session", "/no-such-page"
    frames = "".join(f'<iframe src="{home.url}{p}"></iframe>' for p in paths)
    stranger.pages = {
        "/": f'<iframe src="/inner"></iframe>{frames}'
             f'<object data="{home.url}/account"></object>'
             f'<embed src="{home.url}/account">',
        "/inner": "<p>what a frame shows</p>"}
    b.allow("frame-ancestors", "X-Frame-Options", "chrome-error:")
    b.driver.get(stranger.origins[source])
    shown = [framed(b, e) for e in b.all("iframe, object, embed")]
    assert shown[0] == "what a frame shows"
    assert len(shown) == len(paths) + 3
    assert set(shown[1:]) <= {BLOCKED, None}


def test_cookie_flags(b, home):
    """As the browser understood them; over https tests/system/test_https
    looks at the header."""
    b.open("/login?lang=en")
    old = b.js("return document.documentElement.dataset.theme")
    b.one("[name=theme]").click()
    b.wait(lambda: b.js("return document.documentElement.dataset.theme") !=
           old, "the theme")
    b.sign_in("alice")
    got = cookies(b)
    assert set(got) == {"gatecast", "gatecast-pre", "lang", "theme"}
    for name, c in got.items():
        assert (c["httpOnly"], c["sameSite"], c["path"], c["domain"]) == \
            (True, "Lax", "/", "127.0.0.1"), name
        assert c["secure"] is False
        assert c["session"] is (name == "gatecast-pre"), name
    for path in "/index", "/account":
        b.open(path)
        assert b.js("return document.cookie") == ""


def shown(b):
    """Everything a person or a script could see of the page."""
    return b.js("return document.documentElement.outerHTML")


def set_offline(b, is_offline):
    b.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
        "offline": is_offline, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": -1})


def is_private(b):
    """Whether anything stands in the page that is for who is signed in."""
    return b.js("""return document.body?.checkVisibility() &&
        document.querySelector("main:is(#chat, #account)") !== null;""")


@pytest.mark.parametrize("is_offline", [False, True])
def test_back_after_logout(b, home, is_offline):
    """Neither asked for again nor out of a cache; nobody is connected."""
    b.sign_in("alice")
    b.say("what only those who are signed in may read")
    b.wait(lambda: b.all("#lines [data-state=sent]"), "said")
    b.open("/account")
    b.driver.back()
    b.wait(lambda: is_private(b), "the chat")
    b.wait_state("open")
    b.driver.forward()
    b.wait(lambda: is_private(b), "the account")
    b.driver.back()
    b.wait_state("open")
    sign_out(b)
    assert "gatecast" not in cookies(b)
    b.allow("ERR_INTERNET_DISCONNECTED")
    set_offline(b, is_offline)
    try:
        # To the first page and to the last again.
        steps = b.js("return history.length") - 1
        for step in [b.driver.back] * steps + [b.driver.forward] * steps:
            step()
            assert not is_private(b)
            b.wait(lambda: b.js("return document.readyState") == "complete",
                   "the page")
            assert not is_private(b)
    finally:
        set_offline(b, False)
    b.wait(lambda: json.loads(home.gatecast("who", "--json").stdout) == [],
           "nobody there")


def test_back_after_the_end(b, home):
    """Ended by the administrator, with the cookie still there."""
    b.sign_in("alice")
    b.open("/account")
    b.open("/index")
    b.wait_state("open")
    home.gatecast("session", "revoke", "--user", "alice")
    b.wait_path("/login?next=/index")
    for _ in range(2):
        b.driver.back()
        assert not is_private(b)
        b.wait(lambda: b.path().startswith("/login"), "the login")


NEXT = [
    "//EVIL/", "/\\EVIL/", "http:EVIL/", "http://EVIL/", "%2f%2fEVIL/",
    "/\t/EVIL/",
    # These without leaving the page.
    "///EVIL/", "\\\\EVIL/", "/\\/EVIL/", "https:EVIL/", "http:/EVIL/",
    "/\n/EVIL/", "/\r\n/EVIL/", "\t//EVIL/", " //EVIL/", "/%2fEVIL/",
    "/%5cEVIL/", "/%09/EVIL/", "/.//EVIL/", "/..//EVIL/", "@EVIL/",
    "/@EVIL//", ".EVIL/", "javascript:window.pwned=1", "data:text/html,x",
    "/\u2028/EVIL/", "/\uff0fEVIL/"]
NAVIGATED = 6
# Where each leads as the form's field and in the query, by the browser's own
# idea of a URL; a redirect to another site fails.
FOLLOW = """const [csrf, password, variants, done] = arguments;
const follow = (...request) => fetch(...request).then(r => r.url, String);
Promise.all(variants.map(async (next) => [
    await follow("/login", {method: "POST", body: new URLSearchParams(
        {name: "alice", password, csrf, next})}),
    await follow("/login?next=" + next),
    await follow("/login?next=" + encodeURIComponent(next)),
])).then(all => done(all.flat()));"""


def test_no_open_redirect(b, stranger):
    evil = f"evil.localhost:{stranger.port}"
    b.driver.get(f"http://{evil}/seen")
    assert stranger.hits == ["/seen"]
    variants = [v.replace("EVIL", evil) for v in NEXT]
    b.allow("status of 40")  # what is refused at once
    for variant in variants[:NAVIGATED]:
        b.driver.delete_all_cookies()
        b.open("/login")
        b.js("document.querySelector('[name=next]').value = arguments[0]",
             variant)
        b.fill("alice", USERS["alice"])
        b.wait_path("/index")
        b.open("/login?next=" + variant)
        assert b.driver.current_url.startswith(b.url + "/"), variant
    b.driver.delete_all_cookies()
    csrf = token(b, "/login")
    ended = b.driver.execute_async_script(
        FOLLOW, csrf, USERS["alice"], [*variants, "/account"])
    assert ended[-3:] == [b.url + "/account"] * 3
    assert {url.split("?")[0] for url in ended[:-3]} <= \
        {b.url + "/index", b.url + "/login", b.url + "/@" + evil}, ended
    assert stranger.hits == ["/seen"]
