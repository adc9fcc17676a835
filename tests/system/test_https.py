"""https behind each web server, with a certificate made here: scripts/deploy's
files as they are in a server that speaks TLS, and plain http beside it."""

import base64
import contextlib
import http.client
import os
import re
import shutil
import ssl
import subprocess
import urllib.parse

import pytest

from conftest import SERVERS, Site, free_port, wait_until

HEADERS = {"Upgrade": "websocket", "Connection": "Upgrade",
           "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Protocol": "gatecast.v1",
           "Sec-WebSocket-Key": base64.b64encode(b"k" * 16).decode()}
COMMANDS = {
    "lighttpd": ["lighttpd", "-D", "-f"],
    "nginx": ["nginx", "-e", "stderr", "-c"],
    "apache": ["apache2", "-DFOREGROUND", "-f"]}
# As run-local does: Apache will not be root.
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
          "--inh-caps=-all,+dac_override",
          "--ambient-caps=-all,+dac_override", "--"]


def with_tls(server, text, old, new, dir):
    """run-local's configuration for another port, with TLS."""
    text = re.sub(rf"\b{old}\b", str(new), text)
    if server == "nginx":
        return text.replace(
            f"listen 127.0.0.1:{new};",
            f"listen 127.0.0.1:{new} ssl; ssl_certificate {dir}/cert.pem;"
            f"ssl_certificate_key {dir}/key.pem;").replace(
                "nginx.pid", "nginx-tls.pid")
    if server == "lighttpd":
        return (f'{text}\nserver.modules += ("mod_openssl")\n'
                f'ssl.engine = "enable"\nssl.pemfile = "{dir}/both.pem"\n')
    return text.replace("httpd.pid", "httpd-tls.pid").replace(
        "<VirtualHost",
        "LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n"
        "<VirtualHost").replace(
            f"<VirtualHost *:{new}>",
            f"<VirtualHost *:{new}>\nSSLEngine on\n"
            f"SSLCertificateFile {dir}/cert.pem\n"
            f"SSLCertificateKeyFile {dir}/key.pem")


class Secure:
    """A site over https at port, and over http at site.port."""

    def __init__(self, server, **set):
        self.port = free_port()
        self.origin = f"https://127.0.0.1:{self.port}"
        self.site = Site(server=server, set={
            "site.origins": self.origin, "login.plain_http": "no",
            **{k.replace("__", "."): v for k, v in set.items()}})
        self.server = server

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.site.close)
            self.site.start()
            dir = self.site.top
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=127.0.0.1", "-addext",
                 "subjectAltName=IP:127.0.0.1", "-keyout", dir / "key.pem",
                 "-out", dir / "cert.pem"], check=True, capture_output=True)
            (dir / "both.pem").write_text(
                (dir / "key.pem").read_text() + (dir / "cert.pem").read_text())
            self.context = ssl.create_default_context(cafile=dir / "cert.pem")
            conf = dir / "tls.conf"
            conf.write_text(with_tls(
                self.server,
                (self.site.dir / f"{self.server}.conf").read_text(),
                self.site.port, self.port, dir))
            program, *options = COMMANDS[self.server]
            program = shutil.which(program,
                                   path=os.environ["PATH"] + ":/usr/sbin")
            is_nobody = self.server == "apache" and os.getuid() == 0
            log = stack.enter_context(open(dir / "tls.log", "w"))
            web = subprocess.Popen(
                [*(NOBODY if is_nobody else []), program, *options, conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            stack.callback(web.wait, 20)
            stack.callback(web.terminate)
            wait_until(lambda: self.is_up(web, dir / "tls.log"), 30, "https")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self.stack.close()

    def is_up(self, web, log):
        assert web.poll() is None, log.read_text()
        try:
            return self.ask("GET", "/session").status == 401
        except OSError:
            return False

    def ask(self, method, path, cookie=None, body=None, plain=False,
            headers=()):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.site.port, timeout=20) if plain else \
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                        context=self.context)
        headers = dict(headers)
        if cookie:
            headers["Cookie"] = cookie
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        # What follows 101 is the WebSocket's.
        answer.text = "" if answer.status == 101 else answer.read().decode()
        connection.close()
        return answer

    def join(self, cookie, **kwargs):
        return self.ask("GET", "/websocket", cookie, **kwargs, headers={
            **HEADERS, "Origin": self.origin}).status

    def sign_in(self, name="alice", **kwargs):
        page = self.ask("GET", "/login", **kwargs)
        pre = page.getheader("Set-Cookie", "").split(";")[0]
        csrf = re.search(r'name="csrf"[^>]*value="([^"]*)"', page.text)
        return self.ask(
            "POST", "/login", pre, urllib.parse.urlencode(
                {"name": name, "password": self.site.users[name],
                 "next": "/index", "csrf": csrf[1] if csrf else ""}),
            headers={"Origin": self.origin, "Content-Type":
                     "application/x-www-form-urlencoded"}, **kwargs)


@pytest.fixture(scope="module", params=SERVERS)
def secure(request):
    with Secure(request.param) as s:
        yield s


def test_cookie_and_channel(secure):
    done = secure.sign_in()
    assert (done.status, done.getheader("Location")) == (303, "/index"), \
        done.text
    line = next(v for k, v in done.getheaders() if k.lower() == "set-cookie"
                and v.startswith("__Host-gatecast="))
    attributes = [a.strip().lower() for a in line.split(";")[1:]]
    assert {"secure", "httponly", "path=/"} <= set(attributes)
    assert not any(a.startswith("domain") for a in attributes)
    cookie = line.split(";")[0]
    assert 'data-user="alice"' in secure.ask("GET", "/index", cookie).text
    page = secure.ask("GET", "/index", cookie)
    assert f"wss://127.0.0.1:{secure.port}" in \
        page.getheader("Content-Security-Policy")
    assert secure.join(cookie) == 101
    # The same token under the name that plain http has is nobody's.
    plain = cookie.removeprefix("__Host-")
    assert secure.ask("GET", "/session", plain).status == 401
    assert secure.join(plain) == 401


def test_plain_http_beside_it(secure):
    """Nobody signs in there, and no cookie is worth anything."""
    assert secure.sign_in(plain=True).status in (400, 403)
    cookie = next(v for k, v in secure.sign_in().getheaders()
                  if k.lower() == "set-cookie" and
                  v.startswith("__Host-gatecast=")).split(";")[0]
    plain = cookie.removeprefix("__Host-")
    assert secure.ask("GET", "/session", plain, plain=True).status == 401
    assert secure.join(plain, plain=True) in (401, 403)


@pytest.mark.parametrize("server", SERVERS)
def test_plain_cookie_without_origins(server):
    """Not even where plain http may sign in; and with no origins given, who
    comes by https is told by what the web server says."""
    with Secure(server, login__plain_http="yes", site__origins="") as s:
        cookie = next(v for k, v in s.sign_in().getheaders()
                      if k.lower() == "set-cookie" and
                      v.startswith("__Host-gatecast=")).split(";")[0]
        plain = cookie.removeprefix("__Host-")
        assert s.ask("GET", "/session", cookie).status == 200
        assert s.ask("GET", "/session", plain).status == 401
        assert (s.join(cookie), s.join(plain)) == (101, 401)
