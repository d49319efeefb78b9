#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What Keelboot's initramfs needs of a device: bytes of its storage, and the smallest memory with which the machine
starts. That is found by boots in QEMU, in steps of 2 MiB: one that reaches the root's init, and where nothing ran out
of memory before. Beside it: an initramfs with one program that does nothing, and so the kernel alone.

Example: tests/bench/footprint.py
"""

import functools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / folder) for folder in ("tests/bench", "qemu", "initramfs/mkinitramfs.d")]

import kbmodules        # noqa: E402
from boot import SETS, compiled, own_disk, readable, shown        # noqa: E402
from console import ExpectError                 # noqa: E402
from kbdevice import Device, run                # noqa: E402

# Which kernel reads an initramfs without modules is not known: zstd is not taken by itself.
BARE = ("--compress", "zstd")
DEFAULT, SIXTEEN, EVERY = "every default set", "sixteen sets", "every set"
ONE_BUS = ("virtio", "ext4", "watchdog")
SHORT = "Kernel panic|[Oo]ut of memory|oom-kill|page allocation failure|Initramfs unpacking failed"
LOW, HIGH, STEP = 64, 192, 2        # MiB
PATIENCE = 60       # seconds for a boot


def sizes(device: Device, work: Path) -> dict:
    """Of an initramfs with the sets that are packed where none is named, with those of the bench, with all, and of one
    without modules: bytes, and the command that makes it."""
    found, out, modules = {}, work / "initramfs.img", ("--modules-dir", device.kernel.modules)
    for name, options in ((DEFAULT, modules), (SIXTEEN, (*modules, "--module-set", ",".join(SETS))),
                          (EVERY, (*modules, "--module-set", ",".join(kbmodules.read_sets()))),
                          ("without modules", BARE)):
        line = [TOP / "initramfs/mkinitramfs", "-o", out, *options]
        run(*line)
        found[name] = out.stat().st_size, readable(line)
    return found


def smallest(starts: Callable) -> int:
    """MiB of the smallest machine that starts, by bisection: a larger one is taken to start, too."""
    low, high = LOW, HIGH
    if not starts(high):
        raise ExpectError(f"no boot with {high} MiB of memory")
    while high - low > STEP:
        middle = (low + high) // 2 // STEP * STEP
        low, high = (low, middle) if starts(middle) else (middle, high)
    return high


def machine(device: Device, disk: Path, initrd: Path, memory: int):
    return device.machine(disk, initrd=initrd, watchdog=True, memory=memory, reboot=False)


def starts(device: Device, disk: Path, initrd: Path, memory: int) -> bool:
    with machine(device, disk, initrd, memory) as vm:
        try:
            vm.expect("root init", PATIENCE, fail=SHORT)
        except ExpectError:
            return False
    return True


def nothing(work: Path) -> Path:
    """An initramfs whose only program says that it runs, and switches the machine off."""
    tree, out = work / "nothing", work / "nothing.img"
    tree.mkdir()
    compiled(work, "mark_root").rename(tree / "init")
    run("sh", "-c", "echo init | cpio -o -H newc --quiet -R 0:0 | zstd -q -19 -o \"$0\"", out, cwd=tree)
    return out


def memory(device: Device, work: Path):
    """Of each initramfs: its name, the smallest memory in MiB (None: it did not start), the command line."""
    disk = own_disk(device, work)
    images = {f"Keelboot, {DEFAULT}": device.initramfs(name="default", modules=kbmodules.DEFAULT_SETS),
              f"Keelboot, {SIXTEEN}": device.initramfs(name="sixteen", modules=SETS),
              f"Keelboot, {EVERY}": device.initramfs(name="every", modules=tuple(kbmodules.read_sets())),
              "Keelboot, one bus": device.initramfs(name="bus", modules=ONE_BUS),
              "one program that does nothing": nothing(work)}
    for name, initrd in images.items():
        try:
            least = smallest(functools.partial(starts, device, disk, initrd))
        except ExpectError:
            least = None
        yield name, least, shown(machine(device, disk, initrd, least or HIGH))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device = Device(work)
        for name, (size, _) in sizes(device, work).items():
            print(f"initramfs, {name}: {size:,} bytes")
        for name, least, _ in memory(device, work):
            print(f"{name}: {f'-m {least}' if least else f'no boot with -m {HIGH}'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
