"""gatecast doctor: nothing to say of a site that is well, and each fault that
is planted is found, with what mends it."""

import json
import pathlib
import re
import shutil
import socket
import tempfile

import pytest

from conftest import ROOT, SERVERS, Site, free_port
from gatecast_admin import Admin


@pytest.fixture(scope="module", params=SERVERS)
def healthy(request):
    s = Site(server=request.param)
    try:
        yield s.start()
    finally:
        s.close()


def findings(output):
    """{name: (level, text, fix)} of all that is not ok."""
    found, lines = {}, output.splitlines()
    for i, line in enumerate(lines):
        level, _, rest = line.partition(" ")
        if level in ("warn", "FAIL"):
            name, text = rest.strip().split(": ", 1)
            assert lines[i + 1].startswith("      fix: "), output
            found[name] = (level, text, lines[i + 1].strip()[5:])
    return found


def examine(admin, code=None):
    """Of a store without daemons, but for those who do not answer."""
    found = findings(admin("doctor", code=code).stdout)
    found.pop("wsd", None)
    return found


@pytest.fixture
def admin(tmp_path):
    """One account and a good configuration of programs that do not run."""
    admin = Admin(tmp_path)
    admin.write_conf(f"templates = {ROOT}/www/templates\n[wsd]\n"
                     "listen = 127.0.0.1:9\n"
                     f"control = unix:{tmp_path}/control.sock\n")
    admin("store", "init")
    admin.add("alice")
    assert not examine(admin)
    return admin


def append(admin, text):
    with open(admin.conf, "a") as conf:
        conf.write(text)


def test_healthy_site(healthy):
    conf = healthy.dir / f"{healthy.server}.conf"
    done = healthy.gatecast("doctor", str(conf))
    assert not findings(done.stdout), done.stdout
    assert "ok    wsd: version" in done.stdout
    assert "is listened on" in done.stdout
    for line in ("site: URL answers", "clock: as URL has it",
                 "cookies: URL passes them on, both ways",
                 "static files: URL has them",
                 "websocket: URL hands on Upgrade, Origin and Cookie"):
        assert f"ok    {line.replace('URL', healthy.url)}" in done.stdout
    assert f"web server time-outs: {conf} waits longer than" in done.stdout


def test_wsd_does_not_run(admin):
    found = findings(admin("doctor", code=1).stdout)
    assert list(found) == ["wsd"]
    assert found["wsd"][0] == "FAIL"
    assert found["wsd"][2].startswith("systemctl restart wsd.service")


def test_nobody_listens(admin, tmp_path):
    text = admin.conf.read_text().replace(
        "listen = 127.0.0.1:9", f"listen = unix:{tmp_path}/wsd.sock")
    admin.conf.write_text(text)
    level, what, fix = examine(admin, 1)["wsd socket"]
    assert level == "FAIL" and what.endswith("wsd.sock: is not there")
    assert fix.startswith("systemctl start wsd.service")


@pytest.mark.parametrize("name,mode,good", [
    ("keyring", 0o644, "0640"), ("users/base.gdbm", 0o604, "0600"),
    ("users/journal.1", 0o606, "0600")])
def test_world_readable_secret(admin, name, mode, good):
    path = admin.store / name
    path.chmod(mode)
    found = examine(admin, 1)
    assert "secrets" in found
    level, what, fix = found["secrets"]
    assert level == "FAIL" and f"{path} has mode {mode:04o}" in what
    assert fix == f"chmod {good} {path}"
    path.chmod(int(good, 8))
    assert "secrets" not in examine(admin)


def test_old_key(admin):
    keyring = admin.store / "keyring"
    keyring.write_text(re.sub(r"created=\S+", "created=1600000000",
                              keyring.read_text()))
    level, what, fix = examine(admin)["signing key"]
    assert level == "warn" and " days old" in what
    assert fix.startswith("gatecast key rotate")
    admin("key", "rotate")
    assert "ok    signing key: 0 days" in admin("doctor", code=1).stdout


def test_socket_of_everybody():
    """A socket that any user may connect to; pytest's own directories are
    closed to others, so that this one is elsewhere."""
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        top.chmod(0o755)
        admin = Admin(top)
        admin.write_conf(f"listen = unix:{top}/login.sock\n"
                         "[wsd]\nlisten = 127.0.0.1:9\n")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(f"{top}/login.sock")
            s.listen()
            for mode, good in ((0o666, False), (0o660, True)):
                (top / "login.sock").chmod(mode)
                found = findings(admin("doctor", code=1).stdout)
                assert ("login socket" not in found) == good
                if not good:
                    level, what, fix = found["login socket"]
                    assert level == "FAIL" and "every user" in what
                    assert fix.startswith(f"chmod o-rwx {top}/login.sock")


def test_missing_template(admin, tmp_path):
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "www/templates", templates)
    (templates / "chat.html").unlink()
    admin.conf.write_text(admin.conf.read_text().replace(
        f"{ROOT}/www/templates", str(templates)))
    found = examine(admin, 1)
    assert list(found) == ["templates"]
    assert f"{templates}/chat.html" in found["templates"][1]
    assert "templates = DIRECTORY" in found["templates"][2]


def test_http_without_plain_http(admin):
    append(admin, f"[site]\norigins = http://127.0.0.1:{free_port()}\n")
    found = examine(admin, 1)
    assert list(found) == ["plain http", "site"]
    assert "does not answer" in found["site"][1]
    assert "origins = ..." in found["site"][2]
    assert "https://127.0.0.1" in found["plain http"][2]
    assert "plain_http = yes" in found["plain http"][2]


def test_nobody_can_sign_in(admin):
    admin("user", "del", "alice")
    found = examine(admin, 1)
    assert list(found) == ["users"]
    assert found["users"][0] == "warn"
    assert found["users"][2] == "gatecast user add NAME"


def test_store_cannot_be_read(admin):
    shutil.rmtree(admin.store / "users")
    found = examine(admin, 1)
    assert list(found) == ["users"]
    assert found["users"][0] == "FAIL"
    assert "gatecast store init" in found["users"][2]


def test_full_disk(admin, disk):
    """What is left on a small file system is less than there should be."""
    admin.conf.write_text(admin.conf.read_text() +
                          f"history_dir = {disk.path}\n")
    level, what, fix = examine(admin, 1)["disk"]
    assert level == "warn" and what.startswith(str(disk.path))
    assert f"df -h {disk.path}" in fix
    disk.fill()
    level, what, fix = examine(admin, 1)["disk"]
    assert level == "FAIL" and f"{disk.path}: 0 KiB left" in what


def test_what_it_cannot_look_at(admin):
    """Is no "ok"."""
    lines = admin("doctor", code=None).stdout.splitlines()
    assert "skip  site: site.origins is empty, nobody was asked" in lines
    assert "skip  wsd socket: 127.0.0.1:9, not looked at" in lines


def test_json(admin):
    admin("user", "del", "alice")
    done = admin("doctor", "--json", code=1)
    rows = {row["check"]: row for row in json.loads(done.stdout)}
    lines = [line.split()[0] for line in admin("doctor", code=1).stdout
             .splitlines() if not line.startswith(" ")]
    assert [row["level"] for row in rows.values()] == lines
    assert rows["users"] == {
        "check": "users", "level": "warn", "fix": "gatecast user add NAME",
        "what": "there are none: nobody can sign in"}
    assert rows["disk"]["level"] == "ok" and rows["disk"]["fix"] == ""
