# SPDX-License-Identifier: Apache-2.0
"""Control groups of either version: one for the command that is measured, and what makes storage slow.

Of version 1 blkio limits a device in the root group, where the page cache is written back. Of version 2 the root has
no limits, and pages are written back in the group of whoever made them. So one group is above the bench and all that
it starts, and has the limits: `bench` below it has this process, `run` the command.
"""

import atexit
import contextlib
import os
import time
from pathlib import Path

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
BLKIO = Path("/sys/fs/cgroup/blkio")
WANTED = ("memory", "io")       # without the first, pages of a file belong to no group


def name() -> str:
    return f"keelboot-bench-{os.getpid()}"


def controllers() -> list:
    """Of version 2, those that we use: both, or what the kernel has of them."""
    file = V2 / "cgroup.controllers"
    there = file.read_text().split() if file.exists() else []
    return [one for one in WANTED if one in there]


def above() -> Path:
    """Version 2: the group above this process, made when it is first asked for."""
    top = V2 / name()
    if not top.exists():
        enabled = " ".join(f"+{one}" for one in controllers())
        (V2 / "cgroup.subtree_control").write_text(enabled)
        (top / "bench").mkdir(parents=True)
        atexit.register(leave, top, (V2 / Path("/proc/self/cgroup").read_text().strip()[len("0::/"):]))
        (top / "bench/cgroup.procs").write_text(str(os.getpid()))
        (top / "cgroup.subtree_control").write_text(enabled)    # a group with processes cannot
    return top


def why_not() -> str:
    """Why there is no group above this process, as in a container; empty where there is."""
    try:
        above()
    except OSError as error:
        return f"control groups version 2 cannot be used here: {error}"
    return ""


def leave(top: Path, before: Path) -> None:
    (before / "cgroup.procs").write_text(str(os.getpid()))
    (top / "bench").rmdir()
    top.rmdir()


class Group:
    """A control group for one command, of either version."""

    def __init__(self):
        self.v1 = V1.is_dir()
        self.path = V1 / name() if self.v1 else V2 / f"{name()}-run" if why_not() else above() / "run"
        self.path.mkdir(exist_ok=True)

    def processes(self) -> list:
        return (self.path / "cgroup.procs").read_text().split()

    def peak(self) -> int:
        file = self.path / ("memory.max_usage_in_bytes" if self.v1 else "memory.peak")
        return int(file.read_text()) if file.exists() else 0

    def kill(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)

    def end(self) -> None:
        """What the command left behind ends, too: only what is in this group."""
        for _ in range(100):
            if not self.processes():
                break
            self.kill()
            time.sleep(0.02)
        self.path.rmdir()


def cannot_limit() -> str:
    """Why no device can be made slow here; empty where it can."""
    if (BLKIO / "blkio.throttle.write_bps_device").exists():
        return ""
    if controllers() != [*WANTED]:
        return "this kernel has no blkio of control groups version 1, nor memory and io of version 2: boot another"
    return why_not() or ("" if (above() / "io.max").exists() else
                         "no io.max in control groups version 2: boot a kernel with CONFIG_BLK_DEV_THROTTLING")


def limit(number: str, read: int, write: int) -> None:
    """Bytes per second of the device with that number; 0: no limit."""
    if BLKIO.is_dir():
        (BLKIO / "blkio.throttle.read_bps_device").write_text(f"{number} {read}\n")
        (BLKIO / "blkio.throttle.write_bps_device").write_text(f"{number} {write}\n")
    else:
        (above() / "io.max").write_text(f"{number} rbps={read or 'max'} wbps={write or 'max'}\n")
