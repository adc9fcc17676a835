"""Stands for systemd in a root without one: python3 boot.py COMMAND...

Starts the installed services as their installed units say (program, user,
group, sockets, their modes; not the sandbox, which test_units exercises),
gives COMMAND a systemctl that can restart lighttpd, and ends all with it. For
a network and process ids of its own: unshare --net --pid --fork --kill-child.
"""

import configparser
import fcntl
import grp
import os
import pathlib
import pwd
import socket
import struct
import subprocess
import sys

UNITS = pathlib.Path("/lib/systemd/system")
SYSTEMCTL = """#!/bin/sh
[ "$*" = "restart lighttpd" ] || exit 1
exec lighttpd -f /etc/lighttpd/lighttpd.conf
"""


def unit(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string((UNITS / name).read_text())
    return parser


def loopback_up():
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS,
                    struct.pack("16sh14x", b"lo", IFF_UP))


def listening(section):
    path = pathlib.Path(section["ListenStream"])
    path.parent.mkdir(mode=0o755, exist_ok=True)
    path.unlink(missing_ok=True)
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(path))
    os.chown(path, 0, grp.getgrnam(section["SocketGroup"]).gr_gid)
    path.chmod(int(section["SocketMode"], 8))
    s.listen(128)
    return s


def start(name, sockets):
    service = unit(name + ".service")["Service"]
    user = pwd.getpwnam(service["User"])
    group = grp.getgrnam(service["Group"]).gr_gid
    if "StateDirectory" in service:
        state = pathlib.Path("/var/lib", service["StateDirectory"])
        state.mkdir(mode=int(service["StateDirectoryMode"], 8), exist_ok=True)
        os.chown(state, user.pw_uid, group)
    path = f"/run/notify.{name}"
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(path)
    os.chmod(path, 0o666)
    notify.settimeout(60)

    def become():
        # Off the numbers that are to be theirs.
        fds = [fcntl.fcntl(s, fcntl.F_DUPFD, 3 + len(sockets))
               for s in sockets.values()]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)
        os.setgroups([])
        os.setgid(group)
        os.setuid(user.pw_uid)
        os.umask(0o077)

    subprocess.Popen(
        ["sh", "-c", f"LISTEN_PID=$$ exec {service['ExecStart']}"],
        preexec_fn=become, close_fds=False, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": path,
             "LISTEN_FDS": str(len(sockets)),
             "LISTEN_FDNAMES": ":".join(sockets)})
    said = notify.recv(4096).decode()
    assert "READY=1" in said, (name, said)


loopback_up()
for kind, place in (("proc", "/proc"), ("devpts", "/dev/pts")):
    subprocess.run(["mount", "-t", kind, kind, place], check=True)
sockets = {}
for path in sorted(UNITS.glob("*.socket")):
    section = unit(path.name)["Socket"]
    if section.get("ListenStream", "").startswith("/run/gatecast/"):
        name = section.get("Service", path.stem + ".service")
        sockets.setdefault(name.removesuffix(".service"), {})[path.name] = \
            listening(section)
for name in sockets:
    start(name, sockets[name])
stub = pathlib.Path("/run/stubs/systemctl")
stub.parent.mkdir(exist_ok=True)
stub.write_text(SYSTEMCTL)
stub.chmod(0o755)
os.environ["PATH"] = f"{stub.parent}:{os.environ['PATH']}"
sys.exit(subprocess.run(sys.argv[1:]).returncode)
