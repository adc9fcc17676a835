"""Where a login leads: never away from the site."""

import html
import re
from urllib.parse import quote

from login_browser import Browser, signed_in

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
                # lighttpd itself takes no control bytes in a URL.
                if site.server == "lighttpd":
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
        assert answer.headers["location"] == "/login?next=/index"
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
