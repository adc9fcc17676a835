"""A disk of 1 MB that fills up: a tmpfs, which a process of ours unmounts when
we have gone. (In a mount namespace of its own it could be reached by way of
/proc/PID/root alone, which is closed to a program in its sandbox.)"""

import errno
import os
import subprocess

import pytest


class SmallDisk:
    def __init__(self, mount_point):
        mount_point.mkdir()
        self.holder = subprocess.Popen(
            ["sh", "-c", 'mount -t tmpfs -o size=1m none "$0" || exit 1; '
             'trap "" INT TERM; echo ok; cat; umount -l "$0"', mount_point],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ok\n":
            self.close()
            pytest.skip("SKIPPED: no tmpfs can be mounted here (root may), so "
                        "a disk that fills up was not tested")
        self.path = mount_point

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
