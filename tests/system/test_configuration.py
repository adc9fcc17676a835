"""Configurations that are wrong: each program says where, and takes nothing of
them."""

import os
import re
import signal
import subprocess

import pytest

from conftest import BUILD, wait_until
from wsclient import connect

BAD = [
    ("[wsd]\nmessage_bytes = lots\n", 2, "message_bytes"),
    ("[wsd]\nmessage_bytes = 0\n", 2, "message_bytes"),
    ("[wsd]\nmessage_bytes = -1\n", 2, "message_bytes"),
    ("[wsd]\nmessage_bytes = 99999999999999999999\n", 2, "message_bytes"),
    ("[wsd]\nping_s = 25s\n", 2, "ping_s"),
    ("[wsd]\nplain_lines = maybe\n", 2, "raw"),
    ("[login]\nplain_http = 2\n", 2, "plain_http"),
    ("[wsd]\n\nno_such_key = 1\n", 3, "no_such_key"),
    ("[nowhere]\nx = 1\n", None, "nowhere"),
    ("[wsd]\nnonsense\n", 2, ""),
    ("[wsd]\nping_s = 25\nping_s = 26\n", 3, "ping_s"),
    ("[store]\ndir = /no/such/place\n", 2, "/no/such/place"),
    ("[store]\ndir = relative\n", 2, "dir"),
    ("[site]\norigins = chat.example.org\n", 2, "origins"),
    ("[wsd]\nlisten = here\n", 2, "listen"),
    ("[log]\nlevel = loud\n", 2, "level"),
    ("[site]\ntrusted_proxies = ::1 10.0.0.0/33\n", 2, "trusted_proxies"),
    ("[site]\nforwarded_header = X-Real-IP\n", 2, "x-forwarded forwarded"),
    ("[login]\nthrottle = sometimes\n", 2, "yes or no"),
    ("[login]\n\nidle_lifetime_s = 9\nabsolute_lifetime_s = 8\n", 4,
     "allowed: 0 to 8"),
    ("[login]\nworkers = 2\nhash_slots = 2\n", 3, "below login.workers"),
    ("[login]\ntemplates = /no/such/place\n", 2, "/no/such/place"),
    ("[gate]\nrules = /a=ops b=ops\n", 2, "PATH=any"),
    ("[gate]\nrules = /a/../b=ops\n", 2, "no dot segments"),
    ("[gate]\nrules = /a=ops,\n", 2, "gate.rules"),
]


@pytest.mark.parametrize("text, line, what", BAD, ids=range(len(BAD)))
def test_bad_configuration(tmp_path, text, line, what):
    conf = tmp_path / "gatecast.conf"
    if "dir =" not in text:
        text += f"[store]\ndir = {tmp_path}\n"
    conf.write_text(text)
    for command in ([BUILD / "login.fcgi", "-n", "-c", conf],
                    [BUILD / "wsd", "-n", "-c", conf],
                    [BUILD / "gatecast-tool", "-c", conf, "config", "check"]):
        done = subprocess.run([str(c) for c in command], timeout=60,
                              capture_output=True, text=True)
        assert done.returncode == 1, (command, done.stdout, done.stderr)
        where = f"{conf}:{line}: " if line else f"{conf}:"
        assert where in done.stderr, command
        assert what in done.stderr, command


def test_good_configuration(site):
    for command in ([BUILD / "login.fcgi", "-n", "-c", site.conf],
                    [BUILD / "wsd", "-n", "-c", site.conf]):
        done = subprocess.run([str(c) for c in command], timeout=60,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert site.gatecast("config", "check").returncode == 0


def test_reload(make_site):
    """A good file is taken while people are in; of a bad one nothing is."""
    site = make_site(set={"wsd.message_bytes": 100})
    cookie = site.cookie("alice")
    here = connect(site, cookie=cookie)
    assert here.event()["message_bytes"] == 100
    good = site.conf.read_text()
    pids = {n: site.pid(n) for n in ("login", "wsd")}

    def hup():
        for pid in pids.values():
            os.kill(pid, signal.SIGHUP)

    def message_bytes():
        with connect(site, cookie=cookie) as c:
            return c.event()["message_bytes"]

    def language():
        return re.search(r'<html lang="(\w+)"',
                         site.get("/login").text).group(1)

    bad = good.replace("message_bytes = 100", "message_bytes = 200")
    site.conf.write_text(bad + "[site]\nlanguage = klingon\n")
    n = len(site.conf.read_text().splitlines())
    hup()
    where = f"{site.conf}:{n}: "
    wait_until(lambda: all(any(
        line.startswith(f"{p}:") and where in line
        for line in site.log().splitlines()) for p in pids), what="a complaint")
    assert message_bytes() == 100
    assert [language() for _ in range(6)] == ["en"] * 6

    site.conf.write_text(bad + "[site]\nlanguage = zh\n")
    hup()
    wait_until(lambda: message_bytes() == 200, what="the new value")
    wait_until(lambda: {language() for _ in range(8)} == {"zh"}, what="zh")
    # Who was in still is, and sessions are what they were.
    here.say("here")
    here.expect("message", text="here")
    assert site.get("/session", headers={"Cookie": cookie}).json()["user"] \
        == "alice"
    assert {n: site.pid(n) for n in pids} == pids
    here.sock.close()
