#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How much Keelboot adds to a boot: guest instructions from /init to the root's init, against a minimal C init that
loads only what the machine needs ("least"), or all of what is packed ("all"). And the sizes of the initramfs.

Example: tests/bench/boot.py --runs 3 --bus nvme
"""

import argparse
import json
import re
import shlex
import statistics
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(TOP / "qemu"))

from kbdevice import Device, run         # noqa: E402
from machine import Machine             # noqa: E402

# What a machine with that disk needs, besides ext4 and its watchdog.
LEAST = {"virtio": ("virtio_pci", "virtio_blk"), "nvme": ("nvme",), "sd": ("sdhci-pci", "mmc_block"),
         "usb": ("xhci-pci", "usb-storage", "sd_mod")}
# Without "sata": this machine has an IDE controller, which asks for its driver, and a minimal init would not load it.
SETS = ("watchdog-server", "watchdog", "pstore", "virtio", "nvme", "sd", "usb", "ext4", "btrfs", "xfs", "vfat", "exfat",
        "squashfs", "erofs", "verity", "overlay")


def compiled(work: Path, name: str) -> Path:
    out = work / name
    run("gcc", "-O2", "-static", "-I", BENCH, "-o", out, BENCH / f"{name}.c")
    run("strip", out)
    return out


def plugin(work: Path) -> Path:
    out = work / "kbcount.so"
    run("gcc", "-shared", "-fPIC", "-O2", "-o", out, BENCH / "kbcount.c")
    return out


def own_modules(device: Device) -> dict:
    """A root with modules of its own, as most are: else the boot loads all that are packed, for it."""
    return {f"lib/modules/{device.kernel.modules.name}/modules.dep": ""}


def device_of(work: Path) -> Device:
    """One whose disk may be on USB."""
    device = Device(work)
    device.conf = device.conf.replace("[system]\n", "[system]\nusb-disk=yes\n")
    return device


def least(device: Device, bus: str, *options) -> Path:
    """An initramfs that loads what a machine with that disk needs, and nothing else."""
    names = ("i6300esb", *LEAST[bus])
    return device.initramfs(*options, "--load-all", *(word for name in names for word in ("--module", name)),
                            name=f"least-{bus}", modules=("ext4",))


def marked(device: Device, bus: str, work: Path) -> tuple:
    """Two initramfs images that mark where /init begins: ours with every set, and a minimal init's with the least."""
    mark, minimal = compiled(work, "mark_init"), compiled(work, "minimal_init")
    return (device.initramfs("--init", mark, "--add", f"{device.build / 'init'}:/init.measured", name="keelboot",
                             modules=SETS),
            least(device, bus, "--init", mark, "--add", f"{minimal}:/init.measured"))


def own_disk(device: Device, work: Path) -> Path:
    """A root that marks the end of the window."""
    disk = device.disk(a=device.system("1.0", files={"sbin/init": compiled(work, "mark_root"), **own_modules(device)}))
    with open(disk, "ab") as file:      # an SD card has a power of two
        file.truncate(1 << (disk.stat().st_size - 1).bit_length())
    return disk


def counting(device: Device, disk: Path, bus: str, initrd: Path, so: Path, work: Path, **options) -> Machine:
    """A machine that writes what its marks say to plugin.out. extra: more arguments for QEMU."""
    extra = ("-plugin", str(so), "-d", "plugin", "-D", str(work / "plugin.out"), *options.pop("extra", ()))
    return device.machine(disk, bus=bus, initrd=initrd, watchdog=True, extra=extra, **options)


def counted(machine: Machine, work: Path, patience: int = 120) -> dict:
    """Million instructions at the first time of each mark, of a machine that was made to count."""
    out = work / "plugin.out"
    out.unlink(missing_ok=True)
    with machine:
        machine.wait_shutdown(patience)
    found = re.findall(r"mark (\d+) (\d+)", out.read_text())
    return {int(number): int(count) / 1e6 for number, count in reversed(found)}


def readable(line: list) -> str:
    """A command line for people: without this machine's folders, in words of JSON neither."""
    words = (re.sub(r'"/[^"]*/([^"/]+)"', r'"\1"', word) for word in map(str, line))
    return shlex.join(Path(word).name if word.startswith("/") else word for word in words)


def shown(machine: Machine) -> str:
    return readable(machine.argv())


def marks(device: Device, disk: Path, bus: str, initrd: Path, so: Path, work: Path) -> dict:
    return counted(counting(device, disk, bus, initrd, so, work), work)


def window(*boot) -> float:
    """Million instructions from /init to the root's init."""
    found = marks(*boot)
    return found[2] - found[1]


def boot_seconds(device: Device, disk: Path, bus: str, initrd: Path) -> float:
    with device.machine(disk, bus=bus, initrd=initrd) as machine:
        machine.expect("root init", 60)
        return machine.elapsed()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bus", choices=LEAST, default="virtio", help="what the disk is on (%(default)s)")
    parser.add_argument("--limit", type=float, default=1.1, help="ratio that fails above this (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device, so = device_of(work), plugin(work)
        disk = own_disk(device, work)
        ours, needed = marked(device, args.bus, work)
        packed = {"keelboot": ours, "least": needed,
                  "all": device.initramfs("--init", work / "mark_init", "--add", f"{work}/minimal_init:/init.measured",
                                          name="all", modules=SETS)}
        sizes = {"with modules": device.initramfs(name="whole", modules=SETS).stat().st_size,
                 "without modules": device.initramfs("--compress", "zstd", name="bare", modules=()).stat().st_size}
        counts, seconds = {name: [] for name in packed}, {name: [] for name in packed}
        for _ in range(args.runs):
            for name, initrd in packed.items():
                counts[name].append(window(device, disk, args.bus, initrd, so, work))
                seconds[name].append(boot_seconds(device, disk, args.bus, initrd))
    median = {name: statistics.median(values) for name, values in counts.items()}
    result = {"million_instructions": counts, "ratio": round(median["keelboot"] / median["least"], 3),
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
