# SPDX-License-Identifier: Apache-2.0
"""An exFAT image with files in it, written without mounting anything: Debian's exfatprogs makes a file system, but
puts nothing into it. Every file lies in one piece."""

import struct
from pathlib import Path

from kbdisk import parse_size

SECTOR = 512
CLUSTER = 32768
FAT_AT = 128            # sectors
RESERVED = 2            # the first cluster has this number
END = 0xffffffff
TIME = (2026 - 1980) << 25 | 1 << 21 | 1 << 16


def _rotate_add(data: bytes, bits: int, skip=()) -> int:
    """The checksum of exFAT in its two widths."""
    total, mask = 0, (1 << bits) - 1
    for at, byte in enumerate(data):
        if at not in skip:
            total = ((total << bits - 1 | total >> 1) + byte) & mask
    return total


def _upcase() -> bytes:
    """ASCII, then a run of characters that are their own capitals."""
    ascii_ = [ord(chr(i).upper()) for i in range(128)]
    return struct.pack("<130H", *ascii_, 0xffff, 0x10000 - 128)


def _file_entry(name: str, attributes: int, cluster: int, length: int) -> bytes:
    text = name.encode("utf-16-le")
    capitals = "".join(c.upper() if c.isascii() else c for c in name).encode("utf-16-le")
    parts = [text[i:i + 30].ljust(30, b"\0") for i in range(0, len(text), 30)]
    flags = 0x03 if length else 0x01                    # in one piece: no chain in the FAT
    stream = struct.pack("<BBxBHxxQ4xIQ", 0xc0, flags, len(text) // 2, _rotate_add(capitals, 16), length, cluster,
                         length)
    entries = bytearray(struct.pack("<BBHHxxIII12x", 0x85, 1 + len(parts), 0, attributes, TIME, TIME, TIME))
    entries += stream + b"".join(b"\xc1\0" + part for part in parts)
    struct.pack_into("<H", entries, 2, _rotate_add(entries, 16, (2, 3)))
    return bytes(entries)


class _Heap:
    """The clusters of an image that is being written."""

    def __init__(self, file, start: int, count: int):
        self.file, self.start, self.count = file, start, count
        self.next = RESERVED
        self.chains = []

    def put(self, content, *, chain=False) -> tuple:
        """(first cluster, length); content: bytes or a Path."""
        length = content.stat().st_size if isinstance(content, Path) else len(content)
        if not length:
            return 0, 0
        first, used = self.next, -(-length // CLUSTER)
        if first - RESERVED + used > self.count:
            raise ValueError("the files do not fit into the exFAT image")
        self.file.seek(self.start + (first - RESERVED) * CLUSTER)
        if isinstance(content, Path):
            with open(content, "rb") as source:
                while block := source.read(1 << 20):
                    self.file.write(block)
        else:
            self.file.write(content)
        self.next += used
        if chain:
            self.chains.append((first, used))
        return first, length

    def fat(self) -> bytes:
        table = bytearray(struct.pack("<II", 0xfffffff8, END))
        table.extend(bytes(4 * self.count))
        for first, used in self.chains:
            for cluster in range(first, first + used):
                following = END if cluster == first + used - 1 else cluster + 1
                struct.pack_into("<I", table, 4 * cluster, following)
        return bytes(table)

    def bitmap(self, used: int) -> bytes:
        return ((1 << used) - 1).to_bytes(-(-self.count // 8), "little")


def _folder(heap: _Heap, tree: dict) -> bytes:
    entries = b""
    for name, content in sorted(tree.items()):
        if isinstance(content, dict):
            inner = _folder(heap, content)
            data = inner.ljust(-(-max(len(inner), 1) // CLUSTER) * CLUSTER, b"\0")
            entries += _file_entry(name, 0x10, *heap.put(data))
        else:
            entries += _file_entry(name, 0x20, *heap.put(content))
    return entries


def _boot_region(sectors: int, fat_sectors: int, heap_at: int, clusters: int, root: int) -> bytes:
    boot = bytearray(11 * SECTOR)
    boot[:11] = b"\xeb\x76\x90EXFAT   "
    struct.pack_into("<QQIIIIIIHHBBBBB", boot, 64, 0, sectors, FAT_AT, fat_sectors, heap_at, clusters, root, 0x4b454c42,
                     0x0100, 0, 9, (CLUSTER // SECTOR).bit_length() - 1, 1, 0x80, 0xff)
    for sector in range(9):
        struct.pack_into("<H", boot, sector * SECTOR + 510, 0xaa55)
    return bytes(boot) + struct.pack("<I", _rotate_add(boot, 32, (106, 107, 112))) * (SECTOR // 4)


def mkexfat(path, size, files=None) -> Path:
    """A bare exFAT image with `files`: {"folder/name": Path or bytes}."""
    path, total = Path(path), parse_size(size)
    tree = {}
    for name, content in (files or {}).items():
        *folders, last = name.split("/")
        at = tree
        for folder in folders:
            at = at.setdefault(folder, {})
        at[last] = content
    sectors = total // SECTOR
    fat_sectors = -(-4 * (total // CLUSTER + RESERVED) // SECTOR)
    heap_at = -(-(FAT_AT + fat_sectors) // 128) * 128
    clusters = (sectors - heap_at) * SECTOR // CLUSTER
    with open(path, "wb") as file:
        file.truncate(total)
        heap = _Heap(file, heap_at * SECTOR, clusters)
        bitmap, _ = heap.put(heap.bitmap(0), chain=True)
        upcase, upcase_length = heap.put(_upcase(), chain=True)
        root = struct.pack("<BB18xIQ", 0x81, 0, bitmap, -(-clusters // 8))
        root += struct.pack("<B3xI12xIQ", 0x82, _rotate_add(_upcase(), 32), upcase, upcase_length)
        root += _folder(heap, tree)
        root_at, _ = heap.put(root.ljust(-(-len(root) // CLUSTER) * CLUSTER, b"\0"), chain=True)
        file.seek(heap_at * SECTOR)
        file.write(heap.bitmap(heap.next - RESERVED))
        file.seek(FAT_AT * SECTOR)
        file.write(heap.fat())
        boot = _boot_region(sectors, fat_sectors, heap_at, clusters, root_at)
        file.seek(0)
        file.write(boot + boot)
    return path
