# SPDX-License-Identifier: Apache-2.0
"""The group of sizes: bytes of each artifact, of a whole image and of the step from one release to the next.

The artifacts of the installs are taken as they are; this adds what is only compared by its size.
"""

import subprocess
from pathlib import Path

from installs import artifact_of, wanted
from storage import run
from ways import KEELBOOT, install_line, keys, missing


def keel(level: int):
    def make(workload, out: Path, folder: Path) -> None:
        run(KEELBOOT, "bundle", "create", "-o", out, "--compatible", "bench", "--version", "2.0", "--sequence", 2,
            "--level", level, "--image", f"root={workload.new}", "--key", keys(folder / "keys") / "k.key",
            stdout=subprocess.DEVNULL)
    return make


def zstd(level: int):
    def make(workload, out: Path, _folder: Path) -> None:
        run("zstd", "-qq", f"-{level}", "--long", "-T0", workload.new, "-o", out)
    return make


def mounted(image: Path, at: Path):
    at.mkdir(exist_ok=True)
    run("mount", "-o", "loop,ro", image, at)


def bsdiff(workload, out: Path, folder: Path) -> None:
    """File by file: a patch where the old image has a file of that path, the file itself where not; packed by zstd."""
    old, new, patches = folder / "old", folder / "new", out.with_suffix(".patches")
    run("rm", "-rf", patches)
    mounted(workload.old, old)
    mounted(workload.new, new)
    try:
        for path in sorted(new.rglob("*")):
            name = path.relative_to(new)
            before = old / name
            if path.is_symlink() or not path.is_file() or before.is_symlink():
                continue
            there = before.is_file()
            if there and subprocess.run(["cmp", "-s", before, path], check=False).returncode == 0:
                continue
            target = patches / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if there:
                run("bsdiff", before, path, target)
            else:
                run("cp", path, target)
    finally:
        run("umount", old)
        run("umount", new)
    patches.mkdir(exist_ok=True)
    run("sh", "-c", "tar -C \"$0\" -c . | zstd -qq -19 -T0 --long -o \"$1\"", patches, out)
    run("rm", "-rf", patches)


# Name, programs, is it a delta, how it is made; mountable images only for bsdiff.
MORE = (
    ("keelboot, level 9", (), False, keel(9)),
    ("keelboot, level 19", (), False, keel(19)),
    ("zstd --long -9", ("zstd",), False, zstd(9)),
    ("zstd --long -19", ("zstd",), False, zstd(19)),
    ("bsdiff, file by file", ("bsdiff",), True, bsdiff),
)
SKIPPED = ("keel", "zst", "direct.swu")     # of the installs: the same bytes as another row's


def sized(workload, way: str, **more) -> dict:
    return {"group": "sizes", "workload": workload.name, "title": workload.title, "way": way, **more}


def cached(folder: Path, workload, name: str) -> Path:
    """Where what is made by that name lies."""
    return folder / "artifacts" / f"{workload.name}.{''.join(c if c.isalnum() else '-' for c in name)}"


def made(name: str, workload, make, folder: Path) -> int:
    out = cached(folder, workload, name)
    out.parent.mkdir(exist_ok=True)
    if not out.exists():
        new = out.with_name(f"new-{out.name}")
        new.unlink(missing_ok=True)
        make(workload, new, folder)
        new.rename(out)
    return out.stat().st_size


class Unmounted:
    """What makes an artifact wants of a device: its keys, and where its links lie."""

    def __init__(self, folder: Path):
        self.folder, self.keys = folder / "device", keys(folder / "keys")


def measured(workload, folder: Path) -> list:
    cache, rows = folder / "artifacts", []
    cache.mkdir(exist_ok=True)
    place = Unmounted(folder)

    def one(name: str, programs: tuple, make) -> None:
        absent = missing(programs)
        rows.append(sized(workload, name, not_measured="not installed: " + install_line(absent)) if absent else
                    sized(workload, name, bytes=make()))
    for name, programs, delta, make in MORE:
        if workload.old or not delta:
            one(name, programs, lambda: made(name, workload, make, folder))
    for way in wanted(workload, None):
        if way.suffix not in SKIPPED:
            one(way.name, way.programs, lambda: artifact_of(way, workload, place, cache).stat().st_size)
    ours = rows[0].get("bytes")
    return [{**row, "ratio": round(row["bytes"] / ours, 3)} if "bytes" in row else row for row in rows]
