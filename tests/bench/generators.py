#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What Keelboot adds to a healthy boot by the initramfs of a distribution, for each generator of Debian 12 and 13, and
for Arch's mkinitcpio where KEELBOOT_MKINITCPIO names its sources: guest instructions from power-on to the root's init,
and bytes of the initramfs. The same Debian tree makes each initramfs: without Keelboot; with one that selects
("select"); with one that installs, too. A "plain" tree has no LVM, MD and LUKS, whose rules and scripts make a boot
dearer. As root.

QEMU's clock goes by instructions (-icount): a boot takes the same number each time, but for some in ten thousand.

Example: tests/bench/generators.py --runs 3
"""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/bench"), str(TOP / "tests/boot"), str(TOP / "tests")]

from boot import SETS, compiled, counted, counting, own_modules, plugin, shown     # noqa: E402
from conftest import CACHE, Shared, name_of_programs        # noqa: E402
from distro import CONF, DEBIAN_13, MEMORY, MKOSI, TARGETS, run        # noqa: E402
from mkinitcpio import MKINITCPIO       # noqa: E402

OWN_ROOT = "root=PARTLABEL=root-a ro"
SHIPPED = {"etc/initramfs-tools/conf.d/quick": None}
ABSENT = {**SHIPPED, "etc/keelboot/system.conf": None, "etc/default/keelboot": None}
SELECTS = {**SHIPPED, "etc/default/keelboot": "KEELBOOT_APPLY=no\n"}
APPLIES = {**SHIPPED, "etc/default/keelboot": None}
# Name, what the tree is given, and the limits: million instructions, bytes.
KINDS = {"without": (ABSENT, None, None), "select": (SELECTS, 60, 300_000), "apply": (APPLIES, None, 3_000_000)}
MAPPERS = ("lvm2", "mdadm", "cryptsetup-initramfs", "cryptsetup-bin")
CLOCK = ("-icount", "shift=0,sleep=off")
REPORT = TOP / "build/report/bench-generators.json"


def counting_machine(device, disk: Path, initrd: Path, so: Path, work: Path):
    return counting(device, disk, "virtio", initrd, so, work, append=OWN_ROOT, memory=MEMORY, extra=CLOCK)


def instructions(device, disk: Path, initrd: Path, so: Path, work: Path) -> float:
    """Million, from power-on to the root's init. Each boot is the first of its disk: nobody marks this root good."""
    own = work / "disk.img"
    run("cp", "--sparse=always", disk, own)
    return counted(counting_machine(device, own, initrd, so, work), work, 1200)[2]


def device_of(work: Path) -> tuple:
    """A device whose root ends the measurement, and its disk. The root has modules, as a Debian's has."""
    device = Shared(CACHE / f"{name_of_programs()}-generators", conf=CONF, compatible="debian-board")
    mark = compiled(work, "mark_root")
    root = device.system("1.0", "marked", files={"sbin/init": mark, "usr/lib/systemd/systemd": mark,
                                                 "etc/os-release": "ID=mark\n", **own_modules(device)})
    return device, device.disk(a=root)


def plain(target):
    packages = [one for one in target.packages.split(",") if one not in MAPPERS]
    return dataclasses.replace(target, name=f"{target.name}-plain", packages=",".join(packages))


def settings(target, old: str, new: str) -> tuple:
    """Its files, with other words in them."""
    return tuple((path, text.replace(old, new) if isinstance(text, str) else text) for path, text in target.files)


def as_shipped(target):
    """Compressed as the generator does by itself, and not in a hurry as for the tests."""
    return dataclasses.replace(target, command=target.command.replace('--compress "zstd -1" ', ""),
                               files=settings(target, "COMPRESSION=cat\n", ""))


def made(target, device, kind: str) -> Path:
    """The initramfs of that kind. "Without" is one of a system that never had Keelboot: else it would say so."""
    if kind == "without":
        target = dataclasses.replace(target, install="uninstall", dynamic=False,
                                     files=settings(target, " keelboot)", ")"))
    return target.initramfs(device, name="bench-", files=KINDS[kind][0])


def measure(target, runs: int, work: Path) -> dict:
    device, disk = device_of(work)
    so = plugin(work)
    images = {kind: made(target, device, kind) for kind in KINDS}
    counts = {kind: [] for kind in KINDS}
    for _ in range(runs):
        for kind, image in images.items():
            counts[kind].append(round(instructions(device, disk, image, so, work), 1))
    return {"instructions": counts, "bytes": {kind: image.stat().st_size for kind, image in images.items()}}


def alone(name: str, runs: int) -> tuple:
    """Of a generator without Keelboot, and without LVM, MD and LUKS; of Keelboot's own initramfs with all its sets:
    (million instructions of each run, bytes of the initramfs, the command line)."""
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device, disk = device_of(work)
        so = plugin(work)
        image = device.initramfs(name="own", modules=SETS) if name == "Keelboot" else \
            made(as_shipped(plain(TARGETS[name])), device, "without")
        return ([round(instructions(device, disk, image, so, work), 1) for _ in range(runs)], image.stat().st_size,
                shown(counting_machine(device, disk, image, so, work)))


def rows(target: str, measured: dict) -> list:
    """What each kind adds, with its limits."""
    median = {kind: statistics.median(values) for kind, values in measured["instructions"].items()}
    size, result = measured["bytes"], []
    for kind, (_, most, most_bytes) in KINDS.items():
        added, added_bytes = median[kind] - median["without"], size[kind] - size["without"]
        result.append({"target": target, "initramfs": kind, "million": round(median[kind], 1), "added": round(added, 1),
                       "bytes": size[kind], "added_bytes": added_bytes,
                       "met": (most is None or added <= most) and (most_bytes is None or added_bytes <= most_bytes)})
    return result


def main() -> int:
    systems = {one.name: one for target in (*TARGETS.values(), *DEBIAN_13) for one in (plain(target), target)}
    systems[MKOSI.name] = MKOSI     # it packs no more than that
    systems.update({one.name: dataclasses.replace(one, dynamic=True) for one in MKINITCPIO})
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--target", action="append", choices=systems, help="one generator (default: all)")
    args = parser.parse_args()
    report = []
    for name in args.target or systems:
        if systems[name].lacks:
            print(f"{name}: not measured: {systems[name].lacks}")
            continue
        with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
            measured = measure(as_shipped(systems[name]), args.runs, Path(temp))
        print(f"{name}: all runs: {json.dumps(measured['instructions'])}")
        for row in rows(name, measured):
            print(f"{name:<21} {row['initramfs']:<8} {row['million']:8.1f} M instructions, {row['added']:+7.1f}; "
                  f"{row['bytes']:>11,} bytes, {row['added_bytes']:+,}{'' if row['met'] else '   ABOVE ITS LIMIT'}")
            report.append(row)
    if report:
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(json.dumps(report, indent=1) + "\n")
    return int(not report or not all(row["met"] for row in report))


if __name__ == "__main__":
    sys.exit(main())
