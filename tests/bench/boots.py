# SPDX-License-Identifier: Apache-2.0
"""The group of boots: guest instructions from power-on to the root's init, and bytes of the initramfs; of these the
window from /init on, for each bus; the smallest machine.

Of whole boots, each initramfs has the same modules, those that Keelboot's is made with, and the same compressor, and
mounts the same root. The others load what the machine needs, as a list that a person made for it would have it.
"""

import functools
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/bench"), str(TOP / "qemu")]

import boot             # noqa: E402
import footprint        # noqa: E402
import verify           # noqa: E402
from boot import SETS, compiled, counted, counting, least, own_modules, plugin, shown       # noqa: E402
from console import ExpectError                 # noqa: E402
from kbdevice import Device                     # noqa: E402
from storage import run                         # noqa: E402

MODULES = "etc/keelboot/modules"
TINY = Path("/usr/lib/x86_64-linux-gnu/tiny-initramfs/init-static")
BUSYBOX = Path("/bin/busybox")
ROOT = "root=/dev/vda3 rootfstype=ext4 ro"
SCRIPT = """#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs devtmpfs /dev
busybox mount -t tmpfs tmpfs /run
while read -r path parameters; do
	case $path in /*) busybox insmod "$path" $parameters ;; esac
done </modules
while [ ! -b /dev/vda3 ]; do busybox usleep 1000; done
busybox mount -t ext4 -o ro /dev/vda3 /sysroot
for folder in proc sys dev run; do busybox mount -o move /$folder /sysroot/$folder; done
exec busybox switch_root /sysroot /sbin/init
"""


def unpacked(image: Path, tree: Path) -> Path:
    tree.mkdir()
    run("sh", "-c", "zstd -dcq \"$0\" | cpio -idm --quiet", image, cwd=tree)
    return tree


def without_keelboot(image: Path, least: Path, work: Path) -> Path:
    """The modules of Keelboot's initramfs, and a list of those that the machine needs."""
    tree, bare = unpacked(image, work / "whole"), work / "bare"
    for folder in ("proc", "sys", "dev", "run", "sysroot", "target", "bin"):
        (bare / folder).mkdir(parents=True)
    for line in (tree / MODULES).read_text().splitlines():
        path = line.split(" ")[0].lstrip("/")
        if path and not path.startswith("#"):
            (bare / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree / path, bare / path)
    (bare / "modules").write_bytes((unpacked(least, work / "least") / MODULES).read_bytes())
    return bare


def packed(bare: Path, files: dict, work: Path, name: str) -> Path:
    """An initramfs of the modules and these files: {path in it: file here, or text}."""
    tree, out = work / f"{name}.tree", work / f"{name}.img"
    shutil.copytree(bare, tree)
    for path, source in files.items():
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, Path):
            shutil.copy(source, target)
        else:
            target.write_text(source)
        target.chmod(0o755)
    run("sh", "-c", "find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | zstd -q -19 -o \"$0\"", out, cwd=tree)
    return out


def initramfs_of_each(device: Device, work: Path) -> dict:
    own = device.initramfs(name="keelboot", modules=SETS)
    bare = without_keelboot(own, least(device, "virtio"), work)
    minimal = {"init": compiled(work, "minimal_init"), MODULES: bare / "modules"}
    images = {"Keelboot": own, "a minimal C init": packed(bare, minimal, work, "minimal"),
              "busybox, a script": packed(bare, {"init": SCRIPT, "bin/busybox": BUSYBOX}, work, "busybox")}
    if TINY.exists():
        images["tiny-initramfs"] = packed(bare, {"init": TINY}, work, "tiny")
    return images


def machine(device: Device, disk: Path, initrd: Path, so: Path, work: Path):
    return counting(device, disk, "virtio", initrd, so, work, append=ROOT)


def instructions(device: Device, disk: Path, initrd: Path, so: Path, work: Path) -> float:
    """Million, from power-on. A copy of the disk: each boot is the first."""
    own = work / "own.img"
    run("cp", "--sparse=always", disk, own)
    return counted(machine(device, own, initrd, so, work), work)[2]


def row(way: str, workload: str = "boot", title: str = "from power-on to the root's init", **more) -> dict:
    return {"group": "boot", "workload": workload, "title": title, "way": way, **more}


def in_turn(images: dict, runs: int, count: Callable) -> dict:
    """Of each: what a row has. One that fails once is not run again."""
    counts, failed = {name: [] for name in images}, {}
    for name in [*images] * runs:
        if name in failed:
            continue
        try:
            counts[name].append(round(count(images[name]), 1))
        except ExpectError as error:
            failed[name] = f"failed: {error}"
    return {name: {"not_measured": failed[name]} if name in failed else of_all(counts[name]) for name in images}


def of_all(counts: list) -> dict:
    return {"million_instructions": statistics.median(counts), "least": min(counts), "most": max(counts),
            "all_million": counts}


def of_distributions(runs: int) -> list:
    """A group of its own title: another disk and command line, more memory, and QEMU's clock by instructions. So
    Keelboot is measured there, too."""
    import generators       # the scenarios' own conftest comes with it, which is not that of pytest
    rows = []
    for name in ("Keelboot", *generators.TARGETS):
        try:
            counts, size, command = generators.alone(name, runs)
            more = {**of_all(counts), "bytes": size, "command": command}
        except (ExpectError, OSError, KeyError, subprocess.SubprocessError) as error:
            more = {"not_measured": f"failed: {error}"}
        rows.append(row(name, "distributions", "beside Debian's initramfs", **more))
    return with_ratios(rows)


def with_ratios(rows: list) -> list:
    ours = rows[0].get("million_instructions")
    for one in rows:
        if ours and "million_instructions" in one:
            one["ratio"] = round(one["million_instructions"] / ours, 3)
    return rows


def whole(runs: int) -> list:
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device, so = Device(work), plugin(work)
        files = {"sbin/init": compiled(work, "mark_root"), **own_modules(device)}
        disk = device.disk(a=device.system("1.0", files=files))
        images = initramfs_of_each(device, work)
        found = in_turn(images, runs, lambda image: instructions(device, disk, image, so, work))
        rows = [row(name, command=shown(machine(device, disk, images[name], so, work)),
                    bytes=images[name].stat().st_size, **more) for name, more in found.items()]
    if not TINY.exists():
        rows.append(row("tiny-initramfs", not_measured="not installed: apt-get install tiny-initramfs-core"))
    return with_ratios(rows)


def windows(bus: str, runs: int) -> list:
    """From /init to the root's init, beside a minimal C init that loads only what a machine with that disk needs."""
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device, so = boot.device_of(work), plugin(work)
        disk = boot.own_disk(device, work)
        images = dict(zip(("Keelboot", "a minimal C init"), boot.marked(device, bus, work)))
        found = in_turn(images, runs, lambda image: boot.window(device, disk, bus, image, so, work))
        return with_ratios([row(name, f"window-{bus}", f"from /init to the root's init, disk on {bus}",
                                command=shown(counting(device, disk, bus, images[name], so, work)), **more)
                            for name, more in found.items()])


def sizes(_runs: int) -> list:
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        found = footprint.sizes(Device(temp), Path(temp))
    return [row(f"Keelboot, {name}", "initramfs", "bytes of the initramfs", bytes=size, command=command)
            for name, (size, command) in found.items()]


def verification(_runs: int) -> list:
    """Counted once: it is the same each time."""
    rows = []
    for key in verify.KEYS:
        with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
            try:
                more = {"million_instructions": round(verify.of_key(key, Path(temp)) / 1e6, 2)}
            except verify.NotCounted as error:
                more = {"not_measured": f"failed: {error}"}
        rows.append(row(f"Keelboot, {key}", "verify", "to verify the manifest of the slot that boots", **more,
                        command="valgrind --tool=callgrind keelboot-verify --state FILE --slot a --root FOLDER"))
    return rows


def memory(_runs: int) -> list:
    """Found once: a search."""
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        return [row(name, "memory", "the smallest machine that starts", **(
                    {"machine": least, "command": command} if least else
                    {"not_measured": f"failed: no boot with {footprint.HIGH} MiB of memory"}))
                for name, least, command in footprint.memory(Device(temp), Path(temp))]


WORKLOADS = {"boot": whole, "distributions": of_distributions,
             **{f"window-{bus}": functools.partial(windows, bus) for bus in boot.LEAST},
             "initramfs": sizes, "memory": memory, "verify": verification}
