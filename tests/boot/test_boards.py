# SPDX-License-Identifier: Apache-2.0
"""Boards as QEMU has them, with Debian's own kernels and device trees: the drivers of real chips for card, USB and
watchdog. `make check-boards` runs them."""

import re

import pytest

from boards import BOARDS
from conftest import Bench, Shared, images, name_of_programs
from drives import Drive

NAMES = ("raspi3b", "orangepi-pc", "mcimx6ul-evk")
# QEMU's machine has a host of USB; else a second slot for cards.
USB = ("raspi3b", "orangepi-pc")
# Of the others, QEMU has no more than the registers. This one forgets, at the reset, that it fired.
WATCHDOGS = {"mcimx6ul-evk": "imx2+ watchdog"}
MODULES = ("usb", "watchdog", "ext4", "vfat")
SLOW = 400      # seconds: QEMU emulates four processors on one


@pytest.fixture
def bench(request, tmp_path):
    name = request.param
    with images(f"-{name}-{name_of_programs(BOARDS[name].build)}") as work:
        yield Bench(Shared(work, watchdog=15, arch=name), tmp_path)
    for path in tmp_path.glob("*.img"):
        path.unlink()


def on(*names):
    return pytest.mark.parametrize("bench", names, indirect=True)


def machine(bench, disk, **options):
    initrd = bench.device.initramfs("--level", "3", name="board", modules=MODULES)
    return bench.machine(disk, initrd=initrd, append="panic=10", watchdog=False, **options)


def board_disk(bench, *slots, **options):
    return bench.disk(*slots, size=bench.device.board.card, **options)


def second_source(bench, bundle) -> Drive:
    return bench.stick(bundle) if bench.device.arch in USB else bench.sd_card(bundle)


@on(*NAMES)
def test_device_from_the_factory_is_updated_from_its_second_source(bench):
    disk = board_disk(bench, "1.0")
    with machine(bench, disk, drives=[second_source(bench, bench.bundle("2.0"))]) as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", SLOW)
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert bench.holds_release(disk, "b", "2.0")


@on(*NAMES)
def test_release_that_panics_is_left_with_its_reason(bench):
    """The restart is the chip's: by the driver of its watchdog, whether that is switched off or not. None of them tells
    why it was reset."""
    with machine(bench, board_disk(bench, "1.0", "3.0 panic", good="a")) as vm:
        for tries in (2, 1, 0):
            vm.expect(rf"keelboot: slot b: 3\.0, trial, tries left: {tries}", SLOW)
            vm.expect(r"system 3\.0: init panics", SLOW)
        bench.up(vm, "1.0", "a", SLOW)
        b = bench.status(vm)["slots"][1]
        assert (b["state"], b["reason"]) == ("bad", "reset before it was marked good")


@on(*WATCHDOGS)
def test_hang_is_ended_by_the_watchdog_of_the_chip(bench):
    with machine(bench, board_disk(bench, "1.0", "3.0 hang", good="a")) as vm:
        name = re.escape(WATCHDOGS[bench.device.arch])
        vm.expect(rf"keelboot: watchdog: /dev/watchdog0 \({name}\), 15 s", SLOW)
        for tries in (2, 1, 0):
            vm.expect(rf"keelboot: slot b: 3\.0, trial, tries left: {tries}", SLOW)
            vm.expect(r"system 3\.0: init hangs", SLOW)
        bench.up(vm, "1.0", "a", SLOW)
        assert bench.causes(vm) == ["watchdog"] * 3
        assert bench.status(vm)["slots"][1]["reason"] == "reset before it was marked good"


@on("raspi3b")
def test_power_cut_during_an_update_from_a_stick(bench):
    disk = board_disk(bench, "1.0")
    with machine(bench, disk, drives=[second_source(bench, bench.bundle("2.0"))]) as vm:
        vm.expect(r"update: writing, [1-9]\d %", SLOW)
        vm.power_cut()
        vm.start()
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.holds_release(disk, "b", "2.0")
