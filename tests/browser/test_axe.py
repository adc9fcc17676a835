"""An audit of every page by axe-core, with all of its rules: those of
WCAG 2.0 to 2.2 A and AA, and what it calls good practice."""

import functools
import json

import pytest

from people import PHONE, DESKTOP, ROOT
from states import (LANGS, THEMES, choose, signed_in, signed_out, talk,
                    throttled)
from test_look import POOR_CONTRAST

AXE = ROOT / "build/browser/node_modules/axe-core/axe.min.js"

RUN = """
const done = arguments[0];
axe.run(document, {
    resultTypes: ["violations"],
    rules: {"target-size": {enabled: true}},
}).then(r => done(r.violations.map(v => [v.id, v.help,
    ...v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary)])),
    e => done([String(e)]));
"""


@functools.cache
def source():
    assert AXE.exists(), f"{AXE} is missing: make browser"
    return AXE.read_text()


def audit(b, state):
    if not b.js("return 'axe' in window"):
        b.js(source())
    found = b.driver.execute_async_script(RUN)
    # Before the gate's arches axe cannot tell.
    found += b.js(POOR_CONTRAST)
    assert found == [], f"{state}: {json.dumps(found, indent=1)}"


ALL = [(theme, lang) for theme in THEMES for lang in LANGS]
TWO = list(zip(THEMES, LANGS))  # enough where only words are added


def in_looks(b, lead, state, looks, sizes=(DESKTOP, PHONE)):
    for theme, lang in looks:
        choose(b, theme, lang)
        lead()
        assert b.js("return [document.documentElement.dataset.theme, "
                    "document.documentElement.lang]") == [theme, lang]
        for size in sizes:
            b.look(size)
            audit(b, f"{state} {lang} {theme} {size}")


def test_the_audit_can_fail(make_browser):
    b = make_browser()
    b.open("/login")
    audit(b, "as it is")
    b.js("""document.querySelector("label").remove();
        document.querySelector("h1").style.color = "#999";""")
    with pytest.raises(AssertionError) as e:
        audit(b, "broken")
    assert '"label"' in str(e.value) and '"Sign in"' in str(e.value)


def test_signed_out(make_browser):
    b = make_browser()
    b.allow("status of 40")
    b.open("/login")
    for state, lead in signed_out(b):
        in_looks(b, lead, state, ALL)


def test_throttled(make_browser, make_site):
    b = make_browser(on=make_site(set={"login.throttle": "yes"}))
    b.allow("status of 4")
    throttled(b)
    audit(b, "throttled")


def test_account(make_browser):
    make_browser().sign_in("alice")
    b = make_browser().sign_in("alice")
    b.allow("status of 4")
    for state, lead in signed_in(b):
        if state == "account":
            in_looks(b, lead, state, ALL)
        else:
            in_looks(b, lead, state, TWO, (PHONE,))


def test_chat(make_browser, make_site):
    site = make_site()
    talk(make_browser, site)
    b = make_browser(on=site).sign_in("alice")
    b.say("At ten, then.")

    def lead():
        b.look(DESKTOP)
        b.open("/index")
        b.wait_message("alice", "At ten, then.")
        b.wait_state("open")

    in_looks(b, lead, "chat", ALL)
    b.one("#people-toggle").click()
    audit(b, "people")
