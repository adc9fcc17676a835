"""What FastCGI 1.0 says of records as they should not be, row by row; and
after each a login.fcgi that has kept nothing and answers as ever."""

import os
import pathlib
import random
import re
import socket
import struct
import urllib.parse

import pytest

import fcgi_client as fcgi
from conftest import wait_until
from fcgi_client import (ABORT, AUTHORIZER, BEGIN, CANT_MPX_CONN, COMPLETE,
                         DATA, END, GET_VALUES, GET_VALUES_RESULT, PARAMS,
                         RESPONDER, STDIN, STDOUT, UNKNOWN_ROLE, UNKNOWN_TYPE,
                         begin, pairs, record, stream)
from login_process import FORM, ORIGIN, PASSWORD, Login, resident

NOISE_ROUNDS = int(os.environ.get("GATECAST_NOISE_ROUNDS", "500"))
SEED = os.environ.get("GATECAST_SEED", "records")
MIB = 256  # pages
HUGE = 90 << 20

GET = [("REQUEST_METHOD", "GET"), ("SCRIPT_NAME", "/login"),
       ("HTTP_HOST", "chat.test")]
HEAD, BODY = begin() + stream(PARAMS, pairs(GET)), record(STDIN)
WHOLE = HEAD + BODY
NAME = b"FCGI_MPXS_CONNS"
QUERY = pairs([(NAME, ""), ("FCGI_MAX_CONNS", ""), ("FCGI_MAX_REQS", "")])
RESULT = (GET_VALUES_RESULT, 0, pairs([(NAME, "0")]))


def ended(status, request_id=1):
    return END, request_id, struct.pack(">IB3x", 0, status)


def unknown(kind):
    return UNKNOWN_TYPE, 0, bytes([kind]) + bytes(7)


def request(params, body=BODY):
    """A request whose parameters are these bytes."""
    return begin() + stream(PARAMS, params) + body


def also(*params):
    """A request for a page with these parameters besides."""
    return request(pairs([*GET, *params]))


def header(kind, n, padding=0, request_id=1):
    """A record's header, without what it announces."""
    return struct.pack(">BBHHBx", 1, kind, request_id, n, padding)


# What becomes of it: an answer with this status, or none, and the log's words
# for why.
CLOSED = "not FastCGI"
REFUSED = "aborted, or a role that is not ours"
WAITS = "the web server closed the connection"

# (what, bytes, outcome, records besides the answer)
ROWS = [
    ("a request", WHOLE, 200),

    # Version.
    *((f"version {v}", record(BEGIN, bytes([0, 1, *[0] * 6]), version=v) +
       WHOLE[16:], CLOSED) for v in (0, 2, 127, 255)),
    ("version in PARAMS", begin() + record(PARAMS, b"", version=2), CLOSED),
    ("version in STDIN", HEAD + record(STDIN, b"", version=0), CLOSED),
    ("version behind the end", WHOLE + record(STDIN, version=9), 200),

    # Roles.
    *((f"role {r}", begin(r) + HEAD[16:] + BODY, REFUSED,
       [ended(UNKNOWN_ROLE)]) for r in (0, fcgi.FILTER, 4, 0x101, 65535)),
    ("role of BEGIN alone", begin(9), REFUSED, [ended(UNKNOWN_ROLE)]),
    ("role with another id", begin(9, request_id=65535), REFUSED,
     [ended(UNKNOWN_ROLE, 65535)]),
    ("authorizer", begin(AUTHORIZER) + HEAD[16:] + BODY, 401),
    ("authorizer without STDIN", begin(AUTHORIZER) + HEAD[16:], 401),

    # Order.
    ("STDIN before BEGIN", BODY + WHOLE, 200),
    ("PARAMS before BEGIN", record(PARAMS, pairs([("HTTPS", "x\0")])) + WHOLE,
     200),
    ("PARAMS without BEGIN", HEAD[16:] + BODY, WAITS),
    ("STDIN before PARAMS", begin() + record(STDIN, b"x"), CLOSED),
    ("STDIN's end before PARAMS", begin() + BODY, CLOSED),
    ("STDIN before PARAMS' end", HEAD[:-8] + BODY, CLOSED),
    ("PARAMS behind their end", HEAD + record(PARAMS, b"x"), CLOSED),
    ("PARAMS' end twice", HEAD + record(PARAMS), CLOSED),
    ("BEGIN twice", begin() + WHOLE, CLOSED),
    ("BEGIN behind PARAMS", HEAD + begin(), CLOSED),
    ("no PARAMS", begin() + record(PARAMS) + BODY, 400),
    *((f"type {k} is no web server's", HEAD + record(k, b"x" * 9, padding=7) +
       BODY, 200) for k in (END, STDOUT, fcgi.STDERR, DATA, 99)),

    # Lengths.
    *((f"BEGIN of {n} bytes", header(BEGIN, n) + b"\0\1" * 40000, CLOSED)
      for n in (0, 1, 7, 9, 65535)),
    ("BEGIN with id 0", begin(request_id=0) + WHOLE, CLOSED),
    ("nothing", b"", WAITS),
    ("half a header", WHOLE[:5], WAITS),
    ("PARAMS shorter than said", begin() + header(PARAMS, 100) + b"x" * 99,
     WAITS),
    ("STDIN shorter than said", HEAD + header(STDIN, 65535) + b"x" * 99,
     WAITS),
    ("PARAMS that swallow the rest", begin() + header(
        PARAMS, 65535) + HEAD[16:] + BODY, WAITS),
    ("PARAMS in single bytes", begin() + b"".join(
        record(PARAMS, bytes([b])) for b in pairs(GET)) + record(PARAMS) +
     BODY, 200),

    # Padding.
    ("padding everywhere", record(BEGIN, bytes([0, 1, *[0] * 6]), padding=255)
     + record(PARAMS, pairs(GET), padding=1) + record(PARAMS, padding=255) +
     record(STDIN, padding=7), 200),
    ("padding that looks like a record", begin() + header(
        PARAMS, len(pairs(GET)), 8) + pairs(GET) + record(ABORT) +
     record(PARAMS) + BODY, 200),
    ("padding that does not come", HEAD + header(STDIN, 0, 9) + b"x" * 8,
     WAITS),
    ("reserved bytes", b"".join(
        r[:7] + b"\xff" + r[8:] for r in (
            begin(), record(PARAMS, pairs(GET)), record(PARAMS), BODY)), 200),

    # Names and values.
    ("lengths in four bytes", request(b"".join(
        struct.pack(">II", len(n) | 1 << 31, len(v) | 1 << 31) + n.encode() +
        v.encode() for n, v in GET)), 200),
    ("a value beyond the end", request(pairs(GET) + b"\1\2ab"), 400),
    ("a name beyond the end", request(pairs(GET) + b"\5\0ab"), 400),
    ("a name without a value's length", request(pairs(GET) + b"\1"), 400),
    *((f"{n} of a length's four bytes", request(
        pairs(GET) + b"\x80\0\0\0"[:n]), 400) for n in (1, 2, 3)),
    ("a name of 2 GiB", request(pairs(GET) + b"\xff\xff\xff\xff\0a"), 400),
    ("a value of 2 GiB", request(pairs(GET) + b"\1\xff\xff\xff\xffab"), 400),
    ("both of 2 GiB", request(pairs(GET) + b"\xff" * 8 + b"ab"), 400),
    ("lengths that wrap", request(
        pairs(GET) + b"\xff\xff\xff\xff\x80\0\0\2" + b"ab"), 400),
    ("no name", also(("", "x"), ("", "")), 200),
    ("= in a name", also(("SCRIPT_NAME=/x", "y")), 400),
    ("bytes above ASCII", also(("HTTP_X", b"\x80\xff\xfe")), 200),
    *((f"NUL in {what}", also(pair), 400) for what, pair in (
        ("a name", (b"HTTP\0X", "y")), ("a value", ("HTTP_X", b"a\0b")),
        ("a name's end", (b"HTTP_X\0", "y")), ("a value alone", ("X", b"\0")))),
    *((f"{name} twice", also((name, "0"), (name, "0")), 400)
      for name in ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "HTTP_HOST",
                   "QUERY_STRING", "REQUEST_URI", "CONTENT_LENGTH",
                   "CONTENT_TYPE", "REMOTE_ADDR", "HTTPS", "HTTP_ORIGIN",
                   "HTTP_X_FORWARDED_FOR")),
    ("what decides nothing twice", also(("HTTP_X", "1"), ("HTTP_X", "2")), 200),
    ("256 parameters", also(*[(f"HTTP_X{i}", "") for i in range(253)]), 200),
    ("257 parameters", also(*[(f"HTTP_X{i}", "") for i in range(254)]), 431),
    ("64 KiB of PARAMS", also(
        ("X", "x" * (65536 - len(pairs(GET)) - 6))), 200),
    ("64 KiB of PARAMS and one", also(
        ("X", "x" * (65536 - len(pairs(GET)) - 5))), 431),

    # ABORT.
    ("ABORT before BEGIN", record(ABORT) + WHOLE, 200),
    ("ABORT behind BEGIN", begin() + record(ABORT), REFUSED, [ended(COMPLETE)]),
    ("ABORT within PARAMS", HEAD[:-8] + record(ABORT), REFUSED,
     [ended(COMPLETE)]),
    ("ABORT behind PARAMS", HEAD + record(ABORT, b"x", padding=3), REFUSED,
     [ended(COMPLETE)]),
    ("ABORT within STDIN", HEAD + record(STDIN, b"x") + record(ABORT), REFUSED,
     [ended(COMPLETE)]),
    ("ABORT within a record", begin() + header(PARAMS, 99) + record(ABORT),
     WAITS),
    ("ABORT behind a request", WHOLE + record(ABORT), 200),
    ("ABORT of another", HEAD + record(ABORT, request_id=2) + BODY, 200),

    # Management.
    ("GET_VALUES", record(GET_VALUES, QUERY, 0), WAITS, [RESULT]),
    ("GET_VALUES, padded", record(GET_VALUES, QUERY, 0, 5), WAITS, [RESULT]),
    ("GET_VALUES before a request", record(GET_VALUES, QUERY, 0) + WHOLE, 200,
     [RESULT]),
    ("GET_VALUES within one", begin() + record(GET_VALUES, QUERY, 0) +
     WHOLE[16:-8] + record(GET_VALUES, QUERY, 0) + BODY, 200,
     [RESULT, RESULT]),
    ("GET_VALUES of nothing", record(GET_VALUES, b"", 0) + WHOLE, 200,
     [(GET_VALUES_RESULT, 0, b"")]),
    ("GET_VALUES of what is not known", record(GET_VALUES, pairs(
        [("FCGI_MPXS_CONNSX", ""), ("X", "FCGI_MPXS_CONNS")]), 0) + WHOLE, 200,
     [(GET_VALUES_RESULT, 0, b"")]),
    ("GET_VALUES that do not add up", record(GET_VALUES, b"\x0f\0x", 0),
     CLOSED),
    ("GET_VALUES of 64 KiB", record(GET_VALUES, bytes(65535), 0), CLOSED),
    ("GET_VALUES in a request's name", HEAD + record(GET_VALUES, QUERY, 1) +
     BODY, 200),
    ("16 times", record(GET_VALUES, QUERY, 0) * 16 + WHOLE, 200,
     [RESULT] * 16),
    ("17 times", record(GET_VALUES, QUERY, 0) * 17 + WHOLE, CLOSED,
     [RESULT] * 17),
    *((f"management type {k}", record(k, b"x" * 9, 0, 1) + WHOLE, 200,
       [unknown(k)]) for k in (0, 12, 255, STDIN, ABORT)),
    ("management type in a request", HEAD + record(12, b"", 0) + BODY, 200,
     [unknown(12)]),

    # Two requests.
    ("two at once", begin() + begin(request_id=2) + stream(
        PARAMS, pairs(GET)) + record(PARAMS, b"\0\0\0", 2) +
     record(STDIN, b"x" * 5000, 2) + BODY, 200, [ended(CANT_MPX_CONN, 2)]),
    ("three at once", begin() + begin(request_id=256) + begin(
        9, request_id=65535) + WHOLE[16:], 200,
     [ended(CANT_MPX_CONN, 256), ended(CANT_MPX_CONN, 65535)]),
    ("one behind the other", WHOLE + WHOLE, 200),
    ("one behind the other, kept", 2 * (begin(flags=1) + WHOLE[16:]), 200),
    ("one behind the other, two ids", WHOLE + begin(request_id=2), 200),
    ("of unknown flags", begin(flags=254) + WHOLE[16:], 200),
]


class Level:
    """A login.fcgi with one worker, which shall stay as it is."""

    def __init__(self):
        self.site = Login(login__workers=1)
        # ASan keeps what was freed, up to a bound: a small one, for this.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.site.start(env={**os.environ,
                             "ASAN_OPTIONS": options.lstrip(":")})
        self.worker, = self.site.workers()
        for _ in range(50):  # what it has at its largest
            self.site.ask("GET", "/login", HTTP_X="x" * 60000)
            self.site.post_login(password="x" * 3000)
        self.site.sign_in()
        self.pages = resident(self.worker)
        with fcgi.connect(self.site.socket) as s:
            s.shutdown(socket.SHUT_WR)
            assert fcgi.read_records(s) == []  # so all are closed there
        self.n_descriptors = self.descriptors()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.worker}/fd"))

    def check(self):
        answer = self.site.ask("GET", "/login")
        assert answer.status == 200 and answer.field("csrf")
        assert self.site.workers() == [self.worker], self.site.log()
        # The last answer is here before its connection is closed there.
        wait_until(lambda: self.descriptors() <= self.n_descriptors, 10,
                   "every close")
        assert resident(self.worker) - self.pages < 8 * MIB
        log = self.site.log()
        assert "Sanitizer" not in log and "runtime error" not in log, log


@pytest.fixture(scope="module")
def whole_module():
    level = Level()
    yield level
    level.site.stop()


@pytest.fixture
def login(whole_module):
    yield whole_module.site
    whole_module.check()


def give(s, data, piece):
    """Sends, also to whom has closed already."""
    try:
        for at in range(0, len(data), piece):
            s.sendall(data[at:at + piece])
    except (BrokenPipeError, ConnectionResetError):
        pass


def split(records):
    """(the answer's status or None, the other records)."""
    text = b"".join(c for kind, _, c in records if kind == STDOUT)
    others = [r for r in records if r[0] != STDOUT]
    if not text:
        return None, others
    assert records[-1] == ended(COMPLETE), records
    return fcgi.Answer(text).status, others[:-1]


def assert_outcome(site, data, outcome, others=(), piece=1 << 20):
    before = len(site.log())
    with fcgi.connect(site.socket) as s:
        give(s, data, piece)
        if outcome == WAITS:
            s.shutdown(socket.SHUT_WR)
        answer = split(fcgi.read_records(s))
    is_answer = isinstance(outcome, int)
    assert answer == (outcome if is_answer else None, list(others))
    dropped = re.findall("request dropped: (.*)", site.log()[before:])
    assert dropped == ([] if is_answer else [outcome])


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_records(login, row):
    _, data, outcome, *others = row
    assert_outcome(login, data, outcome, *others)
    if len(data) < 1000:
        assert_outcome(login, data, outcome, *others, piece=1)


def posted(login, length):
    """A sign-in whose CONTENT_LENGTH are these values; {n}: its own."""
    csrf, pre, _ = login.form()
    body = urllib.parse.urlencode({"name": "alice", "password": PASSWORD,
                                   "next": "/", "csrf": csrf}).encode()
    params = [("REQUEST_METHOD", "POST"), ("SCRIPT_NAME", "/login"),
              ("HTTP_HOST", "chat.test"), ("HTTP_ORIGIN", ORIGIN),
              ("CONTENT_TYPE", FORM), ("HTTP_COOKIE", pre)]
    params += [("CONTENT_LENGTH", v.format(
        n=len(body), less=len(body) - 1, more=len(body) + 1)) for v in length]
    return request(pairs(params), b""), body


# (values, status with its own body, status with 90 MB)
LENGTHS = [
    (["{n}"], 303, 413), ([], 303, 413), ([""], 303, 413), (["-1"], 303, 413),
    (["000{n}"], 303, 413), (["{less}"], 400, 413), (["{more}"], 400, 413),
    (["0"], 400, 413), (["1"], 400, 413), (["94371840"], 413, 413),
    (["999999999999999999"], 413, 413), (["+{n}"], 400, 400),
    (["-{n}"], 400, 400), (["-0"], 400, 400), ([" {n}"], 400, 400),
    (["{n} "], 400, 400), (["{n}, {n}"], 400, 400), (["abc"], 400, 400),
    (["{n}.0"], 400, 400), (["1e3"], 400, 400), (["0x10"], 400, 400),
    (["4294967296"], 413, 413), (["9223372036854775808"], 400, 400),
    (["18446744073709551616"], 400, 400), (["9" * 5000], 400, 400),
    (["{n}", "{n}"], 400, 400), (["{n}", "1"], 400, 400),
    (["\u0661"], 400, 400),
]


@pytest.mark.parametrize("values,status,_", LENGTHS)
def test_content_length(login, values, status, _):
    head, body = posted(login, values)
    assert_outcome(login, head + stream(STDIN, body), status)


def pour(s, kind, request_id=1):
    """90 MB of a stream's records, to whom may stop to listen."""
    one = record(kind, b"a" * 65528, request_id)
    for _ in range(HUGE // 65528):
        try:
            s.sendall(one)
        except (BrokenPipeError, ConnectionResetError):
            return False
    return True


def assert_refused_early(login, data, kind, status):
    """The answer is here before more than a little was sent."""
    with fcgi.connect(login.socket) as s:
        s.sendall(data)
        assert fcgi.read_answer(s).status == status
        pour(s, kind)
        assert fcgi.read_records(s) == []


@pytest.mark.parametrize("values,_,status", [
    row for row in LENGTHS if row[0] in (
        ["{n}"], [], ["-1"], ["1"], ["94371840"], ["+{n}"],
        ["9223372036854775808"], ["{n}", "{n}"])])
def test_a_body_of_90_mb(login, values, _, status):
    head, _ = posted(login, values)
    assert_refused_early(login, head + record(STDIN, b"a" * 65528), STDIN,
                         status)


def test_params_of_90_mb(login):
    assert_refused_early(login, begin() + 2 * record(PARAMS, b"a" * 40000),
                         PARAMS, 431)


def test_90_mb_of_nobodys(login):
    """What belongs to no request is passed over, up to a MiB of it, and not
    kept."""
    with fcgi.connect(login.socket) as s:
        s.sendall(15 * record(PARAMS, b"a" * 65528, 7) + WHOLE)
        assert split(fcgi.read_records(s)) == (200, [])
    with fcgi.connect(login.socket) as s:
        assert not pour(s, PARAMS, 7)


@pytest.mark.parametrize("role,status", [(RESPONDER, 303), (AUTHORIZER, 401)])
def test_cut_at_each_byte(login, role, status):
    """Every beginning of a request is none, whether its peer is gone or
    waits for an answer still."""
    head, body = posted(login, ["{n}"])
    data = begin(role) + head[16:] + stream(STDIN, body)
    # An authorizer's body is not waited for.
    end = len(data) if role == RESPONDER else len(head)
    before = len(login.log())
    for n in range(end):
        with fcgi.connect(login.socket) as s:
            s.sendall(data[:n])
            if n % 2:
                s.shutdown(socket.SHUT_WR)
                assert fcgi.read_records(s) == [], n
    wait_until(lambda: login.log()[before:].count(WAITS) == end,
               what="noticing them")
    assert_outcome(login, data[:end], status)


def noises(rng):
    """4 KiB each: nothing but noise, noise within a request, records of
    noise, and a request with some bits turned."""
    yield rng.randbytes(4096)
    yield begin(rng.choice((RESPONDER, AUTHORIZER))) + rng.randbytes(4080)
    data = begin() if rng.random() < 0.7 else b""
    while len(data) < 4096:
        data += record(rng.choice((*range(13), rng.randrange(256))),
                       rng.randbytes(rng.choice((0, 8, rng.randrange(400)))),
                       rng.choice((0, 1, 1, 1, 2)), rng.randrange(9))
    yield data
    data = bytearray(also(("X", rng.randbytes(4000))))
    for _ in range(rng.randrange(1, 9)):
        data[rng.randrange(rng.choice((100, len(data))))] ^= \
            1 << rng.randrange(8)
    yield bytes(data)


def test_noise(login):
    """GATECAST_NOISE_ROUNDS=10000 for a long run."""
    rng = random.Random(SEED)
    for i in range(NOISE_ROUNDS):
        for data in noises(rng):
            with fcgi.connect(login.socket) as s:
                give(s, data, 1 << 20)
                try:
                    s.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                records = fcgi.read_records(s)
            assert {r[0] for r in records} <= {
                STDOUT, END, GET_VALUES_RESULT, UNKNOWN_TYPE}, (SEED, i)
        assert login.ask("GET", "/login").status == 200, (SEED, i)


def test_memory_is_looked_at(whole_module):
    """The figures are of the process that answers."""
    status = pathlib.Path(f"/proc/{whole_module.worker}/comm").read_text()
    assert status.strip() == "login.fcgi"
    with fcgi.connect(whole_module.site.socket) as s:
        s.sendall(begin())
        wait_until(lambda: whole_module.descriptors() ==
                   whole_module.n_descriptors + 1, what="a connection")
