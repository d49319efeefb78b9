# SPDX-License-Identifier: Apache-2.0
"""The log of Drive(log=...): every write that reached a disk, and the disk as it was after each of
them.

QEMU's blklogwrites has dm-log-writes' format. FUA never appears in it: QEMU turns it into write and
flush.
"""

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


class LogError(ValueError):
    """The file is no such log, or is damaged."""


@dataclass(frozen=True)
class Entry:
    """kind: write, flush, discard; offset and length in bytes on the disk; where the entry and its data are
    in the log."""
    kind: str
    offset: int
    length: int
    data_at: int
    at: int = 0


def entries(log, tail: bool = False) -> list:
    """All entries that the log counts, in the order in which the disk got them. tail: those behind them too,
    which a killed QEMU had not counted yet (Drive.log_count)."""
    found = []
    with open(log, "rb") as file:
        head = file.read(28)
        if len(head) < 28 or struct.unpack_from("<QQ", head) != (MAGIC, 1):
            raise LogError(f"{log}: not a blklogwrites log")
        count, sector = struct.unpack_from("<QI", head, 16)
        position, end = sector, os.fstat(file.fileno()).st_size
        read = 0
        while read < count or tail:
            file.seek(position)
            record = file.read(32)
            first, sectors, flags, _ = struct.unpack("<QQQQ", record.ljust(32, b"\0"))
            data = 0 if flags & (FLUSH | DISCARD | MARK) else sectors * sector
            if len(record) < 32 or position + sector + data > end or not (flags or sectors):
                if read < count:
                    raise LogError(f"{log}: says {count} entries, ends in entry {read + 1}")
                break
            read += 1
            kind = "flush" if flags & FLUSH else "discard" if flags & DISCARD else "write"
            if not flags & MARK:
                found.append(Entry(kind, first * sector, sectors * sector, position + sector, position))
            position += sector + data
    return found


def writes(log) -> int:
    """How many entries change the disk."""
    return sum(entry.kind != "flush" for entry in entries(log))


def replay(log, before, target, count=None) -> Path:
    """Makes `target`: the disk `before` with the first `count` entries done to it, as a power cut
    after that many would have left a disk without a cache. `before` is a copy from before the first
    start."""
    shutil.copyfile(before, target)
    with open(log, "rb") as source, open(target, "r+b") as disk:
        for entry in entries(log)[:count]:
            if entry.kind == "flush":
                continue
            disk.seek(entry.offset)
            source.seek(entry.data_at)
            # A discarded block may hold anything afterwards; zeroes are what flash mostly gives.
            disk.write(source.read(entry.length) if entry.kind == "write" else bytes(entry.length))
    return Path(target)
