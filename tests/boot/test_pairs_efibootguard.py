# SPDX-License-Identifier: Apache-2.0
"""Each slot has a unified kernel image in a config partition of its own, which EFI Boot Guard starts: a release brings
it, and is left with it. Its environments are made by bg_setenv, as a factory makes them."""

import re
from pathlib import Path

import kbdisk
import kbloader
import pytest
import uki_device
from cut_disk import CUTS, CutDisk, every
from kbdisk import Vfat
from uki_device import FILES, GARBAGE, HANGS, NEEDS, PANICS, UkiDevice

PARTS = {slot: f"ebg-{slot}" for slot in "ab"}
SIZE = "64M"
SLOW = 240      # seconds: the firmware is emulated, too
LONG = 900      # seconds that the loader's watchdog gives a kernel

pytestmark = [
    *NEEDS, pytest.mark.skipif(not kbloader.EFIBOOTGUARD.exists(), reason="package efibootguard is not installed")]


class Guarded(UkiDevice):
    """The kernels are in two config partitions, and EFI Boot Guard starts that of slot a."""

    NAME = "pairs-efibootguard"
    CONF = ("[system]\ntries={tries}\n[slot.a]\nboot=PARTLABEL=ebg-a:/EFI/Linux/keelboot-a.efi\n"
            "[slot.b]\nboot=PARTLABEL=ebg-b:/EFI/Linux/keelboot-b.efi\n[loader]\nkind=efibootguard\n")
    HELPER = ("/usr/lib/keelboot/keelboot-helper loader efibootguard "
              "a=/dev/vda6:/EFI/Linux/keelboot-a.efi,b=/dev/vda7:/EFI/Linux/keelboot-b.efi")
    PARTS, SLOW = PARTS, SLOW

    def parts(self, size=SIZE, **environments):
        parts = [("esp", "16M", Vfat({"EFI/BOOT/BOOTX64.EFI": kbloader.EFIBOOTGUARD}), "esp")]
        for slot, revision in (("a", 2), ("b", 1)):
            own = {"revision": revision, "watchdog": LONG, **environments.get(slot, {})}
            files = kbloader.bg_config(PARTS[slot].upper(), FILES[slot], **own)
            if slot == "a":
                files[FILES["a"]] = self.image
            parts.append((PARTS[slot], size, Vfat(files), "esp"))
        return parts

    def environment(self, slot, disk=None) -> bytes:
        return self.read(slot, "BGENV.DAT", disk)


def test_release_brings_its_image_and_becomes_the_default(bench):
    guarded = Guarded(bench)
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert "slot b: its own kernel has come up" in vm.text and len(vm.boots) == 2
        assert guarded.pair(vm) == "b" and bench.status(vm)["slots"][1]["state"] == "good"
        assert guarded.words(vm) == "default=b once=-"
        assert list(guarded.doctor(vm)) == ["loader-uncounted"]
        guarded.restart(vm)
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "kernel of its own" not in text and guarded.pair(vm) == "b"
    assert guarded.file("b") == guarded.image.read_bytes() == guarded.file("a")
    one, other = (kbloader.bg_environment(guarded.environment(slot)) for slot in "ab")
    assert (one["ustate"], one["revision"], other["ustate"], other["revision"]) == (0, 2, 0, 3)
    assert other["kernel"] == "C:EBG-B:\\EFI\\Linux\\keelboot-b.efi" and other["watchdog"] == LONG


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    guarded = Guarded(bench)
    with guarded.machine(bench.stick(guarded.bundle("2.0", guarded.uki(PANICS)))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Kernel panic", SLOW)
        guarded.rejected(vm)
    failed = kbloader.bg_environment(guarded.environment("b"))
    assert (failed["ustate"], failed["revision"]) == (3, 0)


def test_release_whose_image_is_none_is_left_by_the_loaders_watchdog(bench):
    """The loader arms it before it loads the kernel; then it gives up, and the firmware waits for a person."""
    guarded = Guarded(bench, b={"watchdog": 40})
    with guarded.machine(bench.stick(guarded.bundle("2.0", GARBAGE))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Cannot load specified kernel image", SLOW)
        guarded.rejected(vm)
    assert guarded.file("b").rstrip(b"\0") == GARBAGE


def test_release_whose_initramfs_is_garbage_is_left_and_says_why(bench):
    uki_device.is_left_without_its_initramfs(Guarded(bench))


def test_kernel_that_hangs_is_ended_by_the_loaders_watchdog(bench):
    guarded = Guarded(bench, b={"watchdog": 90})
    with guarded.machine(bench.stick(guarded.bundle("2.0", guarded.uki(HANGS)))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Kernel panic", SLOW)
        guarded.rejected(vm)


def test_running_system_installs_though_it_has_the_partition_mounted(bench):
    """The stick brings the module of vfat into the kernel."""
    guarded = Guarded(bench, staged=True)
    with guarded.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "mount -t vfat /dev/vda7 /mnt && echo kept >/mnt/own")
        assert "2.0 is in slot b" in bench.ask(vm, "keelboot install /data/2.0.keel --progress=none", SLOW)
        assert guarded.words(vm) == "default=a once=-"
        assert bench.ask(vm, "cat /mnt/own; ls -1 /mnt/EFI/Linux") == "kept\nkeelboot-b.efi\n"
        bench.ask(vm, "umount /mnt")
        guarded.restart(vm)
        bench.up(vm, "2.0", "b", SLOW)
        assert guarded.pair(vm) == "b"
    assert guarded.file("b") == guarded.file("a") == guarded.image.read_bytes()


def test_full_partition_is_said_before_anything_is_written(bench):
    guarded = Guarded(bench, size="48M")
    offset, size = kbdisk.partition(guarded.disk, PARTS["b"])
    room = size - guarded.image.stat().st_size
    kbdisk.vfat_put(guarded.disk, {"litter.bin": bytes(max(room, 0))}, offset)
    before = [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()]
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "but there is room for" in text and "fsck.vfat -a" in text
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()] == before


class Cuts:
    """An update from the first write to its commitment, and the disk as a cut behind any write leaves it."""

    def __init__(self, bench):
        self.guarded = Guarded(bench)
        self.stick = self.guarded.bundle("2.0")
        self.disk = CutDisk(self.guarded.disk, bench.work, *PARTS.values())
        with self.guarded.machine(bench.stick(self.stick), log=self.disk.log) as vm:
            bench.up(vm, "2.0", "b", 2 * SLOW)
            assert self.guarded.words(vm) == "default=b once=-"
            vm.power_cut()
        self.written = self.disk.written()
        assert len(self.written) > CUTS

    def cut(self, point) -> Path:
        return self.disk.cut(point)

    def starts(self, point) -> str:
        """The slot that starts then; its kernel is there, and whole."""
        image = self.cut(point)
        says = kbloader.bg_starts([self.guarded.environment(slot, image) for slot in "ab"])
        slot = re.search(r"keelboot-(.)\.efi", says).group(1)
        assert self.guarded.file(slot, image) == self.guarded.image.read_bytes(), (point, says)
        return slot + says.partition(".efi")[2]


def test_power_cut_at_any_write_leaves_a_kernel_that_starts(bench):
    """By Linux and by the loader. The environments change behind the last byte of the kernel."""
    cuts = Cuts(bench)
    states = {cuts.starts(point) for point in (*every(cuts.written, CUTS), *cuts.written[-CUTS:])}
    assert states == {"a", "b once", "b"}


def test_power_cut_in_the_copy_and_in_the_commitment_leads_to_the_release(bench):
    cuts = Cuts(bench)
    for number, point in enumerate((cuts.written[len(cuts.written) // 2], cuts.written[-CUTS // 2], cuts.written[-1])):
        stick = bench.stick(cuts.stick, name=f"stick{number}")
        with cuts.guarded.machine(stick, disk=cuts.cut(point), variables=f"{number}.fd") as vm:
            bench.up(vm, "2.0", "b", 3 * SLOW)
            assert cuts.guarded.pair(vm) == "b"


def test_both_environments_with_a_wrong_checksum_are_said_and_nothing_is_installed(bench):
    """The loader starts what it finds in the first one."""
    guarded = Guarded(bench)
    for slot in "ab":
        data = bytearray(guarded.environment(slot))
        data[-1] ^= 1
        guarded.put(slot, bytes(data), "BGENV.DAT")
    before = [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()]
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "both environments are damaged" in text
        assert "boot loader: no update is installed: it may start what is overwritten; see keelboot doctor" in text
        assert bench.status(vm)["slots"][1]["state"] == "empty"
        assert "both environments are damaged" in guarded.doctor(vm)["loader-store"]
    assert [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()] == before


def test_revision_at_its_end_is_begun_anew(bench):
    guarded = Guarded(bench, a={"revision": 0xffffffff})
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", 2 * SLOW)
        assert guarded.pair(vm) == "b" and guarded.words(vm) == "default=b once=-"
    one, other = (kbloader.bg_environment(guarded.environment(slot)) for slot in "ab")
    assert {one["revision"], other["revision"]} == {1, 2} and other["ustate"] == one["ustate"] == 0


def test_environments_with_one_revision_are_told_apart_before_an_install(bench):
    guarded = Guarded(bench, b={"revision": 2})
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        text = bench.up(vm, "2.0", "b", 2 * SLOW)
        assert "both environments have the same revision" in vm.text
        assert "starts the kernel of slot a from now on" in vm.text and "its own kernel has come up" in text
        assert guarded.words(vm) == "default=b once=-"


def test_both_images_bad_is_the_loaders_end_and_a_file_that_is_put_back_boots(bench):
    guarded = Guarded(bench, a={"watchdog": 30}, b={"watchdog": 30})
    for slot in "ab":
        guarded.put(slot, GARBAGE)
    with guarded.machine() as vm:
        vm.expect("Cannot load specified kernel image", SLOW)
        vm.wait_reset(SLOW)
        vm.expect("Cannot load specified kernel image", SLOW)
    guarded.put("a", guarded.image)
    guarded.put("a", kbloader.bg_change(guarded.environment("a"), watchdog=LONG), "BGENV.DAT")
    with guarded.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)


def test_next_release_replaces_the_other_file_and_never_that_which_runs(bench):
    guarded = Guarded(bench).commit()
    kept = guarded.file("b")
    with guarded.machine(bench.stick(guarded.bundle("3.0"), name="second")) as vm:
        bench.up(vm, "3.0", "a", 2 * SLOW)
        assert guarded.pair(vm) == "a" and guarded.words(vm) == "default=a once=-"
    assert guarded.file("b") == kept and guarded.file("a") == guarded.image.read_bytes()
