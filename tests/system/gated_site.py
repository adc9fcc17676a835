"""A site of somebody's own behind the gate: a web server with the files of
scripts/deploy as they are, static pages, and a program that says who it takes
its visitor for."""

import html
import http.client
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.parse

from conftest import BUILD, ROOT, free_port
from login_process import ORIGIN, PASSWORD
from pair import Pair
from web_process import (DEPLOY, WebProcess, apache_head, nginx_around,
                         nginx_below, stop)

RULES = "/pub=public /admin=ops /app/admin=ops"

CGI = """#!/bin/sh
printf 'Status: %s\\r\\n' "${QUERY_STRING:-200}"
printf 'Content-Type: text/plain\\r\\n\\r\\n'
for name in REMOTE_USER REMOTE_GROUPS HTTP_X_USER HTTP_X_GROUPS \\
    HTTP_REMOTE_USER HTTP_REMOTE_GROUPS; do
    eval "printf '%s=%s\\n' $name \\"\\${$name-}\\""
done
cat
"""

LIGHTTPD = """
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{docroot}"
server.upload-dirs = ("{dir}")
server.modules = ("mod_cgi")
index-file.names = ("index.html")
var.gatecast_login = "{login}"
var.gatecast_wsd = "127.0.0.1"
var.gatecast_wsd_port = {wsd_port}
var.gatecast_static = "{static}"
var.gatecast_prefix = "{prefix}"
include "{deploy}/lighttpd/gatecast.conf"
include "{deploy}/lighttpd/gate.conf"
cgi.assign = (".cgi" => "")
"""

NGINX = """
include {deploy}/nginx/gate.conf;
root {docroot};
location /app/ {{ proxy_pass http://127.0.0.1:{app_port}; }}
"""

APACHE = """
Define GATECAST_LOGIN {login}
Define GATECAST_WSD http://127.0.0.1:{wsd_port}
Define GATECAST_STATIC {static}
Define GATECAST_PATH {prefix}/
AuthnzFcgiDefineProvider authnz gatecast fcgi://127.0.0.1:{gate_port}/
<VirtualHost *:{port}>
    DocumentRoot {docroot}
    <Directory {docroot}>
        Require all granted
    </Directory>
    Include {deploy}/apache/gatecast.conf
    Include {deploy}/apache/gate.conf
    ProxyPass /app/ http://127.0.0.1:{app_port}/app/
</VirtualHost>
"""
APACHE_MODULES = (
    "mpm_event authn_core authz_core authz_user auth_basic authnz_fcgi "
    "proxy proxy_fcgi proxy_http alias headers dir mime env setenvif")


class App(http.server.BaseHTTPRequestHandler):
    """Behind a proxy: says what the script above does, with the status that
    its query asks for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = "".join(
            f"{name}={self.headers.get(header, '')}\n"
            for name, header in (
                ("REMOTE_USER", "X-User"), ("REMOTE_GROUPS", "X-Groups"),
                ("HTTP_REMOTE_USER", "Remote-User"),
                ("HTTP_REMOTE_GROUPS", "Remote-Groups"))).encode("latin-1")
        n = int(self.headers.get("Content-Length", 0))
        body += self.rfile.read(n)
        self.send_response(int(self.path.partition("?")[2] or 200))
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    def values(self):
        return dict(line.split("=", 1) for line in self.text.splitlines()
                    if "=" in line)


class GatedSite:
    """server: lighttpd, nginx or apache."""

    def __init__(self, server, rules=RULES, prefix=""):
        self.server = server
        self.prefix = prefix
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gatecast-gate-"))
        self.dir.chmod(0o755)
        self.docroot = self.dir / "www"
        for path in ("index.html", "private/page.html", "pub/page.html",
                     "admin/page.html"):
            (self.docroot / path).parent.mkdir(parents=True, exist_ok=True)
            (self.docroot / path).write_text(f"this is {path}\n")
        (self.docroot / "app/admin").mkdir(parents=True)
        for path in ("app/who.cgi", "app/admin/who.cgi", "pub/who.cgi"):
            (self.docroot / path).write_text(CGI)
            (self.docroot / path).chmod(0o755)
        # Where a web server that is not root can read it.
        shutil.copytree(ROOT / "www/static", self.dir / "static")
        self.port, self.gate_port = free_port(), free_port()
        self.pair = Pair(users=("alice", "bob", "李雷"),
                         set={"gate.rules": rules, "site.prefix": prefix})
        self.app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
        threading.Thread(target=self.app.serve_forever, daemon=True).start()
        self.gate = None
        self.web = None

    def __enter__(self):
        self.pair.__enter__()
        try:
            self.start()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def start(self):
        self.open_socket()
        deploy = nginx_below(self.dir) if \
            self.server == "nginx" and self.prefix else DEPLOY
        names = dict(
            port=self.port, dir=self.dir, docroot=self.docroot, deploy=deploy,
            login=self.pair.login.socket, wsd_port=self.pair.wsd.port,
            static=self.dir / "static", app_port=self.app.server_port,
            gate_port=self.gate_port, prefix=self.prefix)
        if self.server == "apache":
            text = apache_head(self.dir, self.port, APACHE_MODULES) + APACHE
            self.start_gate()
        else:
            text = LIGHTTPD if self.server == "lighttpd" else \
                nginx_around(NGINX)
        self.web = WebProcess(self.server, self.dir, text.format(**names))
        self.web.wait(self.answers)

    def open_socket(self):
        """Apache will not run as root; its group would do on a real site."""
        self.pair.login.dir.chmod(0o711)
        os.chmod(self.pair.login.socket, 0o666)

    def start_gate(self):
        """The login.fcgi that mod_authnz_fcgi can reach."""
        with open(self.dir / "gate.log", "ab") as log:
            self.gate = subprocess.Popen(
                [BUILD / "login.fcgi", "-c", self.pair.conf, "--gate",
                 "--listen", f"127.0.0.1:{self.gate_port}"], stderr=log,
                stdin=subprocess.DEVNULL)

    def answers(self):
        return self.get(self.prefix + "/session").status == 401 and \
            self.get("/private/page.html").status in (303, 401)

    def __exit__(self, *error):
        if self.web is not None:
            self.web.stop()
        stop(self.gate)
        self.app.shutdown()
        self.app.server_close()
        try:
            self.pair.__exit__(*error)
        finally:
            shutil.rmtree(self.dir)

    # --- use --------------------------------------------------------------

    @property
    def app_path(self):
        return "/app/who.cgi" if self.server == "lighttpd" else "/app/who"

    @property
    def app_admin_path(self):
        return self.app_path.replace("/app/", "/app/admin/")

    def get(self, target, cookie=None, is_page=True, method="GET", body=None,
            **headers):
        """target goes out as it is, byte by byte; is_page None: nothing is
        said about what is asked for."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=20)
        try:
            connection.putrequest(method, target, skip_host=True,
                                  skip_accept_encoding=True)
            connection.putheader("Host", "chat.test")
            if is_page is not None:
                connection.putheader(
                    "Sec-Fetch-Mode", "navigate" if is_page else "cors")
                connection.putheader(
                    "Accept", "text/html" if is_page else "*/*")
            if cookie:
                connection.putheader("Cookie", cookie)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def sign_in(self, name="alice", target="/private/page.html"):
        """Through the web server, as a browser does that wants to see target
        and is sent to the login."""
        sent = self.get(target)
        assert sent.status == 303, sent.status
        page = self.get(sent.headers["Location"])
        assert page.status == 200, page.text
        pre = page.headers["Set-Cookie"].split(";")[0]
        fields = {name: html.unescape(value) for name, value in re.findall(
            r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)}
        done = self.get(
            self.prefix + "/login", pre, method="POST", Origin=ORIGIN,
            Content_Type="application/x-www-form-urlencoded",
            body=urllib.parse.urlencode(
                {"name": name, "password": PASSWORD, **fields}).encode())
        assert done.status == 303, (done.status, done.text)
        assert done.headers["Location"] == target
        for line in done.headers.get_all("Set-Cookie"):
            if line.startswith("gatecast="):
                return line.split(";")[0]
        raise AssertionError(done.headers)
