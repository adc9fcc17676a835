"""Power loss at any moment of a sign-in, a logout and the admin's commands.

What kill -9 would leave at each step says which states there are; power loss
may leave one of these and no other, and none from before the last that was
acknowledged: by the program's end, or for a sign-in by its answer. The stores
are judged each for itself, for commands change one after the other.
"""

import os
import re
import shutil
import subprocess
import urllib.parse

import pytest

import fcgi_client as fcgi
from disk import ENV, Disk, record
from login_process import FORM, ORIGIN, PASSWORD, PROGRAM, TOOL, Login
from test_power_loss import IMAGES, cut_points, dice, judge, shelf

STORES = ("users", "sessions", "throttle")
FILES = ("keyring", "users/secret")
HTPASSWD = "".join(f"guest{i}:$2y$04${'abcdefghijklmnopqrstuv'}"
                   "7F6vZkLFPjNg2xQe7dBqDTrJXc5o8Ge\n" for i in range(20))


def cgi_env(site, method, path, body=b"", cookie=""):
    return {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method,
            "SCRIPT_NAME": path, "HTTP_HOST": "chat.test",
            "REMOTE_ADDR": "192.0.2.7", "GATECAST_CONF": str(site.conf),
            "CONTENT_TYPE": FORM, "HTTP_ORIGIN": ORIGIN,
            "CONTENT_LENGTH": str(len(body)), "HTTP_COOKIE": cookie}


def ask(site, *args):
    done = subprocess.run([PROGRAM], capture_output=True, timeout=30,
                          input=args[2] if len(args) > 2 else b"",
                          env={**ENV, **cgi_env(site, *args)})
    return fcgi.Answer(done.stdout)


def login_request(site):
    form = ask(site, "GET", "/login")
    body = urllib.parse.urlencode(
        {"name": "alice", "password": PASSWORD, "next": "/index",
         "csrf": form.field("csrf")}).encode()
    jar = "gatecast-pre=" + form.cookies()["gatecast-pre"][0]
    return "POST", "/login", body, jar


def logout_request(site):
    jar = "gatecast=" + ask(site, *login_request(site)).cookies()[
        "gatecast"][0]
    page = ask(site, "GET", "/index", b"", jar)
    body = urllib.parse.urlencode({"csrf": page.field("csrf")}).encode()
    return "POST", "/logout", body, jar


# Each goes on from what the one before it left.
def steps(site):
    def tool(*args, stdin=""):
        return f"{TOOL} -c {site.conf} {' '.join(args)}", \
            {"input": stdin.encode()}

    def request(made):
        return f"exec {PROGRAM}", \
            {"input": made[2], "env": cgi_env(site, *made)}

    backup = site.dir / "backup"
    yield "init", tool("store", "init")
    for name in ("alice", "bob"):
        yield f"add {name}", tool("user", "add", name, "--password-stdin",
                                  stdin=PASSWORD)
    yield "login", request(login_request(site))
    yield "login again", request(login_request(site))
    yield "logout", request(logout_request(site))
    site.tool("store", "backup", backup)
    yield "rotate", tool("key", "rotate")
    yield "checkpoint", tool("store", "checkpoint")
    yield "revoke", tool("session", "revoke", "--user", "alice")
    yield "login once more", request(login_request(site))
    yield "passwd", tool("user", "passwd", "alice", "--password-stdin",
                         stdin=PASSWORD)
    yield "lock", tool("user", "lock", "bob")
    yield "rename", tool("user", "rename", "bob", "bobby")
    yield "import", tool("user", "import", "-", stdin=HTPASSWD)
    yield "del", tool("user", "del", "bobby")
    yield "login at last", request(login_request(site))
    yield "restore", tool("store", "restore", str(backup))


STEPS = 17


class Truth:
    """The states that kill -9 could leave, in their order."""

    def __init__(self, judge, path):
        self.judge, self.path = judge, path
        self.states = {part: [] for part in STORES + FILES}
        self.least = dict.fromkeys(self.states, 0)

    def see(self, path):
        """The state of each part; of a store that cannot be read, why."""
        seen = {}
        for store in STORES:
            found = self.judge.look(path / store)
            seen[store] = found if isinstance(found, dict) else \
                found.replace(str(path), "")
        for name in FILES:
            file = path / name
            seen[name] = file.read_bytes() if file.exists() else None
        return seen

    def feed(self, disk):
        disk.kill(self.path)
        for part, state in self.see(self.path).items():
            if not self.states[part] or self.states[part][-1] != state:
                self.states[part].append(state)
        shutil.rmtree(self.path)

    def acknowledge(self):
        self.least = {part: len(s) - 1 for part, s in self.states.items()}

    def complaints(self, path, is_making):
        wrong, seen = [], self.see(path)
        for part, state in seen.items():
            allowed = self.states[part][self.least[part]:]
            if state in allowed:
                continue
            # Half made and not acknowledged: made anew, as is tried below.
            if is_making and isinstance(allowed[0], str) and \
                    isinstance(state, str):
                continue
            wrong.append(f"{part} is {state}, not of {allowed}")
        if isinstance(seen["users"], dict) and seen["users"] and \
                seen["users/secret"] is None:
            wrong.append("users are there and their secret is not")
        return wrong


def is_answer(call):
    return call.fd == 1 and call.name == "write" and \
        re.match(rb"Status: 303", b"".join(call.strings))


def tool_on(image, site, *args):
    conf = image.parent / "gatecast.conf"
    conf.write_text(site.conf.read_text().replace(str(site.store),
                                                  str(image)))
    return subprocess.run([TOOL, "-c", conf, *args], text=True,
                          capture_output=True, timeout=30)


def check(image, site, truth, judge, is_making, has_tool):
    wrong = truth.complaints(image, is_making)
    if wrong:
        return wrong
    if is_making:
        done = tool_on(image, site, "store", "init")
        if done.returncode != 0:
            return ["not made anew: " + done.stderr]
    elif has_tool:
        done = tool_on(image, site, "store", "check")
        if done.returncode != 0:
            return ["store check: " + done.stdout + done.stderr]
    for store in ("users", "sessions"):
        judge.recovers(image / store)
    return []


def test_power_loss_of_commands(tmp_path, dice, judge, shelf, request):
    site = Login(init=False)
    request.addfinalizer(site.stop)
    images = made = 0
    for name, (command, options) in steps(site):
        disk, calls, done = record(site.store, command, tmp_path / "log",
                                   **options)
        is_cgi = "env" in options
        assert not is_cgi or done.stdout.startswith(b"Status: 303"), \
            done.stdout
        points = cut_points(calls, disk.top, IMAGES // STEPS, dice)
        end = len(calls) - 1
        points[end] = points.get(end, 0) + 2
        truth = Truth(judge, shelf / "kill")
        truth.feed(disk)
        for i, (is_begin, call) in enumerate(calls):
            disk.feed(is_begin, call)
            if not is_begin and call.changes(disk.top):
                truth.feed(disk)
            if i == end or is_cgi and not is_begin and is_answer(call):
                truth.acknowledge()
                # The moment that matters, whatever the dice say.
                points[i] = points.get(i, 0) + 6
            for _ in range(points.get(i, 0)):
                image = shelf / "image"
                disk.power_loss(image, dice)
                is_making = name == "init" and i < end
                wrong = check(image, site, truth, judge, is_making,
                              images % 8 == 0)
                assert wrong == [], f"{name}, at {call}"
                shutil.rmtree(image)
                images += 1
        made += 1
    assert made == STEPS
    print(f"{images} images of {made} commands")
