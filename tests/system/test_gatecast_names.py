"""Names of new accounts: none that can be mistaken for another's."""

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
