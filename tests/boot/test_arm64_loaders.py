# SPDX-License-Identifier: Apache-2.0
"""What starts Keelboot on a board of arm64: U-Boot by an extlinux.conf, and UEFI by a unified kernel image. The machine
has nothing but its firmware, a disk, a stick and a watchdog."""

import shutil
from pathlib import Path

import pytest

from drives import Drive
from kbdisk import Vfat
from machine import Machine

UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
AAVMF = Path("/usr/share/AAVMF")
STUB = "usr/lib/systemd/boot/efi/linuxaa64.efi.stub"
LINE = "console=ttyAMA0 gpt panic=10 loglevel=7 norandmaps keelboot.watchdog=/dev/watchdog0,20"
EXTLINUX = f"default device\nlabel device\n\tlinux /Image\n\tinitrd /initramfs.img\n\tappend {LINE}\n"
SLOW = 300      # seconds: the firmware is emulated, too


def from_uboot(bench, initrd, drives, **options):
    files = {"extlinux/extlinux.conf": EXTLINUX.encode(), "Image": bench.device.kernel.bzimage, "initramfs.img": initrd}
    return machine(bench, files, drives, firmware=str(UBOOT), **options)


def from_uefi(bench, initrd, drives, **options):
    variables = bench.work / "variables.fd"
    shutil.copy(AAVMF / "AAVMF_VARS.fd", variables)
    extra = ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={AAVMF}/AAVMF_CODE.fd",
             "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]
    uki = bench.initramfs("--uki", bench.device.kernel.bzimage, "--cmdline", LINE, "--stub",
                          bench.device.sysroot / STUB, name="arm64.efi")
    return machine(bench, {"EFI/BOOT/BOOTAA64.EFI": uki}, drives, extra=extra, **options)


def machine(bench, files, drives, **options):
    disk = bench.disk("1.0", extra=[("esp", "128M", Vfat(files, label="ESP"), "esp")])
    return Machine(None, drives=[Drive(disk, name="disk"), *drives], memory=1024, watchdog=True, arch="arm64",
                   log=str(bench.work / "console.log"), **options)


@pytest.mark.parametrize("loader, told", [(from_uboot, "U-Boot 20"), (from_uefi, "EFI stub: ")])
def test_update_is_installed_and_boots_again_after_a_restart(bench, loader, told):
    stick = bench.stick(bench.bundle("2.0"))
    with loader(bench, bench.initramfs(name="packed", packed=True), [stick]) as vm:
        vm.expect(told, SLOW)
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        vm.send("reboot")
        vm.wait_reset()
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.causes(vm) == ["guest"]


def test_hang_is_ended_by_the_watchdog_through_uboot(bench):
    stick = bench.stick(bench.bundle("3.0 hang"))
    with from_uboot(bench, bench.initramfs(name="packed", packed=True), [stick]) as vm:
        for tries in (2, 1, 0):
            vm.expect(rf"keelboot: slot b: 3\.0, trial, tries left: {tries}", SLOW)
            vm.wait_reset(120)
        bench.up(vm, "1.0", "a", SLOW)
        assert bench.causes(vm) == ["watchdog"] * 3
        assert bench.status(vm)["slots"][1]["reason"] == "crashed or hung"
