# SPDX-License-Identifier: Apache-2.0
"""The storage of a device, made of loop devices: slots a and b, the state, and a file system for what is installed.

A throttle is the kernel's, of control groups, for each loop device. It is lifted while the storage is prepared.
"""

import contextlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import groups

MB = 10 ** 6
MIB = 1 << 20
# Megabytes per second that are read, and written.
SPEEDS = {"fast": None, "eMMC": (100, 30), "SD card": (20, 10)}


NOTED = []      # command lines, while an artifact is made


def run(*command, **options) -> subprocess.CompletedProcess:
    NOTED.append(without_folders(command))
    return subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, **options)


def without_folders(command) -> str:
    """A command line for people: without the folders of this machine."""
    return shlex.join(re.sub(r"/[^\s=,:]*/", "", str(word)) for word in command)


def commands_of(artifact: Path) -> Path:
    """The file with the commands that made it."""
    return artifact.with_name(f"{artifact.name}.commands")


def made_once(out: Path, make: Callable) -> Path:
    """What make(path) writes, unless it is there."""
    if not out.exists():
        new = out.with_name(f"new-{out.name}")
        new.unlink(missing_ok=True)
        NOTED.clear()
        make(new)
        commands_of(out).write_text("; ".join(NOTED).replace(new.name, out.name))
        new.rename(out)
    return out


class Disk:
    """Use it with `with`: at the end nothing of it is left."""

    def __init__(self, folder: Path, slot_bytes: int, medium_bytes: int):
        self.folder, self.loops, self.stack = folder, {}, contextlib.ExitStack()
        self.sizes = {"a": slot_bytes, "b": slot_bytes, "state": 16 * MIB, "medium": medium_bytes}
        self.medium = folder / "medium"

    def __enter__(self):
        try:
            for name, size in self.sizes.items():
                self.attach(name, size)
            # All of it now: the kernel would write the rest while others are measured.
            run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=0",
                self.loops["medium"])
            self.medium.mkdir(exist_ok=True)
            run("mount", "-o", "noatime", self.loops["medium"], self.medium)
            self.stack.callback(run, "umount", "-l", self.medium)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_error):
        self.set_speed("fast")
        self.stack.close()

    def attach(self, name: str, size: int) -> None:
        path = self.folder / f"{name}.disk"
        path.unlink(missing_ok=True)
        run("fallocate", "-l", size, path)
        self.stack.callback(path.unlink, missing_ok=True)
        self.loops[name] = run("losetup", "-f", "--show", path, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.stack.callback(run, "losetup", "-d", self.loops[name])

    def set_speed(self, name: str) -> None:
        """As its caller needs it: `fast` is no limit."""
        if groups.cannot_limit():
            return
        read, write = SPEEDS[name] or (0, 0)
        for loop in self.loops.values():
            groups.limit(Path(f"/sys/class/block/{Path(loop).name}/dev").read_text().strip(), read * MB, write * MB)

    def traffic(self) -> dict:
        """{device: (bytes read, bytes written)}, so far."""
        fields = {name: Path(f"/sys/class/block/{Path(loop).name}/stat").read_text().split()
                  for name, loop in self.loops.items()}
        return {name: (int(each[2]) * 512, int(each[6]) * 512) for name, each in fields.items()}

    def flush(self) -> None:
        for name in ("b", "state"):
            fd = os.open(self.loops[name], os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)

    def fill(self, slot: str, image: Path | None) -> None:
        """With an image, and zeroes behind it; or with zeroes."""
        loop, size = self.loops[slot], image.stat().st_size if image else 0
        run("blkdiscard", "-z", "-f", "-o", size, loop, stderr=subprocess.DEVNULL)
        if image is not None:
            run("dd", f"if={image}", f"of={loop}", "bs=1M", "conv=fsync", stderr=subprocess.DEVNULL)

    def holds(self, slot: str, image: Path) -> bool:
        """The device itself, and not what the page cache has of it."""
        run("blockdev", "--flushbufs", self.loops[slot])
        return subprocess.run(["cmp", "-s", "-n", str(image.stat().st_size), image, self.loops[slot]],
                              check=False).returncode == 0
