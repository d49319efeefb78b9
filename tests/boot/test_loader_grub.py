# SPDX-License-Identifier: Apache-2.0
"""GRUB starts the pair of `default`, and that of `once` once, by kernel-cmdline/loaders/grub.cfg; from a BIOS and by
UEFI. The environment block is Keelboot's to read and to write."""

import shutil

import kbkernel
import kbloader
import pytest
from boards import TCG_WORDS
from drives import Drive
from kbdisk import Vfat
from machine import Machine

# Slots of bench.disk() come first, then these.
PARTS = {"a": "gpt6", "b": "gpt7", "block": "gpt8"}
WORDS = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
SLOW = 120      # seconds: the firmware is emulated, too
GARBAGE = b"no kernel " * 1000

pytestmark = pytest.mark.skipif(not shutil.which("grub-mkimage"), reason="package grub-common is not installed")


def machine(bench, platform: str, *, kernel_b=None, initrd_b=None, block=b"", limit="", readonly=False,
            **variables) -> tuple:
    """The machine, switched off, and its disk."""
    kernel, initrd = kbkernel.get().bzimage, bench.initramfs(name="packed", packed=True)
    core = kbloader.grub_image(bench.work / "grub", platform, kbloader.grub_config(WORDS, **{**PARTS, "limit": limit}))
    first = ("bios", "1M", core, kbloader.BIOS_BOOT)
    if platform == "x86_64-efi":
        first = ("esp", "64M", Vfat({"EFI/BOOT/BOOTX64.EFI": core}), "esp")
    block = block or kbloader.grub_block(**variables)
    disk = bench.disk("1.0", extra=[first, ("boot-a", "64M", Vfat(kbloader.pair(kernel, initrd))),
                                    ("boot-b", "64M", Vfat(kbloader.pair(kernel_b or kernel, initrd_b or initrd))),
                                    ("grubenv", "1M", kbloader.grub_environment(block))])
    extra = []
    if platform == "i386-pc":
        kbloader.grub_into_mbr(disk, "bios")
    else:
        extra = kbloader.firmware(bench.work / "variables.fd")
    vm = Machine(None, drives=[Drive(disk, name="disk", readonly=readonly)], memory=512, firmware="", watchdog=True,
                 extra=extra, log=str(bench.work / "console.log"))
    return vm, disk


def pair_of(bench, vm) -> str:
    """Whose pair runs, by the kernel's command line, and how it was started."""
    bench.up(vm, "1.0", "a", SLOW)
    words = bench.ask(vm, "cat /proc/cmdline").split()
    return next(word.partition("=")[2] for word in words if word.startswith("keelboot.pair="))


@pytest.mark.parametrize("platform", kbloader.GRUB_DISKS)
def test_once_is_started_once_and_then_the_default(bench, platform):
    vm, disk = machine(bench, platform, saved_entry="0", keelboot_default="a", keelboot_once="")
    helper = "/usr/lib/keelboot/keelboot-helper loader grub /dev/vda8"
    with vm:
        assert pair_of(bench, vm) == "a"
        assert bench.ask(vm, f"{helper} once b") == "default=a once=b\n"
        vm.send("reboot -f")
        vm.wait_reset()
        assert pair_of(bench, vm) == "b,once"
        assert kbloader.grub_variables(disk, "grubenv") == {
            "saved_entry": "0", "keelboot_default": "a", "keelboot_once": ""}
        assert bench.ask(vm, f"{helper} get") == "default=a once=-\n"
        vm.send("reboot -f")
        vm.wait_reset()
        assert pair_of(bench, vm) == "a"


def test_kernel_that_cannot_be_loaded_falls_back_at_once(bench):
    vm, disk = machine(bench, "i386-pc", kernel_b=GARBAGE, keelboot_default="a", keelboot_once="b")
    with vm:
        vm.expect("the pair of slot b cannot be loaded", SLOW)
        assert pair_of(bench, vm) == "a" and len(vm.boots) == 1
        assert kbloader.grub_variables(disk, "grubenv")["keelboot_once"] == ""


def test_kernel_that_panics_falls_back_by_a_reset(bench):
    vm, _ = machine(bench, "i386-pc", initrd_b=GARBAGE, keelboot_default="a", keelboot_once="b")
    with vm:
        vm.expect("Kernel panic", SLOW)
        vm.wait_reset()
        assert pair_of(bench, vm) == "a"


def test_damaged_block_starts_a_pair(bench):
    vm, _ = machine(bench, "i386-pc", block=b"\xff" * 1024)
    with vm:
        assert pair_of(bench, vm) == "a"
        said = bench.refused(vm, "/usr/lib/keelboot/keelboot-helper loader grub /dev/vda8 get")
        assert "is empty: write an environment block to it" in said


def test_default_that_nobody_answers_is_left_after_its_starts(bench):
    """The initramfs here knows no boot loader."""
    vm, disk = machine(bench, "i386-pc", limit="11", keelboot_default="b", keelboot_starts="1")
    with vm:
        assert pair_of(bench, vm) == "b,counted"
        assert kbloader.grub_variables(disk, "grubenv") == {"keelboot_default": "b", "keelboot_starts": "11"}
        vm.send("reboot -f")
        vm.expect("the pair of slot b did not come up: another one is started", SLOW)
        assert pair_of(bench, vm) == "a,instead"
        assert kbloader.grub_variables(disk, "grubenv") == {"keelboot_default": "b", "keelboot_starts": ""}


def test_default_that_cannot_be_loaded_is_not_counted_for_the_other(bench):
    vm, _ = machine(bench, "i386-pc", limit="111", kernel_b=GARBAGE, keelboot_default="b")
    with vm:
        assert pair_of(bench, vm) == "a,instead"


def test_store_that_cannot_be_written_starts_the_default_and_says_so(bench):
    vm, _ = machine(bench, "i386-pc", limit="111", readonly=True, keelboot_default="b", keelboot_starts="11")
    with vm:
        assert pair_of(bench, vm) == "b,unsaved"


def test_once_that_cannot_be_forgotten_starts_the_default_and_says_so(bench):
    """Though it counts no starts."""
    vm, _ = machine(bench, "i386-pc", readonly=True, keelboot_default="b", keelboot_once="a")
    with vm:
        assert pair_of(bench, vm) == "b,unsaved"
