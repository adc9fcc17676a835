"""A host that is Gatecast's alone, on lighttpd, Apache or nginx with the files
of scripts/deploy as they are: its pages over FastCGI from a login.fcgi that
runs already, as plain CGI (not nginx), or from copies that Apache starts
(mod_fcgid). There is no wsd but a test's own."""

import http.client
import os
import pathlib
import shutil
import tempfile

from conftest import ROOT, SANITIZER, free_port
from login_process import PROGRAM
from web_process import DEPLOY, USER, WebProcess, apache_head, nginx_around

LIGHTTPD = """
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{dir}"
server.upload-dirs = ("{dir}")
var.gatecast_login = "{login}"
var.gatecast_wsd = "127.0.0.1"
var.gatecast_wsd_port = {wsd_port}
var.gatecast_static = "{static}"
var.gatecast_program = "{program}"
var.gatecast_config = "{config}"
include "{deploy}/lighttpd/gatecast.conf"
{cgi}
"""

APACHE = """
{server}
Define GATECAST_LOGIN {login}
Define GATECAST_WSD http://127.0.0.1:{wsd_port}
Define GATECAST_STATIC {static}
Define GATECAST_PROGRAM {program}
Define GATECAST_CONFIG {config}
<VirtualHost *:{port}>
    DocumentRoot {dir}
    Include {deploy}/apache/gatecast.conf
    {own}
</VirtualHost>
"""
APACHE_MODULES = ("mpm_event authn_core authz_core proxy proxy_fcgi "
                  "proxy_http alias headers dir mime env setenvif")
# What a way of running the pages needs outside of the site.
APACHE_SERVER = {
    "host": "",
    "cgi": "LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so\n"
           "ScriptSock {dir}/cgid.sock",
    "fcgid": "LoadModule fcgid_module /usr/lib/apache2/modules/mod_fcgid.so\n"
             "FcgidIPCDir {dir}/fcgid\n"
             "FcgidProcessTableFile {dir}/fcgid.table",
}

NGINX = "include {deploy}/nginx/host.conf;"


class HostedSite:
    """server: lighttpd, apache or nginx. login: a Login, whose socket (or
    another) is asked, or whose configuration the programs have that the web
    server starts. way: host, cgi or fcgid, as the files are called."""

    def __init__(self, server, login, way="host", socket=None,
                 wsd_port=9):
        self.server, self.login, self.way = server, login, way
        self.socket = socket or login.socket
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gatecast-host-"))
        self.dir.chmod(0o755)
        self.port, self.wsd_port = free_port(), wsd_port
        self.web = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def start(self):
        self.login.dir.chmod(0o711)
        if self.way != "host":
            self.give_away()
        else:
            os.chmod(self.socket, 0o666)
        names = dict(
            port=self.port, dir=self.dir, deploy=DEPLOY, login=self.socket,
            static=ROOT / "www/static", program=PROGRAM,
            wsd_port=self.wsd_port,
            config=self.login.conf,
            cgi=f'include "{DEPLOY}/lighttpd/cgi.conf"'
            if self.way == "cgi" else "",
            server=APACHE_SERVER[self.way].format(dir=self.dir),
            own=f"Include {DEPLOY}/apache/{self.way}.conf")
        head = apache_head(self.dir, self.port, APACHE_MODULES)
        text = {"lighttpd": LIGHTTPD, "apache": head + APACHE,
                "nginx": nginx_around(NGINX)}[self.server]
        self.web = WebProcess(self.server, self.dir, text.format(**names))
        self.web.wait(lambda: self.ask("GET", "/session")[0] == 401)

    def give_away(self):
        """The stores belong to whom the programs run as."""
        if os.getuid() == 0 and self.server == "apache":
            for path in [self.login.store, *self.login.store.rglob("*")]:
                shutil.chown(path, USER)

    def __exit__(self, *error):
        log = ""
        if self.web is not None:
            self.web.stop()
            log = self.web.log()
        shutil.rmtree(self.dir)
        assert error[0] is not None or not SANITIZER.search(log), log

    def ask(self, method, target, body=None, headers=()):
        """(status, [(name, value)], body) of one request as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True,
                                  skip_accept_encoding=True)
            connection.putheader("Host", "chat.test")
            if body is not None and "Transfer-Encoding" not in dict(headers):
                connection.putheader("Content-Length", str(len(body)))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()
