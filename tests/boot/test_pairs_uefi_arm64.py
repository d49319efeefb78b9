# SPDX-License-Identifier: Apache-2.0
"""Unified kernel images of AArch64, one for each slot, which UEFI's firmware starts there (AAVMF)."""

import test_pairs_uefi
import uki_device
from test_pairs_uefi import Firmware
from uki_device import ARM64_NEEDS

pytestmark = ARM64_NEEDS


def test_release_brings_its_image_and_is_committed_with_it(bench):
    uki_device.is_committed(Firmware(bench))


def test_release_whose_image_is_none_is_left_and_says_why(bench):
    uki_device.is_left_as_garbage(Firmware(bench))


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    uki_device.is_left_after_a_panic(Firmware(bench))


def test_release_whose_initramfs_is_garbage_is_left_and_says_why(bench):
    uki_device.is_left_without_its_initramfs(Firmware(bench))


def test_release_whose_kernel_is_for_another_processor_is_left_and_says_why(bench):
    """The firmware's pair is a file system, into which Keelboot does not look: the firmware starts the other one."""
    device = Firmware(bench)
    with device.machine(bench.stick(device.bundle("2.0", device.foreign()))) as vm:
        vm.expect(uki_device.HANDED_OVER, device.SLOW)
        device.rejected(vm)


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    uki_device.is_left_after_a_hang(Firmware(bench))


def test_kernel_that_hangs_in_the_initramfs_is_ended_by_the_watchdog(bench):
    uki_device.is_left_after_a_hang_in_its_initramfs(Firmware(bench))


def test_image_that_is_larger_than_its_partition_is_refused_before_anything_is_written(bench):
    test_pairs_uefi.is_refused_for_its_size(Firmware(bench))


def test_power_cut_in_the_copy_leaves_the_other_kernel_and_the_install_goes_on(bench):
    test_pairs_uefi.goes_on_after_cuts(Firmware(bench, staged=True))


def test_both_images_bad_is_the_firmwares_end_and_a_file_that_is_put_back_boots(bench):
    uki_device.come_up_once_an_image_is_put_back(Firmware(bench).commit(), "UEFI Interactive Shell")
