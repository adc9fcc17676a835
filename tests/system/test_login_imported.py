"""Accounts with hashes of other programs sign in, and have ours then."""

import re

import pytest

from imported import HASHES, PHRASE, exported, htpasswd
from login_process import make


@pytest.fixture
def login(request):
    login = make(request, users=()).start()
    login.tool("user", "import", "-", stdin=htpasswd(HASHES))
    return login


def refused(login, name, password):
    """The answer's bytes without what is of this one form."""
    answer = login.post_login(name, password)
    assert answer.status == 401
    assert "gatecast" not in answer.cookies()
    text = re.sub(rb'name="csrf" value="[^"]*"', b"", answer.body)
    assert b'value="%s"' % name.encode() in text
    return text.replace(b'value="%s"' % name.encode(), b"")


def test_sign_in_makes_it_argon2id(login):
    before = exported(login.tool("user", "export").stdout)
    for name, text in HASHES.items():
        assert before[name][0] == text
        login.sign_in(name, password=PHRASE)
        now = exported(login.tool("user", "export").stdout)
        assert now[name][0].startswith("$argon2id$v=19$m=64,t=1,p=1$")
        # Nothing else of the account has changed.
        assert now[name][1:] == before[name][1:]
        before[name] = now[name]
        assert now == before
        login.sign_in(name, password=PHRASE)
        assert exported(login.tool("user", "export").stdout) == now
    # Not the hash's own bytes, and no prefix.
    assert refused(login, "yescrypt", PHRASE[:-1]) == \
        refused(login, "yescrypt", HASHES["yescrypt"])


def test_wrong_unknown_and_locked_are_one_answer(login):
    login.tool("user", "lock", "sha256")
    one = refused(login, "nobody", PHRASE)
    for name, password in (("sha256", PHRASE), ("sha256", "wrong"),
                           ("sha512", "wrong"), ("bcrypt2y", "x" * 600),
                           ("yescrypt", PHRASE + "\0"),
                           ("htsha512", PHRASE + " ")):
        assert refused(login, name, password) == one
    now = exported(login.tool("user", "export").stdout)
    assert {name: row[0] for name, row in now.items()} == HASHES


def test_changed_cost_is_taken_up_too(login):
    login.sign_in("bcrypt2y", password=PHRASE)
    login.config["login.argon2_passes"] = 2
    login.write_config()
    login.process.terminate()
    login.process.wait()
    login.start()
    login.sign_in("bcrypt2y", password=PHRASE)
    now = exported(login.tool("user", "export").stdout)
    assert now["bcrypt2y"][0].startswith("$argon2id$v=19$m=64,t=2,p=1$")


def test_rename_ends_sessions_and_the_old_name(login):
    cookie = login.sign_in("sha256", password=PHRASE)
    assert login.ask("GET", "/session", cookie=cookie).status == 200
    done = login.tool("user", "rename", "sha256", "Sha256")
    assert "1 session ended" in done.stdout
    assert login.ask("GET", "/session", cookie=cookie).status == 401
    cookie = login.sign_in("sha256", password=PHRASE)
    assert b'"Sha256"' in login.ask("GET", "/session", cookie=cookie).body
    login.tool("user", "rename", "SHA256", "renamed")
    assert login.ask("GET", "/session", cookie=cookie).status == 401
    login.sign_in("renamed", password=PHRASE)
    refused(login, "sha256", PHRASE)
