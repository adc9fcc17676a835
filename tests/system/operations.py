"""What administrators and visitors do, each as one process that a crash test
can kill or let fail: the admin tool, and login.fcgi as plain CGI.

An operation is prepared, run by the test in its own way, and judged: what the
oracle may believe while it is tried, what must stand once it was
acknowledged, and how it is done again.
"""

import base64
import hashlib
import itertools
import json
import os
import urllib.parse

import fcgi_client as fcgi
from login_process import FORM, ORIGIN, PROGRAM, TOOL

USER = "alice"
PASSWORD = "a-password-without-blanks"


class Operation:
    """On one user and sessions of theirs; a subclass a command."""

    exits = (0, 1, 4)  # of a run that was not killed
    fresh = itertools.count()

    def __init__(self, site, oracle):
        self.site = site
        self.oracle = oracle

    def prepare(self):
        pass

    def run(self, runner):
        """runner: (argv, env, input) to a finished process of bytes."""
        env = {k: v for k, v in os.environ.items()
               if k.endswith("SAN_OPTIONS")}
        env["PATH"] = os.environ["PATH"]
        return runner([TOOL, "-c", self.site.conf, *self.words()], env,
                      self.input())

    def words(self):
        raise NotImplementedError

    def input(self):
        return b""

    def attempt(self):
        """Before: what may be from now on."""

    def is_acknowledged(self, done):
        return done.returncode == 0

    def acknowledge(self, done):
        """After: what must be."""

    def check_refusal(self, done):
        """It failed and lives: the reason must have been said."""
        said = done.stderr.decode()
        assert done.returncode in self.exits, (done.returncode, said)
        assert "gatecast: " in said, said

    def ensure_user(self):
        if self.state() is None:
            self.site.add_user(USER, PASSWORD)
            self.oracle.user(USER, (False, PASSWORD))
        elif self.state()[0]:
            self.site.tool("user", "unlock", USER)
            self.oracle.user(USER, (False, self.state()[1]))

    def sign_in(self):
        """A session by the login.fcgi that runs all along."""
        self.ensure_user()
        cookie = self.site.sign_in(USER, password=self.password())
        token = cookie.partition("=")[2]
        self.oracle.begun(token, USER)
        return token

    def revoke_all(self):
        self.ensure_user()
        self.site.tool("session", "revoke", "--user", USER)
        self.oracle.ended(self.oracle.of(USER))

    def password(self):
        (state,) = self.oracle.users[USER]
        return state[1]

    def state(self):
        (state,) = self.oracle.users[USER]
        return state


class UserAdd(Operation):
    def prepare(self):
        self.name = "new%d" % next(self.fresh)

    def words(self):
        return "user", "add", self.name, "--password-stdin"

    def input(self):
        return PASSWORD.encode()

    def attempt(self):
        self.oracle.try_user(self.name, (False, PASSWORD))

    def is_acknowledged(self, done):
        # Done again after it had happened, it says so.
        return done.returncode == 0 or (
            b"there is a user %s already" % self.name.encode() in done.stderr)

    def acknowledge(self, done):
        self.oracle.user(self.name, (False, PASSWORD))


class Import(UserAdd):
    def prepare(self):
        super().prepare()
        self.other = self.name + "too"

    def words(self):
        return "user", "import", "-"

    def input(self):
        return ("name,password\n%s,%s\n%s,%s\n" % (
            self.name, PASSWORD, self.other, PASSWORD)).encode()

    def attempt(self):
        super().attempt()
        self.oracle.try_user(self.other, (False, PASSWORD))

    def acknowledge(self, done):
        super().acknowledge(done)
        self.oracle.user(self.other, (False, PASSWORD))


class Unlock(Operation):
    def prepare(self):
        self.oracle.forget_old(8)
        self.sign_in()
        self.site.tool("user", "lock", USER)
        self.oracle.user(USER, (True, self.password()))
        self.oracle.ended(self.oracle.of(USER))

    def words(self):
        return "user", "unlock", USER

    def attempt(self):
        self.oracle.try_user(USER, (False, next(iter(
            self.oracle.users[USER]))[1]))

    def acknowledge(self, done):
        self.oracle.user(USER, (False, next(iter(
            self.oracle.users[USER]))[1]))


class RevokeOne(Operation):
    """The other session of the same user stays."""

    def prepare(self):
        self.oracle.forget_old(8)
        self.sign_in()
        self.token = self.sign_in()
        secret = base64.urlsafe_b64decode(self.token.split(".")[2] + "==")
        self.id = hashlib.sha256(secret).hexdigest()

    def words(self):
        return "session", "revoke", self.id[:16]

    def attempt(self):
        self.oracle.try_end([self.token])

    def is_acknowledged(self, done):
        return done.returncode in (0, 3)

    def acknowledge(self, done):
        self.oracle.ended([self.token])


class Backup(Operation):
    """Changes nothing of the store; the file is whole, or as it was."""

    def prepare(self):
        self.file = self.site.dir / "backup"

    def words(self):
        return "store", "backup", self.file

    def acknowledge(self, done):
        assert self.file.stat().st_size > 0


class Ending(Operation):
    """A change to a user that ends the sessions."""

    def prepare(self):
        self.oracle.forget_old(8)
        self.sign_in()
        self.sign_in()

    def words(self):
        return "user", self.verb, USER

    def attempt(self):
        self.oracle.try_user(USER, self.target())
        self.oracle.try_end(self.oracle.of(USER))

    def acknowledge(self, done):
        self.oracle.user(USER, self.target())
        self.oracle.ended(self.oracle.of(USER))


class Lock(Ending):
    verb = "lock"

    def prepare(self):
        super().prepare()
        self.locked = (True, self.password())

    def target(self):
        return self.locked


class Delete(Ending):
    verb = "del"

    def target(self):
        return None

    def is_acknowledged(self, done):
        return done.returncode == 0 or (
            done.returncode == 3 and b"no such user" in done.stderr)


class Rename(Ending):
    """To another name and, in prepare, back; sessions end with the name."""

    new = None

    def prepare(self):
        if self.oracle.users.get(self.new, {None}) != {None}:
            self.site.tool("user", "rename", self.new, USER)
            self.oracle.user(USER, self.kept)
            self.oracle.user(self.new, None)
        super().prepare()
        self.new = "renamed%d" % next(self.fresh)
        self.kept = self.state()

    def words(self):
        return "user", "rename", USER, self.new

    def target(self):
        return None

    def attempt(self):
        super().attempt()
        self.oracle.try_user(self.new, self.kept)

    def is_acknowledged(self, done):
        return done.returncode == 0 or (
            done.returncode == 3 and b"no such user" in done.stderr)

    def acknowledge(self, done):
        super().acknowledge(done)
        self.oracle.user(self.new, self.kept)


class Passwd(Ending):
    verb = "passwd"

    def prepare(self):
        super().prepare()
        self.new = "password-number-%d" % next(self.fresh)

    def words(self):
        return *super().words(), "--password-stdin"

    def input(self):
        return self.new.encode()

    def target(self):
        return False, self.new


class Revoke(Ending):
    def words(self):
        return "session", "revoke", "--user", USER

    def target(self):
        return self.state()


class Rotate(Operation):
    """The sessions of before stay; what is signed next has another key."""

    def keys(self):
        done = self.site.tool("key", "list", "--json")
        return [key["id"] for key in json.loads(done.stdout)]

    def prepare(self):
        # The ring has room for eight; nobody waits here until they expire.
        # Whoever has a session of an old key loses it, and so ends first.
        if len(self.keys()) > 6:
            self.retire()
            ring = self.site.store / "keyring"
            lines = ring.read_text().splitlines(keepends=True)
            draft = ring.with_name("draft")
            draft.write_text("".join(lines[:3]))
            draft.chmod(0o640)
            draft.rename(ring)
        self.before = self.keys()
        # After each rotation the next one sees what is signed with now.
        assert self.sign_in().split(".")[1] == self.before[0]

    def retire(self):
        self.revoke_all()

    def words(self):
        return "key", "rotate"

    def acknowledge(self, done):
        now = self.keys()
        assert now[1:len(self.before) + 1] == self.before or \
            now[2:len(self.before) + 2] == self.before, (self.before, now)


class Checkpoint(Operation):
    def words(self):
        return "store", "checkpoint"

    def prepare(self):
        """So that the journal has both to add to the base."""
        self.oracle.forget_old(8)
        self.sign_in()
        self.revoke_all()
        self.sign_in()


class Cgi(Operation):
    exits = (0, 1)  # 1: nobody took the answer

    def run(self, runner):
        body = urllib.parse.urlencode(self.fields).encode()
        env = {k: v for k, v in os.environ.items()
               if k.endswith("SAN_OPTIONS")}
        env.update(
            PATH=os.environ["PATH"], GATEWAY_INTERFACE="CGI/1.1",
            REQUEST_METHOD="POST", SCRIPT_NAME=self.path,
            HTTP_HOST="chat.test", REMOTE_ADDR="192.0.2.7",
            GATECAST_CONF=str(self.site.conf), CONTENT_TYPE=FORM,
            HTTP_ORIGIN=ORIGIN, CONTENT_LENGTH=str(len(body)),
            HTTP_COOKIE=self.cookie)
        return runner([PROGRAM], env, body)

    def answer(self, done):
        """None: it ended before its answer was whole."""
        head, end, _ = done.stdout.partition(b"\r\n\r\n")
        return fcgi.Answer(done.stdout) if end else None

    def is_acknowledged(self, done):
        answer = self.answer(done)
        return answer is not None and answer.status == 303

    def check_refusal(self, done):
        answer = self.answer(done)
        said = done.stderr.decode()
        assert done.returncode in self.exits, (done.returncode, said)
        if answer is not None:
            assert answer.status in (500, 503), answer.raw
            assert not answer.cookies(), answer.raw
            assert "login.fcgi[" in said, said


class Login(Cgi):
    path = "/login"

    def prepare(self):
        self.ensure_user()
        csrf, self.cookie, _ = self.site.form()
        self.fields = {"name": USER, "password": self.password(),
                       "next": "/index", "csrf": csrf}

    def acknowledge(self, done):
        token = self.answer(done).cookies()["gatecast"][0]
        self.oracle.begun(token, USER)


class Logout(Cgi):
    path = "/logout"

    def prepare(self):
        self.oracle.forget_old(8)
        self.token = self.sign_in()
        self.cookie = "gatecast=" + self.token
        page = self.site.ask("GET", "/index", cookie=self.cookie)
        self.fields = {"csrf": page.field("csrf")}

    def attempt(self):
        self.oracle.try_end([self.token])

    def acknowledge(self, done):
        self.oracle.ended([self.token])


ALL = {op.__name__: op for op in (
    Login, Logout, UserAdd, Import, Passwd, Lock, Unlock, Delete, Rename,
    Revoke, RevokeOne, Rotate, Backup, Checkpoint)}
