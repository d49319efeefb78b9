# SPDX-License-Identifier: Apache-2.0
"""UEFI's firmware is the boot loader: it starts the pair of the first entry of BootOrder, and that of BootNext once.
Each pair is a unified kernel image in a partition of its own."""

import shutil
from pathlib import Path

import kbkernel
import kbloader
import kbuki
import pytest
from boards import TCG_WORDS
from drives import Drive
from kbdisk import Vfat
from machine import Machine

BOOT = "EFI/BOOT/BOOTX64.EFI"
LINE = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
HELPER = "/usr/lib/keelboot/keelboot-helper loader uefi a=/dev/vda5,b=/dev/vda6"
SLOW = 120      # seconds: the firmware is emulated, too

pytestmark = [
    pytest.mark.skipif(not Path("/usr/share/OVMF").is_dir(), reason="package ovmf is not installed"),
    pytest.mark.skipif(not kbuki.STUBS.is_dir(), reason="package systemd-boot-efi is not installed"),
    pytest.mark.skipif(not shutil.which("objcopy"), reason="package binutils is not installed"),
]


def machine(bench, image_b=None):
    image = bench.initramfs("--uki", kbkernel.get().bzimage, "--cmdline", LINE, "--module", "efivarfs", name="pair.efi")
    disk = bench.disk("1.0", extra=[("boot-a", "64M", Vfat({BOOT: image}), "esp"),
                                    ("boot-b", "64M", Vfat({BOOT: image_b or image}), "esp")])
    return Machine(None, drives=[Drive(disk, name="disk")], memory=512, firmware="", watchdog=True,
                   extra=kbloader.firmware(bench.work / "variables.fd"), log=str(bench.work / "console.log"))


def again(bench, vm) -> str:
    """The pair that a restart brings."""
    vm.send("reboot -f")
    vm.wait_reset()
    return pair_of(bench, vm)


def pair_of(bench, vm) -> str:
    bench.up(vm, "1.0", "a", SLOW)
    return bench.ask(vm, f"{HELPER} booted").strip().partition("=")[2]


def test_once_is_started_once_and_then_the_default(bench):
    with machine(bench) as vm:
        assert pair_of(bench, vm) == "a"        # as any medium: there is no entry yet
        assert bench.ask(vm, f"{HELPER} default a") == "default=a once=-\n"
        assert bench.ask(vm, f"{HELPER} once b") == "default=a once=b\n"
        assert again(bench, vm) == "b"
        assert bench.ask(vm, f"{HELPER} get") == "default=a once=-\n"
        assert bench.ask(vm, f"{HELPER} default b") == "default=b once=-\n"
        assert again(bench, vm) == "b"


def test_image_that_cannot_be_loaded_falls_back(bench):
    with machine(bench, b"no program " * 1000) as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, f"{HELPER} default a && {HELPER} once b")
        assert again(bench, vm) == "a"
        assert bench.ask(vm, f"{HELPER} get") == "default=a once=-\n"
