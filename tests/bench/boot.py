#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How much Keelboot adds to a boot: guest instructions from /init to the root's init, against a minimal C init that
loads the same modules, in one run. And the sizes of the initramfs.

Example: tests/bench/boot.py --runs 3
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(TOP / "qemu"))

from kbdevice import Device, run         # noqa: E402

LEAST = ("virtio", "ext4")       # what the machine needs, with its watchdog
SETS = ("virtio", "usb", "sd", "nvme", "ext4", "vfat", "watchdog")


def compiled(work: Path, name: str) -> Path:
    out = work / name
    run("gcc", "-O2", "-static", "-I", BENCH, "-o", out, BENCH / f"{name}.c")
    run("strip", out)
    return out


def plugin(work: Path) -> Path:
    out = work / "kbcount.so"
    run("gcc", "-shared", "-fPIC", "-O2", "-o", out, BENCH / "kbcount.c")
    return out


def window(device: Device, disk: Path, initrd: Path, so: Path, work: Path) -> float:
    """Million instructions between the marks."""
    out = work / "plugin.out"
    out.unlink(missing_ok=True)
    with device.machine(disk, initrd=initrd, watchdog=True,
                        extra=("-plugin", str(so), "-d", "plugin", "-D", str(out))) as machine:
        machine.wait_shutdown(120)
    marks = dict(re.findall(r"mark (\d+) (\d+)", out.read_text()))
    return (int(marks["2"]) - int(marks["1"])) / 1e6


def boot_seconds(device: Device, disk: Path, initrd: Path) -> float:
    with device.machine(disk, initrd=initrd) as machine:
        machine.expect("root init", 60)
        return machine.elapsed()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--limit", type=float, default=1.5, help="ratio that fails above this (1.5)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device = Device(work)
        mark, minimal = compiled(work, "mark_init"), compiled(work, "minimal_init")
        so = plugin(work)
        # A root with modules of its own, as most are: else the boot loads all for it.
        own = f"lib/modules/{device.kernel.modules.name}/modules.dep"
        image = device.system("1.0", files={"sbin/init": compiled(work, "mark_root"), own: ""})
        disk = device.disk(a=image)
        packed = {
            "keelboot": device.initramfs("--init", mark, "--add", f"{device.build / 'init'}:/init.measured",
                                         name="keelboot", modules=SETS),
            "minimal": device.initramfs("--init", mark, "--add", f"{minimal}:/init.measured", name="minimal",
                                        modules=SETS),
            "least": device.initramfs("--init", mark, "--add", f"{minimal}:/init.measured", "--module", "i6300esb",
                                      name="least", modules=LEAST),
        }
        sizes = {"with modules": device.initramfs(name="whole", modules=SETS).stat().st_size,
                 "without modules": device.initramfs(name="bare", modules=()).stat().st_size}
        counts, seconds = {name: [] for name in packed}, {name: [] for name in packed}
        for _ in range(args.runs):
            for name, initrd in packed.items():
                counts[name].append(window(device, disk, initrd, so, work))
                seconds[name].append(boot_seconds(device, disk, initrd))
    median = {name: statistics.median(values) for name, values in counts.items()}
    result = {"million_instructions": counts, "ratio": round(median["keelboot"] / median["minimal"], 3),
              "wall_seconds_to_root_init": seconds, "initramfs_bytes": sizes}
    if args.json:
        print(json.dumps(result, indent=1))
        return int(result["ratio"] > args.limit)
    for name in packed:
        print(f"{name:<10} {median[name]:8.1f} M instructions from /init to the root's init   "
              f"(all: {', '.join(f'{value:.1f}' for value in counts[name])});  "
              f"{statistics.median(seconds[name]):.2f} s wall from power on")
    print(f"ratio      {result['ratio']}, limit {args.limit}")
    for name, size in sizes.items():
        print(f"initramfs {name}: {size} bytes")
    return int(result["ratio"] > args.limit)


if __name__ == "__main__":
    sys.exit(main())
