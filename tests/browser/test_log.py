"""The log's order and identity (www/static/js/log.js) by itself: every order
in which a message and its acknowledgement can come."""

import pytest

# Runs steps on a Log of alice's and gives the lines after each step:
# text:state of each, from top to bottom.
RUN = """
const [steps, done] = arguments;
import("/static/js/log.js").then(({Log}) => {
    const list = document.createElement("ol");
    const scroll = {isAtBottom: true, toBottom() {}, keeping(f) { f(); }};
    const log = new Log(list, scroll, () => {});
    log.me = "alice";
    const time = "2026-01-02T03:04:05.678Z";
    const does = {
        pending: (ref, text) => log.addPending(ref, text),
        ack: (ref, seq) => log.acked(ref, seq),
        fail: (ref) => log.failed(ref, "too_fast"),
        message: (user, seq, text) => log.add("message", {user, seq, text, time}),
        gap: (seq) => log.add("gap", {seq}),
        restart: () => { log.newGeneration(); log.add("fresh", {seq: -1}); },
        discard: () => list.querySelector("[data-action=discard]").click(),
    };
    done(steps.map(([name, ...args]) => {
        does[name](...args);
        return [...list.children].map(li =>
            (li.matches(".gap, .fresh") ? li.classList[1]
                : li.querySelector(".text").textContent) +
            (li.dataset.state ? ":" + li.dataset.state : "")).join(" ");
    }));
}, (e) => done([String(e)]));
"""

CASES = {
    "ack first": [
        (["pending", "r1", "x"], "x:pending"),
        (["ack", "r1", 5], "x:sent"),
        (["message", "alice", 5, "x"], "x:sent"),
        (["message", "alice", 5, "x"], "x:sent"),
    ],
    "broadcast first": [
        (["pending", "r1", "x"], "x:pending"),
        (["message", "alice", 5, "x"], "x:sent"),
        (["ack", "r1", 5], "x:sent"),
    ],
    "the same text twice, crosswise": [
        (["pending", "r1", "x"], "x:pending"),
        (["pending", "r2", "x"], "x:pending x:pending"),
        (["message", "alice", 5, "x"], "x:sent x:pending"),
        (["ack", "r2", 5], "x:sent x:pending"),
        (["ack", "r1", 6], "x:sent x:sent"),
        (["message", "alice", 6, "x"], "x:sent x:sent"),
        (["pending", "r3", "x"], "x:sent x:sent x:pending"),
    ],
    "from another tab": [
        (["message", "alice", 5, "x"], "x"),
        (["pending", "r1", "x"], "x x:pending"),
        (["message", "alice", 6, "y"], "x y x:pending"),
        (["ack", "r1", 7], "x y x:sent"),
    ],
    "others stand above what is pending": [
        (["pending", "r1", "x"], "x:pending"),
        (["message", "bob", 5, "b"], "b x:pending"),
        (["ack", "r1", 6], "b x:sent"),
        (["message", "alice", 6, "x"], "b x:sent"),
        (["message", "bob", 7, "c"], "b x:sent c"),
    ],
    "history and gap": [
        (["message", "bob", 9, "nine"], "nine"),
        (["message", "bob", 7, "seven"], "seven nine"),
        (["gap", 8], "seven gap nine"),
        (["message", "bob", 8, "eight"], "seven gap eight nine"),
        (["message", "bob", 7, "seven"], "seven gap eight nine"),
    ],
    "failed, then thrown away": [
        (["pending", "r1", "x"], "x:pending"),
        (["pending", "r2", "y"], "x:pending y:pending"),
        (["fail", "r1"], "x:failed y:pending"),
        (["message", "alice", 5, "x"], "x x:failed y:pending"),
        (["discard"], "x y:pending"),
    ],
    "a new epoch counts from the start": [
        (["message", "bob", 5, "old"], "old"),
        (["pending", "r1", "x"], "old x:pending"),
        (["pending", "r2", "y"], "old x:pending y:pending"),
        (["ack", "r1", 6], "old x:sent y:pending"),
        (["restart"], "old x:sent fresh y:pending"),
        (["message", "bob", 5, "new"], "old x:sent fresh new y:pending"),
        (["ack", "r2", 6], "old x:sent fresh new y:sent"),
    ],
    "broadcast in one epoch, acknowledged in the next": [
        (["pending", "r1", "x"], "x:pending"),
        (["message", "alice", 5, "x"], "x:sent"),
        (["restart"], "x:sent fresh"),
        (["message", "alice", 2, "x"], "x:sent fresh x"),
        (["ack", "r1", 2], "fresh x"),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_order(alice_and_bob, case):
    alice, _ = alice_and_bob
    steps = [step for step, _ in CASES[case]]
    got = alice.driver.execute_async_script(RUN, steps)
    assert list(zip(steps, got)) == \
        [(step, lines) for step, lines in CASES[case]]
