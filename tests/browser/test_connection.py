"""When the connection goes: it comes back when there is reason to hope and
not before, says what it could not get back, and older messages come as far
back as the server has them."""

import contextlib
import os
import signal

import pytest

# Options of connect() that wait ten minutes, so that nothing comes back by
# its own backoff.
PATIENT = """
    const done = arguments[0];
    Math.random = () => 1;
    window.states = [];
    import("/static/js/gatecast.js").then(({connect}) => {
        window.cast = connect({shared: false, backoffBase: 600e3,
            backoffMax: 600e3});
        cast.on("state", (s) => states.push({...s, at: Date.now()}));
        done();
    });"""

SPEAK = """
    const [n, done] = arguments;
    import("/static/js/gatecast.js").then(async ({connect}) => {
        const cast = connect({shared: false});
        let last;
        for (let i = 0; i < n; i++)
            last = cast.send(`number ${i}`).done;
        await last;
        cast.close();
        done();
    });"""


def emulate_network(b, is_offline):
    b.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
        "offline": is_offline, "latency": 0, "downloadThroughput": -1,
        "uploadThroughput": -1})


@contextlib.contextmanager
def without(site, name):
    """That program is dead meanwhile, and nobody starts it again."""
    os.kill(site.process.pid, signal.SIGSTOP)
    try:
        os.kill(site.pid(name), signal.SIGKILL)
        yield
    finally:
        os.kill(site.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("reason", [
    "cast.retryNow()",
    "window.dispatchEvent(new Event('online'))",
    "document.dispatchEvent(new Event('visibilitychange'))"])
def test_a_reason_to_hope(make_browser, site, reason):
    """Ten minutes are left, and it is there at once."""
    b = make_browser().sign_in("alice")
    b.allow("WebSocket connection to", "/session", "/websocket")
    b.open("/static/example/board.html")
    b.driver.execute_async_script(PATIENT)
    b.wait(lambda: b.js("return cast.state") == "open", "the channel")
    old = site.pid("wsd")
    site.kill("wsd")
    assert site.pid("wsd") != old
    b.wait(lambda: b.js("return cast.state") == "waiting", "the loss")
    last = b.js("return states.at(-1)")
    assert last["retryAt"] - last["at"] > 590e3
    b.js(reason)
    b.wait(lambda: b.js("return cast.state") == "open", "the channel", 30)
    b.js("cast.close()")


def test_full_jitter(make_browser, make_site):
    """The n-th wait is evenly below the smaller of 30 s and 0.5 s doubled n
    times."""
    b = make_browser(on=make_site()).sign_in("alice")
    waits = b.driver.execute_async_script("""
        const done = arguments[0];
        const delays = [];
        window.WebSocket = class {
            constructor() { setTimeout(() => this.onclose({code: 1006})); }
            close() {}
        };
        const later = window.setTimeout;
        import("/static/js/gatecast.js").then(({connect}) => {
            const cast = connect({shared: false, session: null});
            cast.on("state", ({state, retryAt}) => {
                if (state !== "waiting")
                    return;
                delays.push(retryAt - Date.now());
                if (delays.length === 300) {
                    cast.close();
                    done(delays);
                } else {
                    later(() => cast.retryNow());
                }
            });
        });""")
    for n, wait in enumerate(waits):
        assert -20 <= wait <= min(30e3, 500 * 2 ** n)
    late = waits[10:]
    assert min(late) < 3e3 and max(late) > 27e3
    assert 13e3 < sum(late) / len(late) < 17e3


# The first connection tells the page nothing but its hello, and ends when
# somebody else has heard what was said over it.
UNACKNOWLEDGED = """
    const [once, then, done] = arguments;
    const heard = [];
    let first = null;
    window.WebSocket = class extends WebSocket {
        constructor(...args) {
            super(...args);
            first ??= this;
        }
        set onmessage(take) {
            super.onmessage = (e) => {
                if (this !== first || JSON.parse(e.data).type === "hello")
                    take(e);
            };
        }
    };
    import("/static/js/gatecast.js").then(async ({connect}) => {
        const open = (cast) => new Promise((settle) =>
            cast.on("hello", () => settle(cast)));
        const cast = await open(connect({shared: false}));
        const other = await open(connect({shared: false}));
        other.on("message", ({text}) => {
            heard.push(text);
            if (text === once)
                first.close();
            if (text !== then)
                return;
            cast.close();
            other.close();
            done(heard);
        });
        await cast.send(once).done;
        cast.send(then);
    });"""


def test_unacknowledged_is_said_once(make_browser, site):
    """It was heard, the acknowledgement was lost, and it is sent again."""
    b = make_browser().sign_in("alice")
    b.open("/static/example/board.html")
    texts = ["is said once", "and then this"]
    heard = b.driver.execute_async_script(UNACKNOWLEDGED, *texts)
    assert [t for t in heard if t in texts] == texts


def test_offline(make_browser, make_site):
    """The state says whose fault it is, and what is written waits."""
    site = make_site()
    b = make_browser(on=site).sign_in("alice")
    b.allow("WebSocket connection to", "/session", "INTERNET_DISCONNECTED")
    emulate_network(b, True)
    try:
        with without(site, "wsd"):
            # Each new try is "Connecting…" for a moment.
            b.wait(lambda: "You are offline" in b.one("#state").text, "it")
            b.say("written offline")
            b.wait_message("alice", "written offline", "pending")
    finally:
        emulate_network(b, False)
    b.wait_state("open", timeout=40)
    b.wait_message("alice", "written offline", "sent")
    assert b.count("alice", "written offline") == 1


def test_gap(make_browser, make_site):
    """More was said meanwhile than the server keeps: the reader is told."""
    site = make_site(set={"wsd.history_messages": 3})
    b = make_browser(on=site).sign_in("alice")
    b.allow("WebSocket connection to", "/session")
    site.gatecast("publish", "before")
    b.wait(lambda: "before" in b.one("#lines").text, "it")
    with without(site, "web"):
        b.wait_state("waiting", "connecting")
        for i in range(8):
            site.gatecast("publish", f"notice {i}")
    b.wait_state("open", timeout=40)
    b.wait(lambda: "notice 7" in b.one("#lines").text, "the newest")
    # Without who came back meanwhile.
    lines = [text for text in (li.text for li in b.all("#lines .text"))
             if "alice" not in text and text]
    at = lines.index("Some messages are missing here")
    assert lines.index("before") < at
    assert lines[at + 1:] == ["notice 5", "notice 6", "notice 7"]


def test_back_to_the_first(make_browser, make_site):
    """Older messages on the way up, to the first one, each once; the reader
    stays at the line they were at."""
    n = 230
    site = make_site(set={"wsd.user_rate": 0})
    b = make_browser(on=site).sign_in("alice")
    b.driver.set_script_timeout(60)
    b.driver.execute_async_script(SPEAK, n)
    b.open("/index")
    b.wait_message("alice", f"number {n - 1}")

    def numbers():
        return [int(text.removeprefix("number "))
                for _, text, _ in b.messages()]

    shown = numbers()
    assert 50 <= len(shown) < n
    while shown[0] > 0:
        b.js("""window.log_ = document.getElementById("log");
            window.first = document.querySelector("#lines .message");
            log_.scrollTop = 1;
            window.top_ = first.querySelector(".text")
                .getBoundingClientRect().top;""")
        b.wait(lambda: numbers()[0] < shown[0], "older ones")
        moved = b.js("""return Math.abs(first.querySelector(".text")
            .getBoundingClientRect().top - top_);""")
        # The first line of a page has the day above it, for a while.
        assert moved < 60
        shown = numbers()
    assert shown == list(range(n))
    b.js("log_.scrollTop = 0")
    assert numbers() == shown


def test_days_and_runs(alice_and_bob):
    """One name over what somebody says within a minute; a heading where the
    day changes, in the reader's own time."""
    alice, _ = alice_and_bob
    alice.driver.execute_cdp_cmd(
        "Emulation.setTimezoneOverride", {"timezoneId": "Asia/Shanghai"})
    try:
        alice.open("/index")
        got = alice.driver.execute_async_script("""
            const [done] = arguments;
            import("/static/js/log.js").then(({Log}) => {
                const list = document.createElement("ol");
                const log = new Log(list, {isAtBottom: true, toBottom() {},
                    keeping(f) { f(); }}, () => {});
                const said = [["bob", "2026-03-01T15:58:01Z"],
                    ["bob", "2026-03-01T15:58:59Z"],
                    ["bob", "2026-03-01T15:59:00Z"],
                    ["eve", "2026-03-01T15:59:01Z"],
                    ["eve", "2026-03-01T16:00:00Z"],
                    ["eve", "2026-03-01T16:00:30Z"]];
                said.forEach(([user, time], i) =>
                    log.add("message", {user, seq: i + 1, text: "…", time}));
                done([...list.children].map(li => [
                    li.querySelector(".day")?.textContent ?? null,
                    li.classList.contains("follow"),
                    li.querySelector("time").textContent]));
            });""")
    finally:
        alice.driver.execute_cdp_cmd(
            "Emulation.setTimezoneOverride", {"timezoneId": ""})
    assert [(day, is_follow) for day, is_follow, _ in got] == [
        ("Sunday 1 March", False), (None, True), (None, False),
        (None, False), ("Monday 2 March", False), (None, True)]
    assert [time for _, _, time in got][::4] == ["23:58", "0:00"] or \
        [time for _, _, time in got][::4] == ["23:58", "00:00"]
