"""The session's cookie: forged, doubled, planted, in a crowd, and behind a
proxy that speaks https."""

import re
from urllib.parse import quote

import pytest

from login_browser import (
    B64, TOKEN, Browser, attributes, https_site, other_spelling, own_site,
    signed_in)
from pair import Pair

own = pytest.fixture(own_site, scope="module")
https = pytest.fixture(https_site, scope="module")


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


def every_bit(token):
    """Those flips that HTTP can carry."""
    for i in range(len(token)):
        for bit in range(8):
            c = ord(token[i]) ^ 1 << bit
            if 0x20 < c < 0x7f and c not in b";":
                yield token[:i] + chr(c) + token[i + 1:]


def test_both_programs_refuse():
    with Pair() as pair:
        cookie = pair.login.sign_in()
        token = cookie.partition("=")[2]
        page = pair.login.ask("GET", "/login")
        pre = page.cookies()["gatecast-pre"][0]
        groups = *forgeries(token, pre), every_bit(token)
        tried = 0
        for value in (v for group in groups for v in group):
            forged = f"gatecast={value}"
            assert pair.session(forged) == 401, value
            assert pair.join(forged) in (400, 401), value
            tried += 1
        assert tried > 400
        assert pair.is_valid(cookie)


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
            # Apache joins what came in several headers with commas, which
            # makes them part of a value; no browser sends several.
            nobody = [None] if len(cookies) > 1 and \
                site.server == "apache" else []
            assert a.whoami(cookies=cookies) in ["alice", *nobody], cookies


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
        assert set(answer.cookies) == {"__Host-gatecast",
                                       "__Host-gatecast-device"}
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
