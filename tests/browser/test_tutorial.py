"""A page as tutorials have it (tutorial/index.html), which knows no
subprotocol and puts each line into the page as markup: it works unchanged,
at the address that is written into it."""

import re
import shutil
import socket
import time

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from people import HERE, ROOT, USERS, Site

PORT = 8000  # the page says so
PAGE = "/static/tutorial/index.html"
JQUERY = "/usr/share/javascript/jquery/jquery.min.js"
SAID = re.compile(r"^(.+)-(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)-说:(.*)$", re.S)


class TutorialSite(Site):
    """A site whose static files are a copy of ours and the tutorial's page,
    served by the shipped configuration as it stands."""

    def __init__(self, **kwargs):
        super().__init__(users=USERS, port=PORT, **kwargs)
        tree = self.tree = self.top / "tree"
        (tree / "www").mkdir(parents=True)
        shutil.copytree(ROOT / "scripts", tree / "scripts")
        (tree / "www/templates").symlink_to(ROOT / "www/templates")
        shutil.copytree(ROOT / "www/static", tree / "www/static")
        shutil.copytree(HERE / "tutorial", tree / "www/static/tutorial")
        shutil.copy(JQUERY, tree / "www/static/tutorial/jquery.min.js")

    def command(self):
        ours, *rest = super().command()
        return [ours.replace(str(ROOT), str(self.tree)), *rest]


@pytest.fixture
def room(pool):
    """room(set) gives alice's and bob's browsers on the tutorial's page."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", PORT))
        except OSError as e:
            pytest.fail(f"port {PORT} is needed and taken: {e}")
    close = []

    def enter(set=None):
        site = TutorialSite(set=set)
        close.append(site.close)
        site.start()
        both = []
        for name in "alice", "bob":
            b = pool.take(site.url)
            close.append(lambda b=b: pool.give(b))
            b.allow("favicon.ico", "status of 404")
            b.open(f"/login?next={PAGE}")
            b.fill(name, USERS[name])
            b.wait_path(PAGE)
            b.wait(lambda: f"{name}上线" in lines(b), "the join")
            both.append(b)
        return both

    yield enter
    for f in reversed(close):
        f()


def lines(b):
    return b.js("""return $("#contents p").map((_, p) => $(p).text()).get()""")


def say(b, text):
    b.one("#msg").send_keys(text)
    b.one("#send").click()


def wait_said(b, user, text):
    """The line of it, checked against the server's local clock."""
    def find():
        for line in lines(b):
            m = SAID.match(line)
            if m and m[1] == user and m[3] == text:
                return m
        return None
    found = WebDriverWait(b.driver, 15, 0.05).until(
        lambda _: find(), f"{user}: {text} in {lines(b)}")
    at = time.mktime(time.strptime(found[2], "%Y-%m-%d %H:%M:%S"))
    assert abs(time.time() - at) < 60


def test_lines(room):
    alice, bob = room()
    say(alice, "hello from the tutorial")
    say(bob, "你好")
    for b in alice, bob:
        wait_said(b, "alice", "hello from the tutorial")
        wait_said(b, "bob", "你好")
    bob.close()
    alice.wait(lambda: "bob下线~" in lines(alice), "the leave")
    kinds = [s.split("-")[0] for s in lines(alice)]
    assert kinds.index("bob上线") < kinds.index("alice") < \
        kinds.index("bob") < kinds.index("bob下线~")


MARKUP = "<img src=x onerror=window.pwned=1><b>bold</b> & 'more'"


def test_markup_as_html(room):
    """wsd.plain_lines = html ends the stored XSS such pages have."""
    alice, bob = room({"wsd.plain_lines": "html"})
    say(alice, MARKUP)
    for b in alice, bob:
        wait_said(b, "alice", MARKUP)
        assert b.js("return window.pwned === undefined")
        assert b.all("#contents img, #contents b") == []


def test_markup_raw_is_the_default(room):
    """What the page makes of it is then the page's affair; and the chat
    page shows the same words as text."""
    alice, bob = room()
    bob.open("/index")
    bob.wait_state("open")
    say(alice, "<b>bold</b>")
    wait_said(alice, "alice", "bold")
    assert len(alice.all("#contents b")) == 1
    bob.wait_message("alice", "<b>bold</b>")
