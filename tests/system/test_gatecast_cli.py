"""The admin script: each command, its exit codes, and where passwords go."""

import grp
import json
import os
import pty
import pwd
import re
import select
import stat
import subprocess
import termios
import time

import pytest

from conftest import BUILD, CHEAP, ROOT, Site, wait_until

OK, REFUSED, USAGE, NOTFOUND, UNREACHABLE = range(5)
PASSWORD = "a quiet passphrase"
SCRIPT = str(ROOT / "scripts/gatecast")
ENV = {**os.environ, "GATECAST_TOOL": str(BUILD / "gatecast-tool")}


class Admin:
    """A configuration and a store directory without any daemon."""

    def __init__(self, top):
        self.store = top / "store"
        self.store.mkdir(mode=0o700)
        self.conf = top / "gatecast.conf"
        self.write_conf()

    def write_conf(self, extra=""):
        lines = [f"[store]\ndir = {self.store}", "[login]"]
        lines += [f"{k.split('.')[1]} = {v}" for k, v in CHEAP.items()]
        self.conf.write_text("\n".join(lines) + "\n" + extra)

    def __call__(self, *args, input=None, code=OK, env=None):
        done = subprocess.run(
            [SCRIPT, "-c", str(self.conf), *args], capture_output=True,
            input=input.encode() if isinstance(input, str) else input or b"",
            timeout=60, env=env or ENV, start_new_session=True)
        done.stdout = done.stdout.decode()
        done.stderr = done.stderr.decode()
        assert done.returncode == code, (args, done.stdout, done.stderr)
        return done

    def add(self, name="alice", password=PASSWORD, code=OK):
        return self("user", "add", name, "--password-stdin",
                    input=password + "\n", code=code)


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path)


@pytest.fixture
def alice(admin):
    admin.add()
    return admin


@pytest.fixture(scope="module")
def running():
    """A site whose users these tests may change."""
    s = Site()
    try:
        yield s.start()
    finally:
        s.close()


def audit(done):
    return [line for line in done.stderr.splitlines() if "audit " in line]


# --- usage ------------------------------------------------------------------

@pytest.mark.parametrize("args", [
    (), ("nonsense",), ("user",), ("user", "adds", "x"), ("user", "add"),
    ("user", "add", "a", "b"), ("user", "add", "a", "--json"),
    ("user", "list", "a"), ("user", "list", "--xml"), ("session", "revoke"),
    ("session", "revoke", "--user"),
    ("session", "revoke", "0123456789", "--all"),
    ("session", "revoke", "--user", "a", "--all"), ("key",), ("store", "x"),
    ("config", "show", "extra"), ("help", "nonsense"), ("version", "x"),
])
def test_wrong_usage(alice, args):
    done = alice(*args, code=USAGE)
    assert done.stderr.startswith("gatecast: ")
    assert done.stdout == ""


def test_usage_names_the_command(admin):
    done = admin("user", "add", code=USAGE)
    assert "usage: gatecast user add NAME [--password-stdin]" in done.stderr


def test_password_is_no_argument(admin):
    done = admin("user", "add", "alice", PASSWORD, code=USAGE)
    assert "too many" in done.stderr


def test_help_lists_every_command(admin):
    text = admin("help").stdout
    for command in ("user add NAME", "user passwd NAME", "user list [--json]",
                    "user lock NAME", "user unlock NAME", "user del NAME",
                    "user show NAME", "session list [NAME] [--json]",
                    "session revoke ID | --user NAME | --all", "key list",
                    "key rotate", "store init", "store check", "store stats",
                    "store checkpoint", "config check", "config show"):
        assert f"gatecast {command}" in text
    assert admin("--help").stdout == text
    some = admin("help", "user", "lock").stdout
    assert some.startswith("gatecast user lock NAME\n")
    assert "unlock" not in some


def test_help_and_version_need_no_configuration(admin):
    admin.conf.unlink()
    admin("help")
    assert re.fullmatch(r"gatecast \d+\.\d+\.\d+\n", admin("version").stdout)


# --- configuration ------------------------------------------------------------

def test_config_check(alice):
    assert alice("config", "check").stdout == f"{alice.conf}: ok\n"
    alice.write_conf("[wsd]\nmessage_bytes = lots\n")
    done = alice("config", "check", code=REFUSED)
    n = len(alice.conf.read_text().splitlines())
    assert f"{alice.conf}:{n}: " in done.stderr
    alice("user", "list", code=REFUSED)


def test_config_check_names_keys_of_no_effect(admin):
    admin.write_conf("[wsd]\nmetrics_listen = 127.0.0.1:9100\n")
    done = admin("config", "check")
    assert re.search(r":\d+: wsd\.metrics_listen has no effect in this",
                     done.stderr)
    admin.write_conf()
    assert admin("config", "check").stderr == ""


def test_config_check_looks_at_paths(admin):
    admin.store.rmdir()
    done = admin("config", "check", code=REFUSED)
    assert str(admin.store) in done.stderr


def test_config_show_is_a_configuration(admin):
    shown = admin("config", "show").stdout
    assert f"dir = {admin.store}\n" in shown
    admin.conf.write_text(shown)
    assert admin("config", "show").stdout == shown


def test_configuration_missing(admin):
    admin.conf.unlink()
    done = admin("user", "list", code=REFUSED)
    assert str(admin.conf) in done.stderr


# --- a fresh system -----------------------------------------------------------

def test_first_user_makes_the_stores(admin):
    done = admin.add()
    made = re.findall(r"^made (.*)$", done.stdout, re.M)
    assert made == [f"{admin.store}/{x}"
                    for x in ("users", "sessions", "keyring")]
    assert "user alice added" in done.stdout
    assert stat.S_IMODE((admin.store / "keyring").stat().st_mode) & 0o007 == 0
    assert stat.S_IMODE((admin.store / "users").stat().st_mode) & 0o007 == 0
    assert "made" not in admin.add("bob").stdout


def test_store_init(admin):
    assert len(admin("store", "init").stdout.splitlines()) == 3
    before = (admin.store / "keyring").read_bytes()
    assert admin("store", "init").stdout == ""
    assert (admin.store / "keyring").read_bytes() == before
    assert admin("user", "list").stdout == ""
    assert json.loads(admin("user", "list", "--json").stdout) == []


def test_no_store(admin):
    done = admin("user", "list", code=UNREACHABLE)
    assert "store init" in done.stderr
    admin("session", "list", code=UNREACHABLE)
    admin("store", "check", code=UNREACHABLE)
    admin("key", "list", code=UNREACHABLE)
    assert list(admin.store.iterdir()) == []


def test_store_dir_missing(admin):
    admin.store.rmdir()
    for args in (("user", "list"), ("store", "init"), ("key", "rotate")):
        done = admin(*args, code=UNREACHABLE)
        assert str(admin.store) in done.stderr
    admin.add(code=UNREACHABLE)
    assert not admin.store.exists()


def test_a_foreign_directory_is_left_alone(admin):
    (admin.store / "letter.txt").write_text("mine")
    admin.add(code=UNREACHABLE)
    assert [p.name for p in admin.store.iterdir()] == ["letter.txt"]


def test_damaged_store_is_not_made_anew(admin):
    admin.add()
    base = admin.store / "users/base.gdbm"
    base.unlink()
    done = admin("store", "init", code=UNREACHABLE)
    # Once, and with what is to be done.
    assert done.stderr.count(str(base)) == 1, done.stderr
    assert "restore from a backup" in done.stderr.splitlines()[-1]


def open_directories_above(path):
    """pytest's directories are root's alone."""
    for parent in path.parents:
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")
def test_root_works_as_the_owner(admin):
    nobody = pwd.getpwnam("nobody")
    os.chown(admin.store, nobody.pw_uid, nobody.pw_gid)
    open_directories_above(admin.store)
    asked_by = [line.rsplit(" ", 1)[1] for line in audit(admin.add())]
    assert asked_by == ["uid=0"] * 2  # and not nobody
    admin("store", "checkpoint")
    admin("key", "rotate")
    for path in [admin.store, *admin.store.rglob("*")]:
        assert path.stat().st_uid == nobody.pw_uid, path


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")
@pytest.mark.parametrize("owner", ["root", "nobody"])
def test_group_of_the_directory_reads_what_wsd_needs(admin, owner):
    gid = grp.getgrnam("daemon").gr_gid
    os.chown(admin.store, pwd.getpwnam(owner).pw_uid, gid)
    admin.store.chmod(0o750)
    open_directories_above(admin.store)
    admin.add()
    admin("store", "checkpoint")
    admin("key", "rotate")
    sessions = admin.store / "sessions"
    for path in [sessions, sessions / "base.gdbm", admin.store / "keyring"]:
        assert path.stat().st_gid == gid, path

    def can_read(path):
        return subprocess.run(
            ["setpriv", "--reuid", "1", "--regid", str(gid),
             "--clear-groups", "cat", str(path)],
            capture_output=True).returncode == 0
    assert can_read(sessions / "base.gdbm")
    assert can_read(admin.store / "keyring")
    assert not can_read(admin.store / "users/base.gdbm")
    assert not can_read(admin.store / "users/secret")


# --- users --------------------------------------------------------------------

def test_user_list_and_show(alice):
    alice.add("上线的人")
    rows = json.loads(alice("user", "list", "--json").stdout)
    assert sorted(r["name"] for r in rows) == ["alice", "上线的人"]
    assert all(r["locked"] is False for r in rows)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                        rows[0]["created"])
    text = alice("user", "list").stdout
    assert "alice" in text and "上线的人" in text
    shown = json.loads(alice("user", "show", "alice", "--json").stdout)
    assert shown["name"] == "alice" and shown["sessions"] == 0
    assert "argon2" not in alice("user", "show", "alice").stdout


def test_one_name_one_account(alice):
    done = alice.add("Alice", code=REFUSED)
    assert "alice" in done.stderr
    assert json.loads(alice("user", "show", "ALICE", "--json").stdout)[
        "name"] == "alice"


@pytest.mark.parametrize("args", [
    ("user", "show", "nobody"), ("user", "lock", "nobody"),
    ("user", "unlock", "nobody"), ("user", "del", "nobody"),
    ("session", "list", "nobody"), ("session", "revoke", "--user", "nobody"),
    ("session", "revoke", "0123456789abcdef"),
])
def test_not_found(alice, args):
    done = alice(*args, code=NOTFOUND)
    assert "no such" in done.stderr


def test_passwd_not_found(alice):
    alice("user", "passwd", "nobody", "--password-stdin",
          input=PASSWORD + "\n", code=NOTFOUND)


@pytest.mark.parametrize("name", ["", "a b", "-x", ".x", "a/b", "x" * 65,
                                  "a\nb", "a:b"])
def test_bad_names(alice, name):
    if name.startswith("-"):
        alice("user", "add", "--password-stdin", "--", name,
              input=PASSWORD + "\n", code=REFUSED)
    else:
        alice.add(name, code=REFUSED)


@pytest.mark.parametrize("password, why", [
    ("7 bytes", "8"), ("", "8"), ("x" * 1025, ""), ("iloveyou", ""),
    ("one line\nand another", "one line"),
])
def test_bad_passwords(alice, password, why):
    done = alice.add("bob", password, code=REFUSED)
    assert why in done.stderr
    assert password not in done.stderr or not password
    alice("user", "show", "bob", code=NOTFOUND)


def test_longest_password_and_none_at_the_end(alice):
    alice.add("bob", "x y" * 341 + "z")
    alice("user", "add", "carol", "--password-stdin", input=PASSWORD)


def test_lock_unlock_del(alice):
    def is_locked():
        return json.loads(
            alice("user", "show", "alice", "--json").stdout)["locked"]
    done = alice("user", "lock", "alice")
    assert is_locked() is True
    assert len(audit(done)) == 1 and "user.lock" in audit(done)[0]
    alice("user", "lock", "alice")
    alice("user", "unlock", "alice")
    assert is_locked() is False
    alice("user", "del", "alice")
    alice("user", "show", "alice", code=NOTFOUND)
    alice.add()


def test_audit_lines(alice):
    done = alice.add("bob")
    assert len(audit(done)) == 1
    assert "event=admin action=user.add user=bob" in audit(done)[0]
    assert f"uid={os.getuid()}" in audit(done)[0]
    assert PASSWORD not in done.stderr
    assert audit(alice("user", "list")) == []
    assert audit(alice("user", "add", "bob", "--password-stdin",
                       input=PASSWORD, code=REFUSED)) == []


# --- keys and stores ----------------------------------------------------------

def test_keys(alice):
    first = json.loads(alice("key", "list", "--json").stdout)
    assert [k["state"] for k in first] == ["current"]
    secrets = re.findall(r"key=(\S+)", (alice.store / "keyring").read_text())
    done = alice("key", "rotate")
    second = json.loads(alice("key", "list", "--json").stdout)
    assert [k["state"] for k in second] == ["current", "previous"]
    assert second[1]["id"] == first[0]["id"] != second[0]["id"]
    assert "key.rotate" in audit(done)[0]
    secrets += re.findall(r"key=(\S+)", (alice.store / "keyring").read_text())
    everything = done.stdout + done.stderr + alice("key", "list").stdout
    assert len(secrets) == 3
    assert not any(s in everything for s in secrets)


def test_store_check_stats_checkpoint(alice):
    alice.add("bob")
    assert "2 records, ok" in alice("store", "check").stdout
    before = {r["store"]: r for r in
              json.loads(alice("store", "stats", "--json").stdout)}
    assert before["users"]["records"] == 2
    alice("store", "checkpoint")
    after = {r["store"]: r for r in
             json.loads(alice("store", "stats", "--json").stdout)}
    assert after["users"]["records"] == 2
    for name in ("users", "sessions"):
        assert after[name]["generation"] == before[name]["generation"] + 1
    assert after["users"]["journal_bytes"] < before["users"]["journal_bytes"]
    assert "2 records, ok" in alice("store", "check").stdout


def test_store_damaged(alice):
    base = alice.store / "users" / "base.gdbm"
    base.write_bytes(b"no database")
    done = alice("user", "list", code=UNREACHABLE)
    assert str(base) in done.stderr
    alice("store", "check", code=UNREACHABLE)


def test_keyring_open_to_others(alice):
    (alice.store / "keyring").chmod(0o644)
    done = alice("session", "list", code=UNREACHABLE)
    assert "keyring" in done.stderr


# --- the terminal -------------------------------------------------------------

class Terminal:
    """The script on a terminal of its own."""

    def __init__(self, conf, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(SCRIPT, [SCRIPT, "-c", str(conf), *args], ENV)
        self.text = ""

    def wait_for(self, what):
        deadline = time.monotonic() + 20
        while what not in self.text:
            assert time.monotonic() < deadline, self.text
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode()
                except OSError:
                    break
        assert what in self.text, self.text

    def has_echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The rest of the text is read; gives the exit code."""
        while True:
            assert select.select([self.fd], [], [], 20)[0], self.text
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_terminal_asks_twice_without_echo(alice):
    t = Terminal(alice.conf, "user", "add", "bob")
    assert t.has_echo()
    t.wait_for("New password: ")
    assert not t.has_echo()
    t.type(PASSWORD + "\n")
    t.wait_for("Again: ")
    assert not t.has_echo()
    t.type(PASSWORD + "\n")
    t.wait_for("user bob added")
    assert t.end() == OK
    assert PASSWORD not in t.text


def test_terminal_mismatch(alice):
    t = Terminal(alice.conf, "user", "passwd", "alice")
    t.wait_for("New password: ")
    t.type(PASSWORD + "\n")
    t.wait_for("Again: ")
    t.type("something else\n")
    t.wait_for("not the same")
    assert t.end() == REFUSED


def test_terminal_interrupted(alice):
    t = Terminal(alice.conf, "user", "add", "bob")
    keep = os.dup(t.fd)
    t.wait_for("New password: ")
    assert not t.has_echo()
    t.type("\x03")
    assert t.end() == REFUSED
    assert termios.tcgetattr(keep)[3] & termios.ECHO
    os.close(keep)
    alice("user", "show", "bob", code=NOTFOUND)


def test_no_terminal(alice):
    done = alice("user", "add", "bob", input=PASSWORD + "\n", code=REFUSED)
    assert "--password-stdin" in done.stderr


def test_password_reaches_no_argument(alice, tmp_path):
    """Every execve of the script and below, arguments and environment."""
    trace = tmp_path / "trace"
    secret = "open-sesame-" + os.urandom(6).hex()
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe("strace", [
            "strace", "-f", "-v", "-s", "4096", "-e", "trace=execve",
            "-o", str(trace), SCRIPT, "-c", str(alice.conf), "user", "add",
            "bob"],
            {**ENV, "ASAN_OPTIONS": "detect_leaks=0"})
    t = Terminal.__new__(Terminal)
    t.pid, t.fd, t.text = pid, fd, ""
    t.wait_for("New password: ")
    t.type(secret + "\n")
    t.wait_for("Again: ")
    t.type(secret + "\n")
    t.wait_for("user bob added")
    assert t.end() == OK
    text = trace.read_text()
    assert "gatecast-tool" in text and "--password-stdin" in text
    assert secret not in text


# --- with a running site ------------------------------------------------------

def is_signed_in(site, session):
    return session.get(site.url + "/session", timeout=10).status_code == 200


def test_sessions_listed_and_revoked_by_prefix(running):
    one, two = running.login("alice"), running.login("alice")
    other = running.login("bob")
    rows = json.loads(
        running.gatecast("session", "list", "alice", "--json").stdout)
    assert len(rows) == 2
    assert {r["user"] for r in rows} == {"alice"}
    assert all(re.fullmatch("[0-9a-f]{64}", r["id"]) for r in rows)
    assert all(r["address"] == "127.0.0.1" for r in rows)
    assert all(r["agent"].startswith("python-requests") for r in rows)
    cookie = one.cookies["gatecast"]
    everybody = running.gatecast("session", "list").stdout
    assert "bob" in everybody and cookie.split(".")[2] not in everybody
    assert json.loads(running.gatecast(
        "user", "show", "alice", "--json").stdout)["sessions"] == 2

    short = running.gatecast("session", "revoke", rows[0]["id"][:7],
                             check=False)
    assert short.returncode == REFUSED
    done = running.gatecast("session", "revoke", rows[0]["id"][:12])
    assert "session.revoke" in audit(done)[0]
    assert sorted([is_signed_in(running, one), is_signed_in(running, two)]) \
        == [False, True]
    assert is_signed_in(running, other)
    again = running.gatecast("session", "revoke", rows[0]["id"], check=False)
    assert again.returncode == NOTFOUND


def test_revoke_user_and_all(running):
    alice, bob = running.login("alice"), running.login("bob")
    running.gatecast("session", "revoke", "--user", "alice")
    assert not is_signed_in(running, alice)
    assert is_signed_in(running, bob)
    alice = running.login("alice")
    running.gatecast("session", "revoke", "--all")
    assert not is_signed_in(running, alice)
    assert not is_signed_in(running, bob)
    assert running.gatecast("session", "list").stdout == ""


def test_passwd_lock_and_del_end_sessions(running):
    running.gatecast("user", "add", "carol", "--password-stdin",
                     input=PASSWORD + "\n")
    carol, bob = running.login("carol", PASSWORD), running.login("bob")
    running.gatecast("user", "passwd", "carol", "--password-stdin",
                     input="another passphrase\n")
    assert not is_signed_in(running, carol)
    assert running.try_login("carol", PASSWORD).status_code == 401

    carol = running.login("carol", "another passphrase")
    running.gatecast("user", "lock", "carol")
    assert not is_signed_in(running, carol)
    assert running.try_login(
        "carol", "another passphrase").status_code == 401
    running.gatecast("user", "unlock", "carol")

    carol = running.login("carol", "another passphrase")
    done = running.gatecast("user", "del", "carol")
    assert "1 session ended" in done.stdout
    assert not is_signed_in(running, carol)
    assert is_signed_in(running, bob)
    wait_until(lambda: "carol" not in running.gatecast("user", "list").stdout)


def test_rotate_keeps_sessions(running):
    alice = running.login("alice")
    running.gatecast("key", "rotate")
    assert is_signed_in(running, alice)
    old = alice.cookies["gatecast"].split(".")[1]
    # A worker looks at the keyring twice a second.
    wait_until(lambda: running.login("bob").cookies["gatecast"].split(".")[1]
               != old, 5, "a cookie of the new key")
    assert is_signed_in(running, alice)


def test_checkpoint_under_the_daemons(running):
    alice = running.login("alice")
    running.gatecast("store", "checkpoint")
    assert "sessions: generation" in running.gatecast("store", "check").stdout
    assert is_signed_in(running, alice)
    bob = running.login("bob")
    assert is_signed_in(running, bob)
    running.gatecast("session", "revoke", "--user", "alice")
    assert not is_signed_in(running, alice)
