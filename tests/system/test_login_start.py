"""How login.fcgi is started: its sockets, its options, and as a CGI."""

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.parse

import fcgi_client as fcgi
from conftest import ROOT, wait_until
from login_process import (
    FORM, ORIGIN, PASSWORD, PROGRAM, assert_protected, make)


def listening(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(16)
    return s


def test_descriptor_0(request):
    site = make(request)
    with listening(site.socket) as s:
        site.start("-c", site.conf, stdin=s)
    assert site.ask("GET", "/login").status == 200
    site.process.terminate()
    assert site.process.wait(30) == 0
    # Not ours to remove.
    assert os.path.exists(site.socket)


def test_systemd_socket(request):
    site = make(request)
    with listening(site.socket) as s:
        fd = s.fileno()
        code = ("import os,sys\nos.dup2(%d, 3)\nos.set_inheritable(3, True)\n"
                "os.environ['LISTEN_FDS']='1'\n"
                "os.environ['LISTEN_PID']=str(os.getpid())\n"
                "os.execv(sys.argv[1], sys.argv[1:])" % fd)
        log = open(site.log_path, "ab")
        site.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", code, str(PROGRAM), "-c",
             str(site.conf)], stderr=log, stdin=subprocess.DEVNULL,
            pass_fds=(fd,))
        log.close()
    wait_until(lambda: len(site.workers()) == 2, what="start")
    assert site.ask("GET", "/login").status == 200


def test_tcp(request):
    site = make(request)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    site.start("--listen", f"127.0.0.1:{port}")
    answer = fcgi.send(("127.0.0.1", port), fcgi.request_bytes(
        {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login"}))
    assert answer.status == 200
    # Cut off in the middle of a large body, the answer still arrives.
    answer = fcgi.send(("127.0.0.1", port), fcgi.request_bytes(
        {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/login",
         "CONTENT_TYPE": FORM}, b"x" * 300000))
    assert answer.status == 413


def run(site, *args, env=None, stdin=b"", argv=None):
    return subprocess.run(
        argv or [PROGRAM, "-c", site.conf, *args], input=stdin,
        capture_output=True, timeout=30, env=env)


def test_options(request):
    site = make(request, init=False)
    done = run(site, "-n")
    assert done.returncode == 0 and done.stderr == b""
    assert run(site, "-h").stdout.startswith(b"usage: login.fcgi")
    assert re.match(rb"login\.fcgi \d", run(site, "-V").stdout)
    assert run(site, "--nonsense").returncode == 2
    assert run(site, "extra").returncode == 2
    # Nothing to listen on.
    done = run(site)
    assert done.returncode == 1 and b"nothing to listen on" in done.stderr
    site.write_config("[login]\nnonsense = 1\n")
    done = run(site, "-n")
    assert done.returncode == 1
    assert re.search(rb"gatecast\.conf:\d+: ", done.stderr)


def test_bad_templates(request):
    site = make(request, init=False)
    templates = site.dir / "templates"
    shutil.copytree(ROOT / "www/templates", templates)
    site.config["login.templates"] = templates
    site.write_config()
    assert run(site, "-n").returncode == 0
    page = templates / "login.html"
    good = page.read_text()
    lines = good.count("\n")
    page.write_text(good + "{{user}}\n")
    done = run(site, "-n")
    assert done.returncode == 1
    assert f"{page}:{lines + 1}: ".encode() in done.stderr
    page.write_text(good)
    with open(templates / "phrases.zh", "a") as f:
        f.write("surplus = x\n")
    done = run(site, "-n")
    assert done.returncode == 1 and b"surplus" in done.stderr


def cgi(site, method, path, body=b"", stdin=None, args=(), **env):
    all_env = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method,
               "SCRIPT_NAME": path, "HTTP_HOST": "chat.test",
               "REMOTE_ADDR": "192.0.2.7", "GATECAST_CONF": str(site.conf)}
    if method == "POST":
        all_env.update(CONTENT_TYPE=FORM, HTTP_ORIGIN=ORIGIN,
                       CONTENT_LENGTH=str(len(body)))
    all_env.update(env)
    for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if key in os.environ:
            all_env[key] = os.environ[key]
    done = subprocess.run([PROGRAM, *args], input=body, env=all_env,
                          capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert b"Sanitizer" not in done.stderr
    return fcgi.Answer(done.stdout)


def test_cgi(request):
    site = make(request)
    answer = cgi(site, "GET", "/login")
    assert answer.status == 200
    assert_protected(answer)
    jar = "gatecast-pre=" + answer.cookies()["gatecast-pre"][0]
    body = urllib.parse.urlencode(
        {"name": "alice", "password": PASSWORD, "next": "/index",
         "csrf": answer.field("csrf")}).encode()
    answer = cgi(site, "POST", "/login", body, HTTP_COOKIE=jar)
    assert answer.status == 303
    jar = "gatecast=" + answer.cookies()["gatecast"][0]
    answer = cgi(site, "GET", "/session", HTTP_COOKIE=jar)
    assert json.loads(answer.body)["user"] == "alice"
    # Announced and never sent; a lie; too much; no method.
    assert cgi(site, "POST", "/login", body,
               CONTENT_LENGTH=str(len(body) + 5)).status == 400
    assert cgi(site, "POST", "/login", b"x" * 5000).status == 413
    assert cgi(site, "", "/login").status == 400
    assert cgi(site, "POST", "/login", b"", CONTENT_LENGTH="-1",
               HTTP_COOKIE=jar).status == 400


def test_cgi_takes_no_arguments(request):
    """A query without '=' arrives as arguments with some servers."""
    site = make(request)
    for argument in ("-n", "-V", "--listen", "-c/dev/null"):
        answer = cgi(site, "GET", "/login", args=(argument,),
                     QUERY_STRING=argument)
        assert answer.status == 200


def test_cgi_silent_body(request):
    """A server that announces a body and sends none is not waited for."""
    site = make(request, login__request_timeout_ms=300)
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST",
           "SCRIPT_NAME": "/login", "CONTENT_LENGTH": "10",
           "CONTENT_TYPE": FORM, "GATECAST_CONF": str(site.conf)}
    process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=env)
    answer = fcgi.Answer(process.stdout.read())
    process.stdin.close()
    process.stdout.close()
    assert process.wait(30) == 0
    assert answer.status == 400
