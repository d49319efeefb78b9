# SPDX-License-Identifier: Apache-2.0
"""Debian's own U-Boot of x86 starts pairs by kernel-cmdline/loaders/boot.cmd. It has no environment to save, no saveenv
and no bootcount, so the variables are in a file of the ESP here. test_pairs_uboot_x86.py has one with an
environment."""

import functools
from pathlib import Path

import pytest
import test_loader_uboot as uboot
from boards import TCG_WORDS

UBOOT = Path("/usr/lib/u-boot/qemu-x86/u-boot.rom")
WORDS = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
# Linux unpacks itself from 16 MiB on: the file and the initramfs are above that.
BEFORE = uboot.KEPT.replace("0x40300000", "0x7800000") + "setenv ramdisk_addr_r 0x8000000\n"
SLOW = 180      # seconds: the firmware is emulated, too

pytestmark = pytest.mark.skipif(not UBOOT.is_file(), reason="package u-boot-qemu is not installed")


@pytest.fixture(name="start")
def make_start(bench, monkeypatch):
    """The machine, switched off, and its disk: b is to be started once."""
    monkeypatch.setattr(uboot, "SLOW", SLOW)
    board = {"memory": 512, "watchdog": True, "firmware": str(UBOOT)}
    return functools.partial(uboot.machine, bench, before=BEFORE, words=WORDS, board=board)


test_kernel_that_cannot_be_loaded_falls_back_at_once = uboot.test_kernel_that_cannot_be_loaded_falls_back_at_once
test_kernel_that_panics_falls_back_by_a_reset = uboot.test_kernel_that_panics_falls_back_by_a_reset


def test_once_is_started_once_and_then_the_default(bench, start):
    uboot.test_once_is_started_once_and_then_the_default(bench, start)
    assert "Loading Environment from nowhere" in (bench.work / "console.log").read_text(errors="replace")
