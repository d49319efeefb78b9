# SPDX-License-Identifier: Apache-2.0
"""Each slot has a unified kernel image of its own, which UEFI's firmware starts: a release brings it, and is left with
it."""

import shutil
from pathlib import Path

import kbkernel
import kbloader
import kbuki
import pytest
from boards import TCG_WORDS
from drives import Drive
from kbdisk import Vfat, mkvfat
from machine import Machine

BOOT = "EFI/BOOT/BOOTX64.EFI"
LINE = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
CONF = "[system]\ntries=1\n[slot.a]\nboot=PARTLABEL=boot-a\n[slot.b]\nboot=PARTLABEL=boot-b\n[loader]\nkind=uefi\n"
SIZE = "48M"
SLOW = 240      # seconds: the firmware is emulated, too
GARBAGE = b"no program " * 1000

pytestmark = [
    pytest.mark.skipif(not Path("/usr/share/OVMF").is_dir(), reason="package ovmf is not installed"),
    pytest.mark.skipif(not kbuki.STUBS.is_dir(), reason="package systemd-boot-efi is not installed"),
    pytest.mark.skipif(not shutil.which("objcopy"), reason="package binutils is not installed"),
]


def uki(bench) -> Path:
    return bench.conf_initramfs("pairs-uefi", CONF, "--uki", kbkernel.get().bzimage, "--cmdline", LINE,
                                "--module", "efivarfs")


def bundle(bench, version, image) -> Path:
    boot = bench.work / f"boot-{version}.img"
    mkvfat(boot, SIZE, {BOOT: image})
    return bench.bundle(version, options=("--image", f"boot={boot}"))


def machine(bench, *sticks):
    disk = bench.disk("1.0", extra=[("boot-a", SIZE, Vfat({BOOT: uki(bench)}), "esp"), ("boot-b", SIZE, None, "esp")])
    return Machine(None, drives=[Drive(disk, name="disk"), *sticks], memory=768, firmware="", watchdog=True,
                   extra=kbloader.firmware(bench.work / "variables.fd"), log=str(bench.work / "console.log"))


def test_release_brings_its_image_and_is_committed_with_it(bench):
    with machine(bench, bench.stick(bundle(bench, "2.0", uki(bench)))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert "slot b: its own kernel has come up" in vm.text
        assert bench.boot_json(vm)["pair"] == "b"
        assert bench.status(vm)["slots"][1]["state"] == "good"
        vm.send("reboot -f")
        vm.wait_reset()
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "kernel of its own" not in text and bench.boot_json(vm)["pair"] == "b"


def test_release_whose_image_is_none_is_left_and_says_why(bench):
    with machine(bench, bench.stick(bundle(bench, "2.0", GARBAGE))) as vm:
        vm.expect("restarting with that", SLOW)
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "slot b is rejected: its kernel did not come up" in text
        assert bench.boot_json(vm)["pair"] == "a"
