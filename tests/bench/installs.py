# SPDX-License-Identifier: Apache-2.0
"""The group of installs: each way on each workload, in turn, so that a busy minute hits all of them.

Before each run slot b gets what the workload says, and slot a the image that runs. After each run slot b must hold
the image: a way that leaves something else fails.
"""

import shutil
from pathlib import Path

import measure
from storage import MIB, Disk, run
from ways import WAYS, Place, install_line, make_old_keel, missing

ROOM = 64 * MIB     # of a slot, beyond its image


def row(group: str, workload, way_name: str, storage: str, **more) -> dict:
    return {"group": group, "workload": workload.name, "title": workload.title, "way": way_name, "storage": storage,
            **more}


def artifact_of(way, workload, place: Place, cache: Path) -> Path:
    out = cache / f"{workload.name}.{way.suffix}"
    if not out.exists():
        new = cache / f"new-{workload.name}.{way.suffix}"
        new.unlink(missing_ok=True)
        way.make(workload, new, place)
        new.rename(out)
    return out


def wanted(workload, only: tuple) -> list:
    """The ways for this workload: deltas where there is an old image."""
    return [way for way in WAYS if (not way.delta or workload.old) and (not only or way.name in only)
            and (not way.only or workload.name in way.only)]


def old_bundle(workload, place: Place) -> Path:
    out = place.folder.parent / "artifacts" / f"{workload.name}.old.keel"
    if not out.exists():
        new = out.with_name(f"new-{out.name}")
        new.unlink(missing_ok=True)
        make_old_keel(workload, new, place)
        new.rename(out)
    return out


def prepare(workload, place: Place, artifact: Path, way) -> Path:
    """The device before the run; the artifact on its medium."""
    disk = place.disk
    for path in disk.medium.iterdir():
        if path.name != "lost+found":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if way.delta:
        run("cp", "--sparse=always", workload.old, disk.medium / "old.img")
    disk.fill("b", workload.before)
    place.new_state(old_bundle(workload, place) if way.delta and way.ours else None)
    on_medium = disk.medium / f"release.{way.suffix}"
    run("cp", "--sparse=never", artifact, on_medium)
    return on_medium


def one_run(workload, place: Place, way, artifact: Path, storage: str) -> tuple:
    """(sample, the command line as people read it)."""
    place.disk.set_speed("fast")
    command = way.command(place, prepare(workload, place, artifact, way), workload)
    place.disk.set_speed(storage)
    try:
        taken = measure.sample(command, place.disk, place.folder / "log", place.folder)
    finally:
        place.disk.set_speed("fast")
    measure.drop_caches()
    if not place.disk.holds("b", workload.new):
        raise measure.Failed(f"slot b does not hold the image of {workload.name}\n"
                             + (place.folder / "log").read_text()[-2000:])
    return taken, place.shown(command)


def series(workload, place: Place, ways: list, artifacts: dict, storage: str, runs: int) -> list:
    """The rows. A way that fails once is not run again, and its row says how it failed."""
    samples, commands, failed = {way.name: [] for way in ways}, {}, {}
    if workload.old:
        place.disk.fill("a", workload.old)
    for way in ways * runs:
        if way.name in failed:
            continue
        try:
            taken, commands[way.name] = one_run(workload, place, way, artifacts[way.name], storage)
            samples[way.name].append(taken)
        except measure.Failed as error:
            failed[way.name] = place.shown(f"failed: {error}")
    figures = {way.name: measure.summary(samples[way.name]) for way in ways if way.name not in failed}
    ours = figures.get(ways[0].name)
    rows = []
    for way in ways:
        if way.name in failed:
            rows.append(row("installs", workload, way.name, storage, not_measured=failed[way.name]))
            continue
        ratio = {"ratio": round(figures[way.name]["seconds"] / ours["seconds"], 3)} if ours else {}
        rows.append(row("installs", workload, way.name, storage, command=commands[way.name], runs=runs,
                        image=workload.new.stat().st_size, artifact=artifacts[way.name].stat().st_size,
                        **figures[way.name], **ratio))
    return rows


def measured(workload, folder: Path, storage: str, runs: int, only: tuple = ()) -> list:
    """All rows of one workload on one storage; a way whose programs are not there is a row that says so."""
    ways = wanted(workload, only)
    absent = [way for way in ways if missing(way.programs)]
    ways = [way for way in ways if way not in absent]
    cache, there = folder / "artifacts", folder / "device"
    for path in (cache, there):
        path.mkdir(exist_ok=True)
    slot = max(image.stat().st_size for image in (workload.new, workload.before, workload.old) if image) + ROOM
    with Disk(there, slot, 4 * slot) as disk:
        place = Place(there, disk)
        artifacts = {way.name: artifact_of(way, workload, place, cache) for way in ways}
        rows = series(workload, place, ways, artifacts, storage, runs)
    return rows + [row("installs", workload, way.name, storage, not_measured="not installed: "
                       + install_line(missing(way.programs))) for way in absent]
