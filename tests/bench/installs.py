# SPDX-License-Identifier: Apache-2.0
"""The group of installs: each way on each workload, in turn, so that a busy minute hits all of them.

Before each run slot b gets what the workload says, and slot a the image that runs. After each run slot b must hold
the image: a way that leaves something else fails.
"""

import shutil
import statistics
from pathlib import Path

import limits
import measure
from storage import MIB, Disk, made_once, run
from ways import WAYS, Place, install_line, make_old_keel, missing

ROOM = 64 * MIB     # of a slot, beyond its image


def row(group: str, workload, way_name: str, storage: str, **more) -> dict:
    return {"group": group, "workload": workload.name, "title": workload.title, "way": way_name, "storage": storage,
            **more}


def artifact_of(way, workload, place: Place, cache: Path) -> Path:
    return made_once(cache / f"{workload.name}.{way.suffix}", lambda out: way.make(workload, out, place))


def wanted(workload, only: tuple | None) -> list:
    """The ways for this workload, of these (None: of all): deltas where there is an old image."""
    return [way for way in WAYS if (not way.delta or workload.old) and (only is None or way.name in only)
            and (not way.only or workload.name in way.only)]


def old_bundle(workload, place: Place) -> Path:
    return made_once(place.folder.parent / "artifacts" / f"{workload.name}.old.keel",
                     lambda out: make_old_keel(workload, out, place))


def prepare(workload, place: Place, artifact: Path, way) -> Path:
    """The device before the run; the artifact on its medium."""
    disk = place.disk
    for path in disk.medium.iterdir():
        if path.name != "lost+found":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if way.base_file:
        run("cp", "--sparse=always", workload.old, disk.medium / "old.img")
    disk.fill("b", workload.before)
    place.new_state(old_bundle(workload, place) if way.delta and way.ours else None)
    on_medium = disk.medium / f"release.{way.suffix}"
    run("cp", "--sparse=never", artifact, on_medium)
    return on_medium


def cut_at_half(workload, place: Place, command: str, differs: int) -> float:
    """Installs until half of what differs is written, and returns what part was. What the page cache has counts: the
    kernel brings it to the slot, for a process was ended, and no power was cut. The end comes a little late."""
    before = place.disk.traffic()["b"][1]
    measure.cut(command, differs * 47 // 100, place.folder / "log", place.folder)
    part = (place.disk.traffic()["b"][1] - before) / differs
    if not 0.4 <= part <= 0.55:
        raise measure.Failed(f"{workload.name}: was to be cut at a half, and was at {part:.2f}")
    return part


def one_run(workload, place: Place, way, artifact: Path, storage: str, differs: int) -> tuple:
    """(sample, the command line as people read it, what part was written before)."""
    place.disk.set_speed("fast")
    command = way.command(place, prepare(workload, place, artifact, way), workload)
    before = cut_at_half(workload, place, command, differs) if way.cut else 0
    place.disk.set_speed(storage)
    try:
        taken = measure.sample(command, place.disk, place.folder / "log", place.folder)
    finally:
        place.disk.set_speed("fast")
    if not place.disk.holds("b", workload.new):
        raise measure.Failed(f"slot b does not hold the image of {workload.name}\n"
                             + (place.folder / "log").read_text()[-2000:])
    return taken, place.shown(command), before


class Series:
    """All ways of one workload on one storage, in turn. A way that fails once is not run again."""

    def __init__(self, workload, place: Place, artifacts: dict, storage: str):
        self.workload, self.place, self.artifacts, self.storage = workload, place, artifacts, storage
        self.differs = limits.differing(workload.before, workload.new)
        self.samples, self.commands, self.failed, self.probes, self.cuts = {}, {}, {}, [], []

    def turn(self, ways: list) -> None:
        if self.storage == "fast":
            self.probes.append(limits.probe(self.place.b, self.workload.new))
        for way in ways:
            if way.name in self.failed:
                continue
            try:
                taken, self.commands[way.name], before = one_run(
                    self.workload, self.place, way, self.artifacts[way.name], self.storage, self.differs)
                self.samples.setdefault(way.name, []).append(taken)
                self.cuts += [round(before, 2)] if way.cut else []
            except measure.Failed as error:
                self.failed[way.name] = self.place.shown(f"failed: {error}")

    def row(self, way) -> dict:
        """One without a time says how the way failed."""
        if way.name in self.failed:
            return row("installs", self.workload, way.name, self.storage, not_measured=self.failed[way.name])
        figures = measure.summary(self.samples[way.name])
        rates = tuple(map(statistics.median, zip(*self.probes))) if self.probes else None
        return row("installs", self.workload, way.name, self.storage, command=self.commands[way.name],
                   runs=len(self.samples[way.name]), image=self.workload.new.stat().st_size,
                   artifact=self.artifacts[way.name].stat().st_size, differing=self.differs, **figures,
                   from_medium=figures["moved"]["medium"][0],
                   to_slot=max(one.moved["b"][1] for one in self.samples[way.name]),
                   **({"cut_at": self.cuts} if way.cut else {}),
                   **limits.figures(figures["moved"], figures["seconds"], self.storage, rates))


def series(workload, place: Place, ways: list, artifacts: dict, storage: str, runs: int) -> list:
    """The rows; the ratio of each to the first."""
    if workload.old:
        place.disk.fill("a", workload.old)
    taken = Series(workload, place, artifacts, storage)
    for _ in range(runs):
        taken.turn(ways)
    return measure.to_first([taken.row(way) for way in ways])


def unmeasured(workload, storage: str, only: tuple, why: str) -> list:
    return [row("installs", workload, way.name, storage, not_measured=why) for way in wanted(workload, only)]


def measured(workload, folder: Path, storage: str, runs: int, only: tuple | None = None) -> list:
    """All rows of one workload on one storage; a way whose programs are not there is a row that says so."""
    ways = wanted(workload, only)
    if not ways:
        return []
    absent = [way for way in ways if missing(way.programs)]
    ways = [way for way in ways if way not in absent]
    cache, there = folder / "artifacts", folder / "device"
    for path in (cache, there):
        path.mkdir(exist_ok=True)
    slot = max(image.stat().st_size for image in (workload.new, workload.before, workload.old) if image) + ROOM
    # On the medium: the artifact, and what SWUpdate and casync make of it; with a delta also the old image.
    with Disk(there, slot, (4 if workload.old else 2) * slot) as disk:
        place = Place(there, disk)
        artifacts = {way.name: artifact_of(way, workload, place, cache) for way in ways}
        rows = series(workload, place, ways, artifacts, storage, runs)
    return rows + [row("installs", workload, way.name, storage, not_measured="not installed: "
                       + install_line(missing(way.programs))) for way in absent]
