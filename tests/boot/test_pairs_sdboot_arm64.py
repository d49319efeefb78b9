# SPDX-License-Identifier: Apache-2.0
"""Unified kernel images of AArch64 in the ESP, one for each slot, which systemd-boot starts from UEFI (AAVMF)."""

import uki_device
from sdboot_device import Entries, goes_on_after_cuts, is_refused_by_a_full_esp, stage_refuses_without_room
from uki_device import ARM64_NEEDS, FILES

pytestmark = ARM64_NEEDS


def test_release_brings_its_image_and_is_committed_with_it(bench):
    uki_device.is_committed(Entries(bench))


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    uki_device.is_left_after_a_panic(Entries(bench))


def test_release_whose_initramfs_is_garbage_is_left_and_says_why(bench):
    uki_device.is_left_without_its_initramfs(Entries(bench))


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    uki_device.is_left_after_a_hang(Entries(bench))


def test_kernel_that_hangs_in_the_initramfs_is_ended_by_the_watchdog(bench):
    uki_device.is_left_after_a_hang_in_its_initramfs(Entries(bench))


def test_stage_refuses_a_release_whose_kernel_has_no_room(bench):
    stage_refuses_without_room(Entries(bench, staged=True))


def test_full_esp_is_said_before_anything_is_written(bench):
    is_refused_by_a_full_esp(Entries(bench))


def test_power_cut_in_the_copy_leaves_the_other_kernel_and_the_install_goes_on(bench):
    entries = Entries(bench)
    goes_on_after_cuts(entries, entries.bundle("2.0"), {FILES["b"]: bytes(range(256)) * (168 << 10)})


def test_both_images_bad_is_the_loaders_end_and_a_file_that_is_put_back_boots(bench):
    uki_device.come_up_once_an_image_is_put_back(Entries(bench).commit(), "Reboot Into Firmware Interface")


def test_release_for_another_processor_is_refused_before_anything_is_written(bench):
    uki_device.is_refused_as_another_processors(Entries(bench))
