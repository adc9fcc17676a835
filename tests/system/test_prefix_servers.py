"""Gatecast below /gate of somebody's site, behind each of the web servers with
the files of scripts/deploy: all of it works there, and beside it nothing is
Gatecast's."""

import pytest

from conftest import SERVERS, Site
from gated_site import GatedSite
from wsclient import Client, Refused, connect

GATE = "/gate"


@pytest.fixture(scope="module", params=SERVERS)
def site(request):
    s = Site(server=request.param, prefix=GATE, set={"wsd.leave_grace_s": 0})
    try:
        yield s.start()
    finally:
        s.close()


def test_sign_in_and_out(site):
    answer = site.try_login("alice", site.users["alice"])
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/gate/index"
    session = answer.session
    assert 'data-user="alice"' in session.get(site.url + "/gate/").text
    assert "alice" in session.get(site.url + "/gate/session").text
    assert "password" in session.get(site.url + "/gate/account").text
    assert site.get("/gate/index").headers["Location"] == \
        "/gate/login?next=/gate/index"
    out = session.post(
        site.url + "/gate/logout", data=site.form(session, "/index"),
        headers={"Origin": site.url}, allow_redirects=False)
    assert out.status_code == 303
    assert out.headers["Location"] == "/gate/login"
    assert session.get(site.url + "/gate/session").status_code == 401


def test_static_files(site):
    answer = site.get("/gate/static/js/chat.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "max-age" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_channel(site):
    with connect(site, "alice") as a, connect(site, "bob") as b:
        a.expect("hello", user="alice")
        b.expect("hello", user="bob")
        b.say("heard below")
        a.expect("message", user="bob", text="heard below")
    with pytest.raises(Refused) as e:
        connect(site, "alice", origin="http://evil.test")
    assert e.value.status == 403


def test_nothing_beside_it(site):
    """Where the host is not Gatecast's no page and no header of its is."""
    for path in ("/login", "/session", "/static/js/chat.js", "/websocket",
                 "/gatelogin", "/"):
        answer = site.get(path)
        assert answer.status_code in (200, 403, 404), (path, answer.text)
        assert "Content-Security-Policy" not in answer.headers, path
        assert "gatecast" not in answer.text.lower(), path
    below = site.get("/gate/nothing")
    assert below.status_code == 404
    assert "Content-Security-Policy" in below.headers


@pytest.fixture(scope="module", params=SERVERS)
def gated(request):
    with GatedSite(request.param, prefix=GATE) as s:
        s.alice = s.sign_in("alice")
        yield s


def test_gate(gated):
    sent = gated.get("/private/page.html")
    assert sent.status == 303
    assert sent.headers["Location"] == \
        "/gate/login?next=/private/page.html"
    assert gated.get("/private/page.html", "gatecast=x").status == 303
    said = gated.get("/private/page.html", is_page=False)
    assert said.status == 401
    assert said.text == '{"error":"no session","login":"/gate/login"}\n'
    assert gated.get("/private/page.html", gated.alice).text.startswith("this")
    assert gated.get("/pub/page.html").status == 200
    assert gated.get("/admin/page.html", gated.alice).status == 403
    assert gated.get(gated.app_path, gated.alice).values()["REMOTE_USER"] == \
        "alice"
    # What would be Gatecast's at the root is behind the gate like the rest.
    for path in ("/login", "/session", "/static/js/chat.js", "/websocket",
                 "/auth/login"):
        assert gated.get(path).status == 303, path
        assert gated.get(path, gated.alice).status == 404, path


def test_the_channel_of_a_gated_site(gated):
    url = f"ws://127.0.0.1:{gated.port}/gate/websocket"
    with Client(url, cookie=gated.alice, origin="http://chat.test") as a:
        a.expect("hello", user="alice")
