# SPDX-License-Identifier: Apache-2.0
"""Partition tables, written and read: GPT and MBR, sectors of 512 and 4096 bytes.

sfdisk 2.38 takes the sector size from the block device, so on a file it can only make tables of
512 bytes. And for a reproducible result it would need every identifier too. What this writes is
compatible: `sfdisk --verify`, `fdisk -b 4096 -l`.
"""

import struct
import uuid
import zlib
from dataclasses import dataclass

GPT_ENTRIES = 128
GPT_ENTRY_SIZE = 128
TYPES = {  # short name: GPT type, MBR type
    "linux": ("0fc63daf-8483-4772-8e79-3d69d8477de4", 0x83),
    "esp": ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", 0xef),
    "vfat": ("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", 0x0c),
    "root-x86-64": ("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", 0x83),
    "swap": ("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", 0x82),
}


EXTENDED = (0x05, 0x0f, 0x85)       # MBR types of the partition that holds the logical ones
LOGICAL_MAX = 60


class TableError(ValueError):
    """Says what is wrong with a table, or with what was asked of it."""


@dataclass(frozen=True)
class Part:
    """One partition; offset and size in bytes. MBR has no names: the number stands in for it."""
    number: int
    name: str
    offset: int
    size: int
    type: str = TYPES["linux"][0]
    uuid: str = ""


def gpt_overhead(sector: int) -> int:
    """Bytes of a GPT at either end, the protective MBR not counted."""
    return sector + GPT_ENTRIES * GPT_ENTRY_SIZE


def type_of(name: str, table: str):
    """`linux`, `esp`, ... or a GUID (GPT) or a number such as 0x83 (MBR)."""
    if name in TYPES:
        return TYPES[name][0 if table == "gpt" else 1]
    try:
        return str(uuid.UUID(name)) if table == "gpt" else int(name, 0)
    except ValueError:
        what = "GUID" if table == "gpt" else "number"
        raise TableError(f"partition type {name!r}: expected a {what} or one of "
                         f"{', '.join(TYPES)}") from None


# --- writing ------------------------------------------------------------------------------------

def _mbr_entry(kind: int, first: int, count: int) -> bytes:
    # CHS is filled with "too large": every reader since 1995 uses the LBA fields.
    return struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff",
                       min(first, 0xffffffff), min(count, 0xffffffff))


def _mbr(entries: list, signature: int = 0) -> bytes:
    body = b"".join(entries).ljust(64, b"\0")
    return (struct.pack("<440xIH", signature, 0) + body + b"\x55\xaa")


def write_mbr(file, parts: list, sector: int, disk_uuid: str) -> None:
    """Writes an MBR with up to four primary partitions into the open file."""
    if len(parts) > 4:
        raise TableError(f"an MBR has room for 4 partitions, not {len(parts)}; use a GPT")
    entries = [_mbr_entry(int(p.type), p.offset // sector, p.size // sector) for p in parts]
    file.seek(0)
    file.write(_mbr(entries, uuid.UUID(disk_uuid).int & 0xffffffff))


def _gpt_header(lba: int, other: int, first: int, last: int, disk_uuid: str, array: int,
                array_crc: int) -> bytes:
    def pack(crc: int) -> bytes:
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, lba, other,
                           first, last, uuid.UUID(disk_uuid).bytes_le, array, GPT_ENTRIES,
                           GPT_ENTRY_SIZE, array_crc)
    return pack(zlib.crc32(pack(0)))


def write_gpt(file, parts: list, size: int, sector: int, disk_uuid: str) -> None:
    """Writes protective MBR, GPT and its backup into the open file of `size` bytes."""
    array = b""
    for part in parts:
        name = part.name.encode("utf-16-le")
        if len(name) > 72:
            raise TableError(f"partition name {part.name!r}: longer than 36 characters")
        first, last = part.offset // sector, (part.offset + part.size) // sector - 1
        array += struct.pack("<16s16sQQQ72s", uuid.UUID(part.type).bytes_le,
                             uuid.UUID(part.uuid).bytes_le, first, last, 0, name)
    array = array.ljust(GPT_ENTRIES * GPT_ENTRY_SIZE, b"\0")
    crc = zlib.crc32(array)
    sectors = size // sector
    array_sectors = len(array) // sector
    last = sectors - 1
    first_usable, last_usable = 2 + array_sectors, last - array_sectors - 1
    file.seek(0)
    file.write(_mbr([_mbr_entry(0xee, 1, sectors - 1)]))
    for lba, other, where in ((1, last, 2), (last, 1, last - array_sectors)):
        file.seek(lba * sector)
        file.write(_gpt_header(lba, other, first_usable, last_usable, disk_uuid, where, crc))
        file.seek(where * sector)
        file.write(array)


# --- reading ------------------------------------------------------------------------------------

def _read_gpt_at(file, lba: int, sector: int):
    file.seek(lba * sector)
    header = file.read(92)
    if len(header) < 92 or header[:8] != b"EFI PART":
        return None
    crc = struct.unpack_from("<I", header, 16)[0]
    if zlib.crc32(header[:16] + b"\0\0\0\0" + header[20:]) != crc:
        return None
    array_lba, count, entry_size, array_crc = struct.unpack_from("<QIII", header, 72)
    if count > 1024 or entry_size < 128 or entry_size > 4096:
        return None
    file.seek(array_lba * sector)
    array = file.read(count * entry_size)
    if zlib.crc32(array) != array_crc:
        return None
    parts = []
    for index in range(count):
        kind, ident, first, last, _, name = struct.unpack_from("<16s16sQQQ72s", array,
                                                               index * entry_size)
        if any(kind):
            parts.append(Part(index + 1, name.decode("utf-16-le", "replace").split("\0")[0],
                              first * sector, (last - first + 1) * sector,
                              str(uuid.UUID(bytes_le=kind)), str(uuid.UUID(bytes_le=ident))))
    return parts


def _mbr_entries(sector: bytes, count: int) -> list:
    return [struct.unpack_from("<4xB3xII", sector, 446 + 16 * index) for index in range(count)]


def _read_logical(file, begin: int) -> list:
    """The partitions from 5 on: each has a sector with its entry, and one that leads to the next sector."""
    parts, at = [], begin
    for _ in range(LOGICAL_MAX):        # a damaged chain may go in circles
        file.seek(at * 512)
        sector = file.read(512)
        if len(sector) < 512 or sector[510:] != b"\x55\xaa":
            break
        (kind, first, count), (link, onward, length) = _mbr_entries(sector, 2)
        if kind not in (0, *EXTENDED) and count:
            number = 5 + len(parts)
            parts.append(Part(number, str(number), (at + first) * 512, count * 512, hex(kind)))
        if link not in EXTENDED or not onward or not length:
            break
        at = begin + onward
    return parts


def read(file, size: int) -> list:
    """The partitions of an open image; the GPT's backup stands in for a broken primary."""
    for sector in (512, 4096):
        for lba in (1, size // sector - 1):
            parts = _read_gpt_at(file, lba, sector) if lba > 0 else None
            if parts is not None:
                return parts
    file.seek(0)
    head = file.read(512)
    if len(head) < 512 or head[510:] != b"\x55\xaa":
        raise TableError("no partition table")
    parts = []
    for number, (kind, first, count) in enumerate(_mbr_entries(head, 4), 1):
        if kind not in (0, 0xee) and count:
            parts.append(Part(number, str(number), first * 512, count * 512, hex(kind)))
    extended = next((part for part in parts if int(part.type, 0) in EXTENDED), None)
    parts += _read_logical(file, extended.offset // 512) if extended else []
    if not parts:
        raise TableError("no partitions (or a file system on the bare disk)")
    return parts
