"""The servers that the bench compares, each started on a port of its own.

A server has a `name`, `here()` (None, or why it cannot run here), `version()`
and `start(directory, port)`, which returns a Running. All take the path
/websocket into the room and /idle into none, except wsd, which has one room.
"""
import atexit
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GATECAST_BUILD", ROOT / "build/release"))
PEERS = ROOT / "tests/bench/peers"
NODE_MODULES = ROOT / "build/bench/ws/node_modules"
NCHAN_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
PYTHON = "/usr/bin/python3"
START_S = 15
OTHERS = 100


class Unavailable(Exception):
    """A server that does not start, or a generator that measured nothing."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core, command, **kwargs):
    """The server has the first core, the generator the second."""
    cores = sorted(os.sched_getaffinity(0))
    cpu = cores[core % len(cores)]
    return subprocess.Popen(
        [str(c) for c in command],
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}), **kwargs)


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True,
                              timeout=30).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


class Running:
    def __init__(self, process, client=(), log=None):
        self.process = process
        self.client = list(client)  # options for loadgen
        self.log = log

    def wait_port(self, port):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Unavailable(f"it ended with {self.process.returncode}: "
                                  f"{self.said()}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise Unavailable(f"nothing listens on port {port}")

    def pid(self):
        """The process that works."""
        return self.process.pid

    def said(self):
        text = self.log.read_text(errors="replace") if self.log else ""
        return text.strip()[-300:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Nginx(Running):
    """A master, which reads no request, and its one worker."""

    def pid(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            worker = output_of("pgrep", "-P", str(self.process.pid))
            if worker:
                return int(worker)
            time.sleep(0.01)
        raise Unavailable(f"nginx has no worker: {self.said()}")


class Server:
    def __init__(self, name):
        self.name = name

    def here(self):
        return None

    def version(self):
        return ""

    def launch(self, directory, command, client=(), running=Running,
               **kwargs):
        log = directory / "log"
        with open(log, "wb") as out:
            process = pinned(0, command, stdout=out, stderr=out, **kwargs)
        return running(process, client, log)


class Raw(Server):
    def __init__(self, name, *options):
        super().__init__(name)
        self.options = options

    def start(self, directory, port):
        return self.launch(
            directory, [BUILD / "bench/rawcast", port, *self.options])


@functools.cache
def sessions_store():
    """A store and a cookie that is valid there: made once, copied for each
    run. It has sessions of others, so that one is looked up among many."""
    temp = tempfile.TemporaryDirectory(prefix="gatecast-bench-store-")
    atexit.register(temp.cleanup)
    store = pathlib.Path(temp.name) / "store"
    store.mkdir(mode=0o700)
    for command in (["--many", OTHERS, store, "other"], [store, "bench"]):
        made = subprocess.run(
            [str(c) for c in (BUILD / "tests/make-session", *command)],
            check=True, capture_output=True, text=True)
    return store, "gatecast=" + made.stdout.strip()


class Wsd(Server):
    def __init__(self, name, *client):
        super().__init__(name)
        self.client = client

    def version(self):
        return output_of(str(BUILD / "wsd"), "--version")

    def start(self, directory, port):
        template, cookie = sessions_store()
        store = directory / "store"
        shutil.copytree(template, store)
        config = directory / "gatecast.conf"
        config.write_text(
            f"[site]\norigins = http://127.0.0.1:{port}\n"
            f"[store]\ndir = {store}\n"
            f"[login]\nplain_http = yes\ntemplates = {ROOT}/www/templates\n"
            f"[wsd]\nlisten = 127.0.0.1:{port}\n"
            f"control = unix:{directory}/control.sock\n"
            f"history_dir = {directory}/history\n"
            "connections_per_user = 0\nmax_connections = 20000\n"
            "user_rate = 0\nmessage_bytes = 20000\n"
            "[log]\nlevel = warn\naudit = no\n")
        return self.launch(
            directory, [BUILD / "wsd", "-c", config],
            ["--cookie", cookie, *self.client])


class TextbookLws(Server):
    def here(self):
        program = BUILD / "bench/peers/textbook_lws"
        return None if program.exists() else f"{program} is not built"

    def version(self):
        return output_of("pkg-config", "--modversion", "libwebsockets")

    def start(self, directory, port):
        return self.launch(
            directory, [BUILD / "bench/peers/textbook_lws", port])


class NpmWs(Server):
    def here(self):
        if shutil.which("node") is None:
            return "node is not installed"
        if (NODE_MODULES / "ws").exists():
            return None
        if shutil.which("npm") is None:
            return "npm is not installed"
        NODE_MODULES.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PEERS / "package.json", NODE_MODULES.parent)
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
             "--no-package-lock", "--silent"],
            cwd=NODE_MODULES.parent, capture_output=True, text=True)
        return None if done.returncode == 0 else "npm install failed"

    def version(self):
        package = (NODE_MODULES / "ws/package.json").read_text()
        version = package.split('"version": "')[1].split('"')[0]
        return f"{version}, node {output_of('node', '--version')}"

    def start(self, directory, port):
        return self.launch(
            directory, ["node", PEERS / "ws_chat.cjs", port],
            env={**os.environ, "NODE_PATH": str(NODE_MODULES)})


class Tornado(Server):
    def here(self):
        return None if self.version() else "python3-tornado is not installed"

    def version(self):
        return output_of(PYTHON, "-c",
                         "import tornado; print(tornado.version)")

    def start(self, directory, port):
        return self.launch(
            directory, [PYTHON, PEERS / "tornado_chat.py", port])


class Nchan(Server):
    def here(self):
        if shutil.which("nginx") is None:
            return "nginx is not installed"
        return None if NCHAN_MODULE.exists() else (
            "libnginx-mod-nchan is not installed")

    def version(self):
        return output_of("dpkg-query", "-W", "-f", "${Version}",
                         "libnginx-mod-nchan")

    def start(self, directory, port):
        config = directory / "nchan.conf"
        text = (PEERS / "nchan.conf").read_text()
        # A plain user's nginx takes no `user` line.
        if os.getuid() != 0:
            text = text.replace("user @USER@;\n", "")
        for name, value in (("USER", "root"), ("PORT", port),
                            ("MODULE", NCHAN_MODULE)):
            text = text.replace(f"@{name}@", str(value))
        config.write_text(text)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(4096)
            listener.setblocking(False)
            fd = listener.fileno()
            return self.launch(
                directory, ["nginx", "-p", directory, "-c", config,
                            "-e", "stderr"], running=Nginx,
                env={**os.environ, "NGINX": f"{fd};"}, pass_fds=[fd])


SERVERS = {s.name: s for s in (
    Raw("raw"), Raw("raw-coalesced", "--coalesce"),
    Wsd("wsd", "--subprotocol", "gatecast.v1"), Wsd("wsd-lines"),
    TextbookLws("lws"), NpmWs("ws"), Nchan("nchan"), Tornado("tornado"))}
