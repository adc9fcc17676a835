"""A web server that a test starts with a configuration of its own."""

import getpass
import grp
import os
import pwd
import re
import shutil
import subprocess

from conftest import ROOT, wait_until

DEPLOY = ROOT / "scripts/deploy"
PATH = os.environ["PATH"] + ":/usr/sbin"
# Apache serves nothing as root.
USER = "nobody" if os.getuid() == 0 else getpass.getuser()
GROUP = grp.getgrgid(pwd.getpwnam(USER).pw_gid).gr_name

COMMANDS = {
    "lighttpd": lambda dir, conf: ["lighttpd", "-D", "-f", conf],
    "nginx": lambda dir, conf: ["nginx", "-p", dir, "-c", conf],
    "apache": lambda dir, conf: ["apache2", "-DFOREGROUND", "-f", conf],
}

APACHE = """
ServerRoot {dir}
ServerName chat.test
Listen 127.0.0.1:{port}
PidFile {dir}/httpd.pid
ErrorLog /dev/stderr
LogLevel warn
DefaultRuntimeDir {dir}
{modules}
TypesConfig /dev/null
User {user}
Group {group}
StartServers 3
"""

NGINX = """
daemon off;
pid {dir}/nginx.pid;
error_log stderr;
user root;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    upstream gatecast_login {{ server unix:{login}; }}
    upstream gatecast_wsd {{ server 127.0.0.1:{wsd_port}; }}
    server {{
        listen 127.0.0.1:{port};
        set $gatecast_static {static};
        include {deploy}/nginx/gatecast.conf;
        SITE
    }}
}}
"""


def apache_head(dir, port, modules):
    """What stands above a site of Apache's; modules: names, with blanks."""
    lines = [f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"
             for m in modules.split()]
    return APACHE.format(dir=dir, port=port, user=USER, group=GROUP,
                         modules="\n".join(lines))


def nginx_around(site):
    """A configuration with more in its server, where braces are doubled."""
    return NGINX.replace("SITE", site)


def nginx_below(dir):
    """Where copies of nginx's files are for below /gate, made in dir with the
    command that gatecast.conf says."""
    made = dir / "deploy"
    (made / "nginx").mkdir(parents=True)
    (script,) = re.findall(r"sed -E ('.*') FILE",
                           (DEPLOY / "nginx/gatecast.conf").read_text())
    for path in (DEPLOY / "nginx").glob("*.conf"):
        with open(made / "nginx" / path.name, "wb") as out:
            subprocess.run(f"sed -E {script} {path}", shell=True, check=True,
                           stdout=out)
    return made


def stop(process):
    """Whatever it takes. None and one that has ended are fine."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class WebProcess:
    """server: lighttpd, nginx or apache; text: its configuration, in dir."""

    def __init__(self, server, dir, text):
        self.dir = dir
        conf = dir / "web.conf"
        conf.write_text(text)
        command = COMMANDS[server](dir, conf)
        command[0] = shutil.which(command[0], path=PATH)
        assert command[0], f"{server}: scripts/install-deps --test"
        with open(dir / "web.log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=log)

    def wait(self, answers):
        """Until answers(), which may find nobody there yet."""
        def is_up():
            assert self.process.poll() is None, self.log()
            try:
                return answers()
            except OSError:
                return False

        wait_until(is_up, 30, "the web server")

    def log(self):
        return (self.dir / "web.log").read_text(errors="replace")

    def stop(self):
        stop(self.process)
