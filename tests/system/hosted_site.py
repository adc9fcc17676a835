"""A host that is Gatecast's alone, on lighttpd or Apache with the files of
scripts/deploy as they are: its pages over FastCGI from a login.fcgi that runs
already, or as plain CGI. There is no wsd."""

import http.client
import os
import pathlib
import shutil
import tempfile

from conftest import ROOT, SANITIZER, free_port
from login_process import PROGRAM
from web_process import DEPLOY, USER, WebProcess, apache_head

LIGHTTPD = """
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{dir}"
server.upload-dirs = ("{dir}")
var.gatecast_login = "{login}"
var.gatecast_wsd = "127.0.0.1"
var.gatecast_wsd_port = 9
var.gatecast_static = "{static}"
var.gatecast_program = "{program}"
var.gatecast_config = "{config}"
include "{deploy}/lighttpd/gatecast.conf"
{cgi}
"""

APACHE = """
ScriptSock {dir}/cgid.sock
Define GATECAST_LOGIN {login}
Define GATECAST_WSD http://127.0.0.1:9
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
                  "proxy_http alias headers dir mime env setenvif cgid")


class HostedSite:
    """server: lighttpd or apache. login: a Login, whose socket (or another)
    is asked, or whose configuration CGI programs have."""

    def __init__(self, server, login, is_cgi=False, socket=None):
        self.server, self.login, self.is_cgi = server, login, is_cgi
        self.socket = socket or login.socket
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="gatecast-host-"))
        self.dir.chmod(0o755)
        self.port = free_port()
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
        if self.is_cgi:
            self.give_away()
        else:
            os.chmod(self.socket, 0o666)
        names = dict(
            port=self.port, dir=self.dir, deploy=DEPLOY, login=self.socket,
            static=ROOT / "www/static", program=PROGRAM,
            config=self.login.conf,
            cgi=f'include "{DEPLOY}/lighttpd/cgi.conf"'
            if self.is_cgi else "",
            own="Include %s/apache/%s.conf" % (
                DEPLOY, "cgi" if self.is_cgi else "host"))
        text = LIGHTTPD if self.server == "lighttpd" else \
            apache_head(self.dir, self.port, APACHE_MODULES) + APACHE
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
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()
