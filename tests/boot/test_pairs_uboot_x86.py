# SPDX-License-Identifier: Apache-2.0
"""U-Boot on x86, with a redundant environment on the device's card: the stories of test_pairs_uboot.py. qemu/u-boot
makes it: Debian's own saves no environment. That one starts pairs, too: test_loader_uboot_x86.py."""

import kbuboot
import pair_device
import pytest
import test_pairs_uboot as uboot
from boards import TCG_WORDS

pytestmark = pytest.mark.skipif(not kbuboot.X86.image.is_file(),
                                reason="no U-Boot with an environment: run qemu/u-boot")


class Pairs(uboot.Pairs):
    """On x86, Linux unpacks itself from 16 MiB on: the initramfs is above that."""

    UBOOT, ARCH, BEFORE = kbuboot.X86, "amd64", "setenv ramdisk_addr_r 0x8000000\n"
    CARD = "/devices/pci0000:00/*"
    WORDS = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS} watchdog.stop_on_reboot=0"
    SIZE, SLOW = "32M", 180


def test_release_brings_its_kernel_to_an_empty_environment_and_is_committed(bench):
    """Beginning with the environment of a factory: none."""
    pair_device.is_committed(Pairs(bench))
    assert "using default environment" in (bench.work / "console.log").read_text()


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    pair_device.is_left_after_a_panic(Pairs(bench, tries=1))


def test_release_whose_kernel_is_for_another_processor_is_left_and_says_why(bench):
    pair_device.is_left_as_another_processors(Pairs(bench, tries=1))


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    """QEMU's PC has no watchdog that U-Boot can arm."""
    pair_device.is_left_after_a_panic(Pairs(bench, tries=1, panic=0), resets=True)


def test_power_cut_at_any_write_leaves_a_pair_that_starts_and_leads_to_the_release(bench):
    uboot.leads_to_the_release_wherever_cut(Pairs.installed(bench, tries=2))


def test_pair_that_is_larger_than_its_partition_is_refused_before_anything_is_written(bench):
    pair_device.is_refused_for_its_size(Pairs.installed(bench), "40M")


@pytest.mark.parametrize("flags", [(255, 254), (254, 255), (0, 255)], ids=str)
def test_count_of_the_copies_wraps(bench, flags):
    uboot.counts_on_behind_its_end(Pairs, bench, flags)


def test_committed_kernel_that_stops_starting_is_left(bench):
    pair_device.is_left_after_three_starts(Pairs.both_good(bench))


def test_both_kernels_bad_are_tried_every_ten_seconds_until_a_file_is_put_back(bench):
    pair_device.come_up_once_a_kernel_is_put_back(Pairs.both_good(bench))


def test_both_pairs_panic_and_take_turns_until_a_file_is_put_back(bench):
    pair_device.take_turns_until_a_file_is_put_back(Pairs.both_good(bench))


def test_own_count_of_u_boot_is_reset_by_a_good_mark_and_else_starts_its_alternative(bench):
    uboot.starts_its_alternative_unless_marked_good(Pairs, bench)
