# SPDX-License-Identifier: Apache-2.0
"""Boards as QEMU has them, with Debian's own kernels and device trees: the drivers of real chips for card, USB and
watchdog. `make check-boards` runs them."""

import re

import pytest

from boards import BOARDS
from conftest import Bench, Shared, images, name_of_programs
from kbqemu import QemuError, newer

NAMES = ("raspi3b", "orangepi-pc", "mcimx6ul-evk", "sbsa-ref")
# Of the Raspberry Pi, QEMU has no more than the registers. These forget, at the reset, that they fired.
WATCHDOGS = {"mcimx6ul-evk": "imx2+ watchdog", "orangepi-pc": "sunxi-wdt", "sbsa-ref": "SBSA Generic Watchdog"}
# Debian 12's QEMU has no watchdog for the Orange Pi. On sbsa-ref, it gives Linux half of the address of the initramfs,
# and a host of USB that cannot reach the memory.
NEWER = {"orangepi-pc": "qemu-system-arm", "sbsa-ref": "qemu-system-aarch64"}
# settle= where a medium comes: on a busy host, QEMU's hosts of USB are slow, and those of the Orange Pi slower.
SETTLE = {"raspi3b": 20, "orangepi-pc": 60, "mcimx6ul-evk": 20}
TIMEOUT = 16    # seconds, which all of them count: sunxi_wdt has no 15
MODULES = ("usb", "watchdog", "ext4", "vfat")
SLOW = 400      # seconds: QEMU emulates four processors on one


class Board(Shared):
    """Its systems have modules of their own: else all that are packed are loaded in each boot, which takes a minute."""

    def system(self, version, kind="ok", **rest):
        return super().system(version, kind, files={f"lib/modules/{self.kernel.modules.name}/modules.dep": ""}, **rest)


@pytest.fixture
def bench(request, tmp_path):
    name = request.param
    with images(f"-{name}-{name_of_programs(BOARDS[name].build)}") as work:
        yield Bench(Board(work, watchdog=TIMEOUT, arch=name), tmp_path)
    for path in tmp_path.glob("*.img"):
        path.unlink()


def on(*names):
    return pytest.mark.parametrize("bench", names, indirect=True)


def qemu(name: str) -> str:
    """A newer one, where that of this system lacks something. Empty: its own."""
    try:
        return newer(NEWER[name]) if name in NEWER else ""
    except QemuError as error:
        pytest.skip(str(error))


def machine(bench, disk, *media):
    settle = SETTLE.get(bench.device.arch, 2) if media else 2
    folder = bench.work / f"settle-{settle}"
    folder.mkdir()
    (folder / "test.conf").write_text(f"[source.media]\nsettle={settle}s\n")
    initrd = bench.device.initramfs("--level", "3", "--conf-dir", folder, name=f"board-{settle}", modules=MODULES)
    return bench.machine(disk, initrd=initrd, append="panic=1", watchdog=False, drives=media,
                         qemu=qemu(bench.device.arch))


def board_disk(bench, *slots, **options):
    return bench.disk(*slots, size=bench.device.board.card or None, **options)


def is_updated_from(bench, medium):
    disk = board_disk(bench, "1.0")
    with machine(bench, disk, medium) as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", SLOW)
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert bench.holds_release(disk, "b", "2.0")


@on(*NAMES)
def test_device_from_the_factory_is_updated_from_its_second_source(bench):
    is_updated_from(bench, bench.stick(bench.bundle("2.0")))


@on("mcimx6ul-evk")
def test_device_from_the_factory_is_updated_from_a_second_card(bench):
    is_updated_from(bench, bench.sd_card(bench.bundle("2.0")))


@on(*NAMES)
def test_release_that_panics_is_left_with_its_reason(bench):
    """The restart is the chip's: by the driver of its watchdog, whether that is switched off or not; or the firmware's.
    None of them tells why it was reset."""
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
        vm.expect(rf"keelboot: watchdog: /dev/watchdog0 \({name}\), {TIMEOUT} s", SLOW)
        for tries in (2, 1, 0):
            vm.expect(rf"keelboot: slot b: 3\.0, trial, tries left: {tries}", SLOW)
            vm.expect(r"system 3\.0: init hangs", SLOW)
        bench.up(vm, "1.0", "a", SLOW)
        # On a busy host, QEMU's clock of the i.MX6UL stops in some boots. The watchdog ends that, too, before a try.
        assert bench.causes(vm) in (["watchdog"] * 3, ["watchdog"] * 4)
        assert bench.status(vm)["slots"][1]["reason"] == "reset before it was marked good"


@on("raspi3b", "sbsa-ref")
def test_power_cut_during_an_update_from_a_stick(bench):
    disk = board_disk(bench, "1.0")
    with machine(bench, disk, bench.stick(bench.bundle("2.0"))) as vm:
        vm.expect(r"update: writing, [1-9]\d %", SLOW)
        vm.power_cut()
        vm.start()
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.holds_release(disk, "b", "2.0")
