"""`make deb-test`: the package in a Debian of its own, made by debootstrap
from the mirror ($GATECAST_MIRROR): installed, upgraded, used, removed, purged.
Wants root, and about two minutes."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIRROR = os.environ.get("GATECAST_MIRROR", "http://deb.debian.org/debian")
# What the package depends on, the web servers, and what the test speaks with.
# They are there before, so that what the package leaves can be told from what
# they leave.
BESIDES = ["libwebsockets-evlib-uv", "libfcgi0ldbl", "libicu72", "libinih1",
           "libjansson4", "libsodium23", "libutf8proc2", "libgdbm6",
           "systemd", "lighttpd", "lighttpd-mod-openssl", "openssl",
           "apache2", "nginx-light", "python3-requests",
           "python3-websockets"]
STATE = "var/lib/gatecast"
CONF = "etc/gatecast/gatecast.conf"


def run(*command, **kwargs):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, **kwargs)
    assert done.returncode == 0, (command, done.stdout[-4000:])
    return done.stdout


def built(version, top):
    """The package; version None: the one that it has."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    run("make", "-C", ROOT, "deb", f"DEBDIR={top}/deb",
        *([f"VERSION={version}"] if version else []), env=env)
    package, = top.glob("gatecast_*.deb")
    return package


class Debian:
    def __init__(self, top):
        self.top = top
        run("debootstrap", "--variant=minbase", "bookworm", top, MIRROR)
        # pytest's directories are root's alone; / is not.
        top.chmod(0o755)
        # No service is started here: there is no systemd to do it.
        policy = top / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        self.apt("install", *BESIDES)

    def __call__(self, *command):
        # /proc is there for this command alone.
        return run("unshare", "--mount", "sh", "-c",
                   'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
                   self.top, *command)

    def apt(self, *args):
        """Without a terminal: a question would be a failure."""
        return self("apt-get", "-y", "-q", "--no-install-recommends", *args)

    def install(self, package):
        shutil.copy(package, self.top / "srv")
        self.apt("install", f"/srv/{package.name}")
        (self.top / "srv" / package.name).unlink()

    def booted(self, *command):
        for script in (pathlib.Path(__file__).with_name("boot.py"),
                       ROOT / "scripts/deploy/debian/tests/first-steps"):
            shutil.copy(script, self.top / "srv")
        return run("unshare", "--net", "--mount", "--pid", "--fork",
                   "--kill-child", "chroot", self.top, "python3",
                   "/srv/boot.py", *command)

    def files(self):
        """All, but for what dpkg and apt keep of their own doings."""
        own = re.compile(r"(var/(lib/(dpkg|apt)|cache|log)|run|srv|tmp)(/|$)")
        names = {str(p.relative_to(self.top)) for p in self.top.rglob("*")}
        return {n for n in names if not own.match(n)}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    old, new = (tmp_path_factory.mktemp(n) for n in ("old", "new"))
    return built("0.0.9", old), built(None, new)


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    return Debian(tmp_path_factory.mktemp("root"))


def test_lintian(packages):
    """No tag of any weight, but those that are overridden with a reason."""
    assert run("lintian", "--allow-root", "--pedantic", "--display-info",
               "--fail-on", "error,warning,info,pedantic",
               packages[1]) == ""


def test_life(debian, packages):
    old, new = packages
    top = debian.top
    before = debian.files()

    # --- installed: safe, and complete
    debian.install(old)
    assert debian("gatecast", "user", "list", "--json").strip() == "[]"
    assert "gatecast:gatecast 750" in debian(
        "stat", "-c", "%U:%G %a", f"/{STATE}")
    debian("gatecast", "store", "check")
    enabled = {p.name for p in (top / "etc/systemd/system").rglob("*")
               if p.is_symlink()} - before
    assert {"login-fcgi.socket", "login-fcgi.service", "wsd.socket",
            "wsd-control.socket", "wsd.service",
            "gatecast-checkpoint.timer"} <= enabled
    for web in ("lighttpd/conf-enabled", "apache2/conf-enabled",
                "nginx/sites-enabled"):
        assert not list((top / "etc" / web).glob("*gatecast*"))
    keyring = (top / STATE / "keyring").read_bytes()

    # --- used
    assert "was heard" in debian.booted("/srv/first-steps")

    # --- upgraded: what was written stays, and nothing is asked
    conf = top / CONF
    conf.write_text(conf.read_text() + "\n[login]\nworkers = 2\n")
    debian.install(new)
    assert debian("dpkg-query", "-W", "-f", "${Version}", "gatecast") == \
        new.name.split("_")[1]
    assert (top / STATE / "keyring").read_bytes() == keyring
    assert "alice" in debian("gatecast", "user", "list")
    assert conf.read_text().endswith("workers = 2\n")
    debian("gatecast", "config", "check")

    # --- removed: the programs go, accounts and configuration stay
    debian.apt("remove", "gatecast")
    assert not (top / "usr/sbin/wsd").exists()
    assert not list((top / "lib/systemd/system").glob("wsd*"))
    assert (top / STATE / "keyring").read_bytes() == keyring
    assert conf.exists()
    debian.install(new)
    assert "alice" in debian("gatecast", "user", "list")
    assert (top / STATE / "keyring").read_bytes() == keyring

    # --- purged: nothing is left but the users
    debian("lighty-disable-mod", "gatecast", "ssl")
    for made in ("server.pem", "server.pem.key"):
        (top / "etc/lighttpd" / made).unlink()
    debian.apt("purge", "gatecast")
    assert not (top / "run/gatecast").exists()
    left = {n for n in debian.files() - before if "__pycache__" not in n}
    # dpkg's and useradd's copies of what was before.
    assert {n for n in left if not re.match(r"etc/(\.pwd|.*-$)", n)} == set()
    assert not before - debian.files()
    assert "gatecast:" in (top / "etc/passwd").read_text()


def test_servers_take_the_files(debian, packages):
    """Enabled as each of them says."""
    debian.install(packages[1])
    text = (debian.top / "etc/apache2/conf-available/gatecast.conf").read_text()
    modules, = re.findall(r"^#   a2enmod (.*)$", text, re.MULTILINE)
    debian("a2enmod", *modules.split())
    debian("a2enconf", "gatecast")
    site = debian.top / "etc/apache2/sites-enabled/000-default.conf"
    includes = "\n".join(re.findall(r"^#   (Include .*)$", text, re.MULTILINE))
    assert includes.count("Include") == 2
    default = site.read_text()
    site.write_text(default.replace("</VirtualHost>",
                                    f"{includes}\n</VirtualHost>"))
    assert "Syntax OK" in debian("apache2ctl", "configtest")

    site = debian.top / "etc/nginx/sites-available/gatecast"
    link, = re.findall(r"^#   ln -s (.*)$", site.read_text(), re.MULTILINE)
    debian("ln", "-s", *link.split())
    for d in ("etc/ssl/certs", "etc/ssl/private"):
        (debian.top / d).mkdir(exist_ok=True)
    debian("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
           "-subj", "/CN=chat.example.org",
           "-keyout", "/etc/ssl/private/chat.example.org.key",
           "-out", "/etc/ssl/certs/chat.example.org.pem")
    assert "successful" in debian("nginx", "-t")
