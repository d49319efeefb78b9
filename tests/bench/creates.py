# SPDX-License-Identifier: Apache-2.0
"""The group of creates: how long it takes to make a delta on the build host, in how much memory, and how large it is.

Each command has one cold run: what it makes is what the other groups take, and it takes minutes.
"""

import shlex
import time
from pathlib import Path

import measure
from sizes import Unmounted, bsdiff
from ways import PACKED, delta_line, install_line, missing, patch_line, xdelta_line


class NoDisk:
    """In the place of a device's storage: nothing is counted, and what is written is the page cache's."""

    @staticmethod
    def traffic() -> tuple:
        return 0, 0

    @staticmethod
    def flush() -> None:
        pass


def lines(workload, out: Path, place) -> list:
    """(way, its command line)"""
    ways = [("keelboot, delta", delta_line(workload, out, place, False)),
            ("xdelta3 -9", xdelta_line(workload, out)),
            ("zstd --patch-from -19", patch_line(workload, out))]
    if workload.name in PACKED:
        ways.insert(1, ("keelboot, delta remade", delta_line(workload, out, place, True)))
    return ways


def row(workload, way: str, **more) -> dict:
    return {"group": "creates", "workload": workload.name, "title": workload.title, "way": way, **more}


def one(workload, way: str, line: list, out: Path, folder: Path) -> dict:
    absent = missing((line[0],)) if isinstance(line[0], str) else []
    if absent:
        return row(workload, way, not_measured="not installed: " + install_line(absent))
    try:
        taken = measure.sample(shlex.join(map(str, line)), NoDisk, folder / "log", folder)
    except measure.Failed as error:
        return row(workload, way, not_measured=f"failed: {str(error)[:500]}")
    shown = " ".join(Path(word).name if str(word).startswith("/") else str(word) for word in line)
    return row(workload, way, command=shown, seconds=round(taken.seconds, 4), memory=taken.memory,
               memory_and_cache=taken.memory_and_cache, bytes=out.stat().st_size)


def by_files(workload, out: Path, folder: Path) -> dict:
    """Of bsdiff, which runs once for each file: the time of all, and no memory."""
    way = "bsdiff, file by file"
    if missing(("bsdiff",)):
        return row(workload, way, not_measured="not installed: " + install_line(missing(("bsdiff",))))
    measure.drop_caches()
    start = time.monotonic()
    bsdiff(workload, out, folder)
    return row(workload, way, seconds=round(time.monotonic() - start, 4), bytes=out.stat().st_size)


def measured(workload, folder: Path) -> list:
    made, place = folder / "creates", Unmounted(folder)
    made.mkdir(exist_ok=True)
    out = made / "out"
    rows = []
    for way, line in lines(workload, out, place):
        out.unlink(missing_ok=True)
        rows.append(one(workload, way, line, out, made))
    out.unlink(missing_ok=True)
    rows.append(by_files(workload, out, folder))
    out.unlink(missing_ok=True)
    ours = rows[0].get("seconds")
    return [{**each, "ratio": round(each["seconds"] / ours, 3)} if ours and "seconds" in each else each
            for each in rows]
