# SPDX-License-Identifier: Apache-2.0
"""Each slot has a kernel of its own, which GRUB starts: a release brings both, and is left with both."""

import shutil

import kbkernel
import kbloader
import pytest
from boards import TCG_WORDS
from drives import Drive
from kbdisk import Vfat, mkvfat
from machine import Machine

PARTS = {"a": "gpt6", "b": "gpt7", "block": "gpt8"}
WORDS = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
CONF = """\
[system]
tries={tries}
[slot.a]
boot=PARTLABEL=boot-a
[slot.b]
boot=PARTLABEL=boot-b
[loader]
kind=grub
environment=PARTLABEL=grubenv
"""
SIZE = "32M"
SLOW = 180      # seconds: the firmware is emulated, too
GARBAGE = b"no initramfs " * 1000

pytestmark = pytest.mark.skipif(not shutil.which("grub-mkimage"), reason="package grub-common is not installed")


class Pairs:
    """A device with two slots and their kernels, and GRUB, which starts that of slot a."""

    def __init__(self, bench, *, tries=3, block=None, platform="i386-pc"):
        self.bench = bench
        self.extra = []
        self.kernel = kbkernel.get().bzimage
        self.initrd = bench.conf_initramfs(f"pairs-{tries}", CONF.format(tries=tries))
        core = kbloader.grub_image(bench.work / "grub", platform, kbloader.grub_config(WORDS, **PARTS))
        first = ("bios", "1M", core, kbloader.BIOS_BOOT)
        if platform == "x86_64-efi":
            first = ("esp", "48M", Vfat({"EFI/BOOT/BOOTX64.EFI": core}), "esp")
        block = kbloader.grub_block(keelboot_default="a") if block is None else block
        self.disk = bench.disk("1.0", extra=[
            first, ("boot-a", SIZE, Vfat(kbloader.pair(self.kernel, self.initrd))),
            ("boot-b", SIZE, None), ("grubenv", "1M", kbloader.grub_environment(block))])
        if platform == "i386-pc":
            kbloader.grub_into_mbr(self.disk, "bios")
        else:
            self.extra = kbloader.firmware(bench.work / "variables.fd")

    def bundle(self, version, *, initrd=None):
        """A release with its kernel."""
        image = self.bench.work / f"boot-{version}.img"
        mkvfat(image, SIZE, kbloader.pair(self.kernel, initrd or self.initrd))
        return self.bench.bundle(version, options=("--image", f"boot={image}"))

    def machine(self, *sticks):
        return Machine(None, drives=[Drive(self.disk, name="disk"), *sticks], memory=512, firmware="", watchdog=True,
                       extra=self.extra, log=str(self.bench.work / "console.log"))

    def variables(self) -> dict:
        return kbloader.grub_variables(self.disk, "grubenv")

    def pair(self, vm) -> str:
        """Whose kernel runs, as the boot says it."""
        return self.bench.boot_json(vm)["pair"]


@pytest.mark.parametrize("platform", kbloader.GRUB_DISKS)
def test_release_brings_its_kernel_and_is_committed_with_it(bench, platform):
    """For UEFI, the stick is GRUB's first disk."""
    pairs = Pairs(bench, platform=platform)
    with pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        for line in ("slot b: it has a kernel of its own; restarting with that", "slot b: its own kernel has come up"):
            assert line in vm.text, vm.text
        assert pairs.pair(vm) == "b" and len(vm.boots) == 2
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert pairs.variables() == {"keelboot_default": "b", "keelboot_once": ""}
        vm.send("reboot -f")
        vm.wait_reset()
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "kernel of its own" not in text and pairs.pair(vm) == "b" and len(vm.boots) == 3
        assert bench.causes(vm) == ["guest", "guest"]


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    pairs = Pairs(bench, tries=1)
    with pairs.machine(bench.stick(pairs.bundle("2.0", initrd=GARBAGE))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Kernel panic", SLOW)
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "slot b is rejected: its kernel did not come up" in text
        assert pairs.pair(vm) == "a"
        slot = bench.status(vm)["slots"][1]
        assert slot["state"] == "bad" and slot["reason"] == "its kernel did not come up"
        assert pairs.variables()["keelboot_default"] == "a"


@pytest.mark.parametrize("point", ["slot b: it has a kernel of its own", "", "slot b: its own kernel"])
def test_power_cut_in_a_handover_costs_nothing(bench, point):
    """At the last word of the old kernel, in the loader, at the first word of the new one."""
    pairs = Pairs(bench, tries=1)
    with pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        if point:
            vm.expect(point, SLOW)
        else:
            vm.wait_reset(SLOW)
        vm.power_cut()
    with pairs.machine() as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert pairs.pair(vm) == "b"


def test_next_release_overwrites_the_other_kernel_and_never_the_one_that_runs(bench):
    pairs = Pairs(bench)
    with pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
    with pairs.machine(bench.stick(pairs.bundle("3.0"), name="second")) as vm:
        text = bench.up(vm, "3.0", "a", SLOW)
        assert "slot a: its own kernel has come up" in text and pairs.pair(vm) == "a"
        assert pairs.variables()["keelboot_default"] == "a"


def test_loader_whose_variables_are_gone_installs_nothing_and_says_so(bench):
    pairs = Pairs(bench, block=b"\xff" * 1024)
    with bench.untouched(pairs.disk), pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "update: skipped: the boot loader might start a kernel that is overwritten" in text
