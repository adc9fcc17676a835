"""Sites and browsers for the tests. When a test is over, a browser's console
must hold nothing that the test did not announce."""

import pytest

from people import USERS, Pool, Site
from stranger import Stranger


@pytest.fixture(scope="session")
def site():
    s = Site(users=USERS)
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture(scope="session")
def pool():
    p = Pool()
    yield p
    p.close()


@pytest.fixture
def make_site():
    """Makes sites of the test's own: make_site(set={...})."""
    made = []

    def make(**kwargs):
        made.append(Site(**{"users": USERS, **kwargs}))
        return made[-1].start()

    yield make
    for s in made:
        s.close()


@pytest.fixture
def make_browser(pool, site, make_site):
    """Makes browsers of the test's own, on the shared site or another; they
    have left it before the sites of make_site are gone."""
    made = []

    def make(lang="en-GB", on=None, prefs=None):
        made.append(pool.take((on or site).home, lang, prefs))
        return made[-1]

    yield make
    try:
        for b in made:
            b.check_console()
    finally:
        for b in made:
            pool.give(b)


@pytest.fixture(scope="module")
def shared(pool, site):
    """Browsers of alice and bob that a module's tests share."""
    both = pool.take(site.url), pool.take(site.url)
    try:
        for b, name in zip(both, ("alice", "bob")):
            b.sign_in(name)
        yield both
    finally:
        for b in both:
            pool.give(b)


@pytest.fixture
def alice_and_bob(shared):
    for b in shared:
        b.look()
        b.open("/index")
        b.wait_state("open")
    yield shared
    for b in shared:
        b.check_console()


@pytest.fixture(scope="module")
def home():
    """A module's own site, where one may talk as fast as one likes."""
    site = Site(users=USERS, set={"wsd.user_rate": 0,
                                  "wsd.leave_grace_s": 0})
    try:
        yield site.start()
    finally:
        site.close()


@pytest.fixture
def b(pool, home):
    """A browser on it, signed out."""
    browser = pool.take(home.url)
    try:
        yield browser
        browser.check_console()
    finally:
        pool.give(browser)


@pytest.fixture
def stranger():
    s = Stranger()
    yield s
    s.close()
