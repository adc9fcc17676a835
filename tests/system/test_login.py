"""Signing in and out through the web server, as browsers and as attackers
do it."""

import html
import http.client
import json
import re
import statistics
import time
from urllib.parse import quote, urlencode

import pytest

from conftest import Site, free_port

TOKEN = re.compile(r"v1\.([a-z0-9]{1,8})\.([\w-]{22})\.([\w-]{43})")
B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FORM = "application/x-www-form-urlencoded"
NEW = "another passphrase"


@pytest.fixture(scope="module")
def own():
    """A site whose users and sessions these tests may change. Its Argon2
    costs enough for its time to be seen."""
    s = Site(set={"login.argon2_memory_kib": 16384})
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture(scope="module")
def https():
    """A site that is told by its proxy to be behind https, and that takes
    no plain http."""
    port = free_port()
    s = Site(port=port, set={"site.trusted_proxies": "127.0.0.1",
                             "site.origins": f"https://127.0.0.1:{port}",
                             "login.plain_http": "no"})
    try:
        yield s.start()
    finally:
        s.close()


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


# --- signing in ---------------------------------------------------------------

def test_sign_in(site):
    with Browser(site) as b:
        answer = b.login("alice")
        assert answer.status == 303
        assert answer.headers["location"] == "/index"
        assert TOKEN.fullmatch(answer.value("gatecast"))
        a = attributes(answer.cookies["gatecast"])
        assert a["path"] == "Path=/" and a["samesite"] == "SameSite=Lax"
        assert "httponly" in a and "secure" not in a and "domain" not in a
        page = b.get("/index")
        assert page.status == 200
        assert 'data-user="alice"' in page.body
        assert b.get("/").body.count('data-user="alice"') == 1
        session = json.loads(b.get("/session").body)
        assert session["user"] == "alice"
        assert session["expires"] <= session["ends"]
        # Signed in, there is no form to fill in.
        again = b.get("/login?next=/index")
        assert (again.status, again.headers["location"]) == (303, "/index")


def test_stranger_is_sent_to_the_login(site):
    with Browser(site) as b:
        for path in ("/", "/index"):
            answer = b.get(path)
            assert answer.status == 303
            assert answer.headers["location"] == "/login?next=/index"
        answer = b.get("/session")
        assert answer.status == 401
        assert answer.headers["content-type"].startswith("application/json")
        assert json.loads(answer.body)["login"].startswith("/login")


def test_behind_an_https_proxy(https):
    proto = [("X-Forwarded-Proto", "https")]
    with Browser(https, proto) as b:
        origin = https.url.replace("http:", "https:")
        form = b.form()
        assert set(b.cookies) == {"__Host-gatecast-pre"}
        answer = b.post("/login", {**form, "name": "alice",
                                   "password": https.users["alice"]},
                        origin=origin)
        assert answer.status == 303
        assert set(answer.cookies) == {"__Host-gatecast"}
        a = attributes(answer.cookies["__Host-gatecast"])
        assert set(a) >= {"secure", "httponly"} and "domain" not in a
        assert a["path"] == "Path=/" and a["samesite"] == "SameSite=Lax"
        assert b.whoami() == "alice"
        token = b.cookies["__Host-gatecast"]
        # Neither name stands in for the other one.
        assert b.whoami(cookies=[f"gatecast={token}"]) is None
        assert b.whoami(cookies=[f"__Host-gatecast={token}",
                                 ]) == "alice"
        assert "wss://" in answer.headers["content-security-policy"]
        assert " ws://" not in answer.headers["content-security-policy"]
        assert b.get("/logout").status == 405
        gone = b.post("/logout", {"csrf": b.form("/index")["csrf"]},
                      origin=origin)
        assert gone.status == 303
        assert "secure" in attributes(gone.cookies["__Host-gatecast"])
        assert b.whoami(cookies=[f"__Host-gatecast={token}"]) is None


def test_plain_http_where_it_is_not_wanted(https):
    with Browser(https, [("X-Forwarded-Proto", "https")]) as b:
        b.post("/login", {**b.form(), "name": "alice",
                          "password": https.users["alice"]},
               origin=https.url.replace("http:", "https:"))
        token = b.cookies["__Host-gatecast"]
    with Browser(https) as plain:
        answer = plain.get("/login")
        assert answer.status == 403 and not answer.cookies
        assert "csrf" not in answer.body
        answer = plain.post("/login", {"name": "alice", "next": "",
                                       "csrf": "x", "password": "y"})
        assert answer.status == 403 and not answer.cookies
        for name in ("gatecast", "__Host-gatecast"):
            assert plain.whoami(cookies=[f"{name}={token}"]) is None


def test_stranger_cannot_claim_https(site):
    """Without site.trusted_proxies nobody's word counts."""
    with Browser(site, [("X-Forwarded-Proto", "https"),
                        ("X-Forwarded-For", "10.9.8.7")]) as b:
        answer = b.login("bob")
        assert answer.status == 303
        assert set(answer.cookies) == {"gatecast"}
        assert "secure" not in attributes(answer.cookies["gatecast"])
    assert "10.9.8.7" not in site.log()


def test_host_cookie_over_plain_http(site):
    with signed_in(site) as b:
        token = b.cookies["gatecast"]
        assert b.whoami(cookies=[f"__Host-gatecast={token}"]) is None


# --- refusals that tell nothing -----------------------------------------------

def test_wrong_unknown_and_locked_are_one_answer(own):
    own.gatecast("user", "add", "dozer", "--password-stdin",
                 input=NEW + "\n")
    own.gatecast("user", "lock", "dozer")
    seen = []
    for user, password in (("alice", "wrong password"), ("ghost", NEW),
                           ("dozer", NEW), ("dozer", "wrong password"),
                           ("a b/c", NEW), ("-mark", NEW)):
        with Browser(own) as b:
            answer = b.login(user, password)
            assert "gatecast" not in answer.cookies
            body = re.sub(r'name="csrf" value="[^"]*"', "", answer.body)
            assert f'value="{user}"' in body
            headers = {k: v for k, v in answer.headers.items() if k != "date"}
            seen.append((answer.status, headers,
                         body.replace(f'value="{user}"', "")))
            assert b.whoami() is None
    assert seen[0][0] == 401
    for other in seen[1:]:
        assert other == seen[0]
    own.gatecast("user", "del", "dozer")


def test_unknown_user_costs_the_same(own):
    def median(user):
        times = []
        for _ in range(5):
            form = b.form()
            begin = time.monotonic()
            answer = b.post("/login", {**form, "name": user,
                                       "password": "wrong password"})
            times.append(time.monotonic() - begin)
            assert answer.status == 401
        return statistics.median(times)

    with Browser(own) as b:
        known, unknown = median("alice"), median("nobody-here")
        cheap = min(median_of_get(b) for _ in range(2))
    assert cheap < known / 2, "the hash is too cheap to be seen"
    assert 0.4 < unknown / known < 2.5


def median_of_get(b):
    times = []
    for _ in range(5):
        begin = time.monotonic()
        b.get("/login")
        times.append(time.monotonic() - begin)
    return statistics.median(times)


# --- forged cookies -----------------------------------------------------------

def other_spelling(text):
    """The same bytes to a decoder that does not look at unused bits."""
    return text[:-1] + B64[B64.index(text[-1]) ^ 1]


def flipped(text, at):
    return text[:at] + B64[B64.index(text[at]) ^ 32] + text[at + 1:]


def forgeries(token, pre):
    kid, sid, mac = TOKEN.fullmatch(token).groups()
    parts = token.split(".")
    yield "", "v1", "v1.", "...", "v1...", "." * 200
    yield f"v2.{kid}.{sid}.{mac}", f"V1.{kid}.{sid}.{mac}", \
        f"1.{kid}.{sid}.{mac}", f".{kid}.{sid}.{mac}"
    yield [f"v1.{other}.{sid}.{mac}" for other in
           ("", "0", kid[:-1], kid + "0", kid.upper(), "zzzzzzzz",
            "z" * 300, "../" + kid)]
    yield [f"v1.{kid}.{flipped(sid, i)}.{mac}" for i in (0, 10, 21)]
    yield [f"v1.{kid}.{sid}.{flipped(mac, i)}" for i in (0, 20, 42)]
    yield f"v1.{kid}.{other_spelling(sid)}.{mac}", \
        f"v1.{kid}.{sid}.{other_spelling(mac)}"
    yield f"v1.{kid}.{sid}==.{mac}", f"v1.{kid}.{sid}.{mac}=", \
        token + ".", token + "A", "." + token, f'"{token}"', \
        f"{token}.{mac}", quote(token, safe="").replace(".", "%2E"), \
        token.replace(".", ":"), f"v1.{kid}.{mac}.{sid}", \
        f"v1.{kid}.{'A' * 22}.{'A' * 43}", f"v1.{kid}.{sid}." + "A" * 4000
    yield [token.replace(a, b) for a, b in (("-", "+"), ("_", "/"))
           if a in token]
    yield [".".join(parts[:n]) for n in range(1, 4)]
    # The token of another purpose, whole and with its parts exchanged.
    _, pre_id, pre_mac = TOKEN.fullmatch(pre).groups()
    yield pre, f"v1.{kid}.{sid}.{pre_mac}", f"v1.{kid}.{pre_id}.{mac}"
    yield [token[:n] for n in range(1, len(token), 3)]
    yield token[:-1], token[1:]


def test_forged_cookies(site):
    with signed_in(site) as b:
        token, pre = b.cookies["gatecast"], b.cookies["gatecast-pre"]
        tried = 0
        for group in forgeries(token, pre):
            for value in group:
                cookie = [f"gatecast={value}"]
                answer = b.get("/session", cookies=cookie)
                assert answer.status == 401, value
                answer = b.get("/index", cookies=cookie)
                assert answer.status == 303, value
                assert answer.headers["location"] == "/login?next=/index"
                tried += 1
        assert tried > 60
        assert b.whoami() == "alice"
    assert "error" not in site.log().lower()


def test_double_cookies(site):
    with signed_in(site) as a, signed_in(site, "bob") as b:
        one, two = (f"gatecast={x.cookies['gatecast']}" for x in (a, b))
        for cookies in ([f"{one}; {two}"], [one, two], [f"{one}; {one}"],
                        [one, one], [f"{one};{two}"], [one, "x=1", two],
                        [f"{one}; gatecast="], ["gatecast=", one],
                        [one, "gatecast=x"]):
            assert a.get("/session", cookies=cookies).status == 401, cookies
            answer = a.get("/index", cookies=cookies)
            assert answer.status == 303, cookies
            assert answer.headers["location"] == "/login?next=/index"
        # Other names are nobody's business.
        for cookies in ([f"x=y; {one}; z"], ["a=b", one, "c=d"],
                        [f"Gatecast=1; {one}"], [f"gatecast2=1; {one}"],
                        [f"{one}; __Host-gatecast=1"], [f"=; {one}"],
                        [f"{one}; gatecast"]):
            assert a.whoami(cookies=cookies) == "alice", cookies


def test_crowd_of_cookies(site):
    with signed_in(site) as b:
        mine = f"gatecast={b.cookies['gatecast']}"
        assert b.whoami(cookies=[f"{mine}; " + "; ".join(
            f"c{i}={'x' * 20}" for i in range(100))]) == "alice"
        for cookies in ([mine + "; x=" + "y" * 7000], [mine, "x=" * 3000],
                        ["x=y"] * 40 + [mine], ["\x80\xff=1; " + mine],
                        ["; ; ;" + mine], ["," * 500]):
            answer = b.get("/session", cookies=cookies)
            assert answer.status in (200, 400, 401, 431), cookies
            answer = b.get("/index", cookies=cookies)
            assert answer.status in (200, 303, 400, 431), cookies


# --- next ---------------------------------------------------------------------

BAD_NEXT = [
    "//evil.test", "///evil.test", "////evil.test/", "/\\evil.test",
    "\\\\evil.test", "\\/evil.test", "/\\/evil.test", "https://evil.test",
    "https:evil.test", "http:/evil.test", "HTTPS://EVIL.TEST", "//evil.test:80",
    "javascript:alert(1)", "data:text/html,x", " javascript:alert(1)",
    "/..//evil.test", "/./", "/..", "/../", "/a/../..//evil.test", "/.//x",
    "/%0d%0aSet-Cookie:x=y", "/\r\nSet-Cookie: x=y", "/x\r\n\r\n<script>",
    "/\nx", "/\x00x", "/x\x00", "/\x01", "/\x7f", "\t//evil.test",
    "/\t/evil.test", "/ /evil.test", " /index", "/%2f/evil.test",
    "/%2Fevil.test", "/%2f%2fevil.test", "%2f%2fevil.test", "/%5cevil.test",
    "/%5C%5Cevil.test", "/%2e%2e//evil.test", "/%2e%2e/%2e%2e", "/%00",
    "/%0a", "/%09/evil.test", "/%", "/%1", "/%zz", "/%252f%252fevil.test",
    "/x" + "y" * 1000, "/" + "a/" * 400, "evil.test", "@evil.test",
    "/\u202eevil", "/\u2028x", "/\uff0fevil.test", "/é", "",
    "?x", "#x", "/x#y", "/<script>", '/"onmouseover=', "/{x}", "/^", "/|",
    "/`", "/a//b", "//", "/\\",
]
GOOD_NEXT = [
    "/", "/index", "/index?a=1&b=2", "/account", "/a/b/c", "/a/?q=x/y?z",
    "/%E4%B8%AD%E6%96%87", "/a-b_c.d~e", "/a:b@c", "/a,b;c=d", "/a.b..c",
]


def test_next_that_leads_away(site):
    with Browser(site) as b:
        for bad in BAD_NEXT:
            b.cookies.clear()
            answer = b.login("alice", fields={"next": bad})
            if answer.status == 303:
                assert answer.headers["location"] == "/index", repr(bad)
            else:
                assert answer.status == 400, repr(bad)
                assert "gatecast" not in answer.cookies
            assert set(answer.cookies) <= {"gatecast", "gatecast-pre"}


def test_next_in_the_query(site):
    with Browser(site) as stranger, signed_in(site) as b:
        for bad in BAD_NEXT:
            query = quote(bad, safe="")
            if re.search(r"[\0-\x1f\x7f]", bad):
                # The web server itself takes no control bytes in a URL.
                assert stranger.get(f"/login?next={query}").status == 400
                continue
            page = stranger.get(f"/login?next={query}")
            assert page.status == 200, repr(bad)
            assert 'name="next" value="/index"' in page.body, repr(bad)
            answer = b.get(f"/login?next={query}")
            assert answer.status == 303, repr(bad)
            assert answer.headers["location"] == "/index", repr(bad)
        # Raw, as no browser would send it.
        for raw in ("//evil.test", "/\\evil.test", "%2F%2Fevil.test",
                    "https://evil.test", "%0d%0aX:y", "/x&next=//evil.test"):
            answer = b.get(f"/login?next={raw}")
            assert answer.status in (303, 400), raw
            if answer.status == 303:
                assert re.fullmatch(r"/(index|x)?",
                                    answer.headers["location"]), raw
            assert "x" not in answer.headers
        # The switch of the language hands it on.
        answer = stranger.get("/login?lang=en&next=" + quote("//evil.test"))
        assert answer.headers["location"] == "/login?next=%2Findex"
        answer = stranger.get("/index?lang=en&next=//evil.test")
        assert answer.headers["location"] == "/index"


def test_next_that_is_good(site):
    with Browser(site) as b:
        for good in GOOD_NEXT:
            b.cookies.clear()
            page = b.get("/login?next=" + quote(good, safe=""))
            form = dict(re.findall(
                r'type="hidden" name="(\w+)" value="([^"]*)"', page.body))
            assert html.unescape(form["next"]) == good
            answer = b.post("/login", {
                "csrf": form["csrf"], "next": html.unescape(form["next"]),
                "name": "alice", "password": site.users["alice"]})
            assert answer.status == 303, good
            assert answer.headers["location"] == good
        # Back to the form or out again would be no welcome.
        for loop in ("/login", "/login?next=/x", "/logout", "/login/"):
            b.cookies.clear()
            answer = b.login("alice", fields={"next": loop})
            assert answer.headers["location"] == "/index", loop


# --- forms that are none ------------------------------------------------------

def test_bad_fields(own):
    before = count(own, "alice")
    right = {"name": "alice", "password": own.users["alice"], "next": "/"}

    with Browser(own) as b:
        form = b.form()
        pairs = list({**form, **right}.items())

        def post(pairs, **kwargs):
            answer = b.post("/login", pairs, **kwargs)
            assert "gatecast" not in answer.cookies, pairs
            return answer.status

        for name in ("name", "password", "next", "csrf"):
            rest = [p for p in pairs if p[0] != name]
            twice = pairs + [p for p in pairs if p[0] == name]
            assert post(rest) == 400, name
            assert post(twice) == 400, name
            assert post(rest + [(name.upper(), right.get(name, "x"))]) == 400
        assert post(pairs + [("extra", "")]) == 400
        assert post(pairs + [("", "")]) == 400
        assert post(pairs + [("name", "bob")]) == 400
        assert post([("name", "bob")] + pairs) == 400
        good = urlencode(pairs).encode()
        assert post(b"") == 400
        assert post(b"&") == 400
        assert post(good + b"&%") == 400
        assert post(good + b"&x") == 400
        assert post(good.replace(b"alice", b"al%69ce%")) == 400
        assert post(good.replace(b"name=", b"name")) == 400
        assert post(good.replace(b"alice", b"alice%00")) in (400, 401)
        assert post(good.replace(b"alice", b"%ff%fe")) in (400, 401)
        assert post(good.replace(b"alice", b"a" * 300)) == 401
        assert post(good.replace(b"password=", b"password=" + b"x" * 1100)) \
            in (400, 401)
        for type in ("text/plain", "application/json", "multipart/form-data",
                     "multipart/form-data; boundary=x", "", "x",
                     FORM + "x", "application/xml"):
            assert post(pairs, headers=[("Content-Type", type)]) == 415, type
        assert post(good.ljust(4097, b"x")) == 413
        assert post(b"x" * 16000) == 413
    # Far too long is cut off by the web server, perhaps before it is read.
    with Browser(own) as b:
        try:
            assert b.post("/login", b"x" * 200_000).status == 413
        except (BrokenPipeError, ConnectionResetError):
            pass
    with Browser(own) as b:
        form = b.form()
        answer = b.post("/login", {**form, **right}, headers=[
            ("Content-Type", FORM + "; charset=UTF-8")])
        assert answer.status == 303
        b.logout()
    assert count(own, "alice") == before


def test_credentials_in_the_query_are_ignored(own):
    before = count(own, "alice")
    with Browser(own) as b:
        form = b.form()
        query = urlencode({**form, "name": "alice",
                           "password": own.users["alice"]})
        answer = b.get("/login?" + query)
        assert answer.status == 200 and "gatecast" not in answer.cookies
        assert 'value="alice"' not in answer.body
        assert b.post("/login?" + query, b"").status == 400
        wrong = b.post("/login?" + query, {**form, "name": "alice",
                                           "password": "wrong password"})
        assert wrong.status == 401
        assert b.whoami() is None
    assert count(own, "alice") == before
    assert own.users["alice"] not in own.log()
    assert quote(own.users["alice"]) not in own.log()


def test_typed_name_is_text(site):
    """What was typed comes back in the form, as text."""
    evil = '"><script>alert(1)</script>'
    with Browser(site) as b:
        answer = b.login(evil, "whatever it is")
        assert answer.status == 401
        assert "<script>" not in answer.body
        assert html.escape(evil, quote=True).replace("&#x27;", "&#39;") \
            in answer.body
        assert evil not in site.log() or "\n" not in evil
        b.login("a\nforged: line", "whatever it is")
    assert not any(line.startswith("login: forged")
                   for line in site.log().splitlines())


def test_name_cannot_be_markup(own):
    for name in ("<script>", "<b>x</b>", "a&b", 'a"b', "a'b", "a b", "a\nb",
                 "a\u202eb", "a\u200bb", "x" * 65, "", "-a", "a/b"):
        done = own.gatecast("user", "add", name, "--password-stdin",
                            input=NEW + "\n", check=False)
        assert done.returncode in (1, 2), name
    assert "<" not in own.gatecast("user", "list").stdout


# --- cross-site request forgery -----------------------------------------------

def test_login_csrf(own):
    before = count(own, "alice")
    right = {"name": "alice", "password": own.users["alice"], "next": "/"}
    evil = "https://evil.test"

    def post(b, fields, **kwargs):
        answer = b.post("/login", fields, **kwargs)
        assert "gatecast" not in answer.cookies
        return answer.status

    with Browser(own) as b, Browser(own) as other:
        form, foreign = b.form(), other.form()
        csrf = form["csrf"]
        for wrong in ("", "x", csrf[:-1], csrf + "A", foreign["csrf"],
                      other_spelling(csrf), b.cookies["gatecast-pre"]):
            assert post(b, {**right, "csrf": wrong}) == 403, wrong
        good = {**right, "csrf": csrf}
        # The token without its cookie, or with another's.
        assert post(b, good, cookies=[]) == 403
        assert post(b, good, cookies=[
            "gatecast-pre=" + other.cookies["gatecast-pre"]]) == 403
        assert post(b, good, cookies=[
            f"gatecast-pre={b.cookies['gatecast-pre']}; gatecast-pre=x"]) \
            == 403
        for origin in (evil, "null", own.url + ".evil.test",
                       own.url.replace("http", "https"),
                       own.url.rsplit(":", 1)[0], "http://127.0.0.1:1",
                       own.url + "/", "x" * 3000):
            assert post(b, good, origin=origin) == 403, origin
        for site_ in ("cross-site", "Cross-Site", "nonsense", ""):
            assert post(b, good, headers=[("Sec-Fetch-Site", site_)]) \
                == 403, site_
            assert post(b, good, headers=[("Sec-Fetch-Site", site_)],
                        origin=None) == 403, site_
        assert post(b, good, headers=[("Origin", own.url)], origin=evil) \
            in (400, 403)
        assert count(own, "alice") == before
        # A 403 page is a fresh form, and works.
        page = b.post("/login", {**right, "csrf": "x"})
        fresh = re.search(r'name="csrf" value="([^"]*)"', page.body).group(1)
        answer = b.post("/login", {**right, "csrf": fresh}, headers=[
            ("Sec-Fetch-Site", "same-origin")])
        assert answer.status == 303
        b.logout()
    # A browser that tells nothing has the token, at least.
    with Browser(own) as b:
        assert b.post("/login", {**right, "csrf": b.form()["csrf"]},
                      origin=None).status == 303
        b.logout()
    assert count(own, "alice") == before


def test_two_tabs(site):
    with Browser(site) as b:
        one, two = b.form(), b.form()
        for form, user in ((two, "bob"), (one, "alice"), (two, "bob")):
            answer = b.post("/login", {**form, "name": user,
                                       "password": site.users[user]})
            assert answer.status == 303
            assert b.whoami() == user


# --- logout -------------------------------------------------------------------

def test_logout(site):
    with signed_in(site) as b, signed_in(site) as elsewhere:
        copy = [f"gatecast={b.cookies['gatecast']}"]
        answer = b.logout()
        assert answer.status == 303
        assert answer.headers["location"] == "/login"
        assert "Max-Age=0" in answer.cookies["gatecast"]
        assert answer.value("gatecast") == ""
        a = attributes(answer.cookies["gatecast"])
        assert a["path"] == "Path=/" and "httponly" in a
        # At once, at every worker.
        for _ in range(12):
            with Browser(site) as fresh:
                assert fresh.whoami(cookies=copy) is None
        assert b.get("/index", cookies=copy).status == 303
        assert elsewhere.whoami() == "alice"
        # Out already: nothing to complain about.
        again = b.post("/logout", {"csrf": "x"}, cookies=copy)
        assert (again.status, again.headers["location"]) == (303, "/login")


def test_logout_by_others(site):
    with signed_in(site) as b, signed_in(site, "bob") as other:
        csrf = b.form("/index")["csrf"]
        for fields in ({}, {"csrf": ""}, {"csrf": "x"},
                       {"csrf": other.form("/index")["csrf"]},
                       {"csrf": csrf, "x": "1"}, [("csrf", csrf)] * 2):
            assert b.post("/logout", fields).status in (400, 403), fields
        right = {"csrf": csrf}
        assert b.post("/logout", right, origin="https://evil.test").status \
            == 403
        assert b.post("/logout", right, headers=[
            ("Sec-Fetch-Site", "cross-site")]).status == 403
        assert b.post("/logout", right, headers=[
            ("Content-Type", "text/plain")]).status == 415
        answer = b.get("/logout?csrf=" + csrf)
        assert answer.status == 405 and answer.headers["allow"] == "POST"
        assert b.whoami() == "alice"


# --- the session's id ---------------------------------------------------------

def test_new_id_at_each_login(own):
    with Browser(own) as b:
        ids = []
        for _ in range(3):
            assert b.login("alice").status == 303
            ids.append(b.cookies["gatecast"])
        assert len({i.split(".")[2] for i in ids}) == 3
        # What this browser had before is over with the next login.
        for old in ids[:-1]:
            assert b.whoami(cookies=[f"gatecast={old}"]) is None
        assert b.whoami() == "alice"


def test_fixation(own):
    with signed_in(own, "bob") as attacker, Browser(own) as victim:
        planted = attacker.cookies["gatecast"]
        stale = "v1." + ".".join(planted.split(".")[1:3]) + "." + "A" * 43
        for value in (planted, stale, "x"):
            victim.cookies = {"gatecast": value}
            form = dict(re.findall(
                r'type="hidden" name="(\w+)" value="([^"]*)"',
                victim.get("/login", cookies=[]).body))
            answer = victim.post("/login", {
                **form, "name": "alice", "password": own.users["alice"]})
            assert answer.status == 303
            assert answer.value("gatecast") != value
            assert victim.whoami() == "alice"
            assert attacker.whoami() in (None, "bob")
        # Planting the pre-session does not plant a session either.
        pre = f"gatecast-pre={attacker.cookies['gatecast-pre']}"
        page = victim.get("/login", cookies=[pre])
        csrf = re.search(r'name="csrf" value="([^"]*)"', page.body).group(1)
        victim.cookies = {}
        answer = victim.post("/login", {
            "csrf": csrf, "next": "", "name": "alice",
            "password": own.users["alice"]}, cookies=[pre])
        assert answer.status == 303
        assert attacker.whoami() in (None, "bob")


# --- every answer -------------------------------------------------------------

def test_security_headers(site):
    with signed_in(site) as b, Browser(site) as stranger:
        answers = {
            "/login": stranger.get("/login"),
            "/ 303": stranger.get("/"),
            "/session 401": stranger.get("/session"),
            "/nothing": stranger.get("/nothing"),
            "405": stranger.get("/logout"),
            "PUT": stranger.ask("PUT", "/login", body=b""),
            "login 401": stranger.login("alice", "wrong password"),
            "login 403": stranger.login("alice", origin="https://evil.test"),
            "login 400": stranger.post("/login", b"x"),
            "login 413": stranger.post("/login", b"x" * 5000),
            "login 415": stranger.post("/login", b"", headers=[
                ("Content-Type", "text/plain")]),
            "/index": b.get("/index"),
            "/session": b.get("/session"),
            "logged in": b.login("alice", fields={"next": "/x"})
            if b.cookies.pop("gatecast") else None,
            "HEAD": stranger.ask("HEAD", "/login"),
            "lang": stranger.get("/login?lang=zh"),
            "/websocket": stranger.get("/websocket"),
            "/static": stranger.get("/static/css/gatecast.css"),
            "/static 404": stranger.get("/static/nothing"),
        }
        for what, answer in answers.items():
            h = answer.headers
            csp = h.get("content-security-policy", "")
            # Under /static/ the operator's own pages may stand.
            if not what.startswith("/static"):
                assert csp.startswith("default-src 'none'"), what
                assert "frame-ancestors 'none'" in csp, what
            assert "unsafe" not in csp and "*" not in csp, what
            assert h.get("x-content-type-options") == "nosniff", what
            assert h.get("referrer-policy") in (
                "same-origin", "no-referrer"), what
            if not what.startswith("/static"):
                assert h.get("cache-control") == "no-store", what
            type = h.get("content-type", "")
            if type.startswith("text/") and what != "/static 404":
                assert "charset=utf-8" in type.lower(), what
        for what in ("/login", "/index", "login 401", "/nothing", "405"):
            csp = answers[what].headers["content-security-policy"]
            assert "form-action 'self'" in csp, what
            assert f"ws://127.0.0.1:{site.port}" in csp, what
            body = answers[what].body
            assert "<script>" not in body and " on" not in re.sub(
                r">[^<]*<", "><", body).lower().replace(" once", ""), what
            assert "style=" not in body, what
        assert [answers[w].status for w in (
            "/session 401", "/nothing", "405", "PUT", "login 401",
            "login 403", "login 400", "login 413", "login 415", "/index",
            "logged in", "/static", "/static 404")] == [
            401, 404, 405, 405, 401, 403, 400, 413, 415, 200, 303, 200, 404]


def test_head(site):
    with signed_in(site) as b, Browser(site) as stranger:
        for who, path, status in (
                (stranger, "/login", 200), (stranger, "/", 303),
                (stranger, "/index", 303), (stranger, "/session", 401),
                (stranger, "/nothing", 404), (stranger, "/logout", 405),
                (b, "/index", 200), (b, "/session", 200), (b, "/", 200),
                (b, "/login", 303)):
            head, got = who.ask("HEAD", path), who.get(path)
            assert head.status == got.status == status, path
            assert head.body == ""
            for name in ("content-type", "content-security-policy",
                         "location", "allow", "cache-control"):
                assert head.headers.get(name) == got.headers.get(name), path
            assert head.headers["content-length"] == \
                got.headers["content-length"], path


@pytest.mark.parametrize("accept, lang", [
    (None, "en"), ("en", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
    ("en-GB,en;q=0.9,zh;q=0.8", "en"), ("ZH-hant-TW", "zh"), ("fr", "en"),
    ("fr,zh;q=0.1", "zh"), ("zh;q=0,en;q=0.1", "en"), ("*", "en"),
    ("zh;q=nonsense", "en"), ("", "en"), (",,;;q=,zh", "zh"),
])
def test_accept_language(site, accept, lang):
    headers = [] if accept is None else [("Accept-Language", accept)]
    with Browser(site, headers) as b:
        for path in ("/login", "/nothing"):
            page = b.get(path).body
            assert f'<html lang="{lang}">' in page
        assert ("登录" in b.get("/login").body) == (lang == "zh")
        wrong = b.login("alice", "wrong password").body
        assert ("用户名或密码不正确" in wrong) == (lang == "zh")


def test_language_switch(site):
    with signed_in(site) as b:
        for lang in ("zh", "en"):
            answer = b.get(f"/index?lang={lang}")
            assert answer.status == 303
            assert answer.headers["location"] == "/index"
            a = attributes(answer.cookies["lang"])
            assert answer.value("lang") == lang
            assert a["samesite"] == "SameSite=Lax" and "httponly" in a
            page = b.get("/index", headers=[("Accept-Language", "fr")])
            assert f'<html lang="{lang}">' in page.body
        b.get("/index?lang=zh")
        assert '<html lang="zh">' in b.get("/nothing").body
        for bad in ("fr", "", "zh%0d%0aX:y", "../zh", "<b>"):
            answer = b.get(f"/index?lang={bad}")
            assert "lang" not in answer.cookies, bad
            assert "x" not in answer.headers
        assert '<html lang="zh">' in b.get("/index").body
    with Browser(site, [("Accept-Language", "en")]) as b:
        answer = b.get("/login?lang=zh&next=/account")
        assert answer.headers["location"] == "/login?next=%2Faccount"
        page = b.get(answer.headers["location"]).body
        assert '<html lang="zh">' in page
        assert 'name="next" value="/account"' in page


# --- users as the administrator makes them ------------------------------------

def test_chinese_name(own):
    own.gatecast("user", "add", "小明", "--password-stdin",
                 input="密码是很长的一句话\n")
    with Browser(own) as b:
        assert b.login("小明", "密码是很长的一句").status == 401
        assert b.login("小明", "密码是很长的一句话").status == 303
        assert b.whoami() == "小明"
        assert 'data-user="小明"' in b.get("/index").body
        b.logout()
    # One account, however its letters are spelled.
    own.gatecast("user", "add", "Zoë", "--password-stdin", input=NEW + "\n")
    with Browser(own) as b:
        for spelling in ("Zoe\u0308", "zoë", "ZOË"):
            assert b.login(spelling, NEW).status == 303, spelling
            assert b.whoami() == "Zoë"


def test_admin_takes_effect_at_once(own):
    def add_password(command, password):
        own.gatecast("user", command, "eve", "--password-stdin",
                     input=password + "\n")

    with Browser(own) as b:
        assert b.login("eve", NEW).status == 401
        add_password("add", NEW)
        assert b.login("eve", NEW).status == 303
        assert b.whoami() == "eve"

        own.gatecast("user", "lock", "eve")
        assert b.whoami() is None
        assert b.get("/index").status == 303
        assert b.login("eve", NEW).status == 401
        own.gatecast("user", "unlock", "eve")
        assert b.whoami() is None, "unlocked is not signed in"
        assert b.login("eve", NEW).status == 303

        add_password("passwd", "a third passphrase")
        assert b.whoami() is None
        assert b.login("eve", NEW).status == 401
        assert b.login("eve", "a third passphrase").status == 303

        own.gatecast("session", "revoke", "--user", "eve")
        assert b.whoami() is None
        assert b.login("eve", "a third passphrase").status == 303
        old = dict(b.cookies)

        own.gatecast("user", "del", "eve")
        assert b.whoami() is None
        assert b.login("eve", "a third passphrase").status == 401
        # Another person of that name does not inherit anything.
        add_password("add", NEW)
        b.cookies = old
        assert b.whoami() is None
        own.gatecast("user", "del", "eve")


def test_sessions_per_user(make_site):
    site = make_site(set={"login.sessions_per_user": 2})
    with signed_in(site) as one, signed_in(site) as two, \
            signed_in(site, "bob") as other:
        assert one.whoami() == "alice"
        with signed_in(site) as three:
            assert one.whoami() is None
            assert two.whoami() == three.whoami() == "alice"
            assert other.whoami() == "bob"
