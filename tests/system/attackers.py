"""Those who mean ill, all at once, in a process of their own: whoever is cut
or refused comes back. Their sockets take in little, so that what they do not
read is the other end's to keep.

Its first line of input says where: {"port", "metrics_port", "control": PATH,
"cookies": {USER: COOKIE}}; `users()` names whom it needs sessions of. It goes
on until its input ends, and then prints how often each kind was refused (by
status), cut, or done."""

import asyncio
import collections
import json
import socket
import struct
import sys

from test_ws_conformance import CONT, garbage
from wsclient import PING, PONG, TEXT
from ws_raw import request

AGAIN_S = 1.0
PATIENCE_S = 0.3  # between two bytes, or too many questions
TOO_FAST = struct.pack(">H", 4429)
MASK = 128
NOT_FINAL = 0
FINAL = 128

# How many of each, and how many of them are one user's.
HEADS = 2500
METRICS = 300
HALF_METRICS = 80
CONTROL = 200
GARBAGE = 20
GARBAGE_USER = "garbage"
CROWDS = {"flood": (1, 1), "floods": (10, 10), "pings": (40, 1),
          "history": (60, 1), "deaf": (240, 20), "unfinished": (500, 20)}


def user_of(kind, i):
    return f"{kind}{i // CROWDS[kind][1]}"


def users():
    return sorted({user_of(kind, i) for kind, (n, _) in CROWDS.items()
                   for i in range(n)}) + [GARBAGE_USER]


class Refused(Exception):
    """An HTTP answer in place of the upgrade."""


def frame(opcode, payload, final=FINAL):
    """With the mask 0, which changes nothing."""
    n = len(payload)
    size = bytes([MASK | n]) if n < 126 else \
        bytes([MASK | 126]) + struct.pack(">H", n)
    return bytes([final | opcode]) + size + bytes(4) + payload


def spam(user, i):
    return json.dumps({"type": "send", "text": f"spam of {user} {i}"}).encode()


def has_said(user, text):
    """Whether it can be this user's: whose spam is stands in it."""
    return user == GARBAGE_USER or text.startswith(f"spam of {user} ")


class Attack:
    def __init__(self, port, metrics_port, control, cookies):
        self.loop = asyncio.get_running_loop()
        self.wsd = ("127.0.0.1", port)
        self.metrics = ("127.0.0.1", metrics_port)
        self.control = control
        self.cookies = cookies
        self.seen = collections.Counter()
        self.said = 0

    async def keep_on(self, kind, where, fn, *args, again_s=AGAIN_S):
        """One attacker."""
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        while True:
            with socket.socket(family) as s:
                s.setblocking(False)
                if family == socket.AF_INET:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                try:
                    await self.loop.sock_connect(s, where)
                    await fn(s, *args)
                    self.seen[f"{kind} done"] += 1
                except Refused as e:
                    self.seen[f"{kind} {e}"] += 1
                except OSError:
                    self.seen[f"{kind} cut"] += 1
            await asyncio.sleep(again_s)

    def crowds(self, *kinds):
        for kind in kinds:
            # A function is named for one of them.
            fn = getattr(self, kind.rstrip("s"))
            for i in range(CROWDS[kind][0]):
                yield self.keep_on(
                    kind, self.wsd, self.member, fn, user_of(kind, i))

    def strangers(self):
        for i in range(HEADS):
            yield self.keep_on("heads", self.wsd, self.half_a_head,
                               again_s=5 * AGAIN_S)
        for i in range(HALF_METRICS):
            yield self.keep_on("half metrics", self.metrics, self.half_a_head)
        for i in range(METRICS):
            yield self.keep_on("metrics", self.metrics, self.deaf_to_metrics)
        for i in range(CONTROL):
            yield self.keep_on("control", self.control, self.half_a_command
                               if i % 4 else self.deaf_to_control,
                               again_s=2 * AGAIN_S)
        kinds = garbage(self.cookies[GARBAGE_USER])
        for i in range(GARBAGE):
            yield self.keep_on(
                "garbage", self.wsd, self.talk_garbage, kinds[i::GARBAGE])

    # --- before a handshake is over -------------------------------------

    async def drip(self, s, byte=b"x"):
        """So slowly, until the other end has had enough."""
        while True:
            await asyncio.sleep(PATIENCE_S)
            await self.loop.sock_sendall(s, byte)

    async def half_a_head(self, s):
        head = request()[:-2] + b"X: "
        await self.loop.sock_sendall(s, head + b"x" * (12000 - len(head)))
        await self.drip(s)

    async def deaf_to_metrics(self, s):
        await self.loop.sock_sendall(
            s, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(20 * PATIENCE_S)

    async def half_a_command(self, s):
        await self.loop.sock_sendall(
            s, b'{"command":"publish","text":"' + b"x" * 130000)
        await self.drip(s)

    async def deaf_to_control(self, s):
        while True:
            await self.loop.sock_sendall(s, b'{"command":"who"}\n' * 50)
            await asyncio.sleep(PATIENCE_S)

    async def talk_garbage(self, s, kinds):
        """One of them, the next one next time."""
        kind = kinds.pop(0)
        kinds.append(kind)
        head, behind = kind if isinstance(kind, tuple) else (kind, b"")
        await self.loop.sock_sendall(s, head)
        if behind:
            await self.answer(s)
            await self.loop.sock_sendall(s, behind)
        while await self.loop.sock_recv(s, 65536):
            pass

    # --- as somebody with a session -------------------------------------

    async def answer(self, s):
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = await self.loop.sock_recv(s, 4096)
            if not chunk:
                raise ConnectionError("no answer")
            data += chunk
        if not data.startswith(b"HTTP/1.1 101"):
            raise Refused(data[9:12].decode())

    async def member(self, s, fn, user):
        await self.loop.sock_sendall(s, request(
            cookie=self.cookies[user],
            change={"Sec-WebSocket-Protocol": "gatecast.v1"}))
        await self.answer(s)
        await fn(s, user)

    async def deaf(self, s, user):
        """Is alive, and reads nothing."""
        await self.drip(s, frame(PONG, b""))

    async def history(self, s, user):
        ask = json.dumps({"type": "history", "before": 1 << 40,
                          "limit": 200}).encode()
        await self.drip(s, frame(TEXT, ask) * 3)

    async def ping(self, s, user):
        await self.drip(s, frame(PING, b"x" * 125) * 10)

    async def unfinished(self, s, user):
        """Nearly as much as may be in one message: 6 x 4096 + 512."""
        await self.loop.sock_sendall(
            s, frame(TEXT, b"x" * 8000, NOT_FINAL) +
            frame(CONT, b"x" * 8000, NOT_FINAL) +
            frame(CONT, b"x" * 9000)[:-100])
        await asyncio.sleep(PATIENCE_S)
        await self.drip(s)

    async def flood(self, s, user):
        """As fast as it gets rid of them; it reads its errors."""
        reader = asyncio.create_task(self.read(s))
        try:
            while not reader.done():
                await self.loop.sock_sendall(s, b"".join(
                    frame(TEXT, spam(user, self.said + i))
                    for i in range(20)))
                self.said += 20
                await asyncio.sleep(0.02)
        finally:
            reader.cancel()
            await asyncio.wait([reader])

    async def read(self, s):
        """Until it is shown the door."""
        while (data := await self.loop.sock_recv(s, 65536)) and \
                TOO_FAST not in data:
            pass


async def main():
    attack = Attack(**json.loads(sys.stdin.readline()))
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    tasks = []

    def begin(attackers):
        tasks.extend(asyncio.create_task(a) for a in attackers)

    # First, while there is still room for them.
    begin(attack.crowds("flood", "floods"))
    while attack.seen.total() < len(tasks):
        await asyncio.sleep(0.02)
    begin(attack.crowds(*CROWDS.keys() - {"flood", "floods"}))
    begin(attack.strangers())
    # None of the tasks ends but by a mistake here.
    done, _ = await asyncio.wait([over, *tasks],
                                 return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    print(json.dumps(attack.seen))


if __name__ == "__main__":
    asyncio.run(main())
