"""A store read by what shared/DESIGN.md says of its files and nothing else:
a second implementation, in the fewest words. The base is read by GDBM."""

import dbm.gnu
import re
import struct

from journal_bytes import crc32c

BODY_MAX = 64 << 20


class Corrupt(Exception):
    pass


def header(journal):
    """(generation, size of the base, its checksum, carried)."""
    if len(journal) < 64 or journal[:8] != b"GCJOURNL" or \
            struct.unpack_from("<I", journal, 60)[0] != crc32c(journal[:60]):
        raise Corrupt("header")
    if struct.unpack_from("<II", journal, 8) != (1, 64):
        raise Corrupt("version")
    return struct.unpack_from("<QQI", journal, 16) + \
        struct.unpack_from("<Q", journal, 40)


def record(journal, at, generation):
    """(end, durable, body) of the record there; None: there is no whole one."""
    if len(journal) < at + 16:
        return None
    n, crc, durable = struct.unpack_from("<IIQ", journal, at)
    body = journal[at + 16:at + 16 + n]
    if not 1 <= n <= BODY_MAX or len(body) < n or durable > at:
        return None
    covered = struct.pack("<QQIQ", generation, at, n, durable) + body
    return (at + 16 + n, durable, body) if crc32c(covered) == crc else None


def operations(body):
    """(key, value), value None: a delete; ("seal", what it names)."""
    at = 0
    while at < len(body):
        kind = body[at]
        try:
            if kind == 1:
                key_n, value_n = struct.unpack_from("<HI", body, at + 1)
                start = at + 7
            elif kind == 2:
                key_n, value_n = struct.unpack_from("<H", body, at + 1)[0], 0
                start = at + 3
            elif kind == 3:
                yield "seal", struct.unpack_from("<QqQI", body, at + 1)
                at += 29
                continue
            else:
                raise Corrupt("op")
        except struct.error as e:
            raise Corrupt("op") from e
        at = start + key_n + value_n
        key = body[start:start + key_n]
        if not 1 <= key_n <= 256 or key[:1] == b"!" or value_n > 65536 or \
                at > len(body):
            raise Corrupt("op")
        yield key, body[start + key_n:at] if kind == 1 else None


class PageReader:
    """.records, and of the journal .generation, .carried, .end and .seal (of
    the last record, else None)."""

    def __init__(self, store):
        base = (store / "base.gdbm").read_bytes()
        told = len(base), crc32c(base)
        for path in store.iterdir():
            name = re.fullmatch(r"journal\.([1-9][0-9]*)", path.name)
            if name is None:
                continue
            journal = path.read_bytes()
            try:
                self.generation, *of, self.carried = header(journal)
            except Corrupt:
                continue
            if tuple(of) == told and self.generation == int(name[1]):
                break
        else:
            raise Corrupt("no journal goes on from the base")
        with dbm.gnu.open(str(store / "base.gdbm"), "ru") as db:
            if db[b"!meta"] != b"gen=%d" % self.generation:
                raise Corrupt("generation")
            self.records = {}
            key = db.firstkey()
            while key is not None:
                if key[:1] != b"!":
                    self.records[key] = db[key]
                key = db.nextkey(key)
        self.replay(journal)

    def replay(self, journal):
        self.end, self.seal = 64, None
        while (found := record(journal, self.end, self.generation)):
            self.end, _, body = found
            self.seal = None
            for key, value in list(operations(body)):
                if key == "seal":
                    self.seal = value
                elif value is None:
                    self.records.pop(key, None)
                else:
                    self.records[key] = value
        if self.end < self.carried:
            raise Corrupt("carried")
        for at in range(self.end + 1, len(journal)):
            behind = record(journal, at, self.generation)
            if behind is not None and behind[1] > self.end:
                raise Corrupt("damaged at byte %d" % self.end)
