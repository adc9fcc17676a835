"""A small synchronous WebSocket client for the tests.

It speaks for a browser: a cookie, an Origin, a subprotocol, a cursor. It also
sends what no browser would: any header, any frame, any bytes. So it is written
on a socket and not on a library that would refuse to.
"""

import base64
import hashlib
import json
import os
import socket
import struct
import time
from urllib.parse import urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """An HTTP answer in place of the upgrade."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body!r}")
        self.status = status
        self.headers = headers
        self.body = body


class Closed(Exception):
    """The connection is over; code is None without a close frame."""

    def __init__(self, code, reason=""):
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Client:
    """One connection, opened by the constructor."""

    def __init__(self, url, cookie=None, origin=None, protocol="gatecast.v1",
                 since=None, headers=(), timeout=30.0, path=None, rcvbuf=None):
        parts = urlsplit(url)
        target = path or parts.path
        if since is not None:
            target += f"?since={since}"
        if origin is None:
            origin = f"http://{parts.netloc}"
        self.timeout = timeout
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        if rcvbuf:  # before the window is agreed on
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.connect((parts.hostname, parts.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.pings = 0
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}",
                 "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key.decode()}",
                 "Sec-WebSocket-Version: 13"]
        if origin:
            lines.append(f"Origin: {origin}")
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        if cookie:
            lines.append(f"Cookie: {cookie}")
        lines += headers
        try:
            self.sock.sendall("\r\n".join(lines + ["", ""]).encode())
            self.status, self.headers = self._head()
            if self.status != 101:
                raise Refused(self.status, self.headers, self._body())
            want = base64.b64encode(hashlib.sha1(key + GUID).digest())
            assert self.headers["sec-websocket-accept"] == want.decode()
            self.protocol = self.headers.get("sec-websocket-protocol")
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    # --- reading --------------------------------------------------------

    def _fill(self, deadline):
        self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            raise TimeoutError("nothing came") from None
        except ConnectionError as e:
            raise Closed(None, str(e)) from None
        if not data:
            raise Closed(None, "end of stream")
        self.buffer += data

    def _take(self, n, deadline):
        while len(self.buffer) < n:
            self._fill(deadline)
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def _head(self):
        deadline = time.monotonic() + self.timeout
        while b"\r\n\r\n" not in self.buffer:
            self._fill(deadline)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        status, *fields = head.decode("latin-1").split("\r\n")
        headers = {}
        for field in fields:
            name, value = field.split(":", 1)
            headers[name.lower()] = value.strip()
        return int(status.split()[1]), headers

    def _body(self):
        deadline = time.monotonic() + self.timeout
        length = self.headers.get("content-length")
        try:
            while length is None or len(self.buffer) < int(length):
                self._fill(deadline)
        except (Closed, TimeoutError):
            pass
        return self.buffer

    def frame(self, timeout=None):
        """(opcode, is_final, payload) of the next frame, whatever it is."""
        deadline = time.monotonic() + (timeout or self.timeout)
        # A frame half read stays in the buffer when time runs out.
        while True:
            size = self._frame_size()
            if size is not None and len(self.buffer) >= size[0] + size[1]:
                break
            self._fill(deadline)
        first = self.buffer[0]
        self._take(size[0], deadline)
        return first & 15, bool(first & 128), self._take(size[1], deadline)

    def whole_frames(self):
        """(opcode, payload) of all that the buffer holds to the end."""
        while (size := self._frame_size()) and len(self.buffer) >= sum(size):
            opcode = self.buffer[0] & 15
            payload = self.buffer[size[0]:sum(size)]
            self.buffer = self.buffer[sum(size):]
            yield opcode, payload

    def _frame_size(self):
        if len(self.buffer) < 2:
            return None
        assert self.buffer[0] & 0x70 == 0, "a reserved bit is set"
        assert self.buffer[1] & 128 == 0, "a server's frame is masked"
        n = self.buffer[1] & 127
        if n == 126:
            if len(self.buffer) < 4:
                return None
            return 4, struct.unpack(">H", self.buffer[2:4])[0]
        if n == 127:
            if len(self.buffer) < 10:
                return None
            return 10, struct.unpack(">Q", self.buffer[2:10])[0]
        return 2, n

    def recv(self, timeout=None):
        """The next text message; pings are answered on the way. Closed when
        the server closes, TimeoutError when nothing comes."""
        deadline = time.monotonic() + (timeout or self.timeout)
        message = b""
        while True:
            left = deadline - time.monotonic()
            opcode, is_final, payload = self.frame(max(left, 0.001))
            if opcode == PING:
                self.pings += 1
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] \
                    if len(payload) >= 2 else None
                raise Closed(code, payload[2:].decode())
            elif opcode != PONG:
                message += payload
                if is_final:
                    return message.decode()

    def event(self, timeout=None):
        """The next message as JSON (gatecast.v1)."""
        return json.loads(self.recv(timeout))

    def expect(self, type, timeout=None, **fields):
        """Reads on to the next event of that type with those fields."""
        deadline = time.monotonic() + (timeout or self.timeout)
        seen = []
        while True:
            try:
                e = self.event(max(deadline - time.monotonic(), 0.001))
            except TimeoutError:
                raise AssertionError(
                    f"no {type} {fields}; came: {seen}") from None
            if e["type"] == type and all(
                    e.get(k) == v for k, v in fields.items()):
                return e
            seen.append(e)

    def closed(self, timeout=None):
        """Reads to the end and gives the close code."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            try:
                self.recv(max(deadline - time.monotonic(), 0.001))
            except Closed as e:
                return e.code

    # --- writing --------------------------------------------------------

    def send_frame(self, opcode, payload=b"", is_final=True, is_masked=True):
        n = len(payload)
        head = bytes([opcode | (128 if is_final else 0)])
        mask = 128 if is_masked else 0
        if n < 126:
            head += bytes([mask | n])
        elif n < 65536:
            head += bytes([mask | 126]) + struct.pack(">H", n)
        else:
            head += bytes([mask | 127]) + struct.pack(">Q", n)
        if is_masked:
            key = os.urandom(4)
            head += key
            whole = (key * (n // 4 + 1))[:n]
            payload = (int.from_bytes(payload, "big") ^
                       int.from_bytes(whole, "big")).to_bytes(n, "big")
        self.sock.sendall(head + payload)

    def send_bytes(self, data):
        """Raw bytes, past any framing."""
        self.sock.sendall(data)

    def send(self, text):
        """One text message."""
        self.send_frame(TEXT, text.encode())

    def say(self, text, ref=None):
        """gatecast.v1's send; gives the ref."""
        ref = ref or os.urandom(8).hex()
        self.send(json.dumps({"type": "send", "ref": ref, "text": text}))
        return ref

    def close(self, code=1000):
        """A clean close; gives the server's code."""
        self.send_frame(CLOSE, struct.pack(">H", code))
        try:
            return self.closed()
        finally:
            self.sock.close()


def connect(site, user="alice", cookie=None, direct=False, **kwargs):
    """Signs user in (unless a cookie is given) and opens a connection with
    the site's own Origin."""
    kwargs.setdefault("origin", site.url)
    return Client(site.wsd_url if direct else site.ws_url,
                  cookie=cookie or site.cookie(user), **kwargs)
