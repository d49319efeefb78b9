# SPDX-License-Identifier: Apache-2.0
"""Power goes while a slot is written, again and again."""

import json

import pytest
from kbdisk import read_partition


def state_of(bench, disk) -> dict:
    """The record as it is on the medium."""
    offset, size = bench.partition(disk, "keelboot-state")
    return json.loads(bench.command("state", "show", "--json", "--state", disk, "--offset", offset, "--size", size))


def wrong_blocks(bench, disk) -> int:
    """How many blocks of 4 KiB of slot b are not what 2.0 has there."""
    image = bench.device.system("2.0").read_bytes()
    slot = read_partition(disk, "root-b", 0, len(image))
    return sum(image[at:at + 4096] != slot[at:at + 4096] for at in range(0, len(image), 4096))


def is_cut_three_times(bench, vm, disk) -> bool:
    """In the midst of an install. False: on a busy host it was done before the power went."""
    a = bench.slots(disk)["a"]
    for step in (r"writing, [2-9]\d %", r"writing, [6-9]\d %", r"reading back, [2-9]\d %"):
        vm.expect(f"update: {step}", 90)
        vm.power_cut()
        assert bench.slots(disk)["a"] == a
        state = state_of(bench, disk)["slots"][1]["state"]
        if state != "writing":
            assert state in ("trial", "good")
            return False
        vm.start()
    return True


def goes_on_where_it_was(bench, vm, disk, at_first):
    a = bench.slots(disk)["a"]
    wrong = wrong_blocks(bench, disk)
    assert wrong < at_first / 2, "what was flushed before the cut is there"
    # A device that cannot tell a cut from a crash leaves the source alone after three of
    # them; the good slot's own report lifts that.
    assert "source usb is skipped: its updates crashed the device 3 times" in bench.up(vm, "1.0", "a")
    vm.send("reboot")
    written = int(vm.expect(r"slot b holds version 2\.0 on trial: (\d+) KiB written", 150)[1])
    assert written <= wrong * 4 + 256, "the wrong blocks, and the seal of 128 KiB"
    bench.up(vm, "2.0", "b")
    assert vm.stats()["disk"].written_bytes < (written + 2048) * 1024
    assert bench.status(vm)["slots"][1]["state"] == "good"
    assert bench.causes(vm) == ["power-cut"] * 3 + ["guest"]
    assert bench.slots(disk)["a"] == a


def test_three_cuts_then_the_install_goes_on_where_it_was(bench):
    for mib in (8, 2, 1):       # a second: slow enough for a middle
        disk = bench.disk("1.0", name=f"disk-{mib}")
        at_first = wrong_blocks(bench, disk)
        with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"))], bps=mib << 20) as vm:
            if is_cut_three_times(bench, vm, disk):
                goes_on_where_it_was(bench, vm, disk, at_first)
                break
    else:
        pytest.fail("each install was done before the power went")
    assert bench.holds_release(disk, "b", "2.0")
