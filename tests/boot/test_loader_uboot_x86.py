# SPDX-License-Identifier: Apache-2.0
"""Debian's own U-Boot of x86 starts pairs by kernel-cmdline/loaders/boot.cmd. It has no environment to save, no saveenv
and no bootcount, so the variables are in a file of the ESP here. test_pairs_uboot_x86.py has one with an
environment."""

from pathlib import Path

import kbloader
import pytest
import test_loader_uboot as uboot
from boards import TCG_WORDS
from test_loader_uboot import GARBAGE, kept, pair_of

UBOOT = Path("/usr/lib/u-boot/qemu-x86/u-boot.rom")
WORDS = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
# Linux unpacks itself from 16 MiB on: the file and the initramfs are above that.
BEFORE = uboot.KEPT.replace("0x40300000", "0x7800000") + "setenv ramdisk_addr_r 0x8000000\n"
SLOW = 180      # seconds: the firmware is emulated, too

pytestmark = pytest.mark.skipif(not UBOOT.is_file(), reason="package u-boot-qemu is not installed")


def machine(bench, **other) -> tuple:
    """The machine, switched off, and its disk: b is to be started once."""
    return uboot.machine(bench, before=BEFORE, words=WORDS,
                         board={"memory": 512, "watchdog": True, "firmware": str(UBOOT)}, **other)


def test_once_is_started_once_and_then_the_default(bench):
    vm, disk = machine(bench)
    with vm:
        assert pair_of(bench, vm) == "b,once"
        assert "Loading Environment from nowhere" in vm.text
        assert kept(bench, disk) == kbloader.uboot_copy(keelboot_default="a")
        vm.send("reboot -f")
        vm.wait_reset()
        assert pair_of(bench, vm) == "a,counted"


def test_kernel_that_cannot_be_loaded_falls_back_at_once(bench):
    vm, disk = machine(bench, kernel_b=GARBAGE)
    with vm:
        vm.expect("the pair of slot b cannot be loaded", SLOW)
        assert pair_of(bench, vm) == "a" and len(vm.boots) == 1
        assert kept(bench, disk) == kbloader.uboot_copy(keelboot_default="a")


def test_kernel_that_panics_falls_back_by_a_reset(bench):
    vm, _ = machine(bench, initrd_b=GARBAGE)
    with vm:
        vm.expect("Kernel panic", SLOW)
        vm.wait_reset()
        assert pair_of(bench, vm) == "a,counted"
