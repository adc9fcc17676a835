"""The n-th allocation fails, for every n (tests/tools/preload/memory.c)."""

import mmap
import os
import struct

from conftest import BUILD

PRELOAD = BUILD / "tests/memory.so"
PLAN = struct.Struct("@qqqq")  # last, first, calls, failed
ALL = 1 << 40
MOST = 2000  # allocations of one operation


class Memory:
    """path: a file of its own. env: what the program is started with."""

    def __init__(self, path, spares=""):
        path.write_bytes(bytes(PLAN.size))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), PLAN.size)
        # ASan wants to be the first library, and works as the second one.
        # libwebsockets leaks what it could not finish making.
        self.env = {
            **os.environ, "LD_PRELOAD": str(PRELOAD),
            "GATECAST_MEMORY": str(path), "GATECAST_MEMORY_SPARES": spares,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
            ":verify_asan_link_order=0:detect_leaks=0"}

    def fail(self, first, last):
        """Counts from now on."""
        PLAN.pack_into(self.map, 0, 0, first, 0, 0)
        PLAN.pack_into(self.map, 0, last, first, 0, 0)

    def pause(self):
        """Nothing fails any more. How many did."""
        struct.pack_into("@q", self.map, 0, 0)
        return PLAN.unpack_from(self.map)[3]

    def every(self, attempt, many=1):
        """attempt(n) with the n-th allocation failing, or many from there
        on, until nothing fails any more; then everything is as it was. How
        many there were."""
        for n in range(1, MOST):
            self.fail(n, n + many - 1)
            try:
                attempt(n)
            finally:
                failed = self.pause()
            if failed == 0:
                return n - 1
        raise AssertionError(f"more than {MOST} allocations")
