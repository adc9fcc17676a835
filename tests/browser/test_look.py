"""How the pages look: screenshots for a person under build/screenshots, and
what a machine can measure of them."""

import pytest

from people import DESKTOP, PHONE, ROOT, USERS

LOOKS = [(size, scheme) for size in ("desktop", "phone")
         for scheme in ("light", "dark")]
SIZES = {"desktop": DESKTOP, "phone": PHONE}

# WCAG 2.1, 1.4.3, of every text that can be seen: [text, ratio] below 4.5.
POOR_CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d",
    {willReadFrequently: true});
function rgba(color) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
}
function light(c) {
    const [r, g, b] = [...c].slice(0, 3).map(v => v / 255).map(v =>
        v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
}
function paper(el) {
    for (; el; el = el.parentElement) {
        const c = rgba(getComputedStyle(el).backgroundColor);
        if (c[3] === 255)
            return c;
    }
    throw new Error("no paper");
}
const poor = [];
for (const el of document.querySelectorAll("body, body *")) {
    const text = [...el.childNodes].filter(n => n.nodeType === 3)
        .map(n => n.data.trim()).join("") || el.placeholder;
    if (!text || !el.checkVisibility({visibilityProperty: true}))
        continue;
    const color = getComputedStyle(el,
        el.placeholder ? "::placeholder" : null).color;
    const [a, b] = [light(rgba(color)), light(paper(el))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5)
        poor.push([text, ratio]);
}
return poor;
"""


def check(b):
    assert b.js(POOR_CONTRAST) == []
    assert b.js("""const page = document.documentElement;
        return [page.scrollWidth - innerWidth,
            page.scrollHeight - innerHeight];""") == [0, 0]


@pytest.mark.parametrize("size, scheme", LOOKS)
def test_login(make_browser, size, scheme):
    b = make_browser("zh-CN" if scheme == "dark" else "en-GB")
    b.allow("status of 401")
    b.look(SIZES[size], scheme)
    b.open("/login")
    check(b)
    b.shoot(f"login-{size}-{scheme}")
    b.fill("alice", "not the password")
    check(b)
    b.shoot(f"login-wrong-{size}-{scheme}")


def test_error(make_browser):
    b = make_browser()
    b.allow("status of 404")
    b.look()
    b.open("/nothing-here")
    check(b)
    b.shoot("error-desktop-light")


TALK = [
    ("bob", "Good morning. The new build is up, and it looks calm."),
    ("bob", "Shall we go through the list at ten?"),
    ("林晓雨", "早上好！十点没问题。登录页的缓存时间我已经改好了。"),
    ("bob", "https://example.org/a/long/address/that/does/not/want/to/wrap/"
     "because-it-has-no-spaces-whatsoever-in-it"),
    ("林晓雨", "صباح الخير جميعًا"),
    ("bob", "<b>bold?</b> No, just text."),
]


@pytest.mark.parametrize("size, scheme", LOOKS)
def test_chat(make_browser, make_site, size, scheme):
    site = make_site()
    zh = scheme == "dark"
    bob = make_browser(on=site).sign_in("bob")
    lin = make_browser("zh-CN", on=site).sign_in("林晓雨")
    b = make_browser("zh-CN" if zh else "en-GB", on=site)
    b.look(SIZES[size], scheme)
    b.sign_in("alice")
    check(b)
    b.shoot(f"chat-empty-{size}-{scheme}")
    speakers = {"bob": bob, "林晓雨": lin}
    for user, text in TALK:
        speakers[user].say(text)
        b.wait_message(user, text)
    b.one("#text").send_keys("At ten, then. Three points:")
    b.js("""const box = document.querySelector("#text");
        box.value += "\\n1. what broke\\n2. what we learned";
        box.dispatchEvent(new Event("input"));""")
    b.say("")
    b.wait(lambda: b.messages()[-1][2] == "sent", "the message")
    check(b)
    b.shoot(f"chat-{size}-{scheme}")
    if size == "phone":
        b.one("#people-toggle").click()
        check(b)
        b.shoot(f"people-{size}-{scheme}")


def transferred(b):
    """{address: bytes} of this page, as they are before any compression."""
    return dict(b.js("""
        return [...performance.getEntriesByType("navigation"),
            ...performance.getEntriesByType("resource")]
            .filter(e => e.name.startsWith(location.origin))
            .map(e => [e.name, e.decodedBodySize]);"""))


def test_size(make_browser):
    """No build step: what is written is what is sent at a first visit."""
    b = make_browser()
    b.open("/login?next=/index")
    got = transferred(b)
    b.fill("alice", USERS["alice"])
    b.wait_path("/index")
    b.wait_state("open")
    got.update(transferred(b))
    print(sum(got.values()), got)
    assert any(name.endswith("/chat.js") for name in got)
    # The worker fetches its own file.
    worker = (ROOT / "www/static/js/worker.js").stat().st_size
    assert sum(got.values()) + worker <= 60 * 1024


SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const e of list.getEntries())
            shifts.push(...e.sources
                .filter((s) => s.node?.id !== "lines")
                .map((s) => [s.node?.id || s.node?.className ||
                    s.node?.nodeName || "removed",
                    s.previousRect.toJSON(), s.currentRect.toJSON()]));
    }).observe({type: "layout-shift", buffered: true});"""


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nothing_shifts(make_browser, site, size):
    """What stands on a page stays where it is while the rest comes in; the
    lines of the log do, from below."""
    b = make_browser()
    b.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": SHIFTS})
    # A page that comes in parts, as on a busy or an old machine.
    b.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 4})
    b.look(size)
    b.open("/login?next=/index")
    assert b.js("return shifts") == []
    b.fill("alice", USERS["alice"])
    b.wait_path("/index")
    b.wait_state("open")
    b.wait(lambda: b.online() == ["alice"], "the list")
    assert b.js("return shifts") == []
    b.say("here")
    b.wait_message("alice", "here", "sent")
    b.open("/index")
    b.wait_message("alice", "here")
    b.wait(lambda: b.online() == ["alice"], "the list")
    assert b.js("return shifts") == []
    b.open("/account")
    assert b.js("return shifts") == []
    b.js("document.body.style.marginTop = '9em'")
    b.wait(lambda: b.js("return shifts.length") > 0, "one that is seen")
