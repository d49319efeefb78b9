# SPDX-License-Identifier: Apache-2.0
"""The group of creates: how long it takes to make a delta on the build host, in how much memory, and how large it is.

The making of a delta has one cold run: it takes minutes. What it makes is what the other groups take. Whole bundles
are made as often as the installs, beside zstd, in turn.
"""

import shlex
import statistics
from pathlib import Path

import measure
from sizes import Unmounted, bsdiff_line, cached
from storage import commands_of, without_folders
from workloads import PLAIN
from ways import KEELBOOT, PACKED, delta_line, install_line, missing, patch_line, xdelta_line

BY_FILES = "bsdiff, file by file"


class NoDisk:
    """In the place of a device's storage: nothing is counted, and what is written is the page cache's."""

    @staticmethod
    def traffic() -> dict:
        return {}

    @staticmethod
    def flush() -> None:
        pass


def lines(workload, out: Path, place) -> list:
    """(way, its command line, the suffix by which installs know what it makes)"""
    ways = [("keelboot, delta", delta_line(workload, out, place, False), "delta.keel"),
            ("xdelta3 -9", xdelta_line(workload, out), "xdelta"),
            ("zstd --patch-from -19", patch_line(workload, out), "patch")]
    if workload.name in PACKED:
        ways.insert(1, ("keelboot, delta remade", delta_line(workload, out, place, True), "remade.keel"))
    return [way for way in ways if way[2] != "patch" or workload.name not in PLAIN]


def whole_lines(workload, out: Path, place) -> list:
    """Both with as many threads as there are processors."""
    ours = [KEELBOOT, "bundle", "create", "-o", out, "--compatible", "bench", "--version", "2.0", "--sequence", 2,
            "--level", 9, "--image", f"root={workload.new}", "--key", place.keys / "k.key"]
    return [("keelboot, whole image, level 9", ours),
            ("zstd -9", ["zstd", "-qq", "-9", "-T0", workload.new, "-o", out]),
            ("zstd -9 --long", ["zstd", "-qq", "-9", "--long", "-T0", workload.new, "-o", out])]


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
    return row(workload, way, command=without_folders(line), seconds=round(taken.seconds, 4), memory=taken.memory,
               memory_and_cache=taken.memory_and_cache, bytes=out.stat().st_size)


def by_files(workload, out: Path, folder: Path) -> dict:
    """Of bsdiff, which runs once for each file: of all of them, and of zstd, which packs the patches."""
    if missing(("bsdiff",)):
        return row(workload, BY_FILES, not_measured="not installed: " + install_line(missing(("bsdiff",))))
    with bsdiff_line(workload, out, folder) as line:
        taken = one(workload, BY_FILES, line, out, folder)
    shown = {"command": "bsdiff OLD NEW PATCH, for each file that differs; tar -c PATCHES | zstd -19 -T0 --long"}
    return {**taken, **shown} if "command" in taken else taken


def in_turn(workload, out: Path, place, folder: Path, runs: int) -> list:
    """The whole image: median, and spread, of each."""
    taken = {}
    for _ in range(runs):
        for way, line in whole_lines(workload, out, place):
            out.unlink(missing_ok=True)
            taken.setdefault(way, []).append(one(workload, way, line, out, folder))
    return measure.to_first([{**middle(rows), "title": "the whole image"} for rows in taken.values()])


def middle(rows: list) -> dict:
    """One row of several of a way; of a failure, its own."""
    seconds = [each.get("seconds") for each in rows]
    if None in seconds:
        return rows[seconds.index(None)]
    return {**rows[0], "seconds": statistics.median(seconds), "least": min(seconds), "most": max(seconds),
            **{name: int(statistics.median(each[name] for each in rows)) for name in ("memory", "memory_and_cache")}}


def keep(out: Path, artifact: Path, command: str) -> None:
    """For the groups behind this one."""
    out.replace(artifact)
    commands_of(artifact).write_text(command)


def measured(workload, folder: Path, runs: int) -> list:
    made, place, cache = folder / "creates", Unmounted(folder), folder / "artifacts"
    for path in (made, cache):
        path.mkdir(exist_ok=True)
    out, rows = made / "out", []
    for way, line, suffix in lines(workload, out, place):
        out.unlink(missing_ok=True)
        rows.append(one(workload, way, line, out, made))
        if "seconds" in rows[-1]:
            keep(out, cache / f"{workload.name}.{suffix}", rows[-1]["command"])
    out.unlink(missing_ok=True)
    if workload.name not in PLAIN:
        rows.append(by_files(workload, out, folder))
        if out.exists():
            keep(out, cached(folder, workload, BY_FILES), rows[-1].get("command", ""))
    rows = measure.to_first(rows)
    if workload.name == "rebuilt":
        rows += in_turn(workload, out, place, made, runs)
    out.unlink(missing_ok=True)
    return rows
