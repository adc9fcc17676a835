"""What is said of the admin script elsewhere: its manual page and the
completion agree with the table of its commands, and the examples work."""

import json
import os
import re
import subprocess

import pytest

from conftest import BUILD, ROOT
from gatecast_admin import ENV, SCRIPT, Admin
from login_process import make

MANUAL = ROOT / "scripts/gatecast.8"
COMPLETION = ROOT / "scripts/deploy/completion/gatecast"


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    """Two accounts, one of them signed in."""
    admin = Admin(tmp_path_factory.mktemp("manual"))
    admin("store", "init")
    subprocess.run([BUILD / "tests/make-session", admin.store, "alice"],
                   check=True, capture_output=True, timeout=60)
    admin.add("bob")
    return admin


@pytest.fixture(scope="module")
def table(admin):
    """All commands, as `gatecast help` prints them."""
    found = re.findall(r"^gatecast (.*)$", admin("help").stdout, re.M)
    assert len(found) > 20
    return found


def plain(line):
    """The text of a line of mdoc macros, as `help` writes it."""
    words, closing = [], ""
    flag = False
    for word in line.split():
        if word in ("Ic", "Ar", "Fl", "Op", "Oo", "Oc"):
            flag = word == "Fl"
            if word in ("Op", "Oo"):
                words.append("[")
                closing = "]" if word == "Op" else ""
            elif word == "Oc":
                words.append("]")
        else:
            words.append("-" + word if flag and word != "|" else word)
            flag = False
    text = " ".join(words) + closing
    return text.replace("[ ", "[").replace(" ]", "]")


def test_manual_has_every_command(table):
    lines = re.findall(r"^\.It (Ic .*)$", MANUAL.read_text(), re.M)
    assert [plain(line) for line in lines] == table


def json_keys_of_manual():
    """Command → keys, from the section on JSON."""
    section = re.search(r"^\.Sh JSON OUTPUT\n(.*?)^\.Sh",
                        MANUAL.read_text(), re.M | re.S).group(1)
    keys = {}
    for item in section.split("\n.It Cm ")[1:]:
        words = " ".join(re.findall(r"^\.Va (.*)$", item, re.M))
        keys[item.split("\n")[0]] = re.findall(r"\w+", words)
    return keys


def test_json(admin, table):
    """Each command that takes --json gives what the manual says it does."""
    documented = json_keys_of_manual()
    with_json = {" ".join(re.findall(r"\b[a-z]+\b", u.split("[--json]")[0]))
                 for u in table if "[--json]" in u}
    assert with_json == set(documented)
    for command, keys in documented.items():
        if command in ("who", "status"):
            continue  # of a running wsd: test_wsd_operated.py
        args = command.split() + (["alice"] if command == "user show" else [])
        # The doctor has its say of a wsd that does not run.
        code = None if command == "doctor" else 0
        answer = json.loads(admin(*args, "--json", code=code).stdout)
        assert isinstance(answer, dict if command == "user show" else list)
        if command == "throttle list":
            continue  # of nobody yet
        rows = [answer] if isinstance(answer, dict) else answer
        assert rows and all(list(row) == keys for row in rows), command


def test_json_of_throttle(request):
    site = make(request, login__throttle="yes").start()
    assert site.post_login("alice", "not it at all").status == 401
    rows = json.loads(site.tool("throttle", "list", "--json").stdout)
    keys = json_keys_of_manual()["throttle list"]
    assert rows and all(list(row) == keys for row in rows)


def test_exit_codes_of_manual(admin):
    section = re.search(r"^\.Sh EXIT STATUS\n(.*?)^\.Sh",
                        MANUAL.read_text(), re.M | re.S).group(1)
    assert re.findall(r"^\.It (\d)$", section, re.M) == list("01234")
    assert "0 ok, 1 refused, 2 usage, 3 not found, 4 store or daemon not " \
        "reachable" in admin("help").stdout


def test_examples_work(tmp_path):
    admin = Admin(tmp_path)
    section = re.search(r"^\.Sh EXAMPLES\n(.*?)^\.Sh",
                        MANUAL.read_text(), re.M | re.S).group(1)
    commands = re.findall(r"^\.Dl \$ (.*)$", section, re.M)
    assert len(commands) >= 4
    # As htpasswd -B makes it.
    (tmp_path / ".htpasswd").write_text(
        "carol:$2y$05$" + "abcdefghijklmnopqrstuO" + "x" * 31 + "\n")
    script = f'gatecast() {{ "{SCRIPT}" -c "{admin.conf}" "$@"; }}\n'
    for command in commands:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script + command], env=ENV,
            cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (command, done.stderr)
    rows = json.loads(admin("user", "list", "--json").stdout)
    assert [row["name"] for row in rows] == ["alice", "carol"]


# --- completion ---------------------------------------------------------------

def complete(*lines, conf=None, cwd=None):
    """What bash offers at the end of each line, a list of words each."""
    script = [f"source {COMPLETION}"]
    for line in lines:
        words = [SCRIPT, *(["-c", str(conf)] if conf else []), *line]
        script += [
            "COMP_WORDS=(" + " ".join(f"'{w}'" for w in words) + ")",
            "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))",
            '_gatecast "${COMP_WORDS[0]}"',
            'printf "%s\\n" "${COMPREPLY[@]}" --end--']
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(script)], env=ENV, cwd=cwd,
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return [part.split("\n")[:-1] if part.strip() else []
            for part in done.stdout.split("--end--\n")[:-1]]


def test_completion_is_registered():
    done = subprocess.run(
        ["bash", "--norc", "-c", f"source {COMPLETION}; complete -p gatecast"],
        capture_output=True, text=True, timeout=60)
    assert done.stdout == "complete -F _gatecast gatecast\n"


def test_completion_has_every_command(table):
    commands = [re.match(r"[a-z ]*[a-z]\b", u).group() for u in table]
    groups = sorted({c.split()[0] for c in commands})
    first, *verbs = complete([""], *([g, ""] for g in groups))
    assert sorted(first) == groups
    for group, offered in zip(groups, verbs):
        if group in ("help", "version", "doctor"):
            continue  # other words, none, files
        assert sorted(w for w in offered if w[0] != "-") == sorted(
            c.split()[1] for c in commands if c.startswith(group + " "))
    helped = complete(["help", ""], ["help", "user", ""])
    assert sorted(helped[0]) == groups
    assert "add" in helped[1]


def test_completion_has_every_option(table):
    lines = [[*re.match(r"[a-z ]*[a-z]\b", u).group().split(), "--"]
             for u in table]
    for usage, offered in zip(table, complete(*lines)):
        expected = [] if usage.startswith("help") else \
            re.findall(r"--[a-z-]+", usage)
        assert sorted(offered) == sorted(expected), usage


def test_completion_of_operands(admin, tmp_path):
    (tmp_path / "a backup").touch()
    (tmp_path / "other").touch()
    session = json.loads(admin("session", "list", "--json").stdout)[0]["id"]
    files, conf, names, some, add, user, ids = complete(
        ["store", "backup", "a"], ["-c", "ot"], ["user", "show", ""],
        ["user", "lock", "b"], ["user", "add", "a"],
        ["session", "revoke", "--user", ""], ["session", "revoke", ""],
        conf=admin.conf, cwd=tmp_path)
    assert files == ["a backup"] and conf == ["other"]
    assert names == ["alice", "bob"] == user
    assert some == ["bob"] and add == []
    assert session[:16] in ids


def test_completion_expands_nothing(admin, tmp_path):
    """Whatever the tool prints, and where it is not there."""
    tool = tmp_path / "tool"
    tool.write_text('#!/bin/sh\ncase $* in\n*help) echo "gatecast user show '
                    'NAME";;\n*) echo name; echo \'$(touch$IFS"hit")\';;\n'
                    'esac\n')
    tool.chmod(0o755)
    env = {**os.environ, "GATECAST_TOOL": str(tool)}
    script = (f"source {COMPLETION}; COMP_WORDS=({SCRIPT} user show '');"
              f"COMP_CWORD=3; _gatecast {SCRIPT};"
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script], cwd=tmp_path,
                          env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout == '$(touch$IFS"hit")\n' and done.stderr == ""
    assert not (tmp_path / "hit").exists()
    env["GATECAST_TOOL"] = str(tmp_path / "gone")
    done = subprocess.run(["bash", "--norc", "-c", script], cwd=tmp_path,
                          env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout == "\n" and done.stderr == ""
