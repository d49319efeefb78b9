# SPDX-License-Identifier: Apache-2.0
"""Stages a bundle on the data partition of a disk that no machine uses now, by `keelboot stage` itself."""

import os
import shutil
from pathlib import Path

import images
import kbtools
from releases import ReleaseError, debugfs, is_ext4

NEEDS_RECOVERY = 4


class StageError(Exception):
    """Why nothing was staged; the disk is as it was."""


def _is_clean(image) -> bool:
    """Whether an ext4 file system needs no recovery of its journal."""
    with open(image, "rb") as file:
        file.seek(1024 + 96)
        return not int.from_bytes(file.read(4), "little") & NEEDS_RECOVERY


def _staged(run, bundle: Path, state: Path) -> tuple:
    """(the folder that stands for the data partition, path of the file in it); the state names it."""
    root, data = run.folder / "stage-conf", run.folder / "stage-data"
    (root / "etc/keelboot/keys").mkdir(parents=True, exist_ok=True)
    data.mkdir(exist_ok=True)
    conf = run.subject.conf
    lines = ["[system]", f"compatible={run.lab.releases.compatible}", "[source.data]", f"mount={data}"]
    if folder := conf.get(("source.data", "stage")):
        lines.append(f"stage={folder}")
    (root / "etc/keelboot/system.conf").write_text("\n".join(lines) + "\n")
    for name, text in run.lab.public_keys.items():
        (root / "etc/keelboot/keys" / name).write_bytes(text)
    slots = []
    for letter, part in run.subject.slots().items():
        image = run.folder / f"stage-{letter}.img"
        image.touch()
        os.truncate(image, part.size)
        slots += ["--slot", f"{letter}:root={image}"]
    empty = run.folder / "stage-run"
    empty.mkdir(exist_ok=True)
    try:
        kbtools.run(kbtools.find("keelboot"), "stage", bundle, "--progress=none", "--state", state, "--conf-root", root,
                    "--run-dir", empty, *slots)
    except RuntimeError as error:
        raise StageError(str(error).splitlines()[-1]) from None
    file = next(data.rglob("*.keel"), None)
    if file is None:
        raise StageError("keelboot stage left no file")
    return data, file


def _put(image: Path, top: Path, file: Path) -> None:
    """Copies `file`, below the folder `top`, into an ext4 image."""
    name = file.relative_to(top)
    lines = [f'mkdir "/{parent}"' for parent in reversed(name.parents) if str(parent) != "."]
    said = debugfs(image, [*lines, f'write "{file}" "/{name}"'], write=True)
    if f"Size: {file.stat().st_size}" not in debugfs(image, [f'stat "/{name}"']):
        raise StageError(f"it does not fit onto the data partition: {said.strip().splitlines()[-1][:200]}")


def stage(run) -> None:
    """Stages the good release on the disk of the scenario. StageError."""
    data, state = run.subject.part("source.data"), run.subject.part("state")
    if data is None or state is None:
        raise StageError("no data partition")
    if not run.lab.public_keys:
        raise StageError("the public key of the release is not known")
    try:
        bundle = run.lab.releases.get("good")
        image = images.read_range(run.disk, data.offset, data.size, run.folder / "data.img")
        record = images.read_range(run.disk, state.offset, state.size, run.folder / "staged.img")
        if not is_ext4(image):
            raise StageError("the data partition is not ext4")
        if not _is_clean(image):
            raise StageError("the data partition was not unmounted in order")
        folder, file = _staged(run, bundle, record)
        _put(image, folder, file)
        images.write_range(run.disk, data.offset, image)
        images.write_range(run.disk, state.offset, record)
        shutil.rmtree(folder)
    except (images.ImageError, ReleaseError, OSError) as error:
        raise StageError(str(error)) from None
