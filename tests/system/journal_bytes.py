"""The journal as shared/DESIGN.md has it, written a second time: what the
tests of damage compare with."""

import struct

HEADER, FRAME, PUT_HEAD = 64, 16, 7


def _table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = _table()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def put(key, value):
    return struct.pack("<BHI", 1, len(key), len(value)) + key + value


def record(generation, offset, durable, body):
    crc = crc32c(struct.pack("<QQIQ", generation, offset, len(body), durable) +
                 body)
    return struct.pack("<IIQ", len(body), crc, durable) + body


def records(journal):
    """(offset, end, durable, ops) of each record; ops are (key, value), None
    for a delete. The journal is whole."""
    generation = struct.unpack_from("<Q", journal, 16)[0]
    at = HEADER
    while at < len(journal):
        n, _, durable = struct.unpack_from("<IIQ", journal, at)
        body = journal[at + FRAME:at + FRAME + n]
        end = at + FRAME + n
        assert journal[at:end] == record(generation, at, durable, body)
        yield at, end, durable, list(operations(body))
        at = end


def operations(body):
    while body:
        kind = body[0]
        if kind == 3:
            body = body[1:]
            continue
        is_put = kind == 1
        key, value = struct.unpack_from("<HI" if is_put else "<H", body, 1) \
            if is_put else (*struct.unpack_from("<H", body, 1), 0)
        at = PUT_HEAD if is_put else 3
        yield body[at:at + key], \
            body[at + key:at + key + value] if is_put else None
        body = body[at + key + value:]
