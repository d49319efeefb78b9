# SPDX-License-Identifier: Apache-2.0
"""What a boot knows of the reset before it: panics by pstore, power cuts by a cookie in memory that
outlives a reset, and nothing where there is neither."""

import json
import shutil
from pathlib import Path

import kbkernel
import pytest
from drives import Drive
from machine import Machine

RESERVED = "memmap=0x100000$0xE000000"
RAMOOPS = f"panic=1 {RESERVED} ramoops.mem_address=0xE000000 ramoops.mem_size=0x100000 ramoops.record_size=0x4000"
PHRAM = f"{RESERVED} phram.phram=cookie,0xE000000,0x10000"
DISK = ("virtio", "ext4")
PANIC = "(sleep 1; echo c > /proc/sysrq-trigger) &"


def streak(bench, vm) -> int:
    return json.loads(bench.ask(vm, "keelboot state show --json"))["slots"][0]["streak"]


def test_panic_is_told_by_ramoops_and_counts_once(bench):
    disk = bench.disk("1.0 nomark")
    with bench.machine(disk, initrd=bench.initramfs(name="pstore", modules=(*DISK, "pstore")), append=RAMOOPS) as vm:
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["cause"] == "unknown"
        for crashes in (1, 2):
            vm.shell(PANIC)
            vm.expect(r"sysrq triggered crash")
            vm.wait_reset()
            vm.expect(r"keelboot: pstore: the kernel panicked \(dmesg-ramoops-0\)")
            bench.up(vm, "1.0", "a")
            assert bench.boot_json(vm)["cause"] == "crash"
            assert streak(bench, vm) == crashes
            assert "sysrq triggered crash" in bench.ask(vm, "cat /run/keelboot/crash/dmesg-*")
            assert bench.ask(vm, "ls /sys/fs/pstore").strip() == ""
            why = bench.ask(vm, "keelboot why")
            assert "1.0 in slot a crashed, and was not rejected" in why
            assert "The kernel's last lines at its panic" in why
            assert why.count("Kernel panic - not syncing: sysrq triggered crash") >= crashes
            assert "Its last words: keelboot why" in bench.ask(vm, "keelboot status")
        vm.send("reboot -f")
        vm.wait_reset()
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["cause"] == "unknown"
        assert streak(bench, vm) == 2
        assert bench.causes(vm) == ["guest"] * 3


OVMF = Path("/usr/share/OVMF")


def uefi() -> tuple:
    """The firmware and its variables. Debian 13 has only those of 4 MiB, older systems only the others."""
    for size in ("_4M", ""):
        code, variables = OVMF / f"OVMF_CODE{size}.fd", OVMF / f"OVMF_VARS{size}.fd"
        if code.exists() and variables.exists():
            return code, variables
    raise FileNotFoundError(f"{OVMF}: package ovmf is installed, and has no OVMF_CODE_4M.fd")


@pytest.mark.skipif(not OVMF.is_dir(), reason="package ovmf is not installed")
def test_panic_is_told_by_the_variables_of_a_firmware(bench):
    """efi-pstore: the record outlives a power cut as well."""
    disk = bench.disk("1.0 nomark")
    variables = bench.work / "variables.fd"
    code, pristine = uefi()
    shutil.copy(pristine, variables)
    flash = [f"if=pflash,format=raw,unit=0,readonly=on,file={code}", f"if=pflash,format=raw,unit=1,file={variables}"]
    extra = ["-machine", "q35", *(word for one in flash for word in ("-drive", one))]
    image = bench.initramfs(name="pstore", modules=(*DISK, "pstore"))
    with Machine(kbkernel.get().bzimage, image, "panic=1 loglevel=7", memory=512, firmware="",
                 drives=[Drive(disk, name="disk")], watchdog=True, extra=extra,
                 log=str(bench.work / "console.log")) as vm:
        bench.up(vm, "1.0", "a", 150)
        vm.shell(PANIC)
        vm.expect(r"sysrq triggered crash")
        vm.expect(r"Rebooting in 1 seconds")
        vm.power_cut()
        vm.start()
        vm.expect(r"keelboot: pstore: the kernel panicked \(dmesg-efi", 150)
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["cause"] == "crash"
        assert streak(bench, vm) == 1
        assert bench.ask(vm, "ls /sys/fs/pstore").strip() == ""
        vm.power_cut()
        vm.start()
        bench.up(vm, "1.0", "a", 150)
        assert bench.boot_json(vm)["cause"] == "unknown"
        assert streak(bench, vm) == 1


def image_with_cookie(bench):
    return bench.conf_initramfs("cookie", "[system]\ncookie=/dev/mtd0\n", "--module", "phram", modules=DISK)


def tries_left(vm) -> int:
    return int(vm.expect(r"keelboot: slot b: 2\.0, trial, tries left: (\d)")[1])


def test_power_flicker_costs_a_trial_nothing_until_its_grace_is_gone(bench):
    disk = bench.disk("1.0", "2.0 nomark", good="a")
    with bench.machine(disk, initrd=image_with_cookie(bench), append=f"panic=1 {PHRAM}") as vm:
        # Of a device that was never reset warm nobody knows that its memory outlives that.
        assert tries_left(vm) == 2
        bench.up(vm, "2.0", "b")
        vm.send("reboot -f")
        vm.wait_reset()
        assert tries_left(vm) == 1, "nobody knows why it was reset, so it costs a try"
        for _ in range(5):
            vm.power_cut()
            vm.start()
            assert tries_left(vm) == 1
            assert "slot b ended before it was marked good; the reset: power" in vm.boot_text()
        vm.power_cut()
        vm.start()
        assert tries_left(vm) == 0
        vm.power_cut()
        vm.start()
        vm.expect(r"keelboot: slot b is rejected: power cut too often while on trial")
        bench.up(vm, "1.0", "a")


def test_unexplained_power_cut_costs_a_try(bench):
    disk = bench.disk("1.0", "2.0 nomark", good="a")
    with bench.machine(disk, initrd=bench.initramfs(name="disk", modules=DISK)) as vm:
        for tries in (2, 1, 0):
            assert tries_left(vm) == tries
            vm.power_cut()
            vm.start()
        vm.expect(r"keelboot: slot b is rejected: reset before it was marked good")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["cause"] == "unknown"
