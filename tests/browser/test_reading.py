"""Reading along: links, who came and went, what is new, what was before, and
what one had begun to write."""

import json

import pytest

from test_chat import fresh

LINKS = [
    ("see https://example.org/a_(b).", ["https://example.org/a_(b)"]),
    ("(http://example.org/?q=1&r=2), yes",
     ["http://example.org/?q=1&r=2"]),
    ("见https://example.org/路径。后面", ["https://example.org/路径"]),
    ("见 https://example.org/x。后面", ["https://example.org/x"]),
    ("javascript:alert(1) data:text/html,x ftp://example.org", []),
    ("http://[bad https://u:p@", []),
    ("https://a.example https://b.example/\nhttps://c.example",
     ["https://a.example", "https://b.example/", "https://c.example"]),
    ("https://example.org/\"onmouseover=\"window.pwned=1",
     ["https://example.org/"]),
]


@pytest.mark.parametrize("text, links", LINKS)
def test_links(alice_and_bob, text, links):
    alice, bob = alice_and_bob
    alice.js("""const box = document.querySelector("#text");
        box.value = arguments[0];
        box.form.requestSubmit();""", text)
    bob.wait_message("alice", text)
    found = bob.js("""
        const all = document.querySelectorAll("#lines .message");
        return [...all[all.length - 1].querySelectorAll("a")].map(a =>
            [a.textContent, a.getAttribute("href"), a.target, a.rel])""")
    assert [f[0] for f in found] == links
    for words, href, target, rel in found:
        assert words == href and target == "_blank" and "noopener" in rel


def presence(b):
    return b.js("""return [...document.querySelectorAll(
        "#lines :is(.join, .leave) .text")].filter(p => p.checkVisibility())
        .map(p => p.textContent.replace(/[\\u2068\\u2069]/g, ""))""")


def test_joins_are_one_line(alice_and_bob):
    alice, _ = alice_and_bob
    got = alice.driver.execute_async_script("""
        const [done] = arguments;
        import("/static/js/log.js").then(({Log}) => {
            const list = document.createElement("ol");
            document.body.append(list);
            const log = new Log(list, {isAtBottom: true, toBottom() {},
                keeping(f) { f(); }}, () => {});
            log.me = "alice";
            const steps = ["join bob", "join carol", "leave bob", "leave dave",
                "message bob", "join eve", "leave eve", "join x1", "join x2",
                "join x3", "join x4", "join x5", "join x6", "join alice"];
            done(steps.map((step, i) => {
                const [kind, user] = step.split(" ");
                log.add(kind, {user, seq: i + 1, text: "…",
                    time: "2026-01-02T03:04:05.678Z"});
                return [...list.querySelectorAll(".text")]
                    .filter(p => p.checkVisibility())
                    .map(p => p.textContent.replace(/[\\u2068\\u2069]/g, ""));
            }));
            list.remove();
        });""")
    assert got[1] == ["bob and carol joined"]
    assert got[2] == ["carol joined"]
    assert got[3] == got[4][:1] == ["carol joined. dave left"]
    assert got[6] == ["carol joined. dave left", "…"]
    assert got[13][2] == \
        "You joined. x1, x2, x3, x4, x5 and 1 more joined"


def test_what_is_new(alice_and_bob):
    """A line above the first that the reader has not seen; the count in the
    title while the page is hidden."""
    alice, bob = alice_and_bob
    alice.js("""Object.defineProperty(document, "visibilityState",
        {configurable: true, get: () => window.seen ?? "hidden"});""")
    first, second = fresh("first"), fresh("second")
    bob.say(first)
    bob.say(second)
    alice.wait_message("bob", second)
    assert alice.js("return document.title").startswith("(2) ")
    mark = "return document.querySelector('.mark')?.parentElement" \
        ".querySelector('.text').textContent"
    assert alice.js(mark) == first
    alice.js("""window.seen = "visible";
        document.dispatchEvent(new Event("visibilitychange"));""")
    assert not alice.js("return document.title").startswith("(")
    alice.say(fresh("answer"))
    assert alice.all(".mark") == []


def test_notifications(alice_and_bob):
    """Asked for by a click alone; then one while the page is hidden."""
    alice, bob = alice_and_bob
    alice.js("""
        window.raised = [], window.asked = 0;
        window.Notification = class {
            static permission = "default";
            static async requestPermission() {
                window.asked++;
                return Notification.permission = "granted";
            }
            constructor(title, {body}) { raised.push([title, body]); }
        };
        Object.defineProperty(document, "visibilityState",
            {configurable: true, get: () => "hidden"});""")
    before, after = fresh("before"), fresh("after")
    bob.say(before)
    alice.wait_message("bob", before)
    assert alice.js("return [raised.length, asked]") == [0, 0]
    alice.one("#notify").click()
    alice.wait(lambda: alice.one("#notify").text == "No more notifications",
               "the button")
    bob.say(after)
    alice.wait(lambda: alice.js("return raised") == [["bob", after]], "it")
    alice.one("#notify").click()
    assert alice.one("#notify").text == "Notify me of new messages"


def test_draft_survives(alice_and_bob):
    alice, _ = alice_and_bob
    text = fresh("not yet sent")
    alice.one("#text").send_keys(text)
    alice.driver.refresh()
    alice.wait_state("open")
    assert alice.one("#text").get_property("value") == text
    assert "empty" not in alice.one("#composer").get_attribute("class")
    alice.say("")
    alice.wait_message("alice", text, "sent")
    alice.driver.refresh()
    alice.wait_message("alice", text)
    assert alice.one("#text").get_property("value") == ""


def test_draft_survives_the_end_of_a_session(make_browser, site):
    b = make_browser().sign_in("林晓雨")
    b.one("#text").send_keys("half a thou")
    site.gatecast("session", "revoke", "--user", "林晓雨")
    b.wait_path("/login?next=/index")
    b.fill("alice", "alice's passphrase")
    b.wait_path("/index")
    assert b.one("#text").get_property("value") == ""
    b.one("#logout").click()
    b.wait(lambda: b.path().startswith("/login"), "the login")
    b.fill("林晓雨", "晓雨的长密码")
    b.wait_path("/index")
    assert b.one("#text").get_property("value") == "half a thou"
    b.one("#logout").click()
    b.wait(lambda: b.path().startswith("/login"), "the login")
    assert json.loads(b.js("return JSON.stringify(sessionStorage)")) == {}


def test_long_and_right_to_left(alice_and_bob):
    """Nothing is wider than the page, and a name keeps its place."""
    alice, bob = alice_and_bob
    long = "w" * 2000 + " 👩‍👩‍👧‍👦 " + "字" * 600
    arabic = fresh("مرحبا بالعالم!")
    for text in long, arabic:
        bob.js("""const box = document.querySelector("#text");
            box.value = arguments[0];
            box.form.requestSubmit();""", text)
        alice.wait_message("bob", text)
    for size in (390, 844), (1280, 800):
        alice.look(size)
        assert alice.js("""const log = document.querySelector("#log");
            return [log.scrollWidth - log.clientWidth,
                document.documentElement.scrollWidth - innerWidth];""") \
            == [0, 0]
    assert alice.js("""const all = document.querySelectorAll(".message .text");
        const last = all[all.length - 1];
        return getComputedStyle(last).direction;""") == "rtl"
