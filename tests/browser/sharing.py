"""Scripts that run in a page before its own, and browsers without a
SharedWorker."""

import contextlib

NO_WORKER = "delete window.SharedWorker;"
BROKEN_WORKER = """window.SharedWorker = class {
    port = new MessageChannel().port1;
};"""


@contextlib.contextmanager
def at_start(b, script):
    """Runs script in every page of this tab before its own scripts."""
    known = b.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        yield
    finally:
        b.driver.execute_cdp_cmd(
            "Page.removeScriptToEvaluateOnNewDocument", known)
