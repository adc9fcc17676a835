"""scripts/deploy/lighttpd: beside other hosts, as its comment says."""

import os
import re
import shutil
import subprocess

import pytest
import requests

from conftest import ROOT, Site, free_port, wait_until

CONF = ROOT / "scripts/deploy/lighttpd/gatecast.conf"
LIGHTTPD = shutil.which("lighttpd", path=os.environ["PATH"] + ":/usr/sbin")


@pytest.fixture(scope="module")
def site():
    s = Site()
    try:
        yield s.start()
    finally:
        s.close()


def test_one_host_of_several(site, tmp_path):
    modules = re.search(r"^server\.modules.*", CONF.read_text(), re.M)[0]
    other = tmp_path / "other"
    other.mkdir()
    (other / "login").write_text("another site's")
    port = free_port()
    conf = tmp_path / "lighttpd.conf"
    conf.write_text(f"""
        server.port = {port}
        server.bind = "127.0.0.1"
        server.document-root = "{other}"
        server.upload-dirs = ("{tmp_path}")
        var.gatecast_login = "{site.dir}/login.sock"
        var.gatecast_wsd = "{site.dir}/wsd.sock"
        var.gatecast_wsd_port = 0
        var.gatecast_static = "{ROOT}/www/static"
        {modules}
        $HTTP["host"] =~ "^chat.test(:|$)" {{
            include "{CONF}"
        }}
    """)
    lighttpd = subprocess.Popen([LIGHTTPD, "-D", "-f", conf],
                                stderr=subprocess.PIPE)

    def status(host, path):
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=30,
                            headers={"Host": host}).status_code

    def is_up():
        try:
            return status("other.test", "/login") == 200
        except requests.ConnectionError:
            return False

    try:
        wait_until(is_up, what="lighttpd")
        assert status("chat.test", "/session") == 401
        assert status("chat.test", "/static/css/gatecast.css") == 200
        assert status("chat.test", "/websocket") == 426
        assert status("chat.test", "/static/../other/login") == 404
        assert status("other.test", "/session") == 404
    finally:
        lighttpd.terminate()
        log = lighttpd.communicate(timeout=20)[1].decode()
    assert "unknown config-key" not in log, log
