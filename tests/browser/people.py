"""A browser for the tests: Debian's chromium with a fresh profile, or one that
is as good as fresh, and what people do in it on our pages."""

import collections
import importlib.util
import pathlib
import shutil
import tempfile
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import (NoSuchElementException,
                                        StaleElementReferenceException,
                                        WebDriverException)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCREENSHOTS = ROOT / "build/screenshots"
DESKTOP = (1280, 800)
PHONE = (390, 844)
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic
--no-first-run --disable-background-networking --disable-component-update
--disable-sync --disable-dev-shm-usage --hide-scrollbars""".split()
USERS = {"alice": "alice's passphrase", "bob": "bob's passphrase",
         "林晓雨": "晓雨的长密码"}


def load_site():
    """tests/system's Site, whose conftest is not ours to import by name."""
    spec = importlib.util.spec_from_file_location(
        "gatecast_site", ROOT / "tests/system/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Site


Site = load_site()


class Browser:
    """One chromium and what people do in it."""

    def __init__(self, url, lang="en-GB", prefs=None):
        self.url = url
        self.kind = lang, repr(prefs)
        self.allowed = []
        self.profile = tempfile.mkdtemp(prefix="gatecast-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in FLAGS:
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={self.profile}")
        options.add_argument(f"--window-size={DESKTOP[0]},{DESKTOP[1]}")
        options.add_experimental_option(
            "prefs", {"intl.accept_languages": lang, **(prefs or {})})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(
            service=Service("/usr/bin/chromedriver"), options=options)

    def close(self):
        """May be called again."""
        if self.driver is None:
            return
        self.driver.quit()
        self.driver = None
        shutil.rmtree(self.profile, ignore_errors=True)

    def begin_anew(self):
        """Back to what a new one is: one tab, which has been nowhere, no
        cookie, nothing stored or cached, and no word on the console."""
        old = self.driver.window_handles
        self.driver.switch_to.new_window("tab")
        fresh = self.driver.current_window_handle
        for handle in old:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(fresh)
        for command, what in (
                ("Network.clearBrowserCookies", {}),
                ("Network.clearBrowserCache", {}),
                ("Storage.clearDataForOrigin",
                 {"origin": urllib.parse.urljoin(self.url, "/"),
                  "storageTypes": "all"})):
            self.driver.execute_cdp_cmd(command, what)
        self.driver.get_log("browser")
        self.allowed = []

    # --- looking --------------------------------------------------------

    def wait(self, check, what, timeout=15):
        """Polls until check() is true, and gives what it returned. An element
        of a page that is just being left is none."""
        return WebDriverWait(
            self.driver, timeout, 0.05,
            [NoSuchElementException, StaleElementReferenceException],
        ).until(lambda _: check(), what)

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def path(self):
        return self.driver.current_url.removeprefix(self.url)

    def wait_path(self, path):
        self.wait(lambda: self.path() == path, f"the page {path}")

    def check_console(self):
        """No script error, no CSP violation, no failed request."""
        found = [e["message"] for e in self.driver.get_log("browser")
                 if e["level"] in ("SEVERE", "WARNING")]
        unexpected = [m for m in found
                      if not any(a in m for a in self.allowed)]
        assert unexpected == [], unexpected

    def allow(self, *parts):
        """Console lines with one of these in them are expected."""
        self.allowed += parts

    def look(self, size=DESKTOP, scheme="light"):
        """Emulates a screen and its colour scheme."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "mobile": size == PHONE,
            "deviceScaleFactor": 2 if size == PHONE else 1})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def shoot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    # --- signing in -----------------------------------------------------

    def open(self, path):
        self.driver.get(self.url + path)

    def fill(self, name, password):
        """Fills the sign-in form and sends it."""
        for css, value in ("#name", name), ("#password", password):
            field = self.one(css)
            field.clear()
            field.send_keys(value)
        old = self.one("html")
        self.one("#login .main").click()
        self.wait_gone(old)

    def wait_gone(self, element):
        self.wait(lambda: is_gone(element), "the answer to the form")

    def sign_in(self, name):
        self.open("/login")
        self.fill(name, USERS[name])
        self.wait_path("/index")
        self.wait_state("open")
        return self

    # --- talking --------------------------------------------------------

    def state(self):
        return self.one("#state").get_attribute("data-state")

    def wait_state(self, *states, timeout=20):
        self.wait(lambda: self.state() in states, f"state {states}", timeout)

    def say(self, text):
        self.one("#text").send_keys(text + "\n")

    def messages(self):
        """[(user, text, state)] from top to bottom; the state of others'
        messages is None."""
        return [tuple(m) for m in self.js("""
            return [...document.querySelectorAll("#lines .message")].map(m => [
                m.querySelector(".who").textContent,
                m.querySelector(".text").textContent,
                m.dataset.state ?? null]);""")]

    def count(self, user, text):
        return sum(m[:2] == (user, text) for m in self.messages())

    def wait_message(self, user, text, state=None, timeout=20):
        self.wait(lambda: (user, text, state) in self.messages(),
                  f"{user}: {text} ({state})", timeout)

    def online(self):
        return self.js("""return [...document.querySelectorAll(
            "#people li .who")].map(e => e.textContent);""")


class Pool:
    """Browsers between two tests: a start costs more than most tests."""

    def __init__(self):
        self.idle = collections.defaultdict(list)

    def take(self, url, lang="en-GB", prefs=None):
        idle = self.idle[lang, repr(prefs)]
        if not idle:
            return Browser(url, lang, prefs)
        b = idle.pop()
        b.url = url
        return b

    def give(self, b):
        if b.driver is None:
            return
        try:
            b.begin_anew()
        except WebDriverException:
            b.close()
        else:
            self.idle[b.kind].append(b)

    def close(self):
        for idle in self.idle.values():
            for b in idle:
                b.close()


def is_gone(element):
    """Whether its page has been replaced."""
    try:
        element.is_enabled()
        return False
    except Exception as e:
        return type(e).__name__ in ("StaleElementReferenceException",
                                    "NoSuchElementException")
