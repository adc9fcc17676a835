"""The Debian package as far as it can be judged unbuilt: what its files say of
each other and of what `make install` puts in place. `make deb-test` builds it
and lives with it in a Debian."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT

DEPLOY = ROOT / "scripts/deploy"
DEBIAN = DEPLOY / "debian"
RULES = (DEBIAN / "rules").read_text()
WEB = ("lighttpd", "apache", "nginx")
LOCAL = re.compile(r"|unix:/\S+|127\.0\.0\.1:\d+|\[::1\]:\d+")


def make(target, tree):
    """As debian/rules does it, but with what is built already."""
    ours = re.search(r"^OURS = (.*?[^\\])$", RULES, re.M | re.S).group(1)
    ours = [word for word in ours.replace("\\\n", " ").split()
            if "$" not in word]
    assert "PREFIX=/usr" in ours
    subprocess.run(
        ["make", "-s", "-C", str(ROOT), "-o", "all", f"B={BUILD}",
         f"FLAVOUR={BUILD.name}", f"DESTDIR={tree}", *ours, target],
        check=True, capture_output=True, timeout=120,
        env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    tree = tmp_path_factory.mktemp("tree")
    make("install", tree)
    return tree


def files(top):
    return {str(p.relative_to(top)): p.read_text()
            for p in top.rglob("*") if p.is_file()}


def texts():
    """All of debian/ but its tests."""
    return {name: text for name, text in files(DEBIAN).items()
            if not name.startswith("tests/")}


def test_what_is_named_is_there(tree):
    """By rules (taken elsewhere, so it has to be there before), overrides,
    README.Debian and the files of the web servers."""
    put = set(re.findall(r"\$\(TO\)/(\S+)$", RULES, re.MULTILINE))
    taken = set(re.findall(r"\$\(TO\)/(usr/share/gatecast/\S+)", RULES))
    assert len(taken) == 2 and len(put) > 4
    for name in (DEBIAN / "gatecast.docs").read_text().split():
        assert (ROOT / name).is_file(), name
    named = re.findall(r"\[(\S+)\]",
                       texts()["gatecast.lintian-overrides"])
    assert len(named) == 3
    for text in texts().values():
        named += [p.lstrip("/") for p in
                  re.findall(r"/usr/share/gatecast(?:/[\w./-]*\w)?", text)]
    for name in {*taken, *named}:
        name = name.removesuffix(".gz")
        assert list(tree.glob(name)), name
    # Where rules puts a file for a web server is where README.Debian and the
    # file say it is.
    for name in re.findall(r"^/etc/\S+|(?<=\s)/etc/(?:apache2|nginx)/\S+",
                           texts()["README.Debian"], re.MULTILINE):
        assert any(name[1:].startswith(p) for p in put), (name, put)


def test_shipped_is_what_is_in_scripts_deploy(tree):
    """And so what all other tests run."""
    shipped = files(tree / "usr/share/gatecast/deploy")
    sources = {f"{web}/{name}": text for web in WEB
               for name, text in files(DEPLOY / web).items()}
    assert {name: text.replace("/usr/local/", "/usr/")
            for name, text in sources.items()} == shipped
    units = files(DEPLOY / "systemd")
    assert units.pop("sysusers.conf") == \
        (tree / "usr/lib/sysusers.d/gatecast.conf").read_text()
    assert units.pop("tmpfiles.conf") == \
        (tree / "usr/lib/tmpfiles.d/gatecast.conf").read_text()
    assert units == files(tree / "lib/systemd/system")
    # rules has debhelper know each of those that is started.
    started = {n for n, text in units.items() if "WantedBy=" in text}
    assert started == set(re.findall(r"[\w-]+\.(?:socket|service|timer)",
                                     RULES))


def test_asks_nothing_and_opens_nothing(tree):
    """No question, no account, no secret, no web server changed, and nobody
    listens where another machine could reach it."""
    assert not {"gatecast.config", "gatecast.templates"} & set(texts())
    scripts = texts()["store.postinst"] + texts()["gatecast.postrm"]
    assert not re.search(r"debconf|user add|passw|lighty-enable|a2en|-enabled",
                         scripts + RULES)
    paths = {str(p.relative_to(tree)) for p in tree.rglob("*")}
    assert not [p for p in paths
                if re.search(r"-enabled|keyring|secret$|\.pem|^var|^run", p)]
    for name in re.findall(r"\$\(TO\)/(etc/\S+)$", RULES, re.MULTILINE):
        assert "-enabled" not in name

    units = files(tree / "lib/systemd/system")
    sockets = [line for name, text in units.items()
               for line in text.splitlines() if line.startswith("Listen")]
    assert len(sockets) == 3
    for line in sockets:
        assert re.fullmatch(r"ListenStream=/run/gatecast/\w+\.sock", line)
    for name, text in units.items():
        for line in re.findall(r"^ExecStart=(.*)", text, re.MULTILINE):
            program, *arguments = line.split()
            assert (tree / program[1:]).is_file(), line
            assert "--listen" not in arguments
            assert re.search(r"^User=gatecast", text, re.MULTILINE), name
    for line in (DEPLOY / "systemd/sysusers.conf").read_text().splitlines():
        # A sixth field would be a shell.
        if line.startswith("u "):
            assert re.fullmatch(r'u [\w-]+ -:gatecast "[^"]*" \S+', line)

    conf = tree / "usr/share/gatecast/gatecast.conf"
    shown = subprocess.run(
        [BUILD / "gatecast-tool", "-c", conf, "config", "show"],
        check=True, capture_output=True, text=True, timeout=60).stdout
    listens = re.findall(r"^\s*(\w*listen|control) = ?(.*)$", shown,
                         re.MULTILINE)
    assert len(listens) == 4, shown
    for key, value in listens:
        assert LOCAL.fullmatch(value.strip()), (key, value)


def test_builds_from_what_install_deps_installs():
    run = re.search(r'^RUN="([^"]*)"', (ROOT / "scripts/install-deps")
                    .read_text(), re.MULTILINE).group(1).split()
    control = texts()["control"]
    wanted = set(re.findall(r"^ +([\w-]+-dev),", control, re.MULTILINE))
    assert {n for n in run if n.endswith("-dev")} - {"libc6-dev"} == wanted


def test_uninstall_leaves_nothing(tree, tmp_path):
    copy = pathlib.Path(shutil.copytree(tree, tmp_path / "copy"))
    make("uninstall", copy)
    assert not files(copy)
    assert not list(copy.rglob("*gatecast"))
