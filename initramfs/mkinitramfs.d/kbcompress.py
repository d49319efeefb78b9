# SPDX-License-Identifier: Apache-2.0
"""The compressions that the Linux kernel reads an initramfs in, and those that modules come in."""

import gzip
import lzma
import shutil
import subprocess
import zlib

PACKAGES = {"lz4": "lz4", "zstd": "zstd"}       # program: Debian's package
LEVELS = {"none": (0, 0, 0), "gzip": (1, 9, 9), "lz4": (1, 12, 12), "zstd": (1, 22, 19),
          "xz": (0, 9, 9)}
FORMATS = tuple(LEVELS)
# What the kernel allocates to unpack zstd or xz, in KiB. 8192 would save 0.1 %; 1024 costs 8 %, and
# 3 MiB less of memory (docs/decisions/0002).
WINDOW = 4096


class CompressError(Exception):
    """Says what is missing, and where to get it."""


def _filter(command: list, data: bytes, what: str) -> bytes:
    program = command[0]
    if not shutil.which(program):
        raise CompressError(f"{program}: program not found, needed {what}; it is in the package "
                            f"{PACKAGES[program]} (apt-get install {PACKAGES[program]})")
    result = subprocess.run(command, input=data, capture_output=True, check=False)
    if result.returncode != 0:
        raise CompressError(f"{' '.join(command)}: "
                            f"{result.stderr.decode(errors='replace').strip()}")
    return result.stdout


def window_log(data: bytes, window: int) -> int:
    """The largest power of two that is not above window KiB and of use for this data."""
    if not 128 <= window <= 65536:
        raise CompressError(f"--window {window}: expected 128 to 65536 KiB")
    return min(max((len(data) - 1).bit_length(), 17), (window * 1024).bit_length() - 1)


def compress(data: bytes, form: str, level=None, window: int = WINDOW) -> bytes:
    """`level` None: the default, which is the smallest that is still reasonably quick to make."""
    low, high, default = LEVELS[form]
    level = default if level is None else level
    if not low <= level <= high:
        raise CompressError(f"--level {level}: {form} has levels {low} to {high}")
    if form == "none":
        return data
    if form == "gzip":
        return gzip.compress(data, level, mtime=0)
    if form == "xz":
        # The kernel's decoder knows no check but CRC32.
        filters = [{"id": lzma.FILTER_LZMA2, "preset": level | lzma.PRESET_EXTREME,
                    "dict_size": 1 << window_log(data, window)}]
        return lzma.compress(data, check=lzma.CHECK_CRC32, filters=filters)
    if form == "lz4":
        # -l: the legacy frame, the only one that the kernel knows.
        return _filter(["lz4", "-l", f"-{level}", "-q", "-c", "-"], data, "to compress with lz4")
    # The kernel allocates the window beside the image, packed and unpacked.
    options = [f"-{level}", f"--zstd=wlog={window_log(data, window)}", "--no-check", "-T1"]
    extra = ["--ultra"] if level > 19 else []
    return _filter(["zstd", *extra, *options, "-q", "-c"], data, "to compress with zstd")


def decompress(data: bytes, name: str) -> bytes:
    """What is in a .gz, .xz or .zst file; other data as it is."""
    try:
        if name.endswith(".gz"):
            return gzip.decompress(data)
        if name.endswith(".xz"):
            return lzma.decompress(data)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise CompressError(f"{name}: damaged: {error}") from None
    if name.endswith(".zst"):
        return _filter(["zstd", "-dcq"], data, f"to unpack {name}")
    return data
