"""The manual pages of the programs, the configuration and the protocol, and
the example configuration: all agree with what the programs have."""

import json
import re
import subprocess

import pytest
import requests

from conftest import BUILD, ROOT, free_port, wait_until
from test_wsd_metrics import parse
from ws_raw import Wsd

CONF = ROOT / "shared/gatecast.conf.5"
PROTOCOL = ROOT / "shared/gatecast-protocol.7"
WSD = ROOT / "wsd/wsd.8"
LOGIN = ROOT / "fcgi-app/login.fcgi.8"
PROGRAMS = {WSD: BUILD / "wsd", LOGIN: BUILD / "login.fcgi"}


def made(what):
    return subprocess.run([BUILD / "tests/config-doc", what], check=True,
                          capture_output=True, text=True, timeout=60).stdout


def section(page, name, kind="Sh"):
    return re.search(rf"^\.{kind} {name}\n(.*?)(?=^\.S[hs] |\Z)",
                     page.read_text(), re.M | re.S)[1]


def test_keys_are_the_table():
    keys = re.search(r'^\.\\" keys: begin\n(.*)^\.\\" keys: end$',
                     CONF.read_text(), re.M | re.S)[1]
    assert keys == made("manual"), \
        f"put what `config-doc manual` prints into {CONF}"


def test_example_is_the_table():
    example = ROOT / "scripts/deploy/gatecast.conf"
    assert example.read_text() == made("example"), \
        f"write what `config-doc example` prints into {example}"


def test_configurations_of_the_manual(tmp_path):
    examples = re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed", CONF.read_text(),
                          re.M | re.S)
    assert len(examples) == 3
    for text in examples:
        conf = tmp_path / "gatecast.conf"
        conf.write_text(f"[store]\ndir = {tmp_path}\n[login]\n"
                        f"templates = {ROOT}/www/templates\n" + text)
        done = subprocess.run([BUILD / "gatecast-tool", "-c", conf, "config",
                               "check"], capture_output=True, text=True)
        assert done.returncode == 0, (text, done.stderr)


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda p: p.name)
def test_options(page):
    """Those that the program says it has."""
    usage = subprocess.run([PROGRAMS[page], "--help"], check=True,
                           capture_output=True, text=True, timeout=60).stdout
    items = "\n".join(re.findall(r"^\.It (.*)$", section(page, "OPTIONS"),
                                 re.M))
    assert set(re.findall(r"Fl -([a-z]+)", items)) == \
        set(re.findall(r"--([a-z]+)", usage))
    assert set(re.findall(r"Fl ([a-zA-Z])\b", items)) == \
        set(re.findall(r"^  -([a-zA-Z]),", usage, re.M))


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda p: p.name)
def test_check_example(page, tmp_path):
    command = re.search(r"^\.Dl \$ \S+ (.* -n)$", page.read_text(), re.M)[1]
    (tmp_path / "gatecast.conf").write_text(
        f"[login]\ntemplates = {ROOT}/www/templates\n")
    done = subprocess.run([PROGRAMS[page], *command.split()], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def scrape(port):
    """None while nobody listens there."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/metrics",
                            timeout=30).text
    except requests.ConnectionError:
        return None


def test_metrics():
    port = free_port()
    with Wsd(set={"wsd.metrics_listen": f"127.0.0.1:{port}"}) as wsd:
        text = wait_until(lambda: scrape(port), what="metrics")
        assert parse(text) and wsd.process.poll() is None
    written = re.findall(r"^\.It Li (gatecast_\w+)(?: No by (\w+))?\n(\w+)\.",
                         WSD.read_text(), re.M)
    for name, label, kind in written:
        assert f"# TYPE {name} {kind.lower()}\n" in text
        labels = set(re.findall(rf"^{name}{{(\w+)=", text, re.M))
        assert labels == ({label} if label else set()), name
    assert sorted(row[0] for row in written) == \
        sorted(re.findall(r"^# TYPE (\S+)", text, re.M))


# --- the protocol -------------------------------------------------------------

def lines_of_example():
    """("<" or ">", object) for each frame."""
    body = re.search(r"^\.Bd [^\n]*\n(.*?)^\.Ed",
                     section(PROTOCOL, "EXAMPLES"), re.M | re.S)[1]
    joined = re.sub(r"\n[<>]  +", "", body)
    return [(line[0], json.loads(line[2:])) for line in joined.splitlines()]


def shape(value):
    """With what differs from run to run by its form alone."""
    if isinstance(value, list):
        return [shape(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, v in value.items():
        if key in ("time", "since"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", v)
            v = "TIME"
        elif key == "epoch":
            assert re.fullmatch(r"[0-9a-f]+", v)
            v = "EPOCH"
        out[key] = shape(v)
    return out


def test_protocol_example():
    """Frame by frame, keys in their order. An acknowledgement and the
    message itself may come in either order."""
    frames = lines_of_example()
    documented = {}
    for name, keys in re.findall(r"^\.It Cm (\w+) : Va (.*)$",
                                 PROTOCOL.read_text(), re.M):
        documented.setdefault(name, []).append(
            [k for k in keys.split() if k != ","])
    with Wsd() as wsd:
        c = wsd.client("alice")
        want, got = [], []
        for direction, frame in frames:
            if direction == ">":
                c.send(json.dumps(frame))
                continue
            came = c.event()
            want.append(shape(frame))
            got.append(shape(came))
            keys = [k for k in came if k != "type"]
            assert any(keys == d[:len(keys)] for d in documented[came["type"]])
        c.sock.close()

    def key(frame):
        return json.dumps(frame)

    assert sorted(got, key=key) == sorted(want, key=key)
    assert got[0]["type"] == "hello" and list(got[0]) == list(want[0])


def test_protocol_codes():
    """Every error, status and close code that the sources have."""
    def items(name, kind="Sh"):
        return re.findall(r"^\.It Li (\w+)", section(PROTOCOL, name, kind),
                          re.M)

    source = (ROOT / "wsd/protocol.c").read_text()
    assert items("Errors", "Ss") == [
        w for w in re.findall(r'\[PROTOCOL_\w+\] = \{"(\w+)",', source)
        if w != "ok"]
    source = (ROOT / "wsd/refusal.c").read_text()
    assert items("REFUSALS") == re.findall(r"^    \{(\d{3}), ", source, re.M)
    source = (ROOT / "wsd/hub.h").read_text()
    assert items("CLOSE CODES") == re.findall(
        r"^\tHUB_CLOSE_\w+ = (\d{4}),", source, re.M)


def test_protocol_has_every_frame():
    text = PROTOCOL.read_text()
    names = set(re.findall(r"^\.It Cm (\w+) :", text, re.M))
    source = (ROOT / "wsd/protocol.c").read_text() + \
        (ROOT / "wsd/room_entry.c").read_text()
    sent = set(re.findall(r'\{\\"type\\":\\"(\w+)\\"', source))
    assert {"hello", "gap", "ack", "error", "history"} <= sent
    assert names == sent | {"send"}
