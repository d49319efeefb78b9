# SPDX-License-Identifier: Apache-2.0
"""The group of sizes: bytes of each artifact, of a whole image and of the step from one release to the next.

The artifacts of the installs are taken as they are; this adds what is only compared by its size.
"""

import contextlib
import subprocess
from pathlib import Path

from installs import artifact_of, wanted
from storage import commands_of, made_once, run
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


# In the new image's root: a patch where the old image has a file of that path, the file itself where not.
BY_FILES = """set -eu
find . -type f | LC_ALL=C sort | while IFS= read -r path; do
	[ ! -L "$old/$path" ] || continue
	! cmp -s "$old/$path" "$path" 2>/dev/null || continue
	mkdir -p "$patches/${path%/*}"
	if [ -f "$old/$path" ]; then bsdiff "$old/$path" "$path" "$patches/$path"; else cp "$path" "$patches/$path"; fi
done
tar -C "$patches" -c . | zstd -qq -19 -T0 --long -o "$out"
"""


@contextlib.contextmanager
def bsdiff_line(workload, out: Path, folder: Path):
    """The command for both images, which are mounted meanwhile: a shell, so that hardly anything but bsdiff counts."""
    old, new, patches = folder / "old", folder / "new", out.with_suffix(".patches")
    run("rm", "-rf", patches)
    with contextlib.ExitStack() as stack:
        for image, at in ((workload.old, old), (workload.new, new), (None, patches)):
            at.mkdir(exist_ok=True)
            if image:
                run("mount", "-o", "loop,ro", image, at)
                stack.callback(run, "umount", at)
        stack.callback(run, "rm", "-rf", patches)
        yield ["env", "-C", new, f"old={old}", f"patches={patches}", f"out={out}", "sh", "-c", BY_FILES]


def bsdiff(workload, out: Path, folder: Path) -> None:
    with bsdiff_line(workload, out, folder) as line:
        run(*line)


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


def made(name: str, workload, make, folder: Path) -> Path:
    return made_once(cached(folder, workload, name), lambda out: make(workload, out, folder))


def figures(artifact: Path) -> dict:
    commands = commands_of(artifact)
    return {"bytes": artifact.stat().st_size, **({"command": commands.read_text()} if commands.exists() else {})}


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
                    sized(workload, name, **figures(make())))
    for name, programs, delta, make in MORE:
        if workload.old or not delta:
            one(name, programs, lambda: made(name, workload, make, folder))
    for way in wanted(workload, None):
        if way.suffix not in SKIPPED:
            one(way.name, way.programs, lambda: artifact_of(way, workload, place, cache))
    ours = rows[0].get("bytes")
    return [{**row, "ratio": round(row["bytes"] / ours, 3)} if "bytes" in row else row for row in rows]
