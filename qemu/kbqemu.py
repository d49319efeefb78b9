# SPDX-License-Identifier: Apache-2.0
"""A QEMU that is newer than this system's, with devices that an older one lacks, such as eMMC: Debian 13's backports,
with all libraries that it wants, fetched with apt and unpacked below build/, never installed."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import kbapt
from kbtools import TREE

RELEASE, SUITE = "trixie", "trixie-backports"
PACKAGES = ("qemu-system-x86", "seabios", "qemu-system-arm", "libc6")
FOLDER = TREE / "build/qemu-newer"
PROGRAMS = ("qemu-system-x86_64", "qemu-system-arm", "qemu-system-aarch64")
# Its own C library, too: this system's may be older.
START = """#!/bin/sh
tree=%s
libs=$tree/usr/lib/x86_64-linux-gnu:$tree/lib/x86_64-linux-gnu
QEMU_MODULE_DIR=$tree/usr/lib/x86_64-linux-gnu/qemu exec \\
    $tree/usr/lib64/ld-linux-x86-64.so.2 --library-path "$libs" "$tree/usr/bin/%s" -L "$tree/usr/share/qemu" \\
    -L "$tree/usr/share/seabios" "$@"
"""


class QemuError(Exception):
    """Says why there is none."""


def _fetch(folder: Path) -> list:
    words = kbapt.options(folder / "apt", SUITE, "amd64")
    source = folder / "apt/source.list"
    source.write_text(source.read_text() + source.read_text().replace(SUITE, RELEASE))
    kbapt.run(["apt-get", *words, "-qq", "update"])
    done = kbapt.run(["apt-get", *words, "-qq", "-y", "--download-only", "-t", SUITE, "install", *PACKAGES])
    if done.returncode != 0:
        raise QemuError(f"cannot fetch QEMU of {SUITE}: {done.stderr.strip()[-300:]}")
    return sorted((folder / "apt/cache/archives").glob("*.deb"))


def _unpack(folder: Path) -> None:
    tree = folder / "tree"
    for link in ("lib", "lib64", "bin", "sbin"):
        (tree / "usr" / link).mkdir(parents=True)
        (tree / link).symlink_to(f"usr/{link}")
    for deb in _fetch(folder):
        subprocess.run(f"dpkg-deb --fsys-tarfile {deb} | tar -x --keep-directory-symlink -C {tree}", shell=True,
                       check=True)
        deb.unlink()
    for program in PROGRAMS:
        start = folder / "start.new"
        start.write_text(START % (tree, program))
        start.chmod(0o755)
        start.rename(folder / program)


def newer(program: str) -> str:
    """Where that one of PROGRAMS is. Whoever is first fetches them all, the others wait."""
    path = FOLDER / program
    FOLDER.parent.mkdir(exist_ok=True)
    with open(f"{FOLDER}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            shutil.rmtree(FOLDER, ignore_errors=True)
            (FOLDER / "apt").mkdir(parents=True)
            try:
                _unpack(FOLDER)
            except (kbapt.AptError, subprocess.CalledProcessError) as error:
                raise QemuError(str(error)) from error
    return str(path)
