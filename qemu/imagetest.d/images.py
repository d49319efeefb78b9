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


def read_range(image, offset: int, size: int, out) -> Path:
    """Bytes of the disk into a file, holes left as holes; also while a machine runs from it."""
    Path(out).unlink(missing_ok=True)
    name = str(image).replace(",", ",,")
    qemu_img("convert", "-U", "-O", "raw", "--image-opts",
             f"driver=raw,offset={offset},size={size},file.driver={format_of(image)},file.file.driver=file,"
             f"file.file.filename={name}", out)
    return Path(out)


def table_of(image, out) -> Path:
    """A sparse file that has the size of the disk and its first MiB: enough to read a partition table from."""
    size = size_of(image)
    read_range(image, 0, min(size // 512 * 512, MIB), out)
    os.truncate(out, size)
    return Path(out)


def write_range(image, offset: int, source) -> None:
    """Puts the bytes of a file into an overlay that no machine uses now."""
    if not shutil.which("qemu-io"):
        raise ImageError(f"qemu-io: not found; {remedy('run')} (Debian: qemu-utils)")
    length = os.stat(source).st_size
    done = subprocess.run(["qemu-io", "-f", format_of(image), "-c", f"write -q -s {source} {offset} {length}",
                           str(image)], text=True, capture_output=True, check=False)
    if done.returncode != 0 or "rror" in done.stdout + done.stderr:
        raise ImageError(f"{image}: unable to write: {(done.stderr or done.stdout).strip()[-500:]}")
