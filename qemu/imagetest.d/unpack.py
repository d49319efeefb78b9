# SPDX-License-Identifier: Apache-2.0
"""What is in an initramfs: its archives, packed or not, one behind the other, as the kernel reads them."""

import bz2
import lzma
import shutil
import stat
import subprocess
import zlib
from pathlib import Path

HEAD = 110      # bytes of a newc header
LIMIT = 2 << 30
READERS = ((b"\x1f\x8b", lambda: zlib.decompressobj(16 + zlib.MAX_WBITS)), (b"\xfd7zXZ\0", lzma.LZMADecompressor),
           (b"BZh", bz2.BZ2Decompressor), (b"\x5d\0\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE)))
PROGRAMS = ((b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]), (b"\x02\x21\x4c\x18", ["lz4", "-dcq"]),
            (b"\x89LZO", ["lzop", "-dcq"]))


class UnpackError(Exception):
    """Says why the archive cannot be read."""


def _expand(data: bytes) -> tuple:
    """What the packed archive at the beginning of data holds, and what stands behind it; behind those that a program
    reads it is lost."""
    for magic, make in READERS:
        if data.startswith(magic):
            reader = make()
            try:
                unpacked = reader.decompress(data, LIMIT)
            except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
                raise UnpackError(f"damaged: {error}") from None
            if not reader.eof:
                raise UnpackError("damaged: it is cut off, or too large")
            return unpacked, reader.unused_data
    for magic, command in PROGRAMS:
        if data.startswith(magic):
            if not shutil.which(command[0]):
                raise UnpackError(f"{command[0]}: not found, needed to read it; install the package that has it")
            done = subprocess.run(command, input=data, capture_output=True, check=False)
            if done.stdout:     # padding behind the archive makes some of them complain at the end
                return done.stdout, b""
            raise UnpackError(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-200:]}")
    raise UnpackError(f"not an initramfs: begins with {data[:6].hex()}")


def _pad(number: int) -> int:
    return -number % 4


def _entries(data: bytes, found: dict) -> int:
    """Adds the files of the archive at the beginning of data; where it ends."""
    at = 0
    while data[at:at + 5] == b"07070":
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i] or b"0", 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + HEAD:at + HEAD + name_size - 1].decode(errors="replace")
        start = at + HEAD + name_size + _pad(HEAD + name_size)
        at = start + size + _pad(size)
        if at > len(data) + 3:
            raise UnpackError("damaged: ends in the middle of a file")
        if name == "TRAILER!!!":
            break
        if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            found[name.removeprefix("./").lstrip("/")] = data[start:start + size]
    return at


def unpack(path) -> dict:
    """{path: bytes} of the files of an initramfs; of a symbolic link its target. UnpackError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnpackError(error.strerror) from None
    found = {}
    while data:
        data = data.lstrip(b"\0")
        if not data:
            break
        packed = data[:5] != b"07070"
        data, behind = _expand(data) if packed else (data, b"")
        try:
            end = _entries(data, found)
        except ValueError:
            raise UnpackError("damaged: a header that is no header") from None
        if end == 0:
            raise UnpackError("not an initramfs: no cpio archive in it")
        data = behind if packed else data[end:]
    if not found:
        raise UnpackError("not an initramfs: no file in it")
    return found


def append(initramfs, extra: bytes, out) -> Path:
    """A copy of an initramfs with one more archive behind it; the kernel unpacks both. Of lz4, only four zeros end the
    first: else the kernel takes what follows for the length of a piece."""
    data = Path(initramfs).read_bytes()
    Path(out).write_bytes(data + bytes(_pad(len(data)) + 4) + extra)
    return Path(out)
