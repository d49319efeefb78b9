#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where the instructions of a boot go: a table of the steps of initramfs/boot.c, from /init to the root's init, in
million guest instructions, beside those of a minimal C init that loads only what the machine needs.

Example: tests/bench/phases.py --bus nvme
"""

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH), str(TOP / "qemu")]

from boot import LEAST, SETS, compiled, device_of, least, marks, own_disk, plugin      # noqa: E402
from kbdevice import run         # noqa: E402

# What is done from a mark on, and the mark.
STEPS = (("process 1 starts; /proc, /sys, /dev, /run", 1), ("settings", 0x10),
         ("the watchdog's driver; it is armed", 0x11), ("disks: drivers, the prober, settling", 0x12),
         ("the state is read", 0x13), ("updates: media, staged ones", 0x14),
         ("a slot is chosen, checked and mounted", 0x15), ("what is not needed goes", 0x16),
         ("/run/keelboot is written", 0x17), ("the guardian starts", 0x18), ("the watchdog is handed over", 0x19),
         ("the root is entered; its init starts", 0x1a))
MINIMAL = (("process 1 starts; /proc, /sys, /dev, /run", 1), ("modules are loaded", 0x20), ("the disk comes up", 0x21),
           ("the root is mounted", 0x22), ("the root is entered; its init starts", 0x23))


def marked_init(work: Path) -> Path:
    """build/init, linked again with a mark before each step."""
    steps = re.findall(r'STEP\("\w+", "(\w+)"\)', (BENCH / "phases.c").read_text())
    run("gcc", "-c", "-o", work / "phases.o", BENCH / "phases.c")
    said = subprocess.run(["make", "-n", "-W", "initramfs/init.c", "build/init"], cwd=TOP, check=True, text=True,
                          capture_output=True).stdout
    line = next(line for line in reversed(said.splitlines()) if " -o build/init " in line)
    link = shlex.split(line.partition(" >")[0])
    link[link.index("build/init")] = str(work / "init")
    link[1:1] = [f"-Wl,--wrap={step}" for step in steps] + [str(work / "phases.o")]
    run(*[word for word in link if not word.startswith("-Wl,-Map")], cwd=TOP)
    run("strip", work / "init")
    return work / "init"


def table(name: str, steps: tuple, found: dict) -> None:
    print(f"\n| {name} | M instructions |\n|---|---|")
    ends = [*[mark for _, mark in steps[1:]], 2]
    for (what, mark), end in zip(steps, ends):
        print(f"| {what} | {found[end] - found[mark]:.1f} |")
    print(f"| **all** | **{found[2] - found[1]:.1f}** |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", choices=LEAST, default="virtio", help="what the disk is on (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device, so, mark = device_of(work), plugin(work), compiled(work, "mark_init")
        disk = own_disk(device, work)
        minimal = compiled(work, "minimal_init")
        own = device.initramfs("--init", mark, "--add", f"{marked_init(work)}:/init.measured", name="marked",
                               modules=SETS)
        bare = least(device, args.bus, "--init", mark, "--add", f"{minimal}:/init.measured")
        table("Keelboot, every set packed", STEPS, marks(device, disk, args.bus, own, so, work))
        table("a minimal C init", MINIMAL, marks(device, disk, args.bus, bare, so, work))
    return 0


if __name__ == "__main__":
    sys.exit(main())
