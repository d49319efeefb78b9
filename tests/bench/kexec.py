#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a boot by kexec costs beside one whose kernel the boot loader starts: guest instructions, from power-on and of
each part.

Example: tests/bench/kexec.py --runs 3
"""

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/bench"), str(TOP / "qemu")]

import boot                         # noqa: E402
from kbdevice import Device         # noqa: E402

MODULES = ("virtio", "usb", "sd", "nvme", "ext4", "vfat", "watchdog")
PROGRAMS = ("init", "keelboot-helper", "keelboot-guardian", "keelboot-overlay", "keelboot")
SECONDS = 120       # of the watchdog: a kernel unpacks itself meanwhile, and is counted
INIT, ROOT, HELPER, HELPER_ENDS = 1, 2, 3, 4        # marks


def marks(device: Device, disk: Path, initrd: Path, so: Path, work: Path) -> list:
    """(mark, million instructions since power-on) of each that came. The boot loader unpacks no kernel."""
    out = work / "plugin.out"
    out.unlink(missing_ok=True)
    with device.machine(disk, initrd=initrd, kernel=device.kernel.bzimage, memory=384,
                        extra=("-plugin", str(so), "-d", "plugin", "-D", str(out))) as machine:
        machine.wait_shutdown(180)
    return [(int(mark), int(count) / 1e6) for mark, count in re.findall(r"mark (\d+) (\d+)", out.read_text())]


def parts(found: list) -> dict:
    """Of a boot by kexec: its last helper before the second /init is what loads the kernel."""
    first, second = (count for mark, count in found if mark == INIT)
    end = found[-1][1]
    begins, loaded = (max(count for mark, count in found if mark == of and count < second)
                      for of in (HELPER, HELPER_ENDS))
    return {"to the first init": first, "first init": second - first - (loaded - begins) - (second - loaded),
            "kernel is loaded": loaded - begins, "second kernel": second - loaded, "second init": end - second,
            "all": end}


def with_marks(device: Device, work: Path) -> Path:
    """A folder of programs whose helper marks its start and its end."""
    folder = work / "programs"
    folder.mkdir()
    for name in PROGRAMS:
        shutil.copy(device.build / name, folder / name)
    shutil.copy(boot.compiled(work, "mark_helper"), folder / "keelboot-helper")
    return folder


def images(device: Device, work: Path) -> dict:
    """The initramfs of either way."""
    conf = work / "conf.d"
    conf.mkdir()
    (conf / "kexec.conf").write_text("[loader]\nkind=kexec\n")
    options = ("--init", boot.compiled(work, "mark_init"), "--add", f"{device.build / 'init'}:/init.measured",
               "--add", f"{device.build / 'keelboot-helper'}:/helper.measured")
    own, device.target = device.target, with_marks(device, work)
    made = {"direct": device.initramfs(*options, name="direct", modules=MODULES),
            "kexec": device.initramfs(*options, "--conf-dir", conf, name="kexec", modules=MODULES)}
    device.target = own
    return made


def measured(runs: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="keelboot-bench-") as temp:
        work = Path(temp)
        device = Device(work, watchdog=SECONDS)
        so, initrd = boot.plugin(work), images(device, work)
        system = device.system("1.0", size="36M", files={
            "sbin/init": boot.compiled(work, "mark_root"), **boot.own_modules(device),
            "boot/vmlinuz": device.kernel.bzimage, "boot/initramfs.img": initrd["kexec"]})
        disk = device.disk(a=system)
        rows = [(dict(marks(device, disk, initrd["direct"], so, work)),
                 parts(marks(device, disk, initrd["kexec"], so, work))) for _ in range(runs)]
    result = {f"kexec: {part}": statistics.median(row[1][part] for row in rows) for part in rows[0][1]}
    return {"direct: to init": statistics.median(row[0][INIT] for row in rows),
            "direct: init": statistics.median(row[0][ROOT] - row[0][INIT] for row in rows), **result}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    got = measured(args.runs)
    if args.json:
        print(json.dumps(got))
        return 0
    for name, value in got.items():
        print(f"{value:10.1f} M instructions  {name}")
    direct = got["direct: to init"] + got["direct: init"]
    print(f"from power-on {got['kexec: all'] / direct:.2f} x; the window of init "
          f"{got['kexec: second init'] / got['direct: init']:.2f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
