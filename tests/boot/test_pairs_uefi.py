# SPDX-License-Identifier: Apache-2.0
"""Each slot has a unified kernel image of its own, which UEFI's firmware starts: a release brings it, and is left with
it."""

import shutil

import uki_device
from cut_disk import CutDisk
from kbdisk import Vfat, mkvfat
from uki_device import HANDED_OVER, NEEDS, UkiDevice

SIZE = "48M"
SLOW = 240      # seconds: the firmware is emulated, too
# Removes the firmware's entry of slot b, as a firmware does that checks its entries while a disk is away.
DROP = ("mkdir -p /run/vars && mount -t efivarfs none /run/vars && for one in /run/vars/Boot0*; do "
        "if tr -d '\\0' <$one | grep -q 'keelboot b'; then rm $one; fi; done; umount /run/vars")

pytestmark = NEEDS


class Firmware(UkiDevice):
    """Each kernel is alone in a partition, and the firmware's entries name it. At first there is none."""

    NAME = "pairs-uefi"
    CONF = ("[system]\ntries={tries}\n[slot.a]\nboot=PARTLABEL=boot-a\n[slot.b]\nboot=PARTLABEL=boot-b\n"
            "[loader]\nkind=uefi\n")
    HELPER = "/usr/lib/keelboot/keelboot-helper loader uefi a=/dev/vda5,b=/dev/vda6"
    PARTS = {slot: f"boot-{slot}" for slot in "ab"}
    SLOW, OPTIONS = SLOW, ("--module", "efivarfs")
    WATCHDOG = "whether the hardware's runs is not known"

    @property
    def FILES(self):
        return {slot: self.uefi.boot for slot in "ab"}

    def parts(self):
        return [("boot-a", SIZE, Vfat({self.uefi.boot: self.image}), "esp"), ("boot-b", SIZE, None, "esp")]

    def boot_image(self, version, data, size=SIZE):
        """The file system that the firmware reads."""
        path = super().boot_image(version, data)
        image = path.with_suffix(".fat")
        mkvfat(image, size, {self.uefi.boot: path})
        return image


# --- stories that are the same with each processor -----------------------------------------------

def is_refused_for_its_size(device) -> None:
    """An image that is larger than its partition: before anything is written."""
    bench = device.bench
    image = device.boot_image("2.0", device.image.read_bytes(), "56M")
    bundle = bench.bundle("2.0", options=("--image", f"boot={image}"))
    before = device.partition("b")
    with bench.untouched(device.disk), device.machine(bench.stick(bundle)) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "made for larger slots" in text and HANDED_OVER not in text
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert device.partition("b") == before


def goes_on_after_cuts(device) -> None:
    """The disk at twenty points of the copy, from outside; three of them are booted. 2.0 is in the data partition."""
    bench = device.bench
    with device.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none")
        bench.ask(vm, f"{device.HELPER} default a")
    shutil.copy(bench.work / "variables.fd", bench.work / "kept.fd")
    cuts = CutDisk(device.disk, bench.work, "boot-b")
    with device.machine(log=cuts.log) as vm:
        vm.expect(HANDED_OVER, SLOW)
        vm.power_cut()
    points = cuts.points()
    for number, point in enumerate(points):
        image = cuts.cut(*point)
        assert device.file("a", image) == device.image.read_bytes(), point
        if number not in (1, len(points) // 2, len(points) - 2):
            continue
        shutil.copy(bench.work / "kept.fd", bench.work / f"{number}.fd")
        with device.machine(disk=image, variables=f"{number}.fd") as vm:
            bench.up(vm, "2.0", "b", 2 * SLOW)
            assert vm.boot_text(1).count(HANDED_OVER) == 1 and device.pair(vm) == "b"
        assert device.file("b", image) == device.image.read_bytes(), point


# --- those of x86-64 -----------------------------------------------------------------------------

def test_release_brings_its_image_and_is_committed_with_it(bench):
    uki_device.is_committed(Firmware(bench))


def test_release_whose_image_is_none_is_left_and_says_why(bench):
    uki_device.is_left_as_garbage(Firmware(bench))


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    uki_device.is_left_after_a_panic(Firmware(bench))


def test_release_whose_initramfs_is_garbage_is_left_and_says_why(bench):
    uki_device.is_left_without_its_initramfs(Firmware(bench))


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    uki_device.is_left_after_a_hang(Firmware(bench))


def test_kernel_that_hangs_in_the_initramfs_is_ended_by_the_watchdog(bench):
    uki_device.is_left_after_a_hang_in_its_initramfs(Firmware(bench))


def test_image_that_is_larger_than_its_partition_is_refused_before_anything_is_written(bench):
    is_refused_for_its_size(Firmware(bench))


def test_power_cut_in_the_copy_leaves_the_other_kernel_and_the_install_goes_on(bench):
    goes_on_after_cuts(Firmware(bench, staged=True))


def test_next_release_replaces_the_other_kernel_and_never_that_which_runs(bench):
    device = Firmware(bench).commit()
    other = device.uki("release=3")
    with device.machine(bench.stick(device.bundle("3.0", other), name="second")) as vm:
        bench.up(vm, "3.0", "a", SLOW)
        assert device.pair(vm) == "a" and device.words(vm) == "default=a once=-"
    assert device.file("a") == other.read_bytes() and device.file("b") == device.image.read_bytes()


def test_firmware_that_forgot_all_its_variables_gets_its_entries_again(bench):
    """Its battery is empty: it starts the first image that it finds. Init there asks for the preferred one."""
    device = Firmware(bench).commit()
    with device.machine(variables="empty.fd") as vm:
        bench.up(vm, "2.0", "b", 2 * SLOW)
        assert device.pair(vm) == "b" and bench.status(vm)["slots"][1]["state"] == "good"
        assert device.words(vm) == "default=b once=-"
        boots = len(vm.boots)
        device.restart(vm)
        bench.up(vm, "2.0", "b", SLOW)
        assert device.pair(vm) == "b" and len(vm.boots) == boots + 1


def test_entry_that_the_firmware_dropped_is_made_again(bench):
    device = Firmware(bench).commit()
    with device.machine() as vm:
        bench.up(vm, "2.0", "b", SLOW)
        bench.ask(vm, DROP)
        assert device.words(vm) == "default=a once=-"       # the next entry of the order
        device.restart(vm)
        bench.up(vm, "2.0", "b", 2 * SLOW)
        assert device.pair(vm) == "b" and device.words(vm) == "default=b once=-"
        boots = len(vm.boots)
        device.restart(vm)
        bench.up(vm, "2.0", "b", SLOW)
        assert device.pair(vm) == "b" and len(vm.boots) == boots + 1


def test_both_images_bad_is_the_firmwares_end_and_a_file_that_is_put_back_boots(bench):
    uki_device.come_up_once_an_image_is_put_back(Firmware(bench).commit(), "EFI Internal Shell")
