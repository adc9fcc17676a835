"""A small FastCGI client (FastCGI 1.0), for saying to login.fcgi what no web
server would."""

import re
import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA = 1, 2, 3, 4, 5, 6, 7, 8
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
COMPLETE, CANT_MPX_CONN, UNKNOWN_ROLE = 0, 1, 3
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3


def record(kind, content=b"", request_id=1, padding=0, version=1):
    return struct.pack(">BBHHBx", version, kind, request_id, len(content),
                       padding) + content + b"\0" * padding


def begin(role=RESPONDER, flags=0, request_id=1):
    return record(BEGIN, struct.pack(">HB5x", role, flags), request_id)


def length(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def pairs(params):
    """params: a dict, or a list of pairs where a name may come twice."""
    items = params.items() if isinstance(params, dict) else params
    out = b""
    for name, value in items:
        name, value = as_bytes(name), as_bytes(value)
        out += length(len(name)) + length(len(value)) + name + value
    return out


def stream(kind, content):
    out = b""
    for at in range(0, len(content), 65528):
        out += record(kind, content[at:at + 65528])
    return out + record(kind)


def request_bytes(params, body=b"", role=RESPONDER, flags=0):
    return (begin(role, flags) + stream(PARAMS, pairs(params)) +
            stream(STDIN, body))


class Answer:
    """An answer in CGI form."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.raw = raw
        self.headers = []
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            self.headers.append((name, value))
        self.status = int(self.get("Status").split()[0])

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} more than once"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    def field(self, name):
        """The value of a form's input."""
        found = re.search(
            r'<input[^>]*\bname="%s"[^>]*\bvalue="([^"]*)"' % name, self.text)
        return found and found.group(1)

    def cookies(self):
        """Name to (value, attributes)."""
        out = {}
        for line in self.all("Set-Cookie"):
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            assert name not in out
            out[name] = (value, attributes)
        return out


def connect(address, timeout=30.0):
    """address: a Unix socket's path, or (host, port)."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect(address)
    return s


def read_exactly(s, n):
    out = b""
    while len(out) < n:
        part = s.recv(n - len(out))
        if not part:
            return None
        out += part
    return out


def read_answer(s):
    """The answer, or None when the connection was closed without one."""
    out = b""
    while True:
        header = read_exactly(s, 8)
        if header is None:
            return None
        _, kind, _, n, padding = struct.unpack(">BBHHBx", header)
        content = read_exactly(s, n)
        read_exactly(s, padding)
        if kind == STDOUT:
            out += content
        elif kind == END:
            return Answer(out)


def read_records(s):
    """What comes until the connection ends: [(type, request id, content)].
    A record that is cut short is an error."""
    data = b""
    try:
        while part := s.recv(65536):
            data += part
    except (ConnectionResetError, BrokenPipeError):
        pass  # closed before all that was sent had been read
    out = []
    while data:
        version, kind, request_id, n, padding = struct.unpack_from(
            ">BBHHBx", data)
        assert version == 1 and len(data) >= 8 + n + padding, data
        out.append((kind, request_id, data[8:8 + n]))
        data = data[8 + n + padding:]
    return out


def send(address, data, timeout=30.0):
    with connect(address, timeout) as s:
        s.sendall(data)
        return read_answer(s)
