# SPDX-License-Identifier: Apache-2.0
"""U-Boot starts the pair of keelboot_default, and that of keelboot_once once, by kernel-cmdline/loaders/boot.cmd.

Debian's U-Boot for QEMU has one copy of its environment, in flash. So what Keelboot writes there, always to one of two
copies, is the matter of unit/loader_uboot_test; here a person sets the variables."""

from pathlib import Path

import kbloader
import pytest
from drives import Drive
from kbdisk import Vfat
from machine import Machine

UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
WORDS = "console=ttyAMA0 gpt panic=1 loglevel=4 norandmaps"
FLASH = 64 << 20
SLOW = 300      # seconds: the firmware is emulated, too
GARBAGE = b"no kernel " * 1000

pytestmark = pytest.mark.skipif(not UBOOT.is_file(), reason="package u-boot-qemu is not installed")


def machine(bench, *, kernel_b=None):
    kernel, initrd = bench.device.kernel.bzimage, bench.initramfs()
    disk = bench.disk("1.0", extra=[
        ("esp", "64M", Vfat({"boot.scr": kbloader.uboot_script(WORDS)}), "esp"),
        ("boot-a", "128M", Vfat(kbloader.pair(kernel, initrd, "Image"))),
        ("boot-b", "128M", Vfat(kbloader.pair(kernel_b or kernel, initrd, "Image")))])
    flash = bench.work / "flash.img"
    with open(flash, "wb") as file:
        file.truncate(FLASH)
    return Machine(None, drives=[Drive(disk, name="disk")], memory=1024, watchdog=True, arch="arm64",
                   firmware=str(UBOOT), extra=["-drive", f"if=pflash,format=raw,unit=1,file={flash}"],
                   log=str(bench.work / "console.log"))


def set_variables(vm, **variables) -> None:
    """At U-Boot's prompt; it starts again then."""
    vm.expect("Hit any key to stop autoboot", SLOW)
    vm.send("")
    vm.expect("=> ", SLOW)
    for name, value in variables.items():
        vm.send(f"setenv {name} {value}")
        vm.expect("=> ", SLOW)
    vm.send("saveenv")
    vm.expect(r"OK\s+=> ", SLOW)
    vm.send("reset")
    vm.wait_reset()


def pair_of(bench, vm) -> str:
    """Whose pair runs, by the kernel's command line."""
    bench.up(vm, "1.0", "a", SLOW)
    words = bench.ask(vm, "cat /proc/cmdline").split()
    return next(word.partition("=")[2] for word in words if word.startswith("keelboot.pair="))


def test_once_is_started_once_and_then_the_default(bench):
    with machine(bench) as vm:
        set_variables(vm, keelboot_default="a", keelboot_once="b")
        assert pair_of(bench, vm) == "b"
        vm.send("reboot -f")
        vm.wait_reset()
        assert pair_of(bench, vm) == "a"


def test_kernel_that_cannot_be_loaded_falls_back_at_once(bench):
    with machine(bench, kernel_b=GARBAGE) as vm:
        set_variables(vm, keelboot_once="b")
        vm.expect("the pair of slot b cannot be loaded", SLOW)
        assert pair_of(bench, vm) == "a" and len(vm.boots) == 2
