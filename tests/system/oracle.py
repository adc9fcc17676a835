"""Oracles of the crash tests: what was acknowledged, and so must stand.

`Oracle` and `Reader` know records of a bare store, `Accounts` and
`AuthReader` the users' terms: accounts, their passwords and locks, sessions.
Both say what may stand under each name. Something tried and not acknowledged
may have happened or not; `settle` then fixes what everybody must see from
there on.
"""

import subprocess

from conftest import BUILD

WORKER = BUILD / "tests/store-worker"
AUTH_READER = BUILD / "tests/auth-reader"


class Process:
    """A process that opened something once and stays to be asked."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        return code


class Reader(Process):
    """A store's reader."""

    def __init__(self, store):
        super().__init__(WORKER, store, "read")

    def all(self):
        """Every record, or the error as a string."""
        records = {}
        line = self.ask("all")
        while line != ".":
            if line.startswith("!") or line == "":
                return line or "!the reader died"
            key, _, value = line.partition(" ")
            records[key] = value
            line = self.process.stdout.readline().rstrip("\n")
        return records


class Oracle:
    """What may stand under each key; None: nothing."""

    def __init__(self):
        self.allowed = {}
        self.acknowledged = 0

    def feed(self, output):
        """The lines of one writer; the last may be cut off by its death."""
        for line in output.decode().split("\n")[:-1]:
            words = line.split(" ")
            is_try = words[0] == "try"
            verb, key, *rest = words[1:] if is_try else words
            value = rest[0] if verb == "put" else None
            if is_try:
                now = self.allowed.get(key, {None})
                self.allowed[key] = now | {value}
            else:
                self.allowed[key] = {value}
                self.acknowledged += 1

    def complaints(self, records):
        if isinstance(records, str):
            return ["cannot be read: " + records]
        wrong = []
        for key, allowed in self.allowed.items():
            if records.get(key) not in allowed:
                wrong.append(
                    "%s is %s, not of %s" % (key, records.get(key), allowed)
                )
        wrong += ["%s came from nowhere" % k for k in records.keys() - self.allowed]
        return wrong

    def settle(self, records):
        """What a crash left is what everybody must see from now on."""
        for key in self.allowed:
            self.allowed[key] = {records.get(key)}


class AuthReader(Process):
    """A reader of accounts and sessions, as wsd is one."""

    def __init__(self, store):
        super().__init__(AUTH_READER, store)

    def user(self, name, passwords):
        """None, or (is locked, password); the password "?" is none of
        these."""
        words = self.ask(" ".join(["user", name, *passwords])).split(" ")
        if words == ["none"]:
            return None
        if len(words) != 2 or words[0] not in ("open", "locked"):
            return " ".join(words) or "!the reader died"
        n = int(words[1])
        return words[0] == "locked", passwords[n - 1] if n else "?"

    def session(self, token):
        """The user's name; None when the session is over."""
        verdict, _, user = self.ask("token " + token).partition(" ")
        if verdict == "valid":
            return user
        if verdict in ("unknown", "bad", "expired"):
            return None
        return " ".join([verdict, user])

    def count(self):
        return int(self.ask("count"))

    def open_anew(self):
        """As a process that has just begun sees it, without the start of
        one."""
        assert self.ask("open") == "ready"


class Accounts:
    """Which accounts and sessions may be there.

    users: name to the states allowed, each None or (is locked, password).
    sessions: cookie value to the users it may be valid for; None: over.
    """

    def __init__(self):
        self.users = {}
        self.sessions = {}
        self.acknowledged = 0

    # --- what is done ---------------------------------------------------

    def try_user(self, name, state):
        self.users.setdefault(name, {None}).add(state)

    def user(self, name, state):
        self.users[name] = {state}
        self.acknowledged += 1

    def begun(self, token, user):
        assert token not in self.sessions, "a cookie was given out twice"
        self.sessions[token] = {user}
        self.acknowledged += 1

    def try_end(self, tokens):
        for token in tokens:
            self.sessions[token].add(None)

    def ended(self, tokens):
        for token in tokens:
            self.sessions[token] = {None}
            self.acknowledged += 1

    def of(self, user):
        """The cookies that may be valid for a user."""
        return [t for t, users in self.sessions.items() if user in users]

    # --- what must stand ------------------------------------------------

    def observed(self, reader):
        users = {
            name: reader.user(
                name, sorted({state[1] for state in allowed if state})
            )
            for name, allowed in self.users.items()
        }
        return users, {token: reader.session(token) for token in self.sessions}

    def complaints(self, reader):
        return self.compare(*self.observed(reader))

    def compare(self, users, sessions):
        return [
            "%s is %s, not of %s" % (name, found[name], may)
            for found, all_may in (
                (users, self.users), (sessions, self.sessions))
            for name, may in all_may.items()
            if found[name] not in may
        ]

    def settle(self, reader):
        """What stands now is what must stand. Ended sessions stay in."""
        users, sessions = self.observed(reader)
        wrong = self.compare(users, sessions)
        self.users = {name: {state} for name, state in users.items()}
        self.sessions = {token: {user} for token, user in sessions.items()}
        return wrong

    def forget_old(self, keep):
        """Of the ended sessions, only the last are asked for again."""
        over = [t for t, users in self.sessions.items() if users == {None}]
        for token in over[:-keep]:
            del self.sessions[token]

    def forget_old_accounts(self, keep):
        """Only the first and the last are asked for again."""
        for name in list(self.users)[1:-keep]:
            del self.users[name]
