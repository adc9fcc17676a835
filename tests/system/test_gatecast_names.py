"""Names of new accounts: none that can be mistaken for another's."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import BUILD
from gatecast_admin import PASSWORD, REFUSED, Admin


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path)


def test_names_alike(admin):
    admin.add("alice")
    admin.add("paypal")
    for name, like in (("paypa1", "paypal"), ("PAYPAI", "paypal"),
                       ("a1ice", "alice")):
        done = admin.add(name, code=REFUSED)
        assert done.stderr == \
            f"gatecast: {name} can be mistaken for the user {like}\n"
    done = admin.add("\u0430lice", code=REFUSED)
    assert "mixes scripts" in done.stderr
    for name in ("bob", "张伟", "张伟lee", "山田たろう", "김철수", "иван"):
        admin.add(name)
    # Of accounts that are there, nothing is asked.
    admin("user", "lock", "alice")
    admin("user", "passwd", "张伟", "--password-stdin", input=PASSWORD)


def test_import(admin, tmp_path):
    """All that is wrong is told with its line, and nothing is imported;
    names of one file stand beside each other too."""
    hash = "$2y$05$" + "abcdefghijklmnopqrstuO" + "x" * 31
    names = ["carl", "car1", "\u0430lex", "zoe", "paypa1"]
    admin.add("paypal")
    file = tmp_path / "accounts"
    file.write_text("".join(f"{name}:{hash}\n" for name in names))
    done = admin("user", "import", str(file), code=REFUSED)
    said = done.stderr.splitlines()
    assert said[0] == f"{file}:2: car1 can be mistaken for the user carl"
    assert said[1].startswith(f"{file}:3: \u0430lex mixes scripts")
    assert said[2] == f"{file}:5: paypa1 can be mistaken for the user paypal"
    assert len(json.loads(admin("user", "list", "--json").stdout)) == 1
    file.write_text("".join(f"{name}:{hash}\n" for name in names[::3]))
    admin("user", "import", str(file))
    assert len(json.loads(admin("user", "list", "--json").stdout)) == 3


def test_rename(admin):
    admin.add("paypal")
    admin.add("bob")
    done = admin("user", "rename", "bob", "PayPa1", code=REFUSED)
    assert "PayPa1 can be mistaken for the user paypal" in done.stderr
    done = admin("user", "rename", "bob", "b\u043eb", code=REFUSED)
    assert "mixes scripts" in done.stderr
    # Not for itself, however it is written.
    admin("user", "rename", "paypal", "paypa1")
    admin("user", "rename", "PAYPA1", "PayPaI")
    admin("user", "rename", "bob", "\u5f20\u4f1f")
    names = [r["name"] for r in
             json.loads(admin("user", "list", "--json").stdout)]
    assert names == ["PayPaI", "\u5f20\u4f1f"]


def test_accounts_from_before(admin, tmp_path):
    """Two that nobody compared when they were made are both let be."""
    subprocess.run([BUILD / "tests/make-session", admin.store, "bob1",
                    "bobl"], check=True, capture_output=True, timeout=60)
    admin("store", "init")
    for name in ("bob1", "bobl"):
        admin("user", "lock", name)
        admin("user", "passwd", name, "--password-stdin", input=PASSWORD)
    admin("store", "backup", str(tmp_path / "backup"))
    admin("store", "restore", str(tmp_path / "backup"))
    admin.add("alice")
    assert "mistaken" in admin.add("b0b1", code=REFUSED).stderr
    admin("user", "rename", "bobl", "robert")


def test_two_admins_at_once(admin):
    """One of each pair gets its name, whoever is first."""
    admin("store", "init")
    tool = [BUILD / "gatecast-tool", "-c", admin.conf, "user", "add",
            "--password-stdin"]

    def add(name):
        return subprocess.run([*tool, name], input=PASSWORD.encode(),
                              capture_output=True, timeout=60)
    with ThreadPoolExecutor(4) as pool:
        for i in range(3):
            names = [f"bob{i}l", f"bob{i}1", f"bob{i}I", f"b0b{i}l"]
            done = list(pool.map(add, names))
            assert sorted(d.returncode for d in done) == [0, 1, 1, 1], done
            assert all(b"mistaken" in d.stderr for d in done
                       if d.returncode == 1)


@pytest.mark.parametrize("program", ["login.fcgi", "wsd"])
def test_daemons_know_no_icu(program):
    """Its megabytes are for the admin tool, not for what faces strangers."""
    def needed(name):
        return subprocess.run(["ldd", BUILD / name], check=True,
                              capture_output=True, text=True).stdout
    assert "libicu" not in needed(program)
    assert "libicui18n" in needed("gatecast-tool")
