"""The processes of login.fcgi: killed, stopped, reloaded, and without their
store."""

import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest

import fcgi_client as fcgi
from conftest import ROOT, wait_until
from login_process import FORM, PROGRAM, assert_protected, make, resident

PAGE = fcgi.request_bytes({"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/login",
                           "HTTP_HOST": "chat.test"})


def test_killed_worker_is_replaced(request):
    site = make(request).start()
    for _ in range(3):
        before = set(site.workers())
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(site.workers()) == 2 and
                   victim not in site.workers(), what="a new worker")
        assert site.ask("GET", "/login").status == 200
    assert "was killed by signal 9" in site.log()


def test_killed_worker_gives_its_slot_back(request):
    site = make(request, users=(), login__workers=2, login__hash_slots=1,
                login__argon2_memory_kib=262144,
                login__argon2_passes=4).start()
    csrf, pre, _ = site.form()
    body = urllib.parse.urlencode(
        {"name": "nobody", "password": "x" * 10, "next": "/",
         "csrf": csrf}).encode()
    params = {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/login",
              "HTTP_HOST": "chat.test", "CONTENT_TYPE": FORM,
              "HTTP_COOKIE": pre}
    with fcgi.connect(site.socket) as s:
        s.sendall(fcgi.request_bytes(params, body))
        wait_until(lambda: any(resident(p) > 30000 for p in site.workers()),
                   what="the hashing")
        for pid in site.workers():
            os.kill(pid, signal.SIGKILL)
        assert fcgi.read_answer(s) is None
    wait_until(lambda: len(site.workers()) == 2, what="new workers")
    assert site.post_login("nobody", csrf=csrf, cookie=pre,
                           timeout=60).status == 401


def test_master_killed(request):
    """Workers do not outlive their parent."""
    site = make(request).start()
    workers = site.workers()
    os.kill(site.process.pid, signal.SIGKILL)
    site.process.wait(30)
    wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in workers),
               what="the workers' end")
    # Its socket is a leftover, which the next one replaces.
    assert os.path.exists(site.socket)
    site.start()
    assert site.ask("GET", "/login").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop(request, number):
    site = make(request).start()
    workers = site.workers()
    with fcgi.connect(site.socket) as silent:
        silent.sendall(fcgi.begin())
        start = time.monotonic()
        site.process.send_signal(number)
        assert site.process.wait(30) == 0
        assert time.monotonic() - start < 5
    assert not any(os.path.exists(f"/proc/{p}") for p in workers)
    assert not os.path.exists(site.socket)


def test_stop_finishes_the_request(request):
    """The one at hand, and one that is complete while its worker hashes."""
    site = make(request, login__workers=1, login__argon2_memory_kib=131072,
                login__argon2_passes=4).start()
    with fcgi.connect(site.socket) as half, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        half.sendall(PAGE[:40])
        csrf, pre, _ = site.form()
        pending = pool.submit(site.post_login, csrf=csrf, cookie=pre,
                              timeout=30)
        pid = site.workers()[0]
        wait_until(lambda: resident(pid) > 20000, what="the hashing")
        half.sendall(PAGE[40:])
        site.process.terminate()
        assert pending.result().status == 303
        assert fcgi.read_answer(half).status == 200
    assert site.process.wait(30) == 0


def test_reload_gives_time(request):
    """Who is being read when a worker is replaced has as long as ever."""
    site = make(request).start()
    old = site.workers()
    with fcgi.connect(site.socket) as half:
        half.sendall(PAGE[:40])
        assert site.ask("GET", "/login").status == 200
        site.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(set(site.workers()) - set(old)) == 2 and
                   len(set(site.workers()) & set(old)) == 1,
                   what="two new ones, and one that goes on reading")
        # Longer than a stop would leave it.
        time.sleep(1.5)
        half.sendall(PAGE[40:])
        assert fcgi.read_answer(half).status == 200
    wait_until(lambda: not set(site.workers()) & set(old),
               what="the last one's end")


def test_live_socket_is_not_taken(request):
    site = make(request).start()
    second = subprocess.run(
        [PROGRAM, "-c", site.conf, "--listen", "unix:" + site.socket],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert second.returncode == 1 and "in use" in second.stderr
    assert site.ask("GET", "/login").status == 200
    plain = site.dir / "file"
    plain.write_text("precious")
    second = subprocess.run(
        [PROGRAM, "-c", site.conf, "--listen", f"unix:{plain}"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert second.returncode == 1 and plain.read_text() == "precious"


def test_reload(request):
    site = make(request, login__plain_http="no").start()
    old = site.workers()
    assert site.ask("GET", "/login").status == 403
    # A bad file: everything stays.
    site.write_config("[login]\nnonsense = 1\n")
    site.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the old one stays" in site.log(), what="the refusal")
    assert site.ask("GET", "/login").status == 403
    assert site.workers() == old
    assert re.search(r"gatecast\.conf:\d+: .*nonsense", site.log())
    # What needs a restart is named.
    site.config["login.plain_http"] = "yes"
    site.config["login.hash_slots"] = 1
    site.write_config()
    # A good one, while requests go on.
    site.process.send_signal(signal.SIGHUP)
    wait_until(lambda: site.ask("GET", "/login").status == 200,
               what="the new value")
    wait_until(lambda: len(site.workers()) == 2 and
               not set(old) & set(site.workers()), what="new workers")
    assert "needs a restart to change: login.hash_slots" in site.log()


def test_reload_of_bad_templates(request):
    site = make(request)
    templates = site.dir / "templates"
    shutil.copytree(ROOT / "www/templates", templates)
    site.config["login.templates"] = templates
    site.write_config()
    site.start()
    old = site.workers()
    page = templates / "login.html"
    good = page.read_text()
    page.write_text("{{nothing}}")
    site.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the old one stays" in site.log(), what="the refusal")
    assert f"{page}:1: " in site.log() and site.workers() == old
    assert site.ask("GET", "/login").status == 200
    page.write_text(good.replace("<main", "<p>new look</p><main"))
    site.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "new look" in site.ask("GET", "/login").text,
               what="the new page")


def test_reload_drops_no_request(request):
    site = make(request).start()
    stop = threading.Event()
    bad = []

    def ask():
        while not stop.is_set():
            answer = site.ask("GET", "/login")
            if answer is None or answer.status != 200:
                bad.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(5):
        site.process.send_signal(signal.SIGHUP)
        wait_until(lambda: site.log().count("loaded again") == i + 1,
                   what="reload")
    stop.set()
    for t in threads:
        t.join()
    assert bad == []


@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes another user")
def test_reload_without_new_processes(request):
    """While no worker can be made, the old ones go on."""
    site = make(request)
    for path in [site.dir, *site.dir.rglob("*")]:
        os.chown(path, 54321, 54321)  # nobody else's, whose limit counts
    for path in (pathlib.Path(PROGRAM), ROOT / "www/templates/login.html"):
        if any(p.stat().st_mode & 0o001 == 0 for p in path.parents):
            pytest.skip(f"{path} is not for other users")
    site.start(user=54321, group=54321, extra_groups=[],
               # A leak check would be one process more.
               env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
               preexec_fn=lambda: resource.setrlimit(
                   resource.RLIMIT_NPROC, (3, 3)))  # they and the master
    old = site.workers()
    site.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "fork" in site.log(), what="a fork that fails")
    for _ in range(10):
        assert site.ask("GET", "/login").status == 200
    assert site.workers() == old
    os.kill(old[0], signal.SIGKILL)
    wait_until(lambda: len(site.workers()) == len(old)
               and not set(site.workers()) & set(old), what="new workers")
    assert site.ask("GET", "/login").status == 200


def assert_unavailable(site):
    answer = site.ask("GET", "/login")
    assert answer.status == 503 and answer.get("Retry-After")
    assert_protected(answer)
    answer = site.ask("GET", "/session", cookie="gatecast=v1.k.i.m")
    assert answer.status == 503
    assert json.loads(answer.body)["error"] == "store unavailable"
    assert answer.get("Retry-After")


def test_missing_store(request):
    site = make(request, init=False).start()
    assert_unavailable(site)
    assert str(site.store) in site.log()
    # It comes while we run: no restart is needed.
    site.tool("store", "init")
    site.add_user("alice")
    site.sign_in()


def test_lost_users(request):
    site = make(request)
    hidden = site.store / "hidden"
    (site.store / "users").rename(hidden)
    site.start()
    csrf, pre, _ = site.form()
    answer = site.post_login(csrf=csrf, cookie=pre)
    assert answer.status == 503
    assert_protected(answer)
    hidden.rename(site.store / "users")
    assert site.post_login(csrf=csrf, cookie=pre).status == 303


def test_corrupt_store(request):
    site = make(request)
    base = site.store / "sessions/base.gdbm"
    good = base.read_bytes()
    base.write_bytes(b"not a database" * 100)
    site.start()
    assert_unavailable(site)
    assert "sessions:" in site.log() and "base.gdbm" in site.log()
    base.write_bytes(good)
    site.sign_in()


def test_store_is_shared_between_workers(request):
    """A session is valid at every worker at once, and its end too."""
    site = make(request, login__workers=4).start()
    for _ in range(5):
        cookie = site.sign_in()
        for _ in range(12):
            assert site.ask("GET", "/session",
                            cookie=cookie).status == 200
        site.tool("session", "revoke", "--user", "alice")
        for _ in range(12):
            assert site.ask("GET", "/session",
                            cookie=cookie).status == 401
