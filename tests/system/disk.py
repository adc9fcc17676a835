"""What a disk may hold after a power loss.

A workload runs below strace; its calls are replayed on a model of a disk that
promises what POSIX does and nothing more:

- what fsync or fdatasync of a file covered when it was called is there, its
  size included; of later writes any part may be, torn at 512 or 4096 bytes,
  the newer without the older, the size grown or not (zeroes where it grew
  without its data);
- fsync of a directory covers its names. Of later makings, links, renames and
  removals any subset may be there ("strict"), or the first few ("ordered", as
  a journalling file system has it). fsync of a file says nothing of its name.

Two things are taken for granted: a rename within a directory is atomic, and
a file's mode is there with the file.
"""

import os
import pathlib
import re
import subprocess

CALLS = ("open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,lseek,"
         "truncate,ftruncate,fallocate,copy_file_range,sendfile,fchmod,"
         "rename,renameat,renameat2,link,linkat,symlink,symlinkat,"
         "unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync")
LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
RESULT = re.compile(r"\) += (-?\d+)(.*)$")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FD = re.compile(r"(AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")
ENV = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # not below ptrace


def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


class Call:
    """One system call; result is None until it has ended."""

    def __init__(self, pid, name, text):
        self.pid, self.name = int(pid), name
        found = RESULT.search(text)
        self.result = int(found.group(1)) if found else None
        self.args = text[:found.start()] if found else text
        self.strings = [unhex(s) for s in STRING.findall(self.args)]
        fds = FD.findall(self.args)
        self.fds = [os.fsdecode(unhex(path)) for _, path in fds]
        self.fd = int(fds[0][0]) if fds and fds[0][0].isdigit() else None
        self.numbers = [n.strip() for n in STRING.sub("", self.args).split(",")]

    def __str__(self):
        return f"{self.name} of {' '.join(self.fds + self.paths())[:300]}"

    def changes(self, top):
        """Whether it is about what is on the disk below top."""
        return any(p.startswith(top) for p in self.fds + self.paths()) and \
            self.name != "lseek" and "O_RDONLY" not in self.args

    def paths(self):
        """The names it was given, from the directories they go by."""
        dirs = self.fds if len(self.fds) == len(self.strings) else \
            ["/"] * len(self.strings)
        return [os.path.join(d, os.fsdecode(s))
                for d, s in zip(dirs, self.strings)]


def parse(log):
    """(is_begin, Call): each call's begin, and its end when it succeeded."""
    begun = {}
    for line in log.splitlines():
        found = LINE.match(line)
        if not found:
            assert "+++" in line or "---" in line, line[:200]
            continue
        pid, resumed, name, text = found.groups()
        if resumed:
            text = begun.pop(pid) + text
        elif text.endswith("<unfinished ...>"):
            begun[pid] = text[:-len("<unfinished ...>")]
            yield True, Call(pid, name, begun[pid])
            continue
        call = Call(pid, resumed or name, text)
        if not resumed:
            yield True, call
        if call.result is not None and call.result >= 0:
            yield False, call


def record(top, script, log, **kwargs):
    """Runs a shell script below strace: (the tree before, its calls)."""
    disk = Disk(top)
    done = subprocess.run(
        ["strace", "-f", "-qq", "-xx", "-s", "33554432", "-y", "-e",
         "signal=none", "-e", "trace=" + CALLS, "--seccomp-bpf", "-o", log,
         "sh", "-c", script], capture_output=True, timeout=120,
        env={**ENV, **kwargs.pop("env", {})}, **kwargs)
    assert done.returncode == 0, done.stderr.decode()
    calls = list(parse(pathlib.Path(log).read_text()))
    assert calls
    return disk, calls, done


class Node:
    """A file or a directory: what is durable, and what is not yet.

    A file's changes are (offset, bytes), (length, None) for a truncation; a
    directory's (old name or None, new name or None, Node)."""

    def __init__(self, is_dir, mode):
        self.is_dir, self.mode = is_dir, mode
        self.durable = {} if is_dir else bytearray()
        self.now = {} if is_dir else bytearray()
        self.pending, self.synced = [], 0

    def change(self, change):
        self.pending.append(change)
        self.apply(self.now, change)

    def apply(self, state, change):
        if self.is_dir:
            old, new, node = change
            if old is not None and state.get(old) is node:
                del state[old]
            if new is not None:
                state[new] = node
            return
        at, data = change
        if data is None:
            grown = at - len(state)
            if grown > 0:
                state.extend(bytes(grown))
            del state[at:]
            return
        if at > len(state):
            state.extend(bytes(at - len(state)))
        state[at:at + len(data)] = data

    def sync(self, upto):
        """All changes up to that number are durable."""
        n = max(0, upto - self.synced)
        for change in self.pending[:n]:
            self.apply(self.durable, change)
        del self.pending[:n]
        self.synced += n

    def torn(self, dice):
        """The bytes of a file as a disk may have them."""
        state, sizes = bytearray(self.durable), [len(self.durable)]
        whole = bytearray(self.durable)
        grain = dice.choice((512, 4096))
        p = dice.choice((0, 0.2, 0.5, 0.8, 1))
        for at, data in self.pending:
            self.apply(whole, (at, data))
            sizes.append(len(whole))
            if data is None:
                if dice.random() < p:
                    self.apply(state, (at, data))
                continue
            start, end = at, at + len(data)
            while start < end:
                stop = min(end, (start // grain + 1) * grain)
                if dice.random() < p:
                    self.apply(state, (start, data[start - at:stop - at]))
                start = stop
        if dice.random() < 0.7:
            self.apply(state, (dice.choice(sizes), None))
        return state

    def names(self, dice, is_strict):
        state = dict(self.durable)
        if is_strict:
            p = dice.choice((0, 0.3, 0.5, 0.7, 1))
            kept = [c for c in self.pending if dice.random() < p]
        else:
            kept = self.pending[:dice.randint(0, len(self.pending))]
        for change in kept:
            self.apply(state, change)
        return state


class Disk:
    """The tree at top; all that is there is durable."""

    def __init__(self, top):
        self.top = os.path.realpath(top)
        self.root = self.load(pathlib.Path(self.top))
        self.gone = {}      # the last file that had a name
        self.at = {}        # (pid, descriptor): position
        self.covers = {}    # pid: the changes its fsync will have synced

    def load(self, path):
        node = Node(path.is_dir(), path.stat().st_mode & 0o7777)
        if node.is_dir:
            node.durable = {p.name: self.load(p) for p in path.iterdir()}
            node.now = dict(node.durable)
        else:
            node.durable = bytearray(path.read_bytes())
            node.now = bytearray(node.durable)
        return node

    def find(self, path):
        """(directory, name, Node or None); None outside of the tree."""
        path = os.path.normpath(path)
        if path == self.top:
            return None, "", self.root
        if not path.startswith(self.top + "/"):
            return None
        *dirs, name = path[len(self.top) + 1:].split("/")
        parent = self.root
        for d in dirs:
            parent = parent.now[d]
        return parent, name, parent.now.get(name)

    def node(self, path):
        """What a descriptor is open on, by the name /proc has for it."""
        path = path.removesuffix(" (deleted)")
        found = self.find(path)
        if found is None:
            return None
        return found[2] or self.gone[path]

    # --- the calls ----------------------------------------------------------

    def feed(self, is_begin, call):
        """Whether it was an fsync in the tree that has ended."""
        if call.name in ("fsync", "fdatasync"):
            node = self.node(call.fds[0])
            if node is None:
                return False
            if is_begin:
                self.covers[call.pid] = node.synced + len(node.pending)
                return False
            node.sync(self.covers.pop(call.pid))
            return True
        if not is_begin:
            getattr(self, "do_" + call.name)(call)
        return False

    def do_open(self, call):
        found = self.find(call.paths()[0])
        if found is None:
            return
        parent, name, node = found
        if node is None:
            # Without O_CREAT another process made it, and strace tells the
            # end of its call after this one's. Until then there is nothing
            # for node() to find.
            if "O_CREAT" in call.args:
                node = Node(False, 0o600)
                parent.change((None, name, node))
        elif "O_TRUNC" in call.args:
            node.change((0, None))
        assert "O_APPEND" not in call.args
        self.at[call.pid, call.result] = 0

    do_openat = do_open

    def do_lseek(self, call):
        self.at[call.pid, call.fd] = call.result

    def write(self, call, at):
        node = self.node(call.fds[0])
        if node is None:
            return
        data = b"".join(call.strings)[:call.result]
        assert len(data) == call.result, call.args[:200]
        if at is None:
            at = self.at[call.pid, call.fd]
            self.at[call.pid, call.fd] = at + len(data)
        node.change((at, data))

    def do_write(self, call):
        self.write(call, None)

    do_writev = do_write

    def do_pwrite64(self, call):
        self.write(call, int(call.numbers[-1]))

    do_pwritev = do_pwrite64

    def do_ftruncate(self, call):
        node = self.node(call.fds[0])
        if node is not None:
            node.change((int(call.numbers[1]), None))

    def do_fallocate(self, call):
        node = self.node(call.fds[0])
        if node is not None:
            assert call.numbers[1] == "0", call.args
            end = int(call.numbers[2]) + int(call.numbers[3])
            if end > len(node.now):
                node.change((end, None))

    def do_fchmod(self, call):
        node = self.node(call.fds[0])
        if node is not None:
            node.mode = int(call.numbers[1], 8)

    def do_mkdir(self, call):
        found = self.find(call.paths()[0])
        if found is not None:
            mode = int(call.numbers[-1], 8)
            found[0].change((None, found[1], Node(True, mode)))

    do_mkdirat = do_mkdir

    def do_unlink(self, call):
        found = self.find(call.paths()[0])
        if found is not None:
            parent, name, node = found
            self.gone[os.path.normpath(call.paths()[0])] = node
            parent.change((name, None, node))

    do_unlinkat = do_rmdir = do_unlink

    def do_link(self, call):
        old, new = [self.find(p) for p in call.paths()]
        new[0].change((None, new[1], old[2]))

    do_linkat = do_link

    def do_rename(self, call):
        assert "RENAME_" not in call.args, call.args
        old, new = [self.find(p) for p in call.paths()]
        if new[2] is not None:
            self.gone[os.path.normpath(call.paths()[1])] = new[2]
        if old[0] is new[0]:
            old[0].change((old[1], new[1], old[2]))
        else:  # nothing makes the two one
            new[0].change((None, new[1], old[2]))
            old[0].change((old[1], None, old[2]))

    do_renameat = do_renameat2 = do_rename

    # --- images -------------------------------------------------------------

    def power_loss(self, path, dice):
        """Makes the tree at path as a power loss now may leave it."""
        is_strict = dice.random() < 0.5
        self.put(self.root, pathlib.Path(path),
                 lambda n: n.names(dice, is_strict), lambda n: n.torn(dice))

    def kill(self, path):
        """The same for kill -9: all that was written is there."""
        self.put(self.root, pathlib.Path(path), lambda n: n.now,
                 lambda n: n.now)

    def put(self, node, path, names, content):
        if node.is_dir:
            path.mkdir()
            for name, child in names(node).items():
                self.put(child, path / name, names, content)
        else:
            path.write_bytes(content(node))
        path.chmod(node.mode)
