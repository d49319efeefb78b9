# SPDX-License-Identifier: Apache-2.0
"""Runs one command and says what it cost: time, memory of all its processes together, bytes read and written.

The command runs in a control group of its own, so that no process of it is missed. Memory is the largest sum, at one
time, of the high-water marks of the processes that were alive then. The group's own peak is kept beside it: it counts
the page cache too, and grows with whatever storage is touched.
"""

import contextlib
import dataclasses
import os
import select
import statistics
import subprocess
import threading
import time
from pathlib import Path

from groups import Group

PERIOD = 0.005      # seconds between two looks at the processes
PATIENCE = 1800     # seconds that a command may take


class Failed(Exception):
    """A command that ended with an error, did not end, or did something else than it should."""


@dataclasses.dataclass
class Sample:
    seconds: float
    memory: int             # bytes, summed high-water marks
    memory_and_cache: int   # bytes, the group's peak; 0 where the kernel keeps none
    moved: dict             # {device: (bytes read, bytes written)}

    @property
    def read(self) -> int:
        return sum(got for got, _ in self.moved.values())

    @property
    def written(self) -> int:
        return sum(put for _, put in self.moved.values())


def high_water(pid: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def written_by(pid: str) -> int:
    """Bytes that it sent to storage, or to the page cache of one."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
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


def wait(process: subprocess.Popen, seconds: float) -> int:
    """Its exit status, as soon as it has ended: with a timeout, Python looks 20 times a second, which is seen in short
    runs."""
    pidfd = os.pidfd_open(process.pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    try:
        if not poll.poll(seconds * 1000):
            process.kill()
            raise subprocess.TimeoutExpired(process.args, seconds)
    finally:
        os.close(pidfd)
    return process.wait()


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
            with subprocess.Popen(["sh", "-c", entered, command], cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT) as process:
                status = wait(process, PATIENCE)
        disk.flush()
        seconds = time.monotonic() - start
        memory, cached = watch.stop(), group.peak()
        after = disk.traffic()
    except subprocess.TimeoutExpired as error:
        raise Failed(f"not done after {PATIENCE} s: {command}\n{log.read_text()[-2000:]}") from error
    finally:
        watch.over.set()
        group.end()
    if status != 0:
        raise Failed(f"exit {status} of: {command}\n{log.read_text()[-2000:]}")
    return Sample(seconds, memory, cached, {name: (after[name][0] - got, after[name][1] - put)
                                            for name, (got, put) in before.items()})


def cut(command: str, enough: int, log: Path, folder: Path) -> None:
    """Runs the command until its processes have written that many bytes, and ends all of them there, unasked."""
    group = Group()
    try:
        drop_caches()
        with open(log, "w") as out:
            entered = f"echo $$ >{group.path}/cgroup.procs; exec sh -c \"$0\""
            with subprocess.Popen(["sh", "-c", entered, command], cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT) as process:
                end = time.monotonic() + PATIENCE
                while (process.poll() is None and time.monotonic() < end
                       and sum(map(written_by, group.processes())) < enough):
                    time.sleep(0.0005)
                ended = process.poll() is not None
                group.kill()
    finally:
        group.end()
    drop_caches()
    if ended:
        raise Failed(f"ended before it was cut: {command}\n{log.read_text()[-2000:]}")


def summary(samples: list) -> dict:
    """Median and spread of the times; of the other figures the median, too."""
    def median(field: str):
        return statistics.median(getattr(one, field) for one in samples)
    seconds = [one.seconds for one in samples]
    moved = {name: [int(statistics.median(one.moved[name][way] for one in samples)) for way in (0, 1)]
             for name in samples[0].moved}
    return {"seconds": round(median("seconds"), 4), "least": round(min(seconds), 4), "most": round(max(seconds), 4),
            "all_seconds": [round(value, 4) for value in seconds],
            "moved": moved,
            **{field: int(median(field)) for field in ("memory", "memory_and_cache", "read", "written")}}


def to_first(rows: list) -> list:
    """With the ratio of each time to the first, which is ours; without a ratio where that was left out."""
    ours = rows[0].get("seconds") if rows and rows[0]["way"].lower().startswith("keelboot") else None
    return [{**each, "ratio": round(each["seconds"] / ours, 3)} if ours and "seconds" in each else each
            for each in rows]
