# SPDX-License-Identifier: Apache-2.0
"""Disk images of others, raw or qcow2, by qemu-img: overlays, and bytes out of them. Nothing here writes to what it is
given."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from kbusage import remedy

QCOW2 = b"QFI\xfb"
MIB = 1 << 20
SECTOR = 512


class ImageError(Exception):
    """Says which image cannot be used, and why."""


def qemu_img(*words) -> str:
    if not shutil.which("qemu-img"):
        raise ImageError(f"qemu-img: not found; {remedy('run')} (Debian: qemu-utils)")
    done = subprocess.run(["qemu-img", *map(str, words)], text=True, errors="replace", capture_output=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"qemu-img {words[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def format_of(image) -> str:
    """raw or qcow2, by its first bytes."""
    try:
        with open(image, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise ImageError(f"{image}: {error.strerror}") from None
    if not head:
        raise ImageError(f"{image}: empty")
    return "qcow2" if head == QCOW2 else "raw"


def size_of(image) -> int:
    """Bytes of the disk that the image is."""
    return json.loads(qemu_img("info", "-U", "--output=json", "-f", format_of(image), image))["virtual-size"]


def overlay(base, path) -> Path:
    """A disk that reads as `base` does and takes writes; `base` stays as it is."""
    base = Path(base).resolve()
    qemu_img("create", "-q", "-f", "qcow2", "-F", format_of(base), "-b", base, path)
    return Path(path)


def _options(image, offset: int, size: int, form: str) -> str:
    """What names bytes of the disk to qemu-img."""
    name = str(image).replace(",", ",,")
    return f"driver=raw,offset={offset},size={size},file.driver={form},file.file.driver=file,file.file.filename={name}"


def read_range(image, offset: int, size: int, out) -> Path:
    """Bytes of the disk into a file, holes left as holes; also while a machine runs from it."""
    Path(out).unlink(missing_ok=True)
    qemu_img("convert", "-U", "-O", "raw", "--image-opts", _options(image, offset, size, format_of(image)), out)
    return Path(out)


class Reader:
    """The disk that an image is, to be read as a file; `folder` is for what it fetches."""

    def __init__(self, image, folder):
        self.size, self._image, self._piece, self._at = size_of(image), image, Path(folder) / "piece", 0
        self._head = self._fetch(0, MIB)        # where most of what is asked for lies

    def _fetch(self, first: int, end: int) -> bytes:
        end = min(end, self.size // SECTOR * SECTOR)
        return read_range(self._image, first, end - first, self._piece).read_bytes() if first < end else b""

    def seek(self, offset: int) -> None:
        self._at = offset

    def read(self, count: int) -> bytes:
        first, end = self._at // SECTOR * SECTOR, -(-(self._at + count) // SECTOR) * SECTOR
        data = self._head[first:end] if end <= MIB else self._fetch(first, end)
        return data[self._at - first:][:count]


def write_range(image, offset: int, source) -> None:
    """Puts the bytes of a file into an overlay that no machine uses now."""
    qemu_img("convert", "-n", "-f", "raw", "--target-image-opts", source,
             _options(image, offset, os.stat(source).st_size, format_of(image)))
