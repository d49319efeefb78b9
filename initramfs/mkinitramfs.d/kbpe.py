# SPDX-License-Identifier: Apache-2.0
"""A PE file as the firmware reads it: its machine, its table of sections, and what does not fit together."""

import struct
from dataclasses import dataclass

MACHINES = {0x8664: "x86-64", 0xaa64: "AArch64"}
PE32_PLUS = 0x20b
EFI_APPLICATION = 10
NX_COMPAT = 0x100
PAGE = 4096
SECTION = struct.Struct("<8sIIIIIIHHI")


class PeError(Exception):
    """Says what is wrong with a file."""


@dataclass(frozen=True)
class Section:
    """Its address is counted from the image's begin."""
    name: str
    size: int
    address: int
    raw: int
    offset: int


@dataclass(frozen=True)
class Pe:
    """Where these stand in the file: `time`, `checksum`, `flags` (DllCharacteristics)."""
    data: bytes
    machine: int
    base: int
    alignment: int
    image: int
    subsystem: int
    time: int
    checksum: int
    flags: int
    signed: bool
    sections: tuple

    def section(self, name: str):
        return next((one for one in self.sections if one.name == name), None)

    def content(self, name: str) -> bytes:
        """What the firmware puts at the section's address; b"" without that section."""
        one = self.section(name)
        return self.data[one.offset:one.offset + min(one.size, one.raw)] if one else b""

    @property
    def end(self) -> int:
        """The first free address behind all sections."""
        return self.aligned(max(one.address + max(one.size, one.raw) for one in self.sections))

    def aligned(self, address: int) -> int:
        """The next address where a section may begin."""
        return address + -address % max(self.alignment, PAGE)

    @property
    def nx(self) -> bool:
        """Does it bear memory that cannot be both written and executed?"""
        return bool(struct.unpack_from("<H", self.data, self.flags)[0] & NX_COMPAT)


def read(data: bytes, name: str) -> Pe:
    """The header and the table, as they are; name: of the file, for errors."""
    try:
        pe = _read(data)
    except (struct.error, UnicodeDecodeError):
        raise PeError(f"{name}: not an EFI program: its header is cut off or damaged") from None
    if pe is None:
        raise PeError(f"{name}: not an EFI program of 64 bits (PE32+)")
    return pe


def _read(data: bytes):
    start, = struct.unpack_from("<I", data, 0x3c)
    if data[:2] != b"MZ" or data[start:start + 4] != b"PE\0\0":
        return None
    machine, count, _, _, _, length = struct.unpack_from("<HHIIIH", data, start + 4)
    optional = start + 24
    magic, = struct.unpack_from("<H", data, optional)
    if magic != PE32_PLUS:
        return None
    base, alignment = struct.unpack_from("<QI", data, optional + 24)
    image, = struct.unpack_from("<I", data, optional + 56)
    subsystem, = struct.unpack_from("<H", data, optional + 68)
    directories, = struct.unpack_from("<I", data, optional + 108)
    signature = struct.unpack_from("<II", data, optional + 144) if directories > 4 else (0, 0)
    rows = [SECTION.unpack_from(data, optional + length + number * SECTION.size) for number in range(count)]
    sections = tuple(Section(row[0].rstrip(b"\0").decode("ascii"), *row[1:5]) for row in rows)
    return Pe(data, machine, base, alignment, image, subsystem, start + 8, optional + 64, optional + 70, any(signature),
              sections)


def check(pe: Pe, name: str) -> Pe:
    """What a firmware would not load, or would load as something else, is an error."""
    problem = _problem(pe)
    if problem:
        raise PeError(f"{name}: damaged: {problem}")
    return pe


def _problem(pe: Pe) -> str:
    if not pe.sections:
        return "it has no sections"
    if pe.alignment == 0 or pe.alignment & (pe.alignment - 1):
        return f"its sections are aligned to {pe.alignment} bytes"
    free, before = 0, "the header"
    for one in sorted(pe.sections, key=lambda one: one.address):
        if one.address < free:
            return f"section {one.name} lies on {before}"
        if one.offset + one.raw > len(pe.data):
            return f"section {one.name} ends behind the file"
        free, before = one.address + max(one.size, 1), one.name
    return f"section {before} ends behind the image" if free > pe.image else ""
