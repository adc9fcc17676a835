"""login.fcgi and wsd on one store, without a web server between them and the
test; and stopping a process so that it stays stopped."""

import contextlib
import os
import pathlib
import signal
import subprocess

from conftest import SANITIZER, wait_until
from login_process import ORIGIN, TOOL, Login
from ws_raw import Wsd, request
from wsclient import Client


class Pair:
    """Both programs. popen: how to start them (env, user...)."""

    def __init__(self, users=("alice", "bob"), set=None, login=None,
                 wsd=None, init=True):
        set = set or {}
        config = {k.replace(".", "__"): v for k, v in set.items()}
        self.login = Login(users=users, init=init, **config)
        self.store = self.login.config["store.dir"]
        self.conf = self.login.conf
        self.wsd = Wsd(has_store=False, set={**set, "store.dir": self.store},
                       **(wsd or {}))
        self.login_popen = login or {}
        self.wsd_popen = wsd or {}

    def __enter__(self):
        try:
            self.login.start(**self.login_popen)
            self.wsd.start()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def __exit__(self, *error):
        is_good = error[0] is None
        log = self.login.log()
        try:
            self.wsd.__exit__(*error)
        finally:
            try:
                self.login.stop()
            except AssertionError:
                if is_good:
                    raise
        assert not is_good or not SANITIZER.search(log), log

    def tool(self, *args, code=0, **popen):
        done = subprocess.run([TOOL, "-c", self.conf, *args], text=True,
                              capture_output=True, timeout=60,
                              **{"input": "", **popen})
        assert code is None or done.returncode == code, done
        return done

    # --- what each of the two says of a cookie ---------------------------

    def session(self, cookie, **kwargs):
        """login.fcgi: the status of GET /session."""
        return self.login.ask("GET", "/session", cookie=cookie,
                              **kwargs).status

    def join(self, cookie):
        """wsd: the status of a handshake."""
        return self.wsd.ask(request(cookie=cookie))[0]

    def verdicts(self, cookie, times=4):
        """Both, asked often enough that every worker has answered."""
        return ({self.session(cookie) for _ in range(times)},
                self.join(cookie))

    def is_valid(self, cookie):
        login, wsd = self.verdicts(cookie)
        assert (login == {200}) == (wsd == 101) and len(login) == 1, \
            (login, wsd, self.login.log(), self.wsd.log())
        return login == {200}

    def client(self, cookie, **kwargs):
        """A live connection, past its hello."""
        c = Client(f"ws://127.0.0.1:{self.wsd.port}/websocket",
                   cookie=cookie, origin=ORIGIN, **kwargs)
        if c.protocol:
            c.expect("hello")
        return c

    def logout(self, cookie, **kwargs):
        """The answer to POST /logout with that session's own form."""
        page = self.login.ask("GET", "/index", cookie=cookie)
        assert page.status == 200, page.raw
        body = f"csrf={page.field('csrf')}".encode()
        return self.login.ask("POST", "/logout", body, cookie, **kwargs)


def is_stopped(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text() \
        .rsplit(")", 1)[1].split()[0] in "Tt"


@contextlib.contextmanager
def asleep(*pids):
    """The processes do nothing until the block is left."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: all(map(is_stopped, pids)), what="stopped")
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
