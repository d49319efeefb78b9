# SPDX-License-Identifier: Apache-2.0
"""Runs one command and says what it cost: time, memory of all its processes together, bytes read and written.

The command runs in a control group of its own, so that no process of it is missed. Memory is the largest sum, at one
time, of the high-water marks of the processes that were alive then. The group's own peak is kept beside it: it counts
the page cache too, and grows with whatever storage is touched.
"""

import contextlib
import dataclasses
import os
import statistics
import subprocess
import threading
import time
from pathlib import Path

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
PERIOD = 0.005      # seconds between two looks at the processes
PATIENCE = 1800     # seconds that a command may take


class Failed(Exception):
    """A command that ended with an error, did not end, or did something else than it should."""


@dataclasses.dataclass
class Sample:
    seconds: float
    memory: int             # bytes, summed high-water marks
    memory_and_cache: int   # bytes, the group's peak; 0 where the kernel keeps none
    read: int
    written: int


class Group:
    """A control group for one command, of either version."""

    def __init__(self):
        self.v1 = V1.is_dir()
        self.path = (V1 if self.v1 else V2) / f"keelboot-bench-{os.getpid()}"
        self.path.mkdir(exist_ok=True)

    def processes(self) -> list:
        return (self.path / "cgroup.procs").read_text().split()

    def peak(self) -> int:
        file = self.path / ("memory.max_usage_in_bytes" if self.v1 else "memory.peak")
        return int(file.read_text()) if file.exists() else 0

    def end(self) -> None:
        """What the command left behind ends, too: only what is in this group."""
        for _ in range(100):
            left = self.processes()
            if not left:
                break
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            time.sleep(0.02)
        self.path.rmdir()


def high_water(pid: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class Watch(threading.Thread):
    """Looks at the group's processes until it is told to stop."""

    def __init__(self, group: Group):
        super().__init__(daemon=True)
        self.group, self.most, self.over = group, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(PERIOD):
            self.most = max(self.most, sum(map(high_water, self.group.processes())))

    def stop(self) -> int:
        self.over.set()
        self.join()
        return self.most


def drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def sample(command: str, disk, log: Path, folder: Path) -> Sample:
    """One run, with a cold cache; the time ends when the disk has all of it. An error of the command is ours, too."""
    group = Group()
    watch = Watch(group)
    try:
        drop_caches()
        before = disk.traffic()
        watch.start()
        start = time.monotonic()
        with open(log, "w") as out:
            entered = f"echo $$ >{group.path}/cgroup.procs; exec sh -c \"$0\""
            done = subprocess.run(["sh", "-c", entered, command], cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, check=False, timeout=PATIENCE)
        disk.flush()
        seconds = time.monotonic() - start
        memory, cached = watch.stop(), group.peak()
        after = disk.traffic()
    except subprocess.TimeoutExpired as error:
        raise Failed(f"not done after {PATIENCE} s: {command}\n{log.read_text()[-2000:]}") from error
    finally:
        watch.over.set()
        group.end()
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode} of: {command}\n{log.read_text()[-2000:]}")
    return Sample(seconds, memory, cached, after[0] - before[0], after[1] - before[1])


def summary(samples: list) -> dict:
    """Median and spread of the times; of the other figures the median, too."""
    def median(field: str):
        return statistics.median(getattr(one, field) for one in samples)
    seconds = [one.seconds for one in samples]
    return {"seconds": round(median("seconds"), 4), "least": round(min(seconds), 4), "most": round(max(seconds), 4),
            "all_seconds": [round(value, 4) for value in seconds],
            **{field: int(median(field)) for field in ("memory", "memory_and_cache", "read", "written")}}
