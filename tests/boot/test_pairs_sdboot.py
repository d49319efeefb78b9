# SPDX-License-Identifier: Apache-2.0
"""Each slot has a unified kernel image as a file in the ESP, which systemd-boot starts: a release brings it, and is
left with it."""

import re

import kbdisk
import kbloader
import pytest
import uki_device
from kbdisk import Vfat
from sdboot_device import (LOADER, NEEDS_IT, SIZE, SLOW, Entries, goes_on_after_cuts, is_refused_by_a_full_esp,
                           stage_refuses_without_room)
from uki_device import FILES, GARBAGE, HANDED_OVER

pytestmark = NEEDS_IT


def test_release_brings_its_image_and_is_committed_with_it(bench):
    entries = Entries(bench)
    with entries.machine(bench.stick(entries.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert "slot b: its own kernel has come up" in vm.text and len(vm.boots) == 2
        assert entries.pair(vm) == "b" and bench.status(vm)["slots"][1]["state"] == "good"
        assert list(entries.doctor(vm)) == ["loader-uncounted"]
        entries.restart(vm)
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "kernel of its own" not in text and entries.pair(vm) == "b"
    assert entries.file("b") == entries.image.read_bytes() == entries.file("a")


def test_running_system_installs_though_it_has_the_esp_mounted(bench):
    """The stick brings the module of vfat into the kernel."""
    entries = Entries(bench, staged=True)
    with entries.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "mount -t vfat /dev/vda5 /mnt && mkdir -p /mnt/own && echo kept >/mnt/own/file")
        assert "2.0 is in slot b" in bench.ask(vm, "keelboot install /data/2.0.keel --progress=none", SLOW)
        assert entries.words(vm) == "default=a once=-"
        assert bench.ask(vm, "cat /mnt/own/file; ls -1 /mnt/EFI/Linux") == "kept\nkeelboot-a.efi\nkeelboot-b.efi\n"
        bench.ask(vm, "umount /mnt")
        entries.restart(vm)
        bench.up(vm, "2.0", "b", SLOW)
        assert entries.pair(vm) == "b"
    assert entries.file("b") == entries.file("a") == entries.image.read_bytes()


def test_esp_that_the_system_has_mounted_read_only_stays_so(bench):
    """Linux has one state for all mounts of a FAT. The install is refused before anything is written."""
    entries = Entries(bench, staged=True)
    with entries.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "mount -t vfat -o ro /dev/vda5 /mnt")
        mounts = bench.ask(vm, "grep vda5 /proc/self/mountinfo")
        assert mounts.count("ro,") >= 2, mounts
        told = bench.ask(vm, "keelboot install /data/2.0.keel --progress=none; echo code $?", SLOW)
        assert "/EFI/Linux/keelboot-b.efi: its partition is mounted read-only: unmount it" in told, told
        assert "code 0" not in told and bench.status(vm)["slots"][1]["state"] == "empty"
        assert bench.ask(vm, "grep vda5 /proc/self/mountinfo") == mounts
        bench.ask(vm, "umount /mnt")
        assert "2.0 is in slot b" in bench.ask(vm, "keelboot install /data/2.0.keel --progress=none", SLOW)
    assert entries.file("b") == entries.image.read_bytes()


def test_stage_refuses_a_release_whose_kernel_has_no_room(bench):
    stage_refuses_without_room(Entries(bench, size="48M", staged=True))


def test_three_kernels_in_turn_are_each_that_of_its_release(bench):
    entries = Entries(bench)
    images = {f"{number}.0": entries.uki(f"release={number}") for number in (2, 3)}
    for version, slot, other in (("2.0", "b", "1.0"), ("3.0", "a", "2.0")):
        with entries.machine(bench.stick(entries.bundle(version, images[version]), name=f"stick{version[0]}")) as vm:
            bench.up(vm, version, slot, SLOW)
            assert entries.pair(vm) == slot and entries.words(vm) == f"default={slot} once=-"
            assert f"release={version[0]} " in bench.ask(vm, "cat /proc/cmdline; echo").replace("\n", " ")
            slots = {one["slot"]: one for one in bench.status(vm)["slots"]}
            assert (slots[slot]["version"], slots[slot]["state"]) == (version, "good")
            assert slots["ab".replace(slot, "")]["version"] == other
            entries.restart(vm)
            text = bench.up(vm, version, slot, SLOW)
            assert "kernel of its own" not in text and entries.pair(vm) == slot
    assert {slot: entries.file(slot) for slot in "ab"} == {"a": images["3.0"].read_bytes(),
                                                           "b": images["2.0"].read_bytes()}


def test_release_whose_image_is_none_is_left_and_says_why(bench):
    """The loader has no entry for it."""
    entries = Entries(bench)
    with entries.machine(bench.stick(entries.bundle("2.0", GARBAGE))) as vm:
        vm.expect(HANDED_OVER, SLOW)
        entries.rejected(vm)
    assert entries.file("b").rstrip(b"\0") == GARBAGE


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    uki_device.is_left_after_a_panic(Entries(bench))


def test_release_whose_initramfs_is_garbage_is_left_and_says_why(bench):
    uki_device.is_left_without_its_initramfs(Entries(bench))


def test_release_for_another_processor_is_refused_before_anything_is_written(bench):
    uki_device.is_refused_as_another_processors(Entries(bench))


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    uki_device.is_left_after_a_hang(Entries(bench))


def test_kernel_that_hangs_in_the_initramfs_is_ended_by_the_watchdog(bench):
    uki_device.is_left_after_a_hang_in_its_initramfs(Entries(bench))


def test_image_whose_kernel_is_none_waits_in_the_firmware_for_a_reset(bench):
    """It has the sections by which the loader lists it. Then neither stub nor loader goes on."""
    entries = Entries(bench)
    data = bytearray(entries.image.read_bytes())
    kernel = re.search(rb"\x55\xaa\xeb.HdrS", data, re.S).start() - 0x1fe
    data[kernel:kernel + 0x10000] = bytes(0x10000)
    with entries.machine(bench.stick(entries.bundle("2.0", bytes(data)))) as vm:
        vm.expect(HANDED_OVER, SLOW)
        vm.expect("EFI Internal Shell", SLOW)
        vm.reset()
        entries.rejected(vm)


@pytest.mark.parametrize("table", ("gpt", "none"))
def test_kernel_that_a_stick_with_the_same_files_started_is_no_slots(bench, table):
    """The disk's own systemd-boot is gone, so the firmware starts that of the stick. Its bundle is not installed."""
    entries = Entries(bench, staged=True)
    kbloader.esp_delete(entries.disk, "esp", "EFI/BOOT/BOOTX64.EFI")
    files = {"EFI/BOOT/BOOTX64.EFI": kbloader.SYSTEMD_BOOT, "loader/loader.conf": b"timeout 0\n",
             FILES["a"]: entries.image}
    stick = bench.stick(name="other", files=files)
    if table == "gpt":
        kbdisk.Disk().add("stick", SIZE, Vfat(files), type="esp").build(stick.file)
    why = "came from another disk" if table == "gpt" else "does not say from which disk it came"
    with entries.machine(stick, bench.stick(entries.bundle("2.0"), name="update")) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert f"boot loader: booted: systemd-boot {why}" in text.replace("keelboot-loader: boot loader: ", ""), text
        assert why in entries.doctor(vm)["loader-elsewhere"]
        told = bench.ask(vm, "keelboot install /data/2.0.keel --progress=none; echo code $?", SLOW)
        assert "whose kernel runs is not known" in told and "code 0" not in told
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert entries.file("b") is None


def test_full_esp_is_said_before_anything_is_written(bench):
    is_refused_by_a_full_esp(Entries(bench, size="48M"))


def test_power_cut_in_the_copy_leaves_the_other_kernel_and_the_install_goes_on(bench):
    entries = Entries(bench)
    goes_on_after_cuts(entries, entries.bundle("2.0"), {FILES["b"]: bytes(range(256)) * (80 << 10)})


def test_next_release_replaces_the_other_file_and_never_that_which_runs(bench):
    entries = Entries(bench).commit()
    kept = entries.file("b")
    with entries.machine(bench.stick(entries.bundle("3.0"), name="second")) as vm:
        bench.up(vm, "3.0", "a", SLOW)
        assert entries.pair(vm) == "a" and entries.words(vm) == "default=a once=-"
    assert entries.file("b") == kept and entries.file("a") == entries.image.read_bytes()


def test_entry_that_somebody_deleted_leads_to_the_other_slot(bench):
    """The loader starts what it has. Its init asks for the other one, in vain, and goes on."""
    entries = Entries(bench).commit()
    kbloader.esp_delete(entries.disk, "esp", FILES["b"])
    with entries.machine() as vm:
        text = bench.up(vm, "1.0", "a", 4 * SLOW)
        assert "slot b is preferred, but skipped: its kernel did not come up" in text and entries.pair(vm) == "a"
        assert entries.doctor(vm)["loader-entry"] == ("systemd-boot has no entry for the kernel of slot b "
                                                      f"(PARTLABEL=esp:/{FILES['b']})")


def test_both_images_bad_is_the_loaders_end_and_a_file_that_is_put_back_boots(bench):
    uki_device.come_up_once_an_image_is_put_back(Entries(bench).commit(), "Reboot Into Firmware Interface",
                                                 'starting Boot0000 "UiApp"')


def test_preset_that_a_hand_set_to_another_entry_is_made_ours_before_an_install(bench):
    entries = Entries(bench)
    with entries.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, f"{LOADER} a=x.efi default a")
        assert entries.words(vm) == "default=- once=-"
        assert "starts x.efi by default" in entries.doctor(vm)["loader-preset"]
    with entries.machine(bench.stick(entries.bundle("2.0", GARBAGE))) as vm:
        vm.expect("starts the kernel of slot a from now on", SLOW)
        entries.rejected(vm)
