"""login.fcgi with FastCGI as it should not be, and with many peers."""

import concurrent.futures
import socket
import time

import pytest

import fcgi_client as fcgi
from login_process import ORIGIN, assert_protected, make, several_users

login = pytest.fixture(several_users, scope="module")


def test_missing_method(login):
    for drop in (("REQUEST_METHOD",),
                 ("SCRIPT_NAME", "REQUEST_URI", "REQUEST_METHOD"),
                 ("SCRIPT_NAME", "REQUEST_URI")):
        answer = login.ask("GET", "/login", drop=drop)
        assert answer.status == 400
        assert_protected(answer)
    assert fcgi.send(login.socket, fcgi.request_bytes({})).status == 400
    double = [("REQUEST_METHOD", "GET"), ("REQUEST_METHOD", "POST"),
              ("SCRIPT_NAME", "/login")]
    assert fcgi.send(login.socket, fcgi.request_bytes(double)).status == 400


def test_params_limits(login):
    answer = login.ask("GET", "/login", HTTP_X="x" * 60000)
    assert answer.status == 200
    for params in ({"HTTP_X": "x" * 70000},
                   {"HTTP_X": "x" * 5000000},
                   {f"HTTP_X{i}": "" for i in range(300)}):
        answer = login.ask("GET", "/login", **params)
        assert answer.status == 431
        assert_protected(answer)
    # A NUL would hide the rest of a value.
    answer = login.ask("GET", "/login", HTTP_ORIGIN=ORIGIN + "\0.evil.test")
    assert answer.status == 400
    lie = fcgi.begin() + fcgi.stream(fcgi.PARAMS, b"\xff\xff\xff\xff" * 2)
    assert fcgi.send(login.socket, lie).status == 400


def test_role_is_not_a_header(login):
    assert login.ask("GET", "/login", FCGI_ROLE="AUTHORIZER").status == 200


def test_garbage(login):
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100,
                 fcgi.record(fcgi.STDIN, b"x"), b"\x01"):
        with fcgi.connect(login.socket) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            assert fcgi.read_answer(s) is None
    assert login.ask("GET", "/login").status == 200


def test_pieces(login):
    """A request that comes byte by byte is a request."""
    data = fcgi.request_bytes({"REQUEST_METHOD": "GET",
                               "SCRIPT_NAME": "/login"})
    with fcgi.connect(login.socket) as s:
        for i in range(len(data)):
            s.sendall(data[i:i + 1])
        assert fcgi.read_answer(s).status == 200


def test_keep_connection_is_closed(login):
    """A kept connection would keep a worker: it is answered and closed."""
    with fcgi.connect(login.socket) as s:
        s.sendall(fcgi.request_bytes(
            {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login"}, flags=1))
        assert fcgi.read_answer(s).status == 200
        assert s.recv(1) == b""


def test_many_at_once(login):
    cookie = login.sign_in()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(
            lambda _: login.ask("GET", "/session", cookie=cookie).status,
            range(200)))
    assert answers == [200] * 200


def test_hash_slots(request):
    """With one slot, a second password at the same time waits; checks of
    sessions go on."""
    site = make(request, login__workers=4, login__hash_slots=1,
                login__argon2_memory_kib=65536,
                login__argon2_passes=4).start()
    cookie = site.sign_in()
    csrf, pre, _ = site.form()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        logins = [pool.submit(site.post_login, "nobody", csrf=csrf,
                              cookie=pre) for _ in range(6)]
        start = time.monotonic()
        checks = 0
        while not all(f.done() for f in logins):
            assert site.ask("GET", "/session", cookie=cookie).status == 200
            checks += 1
        answers = [f.result() for f in logins]
    # Or has waited for too long, where the machine is busy.
    assert {401} <= {a.status for a in answers} <= {401, 503}
    assert checks > 0 and time.monotonic() > start
    # The slot is free again.
    site.sign_in()
