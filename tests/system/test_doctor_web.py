"""gatecast doctor FILE: a web server's configuration around the files of
scripts/deploy, with a module or a second too few. No server is run; that it
has nothing to say of those that run is test_doctor's."""

import pytest

from conftest import ROOT
from gatecast_admin import Admin
from test_doctor import findings

DEPLOY = ROOT / "scripts/deploy"
MODULES = "proxy proxy_fcgi proxy_http alias headers mime"


def apache(top, modules=MODULES, also=None):
    (top / "mods-enabled").mkdir()
    for m in modules.split():
        (top / f"mods-enabled/{m}.load").write_text(
            f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n")
    also = f"Include {DEPLOY}/apache/{also}\n" if also else ""
    return ("IncludeOptional mods-enabled/*.load\n"
            "<IfModule mod_ssl.c>\nSSLEngine on\n</IfModule>\n"
            "<VirtualHost *:80>\n"
            f"\tInclude gatecast.conf\n{also}</VirtualHost>\n")


def lighttpd(top):
    return 'server.port = 80\ninclude "gatecast.conf"\n'


def nginx(top):
    return ("http {\n proxy_read_timeout 5s;\n server {\n"
            "  location / { proxy_read_timeout 7s; }\n"
            "  include gatecast.conf;\n }\n}\n")


# server, what is said, its main file, (old, new) in the deploy file, [wsd],
# {check: (what, fix)}
IS_GOOD = {}
FAULTS = [
    ("apache", apache, None, "", IS_GOOD),
    ("lighttpd", lighttpd, None, "", IS_GOOD),
    ("nginx", nginx, None, "", IS_GOOD),
    ("apache", lambda top: apache(top, MODULES.replace(" proxy_fcgi", "")),
     None, "", {"modules": ("nothing there loads proxy_fcgi",
                            "a2enmod proxy_fcgi, ")}),
    ("apache", lambda top: apache(top, MODULES.replace(" proxy_http", "")),
     None, "", {"modules": ("nothing there loads proxy_http",
                            "a2enmod proxy_http, ")}),
    ("apache", lambda top: apache(top, MODULES.replace(" headers", "")),
     None, "", {"modules": ("nothing there loads headers",
                            "a2enmod headers, ")}),
    ("apache", lambda top: apache(
        top, MODULES + " authn_core authz_user", "gate.conf"), None, "",
     {"modules": ("loads authnz_fcgi", "a2enmod authnz_fcgi, ")}),
    ("apache", lambda top: apache(top, also="fcgid.conf"), None, "",
     {"modules": ("loads fcgid", "a2enmod fcgid, ")}),
    ("apache", lambda top: apache(top, MODULES + " fcgid", "fcgid.conf"),
     None, "", IS_GOOD),
    ("lighttpd", lambda top: '$HTTP["host"] == "chat.test" {\n'
     'server.modules += ("mod_setenv")\n}\n' + lighttpd(top),
     ('"mod_setenv", ', ""), "",
     {"modules": ("loads mod_setenv outside of all conditions",
                  'server.modules += ("mod_setenv") at the top')}),
    ("apache", apache, ("timeout=60", "timeout=20"), "",
     {"time-outs": ("gatecast.conf:34: the web server gives up a connection "
                    "that is silent for 20000 ms, and wsd pings every 25 s",
                    'timeout=60 behind ProxyPass "/websocket"')}),
    ("apache", lambda top: "Timeout 300\nProxyTimeout 25\n" + apache(top),
     (" timeout=60", ""), "",
     {"time-outs": ("apache.conf:2: the web server gives up",
                    'timeout=60 behind ProxyPass')}),
    ("lighttpd", lighttpd,
     ("server.max-read-idle = 60", "server.max-read-idle=10"), "",
     {"time-outs": ("silent for 10000 ms", "server.max-read-idle = 60")}),
    ("lighttpd", lighttpd,
     ("server.max-read-idle = 60", "server.max-read-idle = 0"), "", IS_GOOD),
    ("nginx", nginx, ("proxy_read_timeout 60s", "proxy_read_timeout 25s"), "",
     {"time-outs": ("silent for 25000 ms", "proxy_read_timeout 60s;")}),
    ("nginx", nginx, ("proxy_read_timeout 60s", "proxy_read_timeout 1m1s"),
     "ping_s = 60\n", IS_GOOD),
    ("nginx", nginx, ("proxy_read_timeout 60s;", ""), "",
     {"time-outs": ("nginx.conf:2: the web server gives up a connection that "
                    "is silent for 5000 ms", "proxy_read_timeout 60s;")}),
    ("nginx", nginx, None, "ping_s = 90\n",
     {"time-outs": ("silent for 60000 ms, and wsd pings every 90 s",
                    "proxy_read_timeout 180s;")}),
    ("lighttpd", lambda top: "server.port = 80\n", None, "",
     {"time-outs": ("passes no /websocket on", "scripts/deploy")}),
]


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    admin = Admin(tmp_path_factory.mktemp("web"))
    admin("store", "init")
    return admin


@pytest.mark.parametrize("server,main,change,wsd,want", FAULTS)
def test_configuration(admin, tmp_path, server, main, change, wsd, want):
    text = (DEPLOY / server / "gatecast.conf").read_text()
    if change:
        assert change[0] in text
        text = text.replace(*change)
    (tmp_path / "gatecast.conf").write_text(text)
    conf = tmp_path / f"{server}.conf"
    conf.write_text(main(tmp_path))
    admin.write_conf(f"[wsd]\n{wsd}")
    said = admin("doctor", str(conf), code=None).stdout
    found = {name.removeprefix("web server "): rest
             for name, rest in findings(said).items()
             if name.startswith("web server")}
    assert set(found) == set(want), said
    for name, (what, fix) in want.items():
        level, text, mended = found[name]
        assert level == "FAIL" and what in text and fix in mended, (text,
                                                                    mended)
    if server != "nginx" and "modules" not in want:
        assert f"ok    web server modules: {conf} loads what it uses" in said
    if "time-outs" not in want:
        assert "ok    web server time-outs: " in said


def test_which_server(admin, tmp_path):
    other = tmp_path / "caddy.conf"
    other.write_text("")
    found = findings(admin("doctor", str(other), code=1).stdout)
    assert "must be in the path" in found["web server"][1]
    said = admin("doctor", str(tmp_path / "nginx.conf"), code=None).stdout
    assert f"skip  web server modules: {tmp_path}/nginx.conf: No such file" \
        in said
