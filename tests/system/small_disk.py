"""A disk of 1 MB that fills up: a tmpfs in a mount namespace of its own, which
a process holds for us and which goes with it."""

import errno
import os
import subprocess

import pytest


class SmallDisk:
    def __init__(self, mount_point):
        mount_point.mkdir()
        try:
            self.holder = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "sh", "-c",
                 'mount -t tmpfs -o size=1m none "$0" && echo ok && exec cat',
                 mount_point], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            pytest.skip("SKIPPED: no unshare(1), so no disk to fill up")
        if self.holder.stdout.readline() != "ok\n":
            self.close()
            pytest.skip("SKIPPED: no tmpfs can be mounted here (root may), so "
                        "a disk that fills up was not tested")
        self.path = type(mount_point)(
            "/proc/%d/root%s" % (self.holder.pid, mount_point))

    def fill(self, leave=0):
        """Until only so much is left. tmpfs gives whole pages."""
        with open(self.path / "filler", "ab", buffering=0) as f:
            while os.statvfs(self.path).f_bavail * \
                    os.statvfs(self.path).f_bsize > leave:
                try:
                    f.write(b"x" * 4096)
                except OSError as e:
                    assert e.errno == errno.ENOSPC
                    break

    def free(self):
        (self.path / "filler").unlink()

    def close(self):
        self.holder.communicate()
