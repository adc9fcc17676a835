"""The members of a soak as the site knows them: accounts, sessions, and the
process that is their connections (tests/tools/soak-members.c)."""
import collections
import json
import random
import re
import subprocess

import requests

from conftest import BUILD
from oracle import Accounts

PASSWORD = "a passphrase of a member"


class Members:
    """The process: tell it something, ask it for its stats."""

    def __init__(self, origin, port, direct_port):
        self.process = subprocess.Popen(
            [str(BUILD / "tests/soak-members"), origin, str(port),
             str(direct_port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)

    def ask(self, word):
        self.tell(word)
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()


class People:
    """Who is in, who is out, and who must sign in again."""

    def __init__(self, site, n, spare):
        self.site = site
        self.names = [f"member{i}" for i in range(n + spare)]
        self.size = n
        self.cookies = {}  # of each number: the value
        self.oracle = Accounts()
        self.inside = []
        self.outside = collections.deque()
        self.signed_out = collections.deque(range(n + spare))
        self.ending = {}  # number: how, until it is acknowledged
        self.door = set()  # acknowledged; to be refused yet
        self.counts = collections.Counter()
        self.failures = collections.Counter()

    # --- accounts ---------------------------------------------------------

    def make_accounts(self, others=()):
        """All with one password. The hash is a cheap one, so the first
        sign-in of each makes it anew."""
        cheap = self.site.top / "cheap.conf"
        cheap.write_text(re.sub(
            r"argon2_\w+ = .*", "", self.site.conf.read_text()) +
            "\n[login]\nargon2_memory_kib = 64\nargon2_passes = 1\n")
        tool = [str(BUILD / "gatecast-tool"), "-c", str(cheap)]

        def run(*words, text):
            return subprocess.run([*tool, *words], input=text, text=True,
                                  check=True, capture_output=True).stdout
        run("user", "add", "pattern", "--password-stdin", text=PASSWORD)
        rows = run("user", "export", "--htpasswd", text="").splitlines()
        secret, = (r.split(":")[1] for r in rows if r.startswith("pattern:"))
        run("user", "import", "-", text="".join(
            f"{name}:{secret}\n" for name in [*self.names, *others]))

    # --- signing in and out -----------------------------------------------

    def sign_in(self, name, old=None):
        """The session's cookie, or None when nobody answers or says 503.
        old: a session of before, which ends with it."""
        session = requests.Session()
        try:
            fields = self.site.form(session)
            if old:
                session.cookies.set("gatecast", old)
                self.oracle.try_end([old])
            fields.update(name=name, password=PASSWORD)
            answer = session.post(
                self.site.url + "/login", data=fields, timeout=15,
                headers={"Origin": self.site.url}, allow_redirects=False)
        except requests.RequestException:
            return self.failed("sign-in unanswered")
        if answer.status_code >= 500:
            return self.failed(f"sign-in {answer.status_code}")
        assert answer.status_code == 303, (answer.status_code, answer.text)
        token = answer.headers["set-cookie"].partition("gatecast=")[2]
        token = token.partition(";")[0]
        self.oracle.begun(token, name)
        if old:
            self.oracle.ended([old])
        self.counts["sign-ins"] += 1
        return token

    def failed(self, what):
        self.failures[what] += 1
        return None

    def sign_in_next(self):
        """Somebody who is outside, first those who have to."""
        queue = self.signed_out or self.outside
        if not queue:
            return
        i = queue.popleft()
        token = self.sign_in(self.names[i], self.cookies.get(i))
        if token is None:
            # A session that came along may be over: it is not used again.
            self.signed_out.append(i)
            return
        self.cookies[i] = token
        self.outside.append(i)

    def log_out(self, i):
        session = requests.Session()
        session.cookies.set("gatecast", self.cookies[i])
        try:
            page = session.get(self.site.url + "/index", timeout=15,
                               allow_redirects=False)
            if page.status_code in (303, 401):
                return True  # the one before was not answered, and done
            if page.status_code != 200:
                return False
            csrf = page.text.partition('name="csrf" value="')[2]
            answer = session.post(
                self.site.url + "/logout", timeout=15,
                data={"csrf": csrf.partition('"')[0]},
                headers={"Origin": self.site.url}, allow_redirects=False)
        except requests.RequestException:
            return False
        return answer.status_code == 303

    def by_command(self, i):
        return subprocess.run(
            [str(BUILD / "gatecast-tool"), "-c", str(self.site.conf),
             "session", "revoke", "--user", self.names[i]],
            capture_output=True).returncode == 0

    # --- coming and going ---------------------------------------------------

    def come(self, members):
        """Whoever has been outside for the longest."""
        if not self.outside:
            return False
        i = self.outside.popleft()
        members.tell("come", i, f"gatecast={self.cookies[i]}")
        self.inside.append(i)
        return True

    def fill(self, members):
        while len(self.inside) < self.size and self.come(members):
            pass

    def churn(self, members):
        if not self.outside or not self.inside:
            return
        i = self.inside.pop(random.randrange(len(self.inside)))
        members.tell("leave", i)
        self.come(members)
        self.outside.append(i)
        self.counts["went and came"] += 1

    def revoke(self, members):
        """One more; and again what was not acknowledged."""
        i = self.inside.pop(random.randrange(len(self.inside)))
        members.ask(f"revoking {i}")
        self.ending[i] = random.choice([self.log_out, self.by_command])
        for i, end in list(self.ending.items()):
            self.oracle.try_end([self.cookies[i]])
            if end(i):
                members.tell("revoked", i)
                del self.ending[i]
                self.door.add(i)
                self.oracle.ended([self.cookies.pop(i)])
                self.counts["revocations"] += 1
            else:
                self.failures["revocation"] += 1

    def shown_out(self, numbers):
        for i in numbers:
            self.door.remove(i)
            self.signed_out.append(i)

    # --- the oracle ---------------------------------------------------------

    def check(self, fresh, long_lived):
        """What is wrong with the stores, as one that opens them now and one
        that has had them open all along see it."""
        fresh.open_anew()
        wrong = [f"fresh reader: {w}" for w in self.oracle.complaints(fresh)]
        # What was tried and not acknowledged has happened or not.
        self.oracle.settle(fresh)
        wrong += [f"long-lived reader: {w}"
                  for w in self.oracle.complaints(long_lived)]
        known = len(self.oracle.sessions)
        over = [t for t, users in self.oracle.sessions.items()
                if users == {None}]
        for token, status in [(t, 401) for t in over[-3:]] + [
                (self.cookies[i], 200)
                for i in random.sample(self.inside, min(3, len(self.inside)))]:
            try:
                got = self.site.get("/session",
                                    cookies={"gatecast": token}).status_code
            except requests.RequestException:
                continue
            if got != status and got < 500:
                wrong.append(f"/session: {got}, not {status}")
        self.oracle.forget_old(500)
        return wrong, known
