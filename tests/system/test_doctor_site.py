"""gatecast doctor in front of a proxy with a fault in it: one nginx with a
port for each, over http or https, before one site that is well."""

import glob
import os
import socket
import subprocess

import pytest

from conftest import Site, free_port, wait_until
from test_doctor import findings
from web_process import WebProcess

UPGRADE = ("proxy_set_header Upgrade $http_upgrade; "
           "proxy_set_header Connection upgrade;")
HTTP = f"{UPGRADE} proxy_set_header X-Forwarded-Proto http;"

# name: (scheme, lines in the server, {check: (what, fix)})
FAULTS = {
    "none": ("http", UPGRADE, {}),
    "upgrade": ("http", "", {
        "websocket": (("/websocket answers 400 ", "/websocket answers 426 "),
                      "drops Upgrade")}),
    "other origin": ("http", UPGRADE + "proxy_set_header Origin "
                     "http://another.invalid;", {
        "websocket": ("/websocket answers 403 ", "Origin or Host")}),
    "own origin": ("http", UPGRADE + "proxy_set_header Origin SITE;", {
        "websocket": ("401 to a page of https://stranger.invalid",
                      "hand on Origin as it comes")}),
    "cookie": ("http", UPGRADE + 'proxy_set_header Cookie "";', {
        "cookies": ("does not arrive at login.fcgi",
                    'no proxy_set_header Cookie ""'),
        "websocket": ("does not arrive at wsd", "hand on Cookie there")}),
    "set-cookie": ("http", UPGRADE + "proxy_hide_header Set-Cookie;", {
        "cookies": ("is lost on its way", "proxy_hide_header Set-Cookie")}),
    "static type": ("http", UPGRADE + "proxy_hide_header Content-Type; "
                    "add_header Content-Type text/plain;", {
        "static files": ("without its type", "a2enmod alias headers mime")}),
    "static gone": ("http", UPGRADE + "location /static/ { return 404; }", {
        "static files": ("answers 404", "mod_alias and mod_setenv")}),
    "module of pages": ("http", UPGRADE + "location /session "
                        "{ return 500; }", {
        "site": ("/session answers 500", "a2enmod proxy_fcgi")}),
    "module of channel": ("http", UPGRADE + "location /websocket "
                          "{ return 500; }", {
        "websocket": ("/websocket answers 500 ", "a2enmod proxy_http")}),
    "channel elsewhere": ("http", UPGRADE + "location /websocket "
                          "{ return 502; }", {
        "websocket": ("/websocket answers 502 ", "let it pass /websocket")}),
    "https": ("https", UPGRADE, {}),
    "scheme": ("https", HTTP, {
        "cookies": ("its cookies are those of plain http",
                    "X-Forwarded-Proto $scheme")}),
}


class Spoilt:
    def __init__(self, top):
        self.top = top
        self.ports = {name: free_port() for name in FAULTS}
        origins = [self.origin(name) for name in FAULTS]
        self.site = Site(server="lighttpd", set={
            "site.trusted_proxies": "127.0.0.1",
            "site.origins": " ".join(origins)})
        self.web = None

    def origin(self, name):
        return f"{FAULTS[name][0]}://127.0.0.1:{self.ports[name]}"

    def server(self, name):
        scheme, lines, _ = FAULTS[name]
        tls = "" if scheme == "http" else (
            f"ssl_certificate {self.top}/cert.pem; "
            f"ssl_certificate_key {self.top}/key.pem;")
        proxied = f"proxy_pass {self.site.url}; proxy_http_version 1.1; "
        proxied += "proxy_set_header Host $http_host; "
        if "X-Forwarded-Proto" not in lines:
            proxied += "proxy_set_header X-Forwarded-Proto $scheme; "
        inner, _, location = lines.partition("location")
        inner = inner.replace("SITE", self.origin(name))
        location = location and "location" + location
        return (f"server {{ listen 127.0.0.1:{self.ports[name]}"
                f"{' ssl' if tls else ''}; {tls} "
                f"location / {{ {proxied} {inner} }} {location} }}")

    def start(self):
        self.site.start()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", self.top / "key.pem", "-out", self.top / "cert.pem"],
            check=True, capture_output=True)
        temp = " ".join(f"{what}_temp_path {self.top}/{what};" for what in (
            "proxy", "client_body", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.getuid() == 0 else ""
        self.web = WebProcess("nginx", self.top, (
            f"daemon off; {user} pid {self.top}/nginx.pid; "
            "error_log stderr; events {} "
            f"http {{ access_log off; {temp} "
            f"{' '.join(self.server(name) for name in FAULTS)} }}"))
        wait_until(lambda: all(map(is_open, self.ports.values())),
                   what="nginx")
        return self

    def stop(self):
        if self.web:
            self.web.stop()
        self.site.close()

    def examine(self, name, code, **env):
        """What is said of that origin alone."""
        conf = self.top / "one.conf"
        conf.write_text("".join(
            f"origins = {self.origin(name)}\n"
            if line.startswith("origins") else line
            for line in self.site.conf.open()))
        self.site.env.update(env)
        try:
            done = self.site.gatecast("-c", str(conf), "doctor", check=False)
        finally:
            for key in env:
                del self.site.env[key]
        assert done.returncode == code, done.stdout + done.stderr
        return findings(done.stdout)


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    s = Spoilt(tmp_path_factory.mktemp("spoilt"))
    try:
        yield s.start()
    finally:
        s.stop()


@pytest.mark.parametrize("name", FAULTS)
def test_fault(spoilt, name):
    want = FAULTS[name][2]
    found = spoilt.examine(name, 1 if want else 0,
                           SSL_CERT_FILE=str(spoilt.top / "cert.pem"))
    assert list(found) == list(want)
    for check, (what, fix) in want.items():
        level, text, mended = found[check]
        what = (what,) if isinstance(what, str) else what
        assert level == "FAIL" and spoilt.origin(name) in text
        assert any(w in text for w in what) and fix in mended, (text, mended)


def test_certificate(spoilt):
    """One that nobody vouches for; everything else is asked all the same."""
    found = spoilt.examine("https", 1, SSL_CERT_FILE="/dev/null")
    assert list(found) == ["certificate"]
    assert "self-signed certificate" in found["certificate"][1]
    assert "SSL_CERT_FILE" in found["certificate"][2]


def test_clock(spoilt):
    library = next(iter(glob.glob(
        "/usr/lib/*/faketime/libfaketime.so.1")), None)
    if library is None:
        pytest.skip("the package faketime is not installed")
    asan = os.environ.get("ASAN_OPTIONS", "")
    found = spoilt.examine(
        "none", 0, LD_PRELOAD=library, FAKETIME="-10m", NO_FAKE_STAT="1",
        ASAN_OPTIONS=":".join(filter(None, [
            asan, "verify_asan_link_order=0:detect_leaks=0"])))
    assert list(found) == ["clock"] and found["clock"][0] == "warn"
    assert " s before this machine" in found["clock"][1]
    assert found["clock"][2].startswith("timedatectl set-ntp true")
