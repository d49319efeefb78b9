# SPDX-License-Identifier: Apache-2.0
"""The group of boots: guest instructions from power-on to the root's init, and bytes of the initramfs.

Each initramfs has the same modules, those that Keelboot's is made with, and the same compressor, and mounts the same
root. The others load what the machine needs, as a list that a person made for it would have it.
"""

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/bench"), str(TOP / "qemu")]

from boot import SETS, compiled, least, own_modules, plugin     # noqa: E402
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


def instructions(device: Device, disk: Path, initrd: Path, so: Path, work: Path) -> float:
    """Million, from power-on. A copy of the disk: each boot is the first."""
    own, out = work / "own.img", work / "plugin.out"
    out.unlink(missing_ok=True)
    run("cp", "--sparse=always", disk, own)
    with device.machine(own, initrd=initrd, append=ROOT, watchdog=True,
                        extra=("-plugin", str(so), "-d", "plugin", "-D", str(out))) as machine:
        machine.wait_shutdown(120)
    return int(re.search(r"mark 2 (\d+)", out.read_text())[1]) / 1e6


def row(way: str, **more) -> dict:
    return {"group": "boot", "workload": "boot", "title": "from power-on to the root's init", "way": way, **more}


def of_distributions(runs: int) -> list:
    """A group of its own title: another disk and command line, more memory, and QEMU's clock by instructions. So
    Keelboot is measured there, too."""
    import generators       # the scenarios' own conftest comes with it, which is not that of pytest
    rows = []
    for name in ("Keelboot", *generators.TARGETS):
        try:
            counts, size = generators.alone(name, runs)
            rows.append(row(name, million_instructions=statistics.median(counts), all_million=counts, bytes=size))
        except (ExpectError, OSError, TypeError, subprocess.SubprocessError) as error:
            rows.append(row(name, not_measured=f"failed: {error}"))
    return with_ratios([{**one, "workload": "distributions", "title": "beside Debian's initramfs"} for one in rows])


def with_ratios(rows: list) -> list:
    ours = rows[0].get("million_instructions")
    for one in rows:
        if ours and "million_instructions" in one:
            one["ratio"] = round(one["million_instructions"] / ours, 3)
    return rows


def measured(runs: int) -> list:
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device, so = Device(work), plugin(work)
        files = {"sbin/init": compiled(work, "mark_root"), **own_modules(device)}
        disk = device.disk(a=device.system("1.0", files=files))
        images = initramfs_of_each(device, work)
        counts, failed = {name: [] for name in images}, {}
        for name in [*images] * runs:
            if name in failed:
                continue
            try:
                counts[name].append(round(instructions(device, disk, images[name], so, work), 1))
            except ExpectError as error:
                failed[name] = f"failed: {error}"
        rows = [row(name, not_measured=failed[name]) if name in failed else
                row(name, million_instructions=statistics.median(counts[name]), all_million=counts[name],
                    bytes=images[name].stat().st_size) for name in images]
    if not TINY.exists():
        rows.append(row("tiny-initramfs", not_measured="not installed: apt-get install tiny-initramfs-core"))
    return with_ratios(rows)
