"""site.prefix: all of Gatecast's paths below one, and nothing beside it.
login.fcgi and wsd at their own sockets."""

import json
import re
from urllib.parse import urlencode

import pytest

from login_process import ORIGIN, PASSWORD
from pair import Pair
from ws_raw import request

LINK = re.compile(r'(?:href|src|action)="([^"]*)"')


@pytest.fixture(scope="module")
def site():
    with Pair(users=("alice",), set={"site.prefix": "/gate"}) as p:
        yield p


def sign_in(login, next):
    csrf, pre, page = login.form("/gate/login?next=" + next)
    body = urlencode({"name": "alice", "password": PASSWORD, "next": next,
                      "csrf": csrf}).encode()
    answer = login.ask("POST", "/gate/login", body, pre)
    assert answer.status == 303, answer.raw
    return answer, "gatecast=" + answer.cookies()["gatecast"][0], page


def assert_links(answer):
    links = LINK.findall(answer.body.decode())
    assert links and all(x.startswith(("/gate/", "#")) for x in links), links


@pytest.mark.parametrize("next,target", [
    ("/gate/account", "/gate/account"), ("/shop/", "/shop/"),
    ("//evil.example/", "/gate/index"), ("/gate/login", "/gate/index")])
def test_signs_in_and_goes_on(site, next, target):
    answer, _, page = sign_in(site.login, next)
    assert_links(page)
    assert answer.get("Location") == target
    assert "Path=/;" in answer.get("Set-Cookie") + ";"


def test_every_page_stays_below(site):
    login = site.login
    _, cookie, _ = sign_in(login, "/gate/index")
    for path in "/gate/", "/gate/index", "/gate/account":
        page = login.ask("GET", path, cookie=cookie)
        assert page.status == 200
        assert_links(page)
        target = re.sub("/$", "/index", path)
        assert login.ask("GET", path).get("Location") == \
            "/gate/login?next=" + target
    switch = login.ask("GET", "/gate/account?lang=zh", cookie=cookie)
    assert switch.get("Location") == "/gate/account"
    state = login.ask("GET", "/gate/session")
    assert state.status == 401
    assert json.loads(state.body)["login"] == "/gate/login?next=/gate/index"

    page = login.ask("GET", "/gate/index", cookie=cookie)
    out = login.ask("POST", "/gate/logout",
                    urlencode({"csrf": page.field("csrf")}).encode(), cookie)
    assert (out.status, out.get("Location")) == (303, "/gate/login")
    assert login.ask("GET", "/gate/session", cookie=cookie).status == 401


@pytest.mark.parametrize("path", ["/", "/login", "/gate", "/gatelogin",
                                  "/gate/gate/login", "/other/login"])
def test_nothing_is_served_outside(site, path):
    # As lighttpd has it, PATH_INFO is the whole path.
    for names in {}, {"SCRIPT_NAME": "", "PATH_INFO": path}:
        answer = site.login.ask("GET", path, **names)
        assert answer.status == 404
        assert_links(answer)


def test_gate_sends_to_the_login_below_it(site):
    login = site.login
    # By /auth/login, as nginx and Apache do; the page is another's.
    answer = login.ask("GET", "/gate/auth/login", REQUEST_URI="/shop/a?b=c",
                       HTTP_ACCEPT="text/html")
    assert answer.status == 303
    assert answer.get("Location") == \
        "/gate/login?next=/shop/a%3Fb%3Dc"
    script = login.ask("GET", "/gate/auth/login", REQUEST_URI="/shop/a")
    assert json.loads(script.body)["login"] == "/gate/login"
    assert login.ask("GET", "/gate/auth", HTTP_X_ORIGINAL_URI="/shop/a"
                     ).status == 401
    _, cookie, _ = sign_in(login, "/shop/")
    assert login.ask("GET", "/gate/auth", cookie=cookie,
                     HTTP_X_ORIGINAL_URI="/shop/a").status == 204


def test_the_channel_is_below_it(site):
    _, cookie, _ = sign_in(site.login, "/gate/index")

    def status(path):
        return site.wsd.ask(request(f"GET {path} HTTP/1.1", cookie))[0]

    assert status("/gate/websocket") == 101
    for path in "/websocket", "/gate", "/gatewebsocket", "/gate/websocket/":
        assert status(path) == 404
