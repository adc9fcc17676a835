"""A browser for the login pages, whose every header and cookie can be given,
and the sites it visits. own_site and https_site are for fixtures."""

import html
import http.client
import json
import re
from urllib.parse import urlencode

from conftest import free_port, running

TOKEN = re.compile(r"v1\.([a-z0-9]{1,8})\.([\w-]{22})\.([\w-]{43})")
B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FORM = "application/x-www-form-urlencoded"
NEW = "another passphrase"


def own_site():
    """Its users and sessions may be changed. Its Argon2 costs enough for its
    time to be seen."""
    yield from running(set={"login.argon2_memory_kib": 16384})


def https_site():
    """Told by its proxy to be behind https, it takes no plain http."""
    port = free_port()
    yield from running(port=port, set={
        "site.trusted_proxies": "127.0.0.1",
        "site.origins": f"https://127.0.0.1:{port}",
        "login.plain_http": "no", "login.throttle": "yes"})


class Answer:
    """status, headers (lower case, the last of a name), cookies (the whole
    Set-Cookie lines by name), body (text)."""

    def __init__(self, answer, body):
        self.status = answer.status
        self.headers = {k.lower(): v for k, v in answer.getheaders()}
        self.cookies = {v.split("=", 1)[0]: v for k, v in answer.getheaders()
                        if k.lower() == "set-cookie"}
        self.body = body.decode()

    def value(self, name):
        """What a cookie is set to."""
        return self.cookies[name].split(";")[0].split("=", 1)[1]


class Browser:
    """One connection and its cookies; every header can be given, twice too.
    Cookies are kept whatever their attributes are."""

    def __init__(self, site, headers=()):
        self.site = site
        self.headers = list(headers)
        self.cookies = {}
        self.conn = http.client.HTTPConnection("127.0.0.1", site.port,
                                               timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.conn.close()

    def ask(self, method, path, headers=(), body=None, cookies=None):
        """cookies: Cookie headers in place of the kept ones."""
        if cookies is None:
            cookies = ["; ".join(f"{k}={v}" for k, v in
                                 self.cookies.items())] if self.cookies else []
        self.conn.putrequest(method, path, skip_accept_encoding=True)
        for name, value in [*self.headers, *headers,
                            *(("Cookie", c) for c in cookies)]:
            self.conn.putheader(name, value)
        if body is not None:
            self.conn.putheader("Content-Length", str(len(body)))
        self.conn.endheaders(body)
        got = self.conn.getresponse()
        answer = Answer(got, got.read())
        for line in answer.cookies.values():
            name, value = line.split(";")[0].split("=", 1)
            if "max-age=0" in line.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def get(self, path, **kwargs):
        return self.ask("GET", path, **kwargs)

    def form(self, path="/login"):
        """The hidden fields of a page; the login's as if signed out."""
        cookies = None
        if path == "/login" and "gatecast" in self.cookies:
            cookies = [f"gatecast-pre={self.cookies['gatecast-pre']}"]
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"',
                               self.get(path, cookies=cookies).body))

    def post(self, path, fields, headers=(), origin=True, **kwargs):
        body = fields if isinstance(fields, bytes) else \
            urlencode(fields).encode()
        if not any(k.lower() == "content-type" for k, _ in headers):
            headers = [*headers, ("Content-Type", FORM)]
        if origin is True:
            origin = self.site.url
        if origin:
            headers = [*headers, ("Origin", origin)]
        return self.ask("POST", path, headers, body, **kwargs)

    def login(self, user="alice", password=None, fields=None, **kwargs):
        """The form, filled in and sent."""
        form = {k: html.unescape(v) for k, v in self.form().items()}
        form.update(name=user, password=self.site.users.get(user, "")
                    if password is None else password, **(fields or {}))
        return self.post("/login", form, **kwargs)

    def logout(self, **kwargs):
        return self.post("/logout", {"csrf": self.form("/index")["csrf"]},
                         **kwargs)

    def whoami(self, **kwargs):
        """The user, or None."""
        answer = self.get("/session", **kwargs)
        assert answer.status in (200, 401), answer.body
        return json.loads(answer.body).get("user")


def signed_in(site, user="alice", password=None):
    b = Browser(site)
    answer = b.login(user, password)
    assert answer.status == 303, answer.body
    return b


def attributes(line):
    return {p.strip().lower().split("=")[0]: p.strip()
            for p in line.split(";")[1:]}


def count(site, user):
    """The user's sessions, as the administrator sees them."""
    return len(json.loads(
        site.gatecast("session", "list", user, "--json").stdout))


def other_spelling(text):
    """The same bytes to a decoder that does not look at unused bits."""
    return text[:-1] + B64[B64.index(text[-1]) ^ 1]
