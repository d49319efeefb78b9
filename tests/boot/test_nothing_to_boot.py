# SPDX-License-Identifier: Apache-2.0
"""No disk, or no system on it: the device says so, waits, and starts again. There is no shell. What
a device does that has a disk, and nothing to boot on it: test_rescue_never_ends.py."""

import pytest


def end_of(bench, vm) -> str:
    vm.expect(r"keelboot: unable to boot: .*; restarting in 1 s")
    vm.send("\nid")
    boot = vm.wait_reset(60)
    text = vm.boot_text(boot.number - 1)
    assert boot.cause == "guest" and "uid=" not in text and "Kernel panic" not in text
    assert boot.at - vm.boots[-2].at > 30, "never a tight loop"
    return text


@pytest.mark.long
def test_no_disk_at_all(bench):
    with bench.machine(None, append="keelboot.timeout=2") as vm:
        text = end_of(bench, vm)
        assert "devices: no disk with PARTLABEL=keelboot-state and slots within 2 s" in text
        assert "devices: the kernel sees no disk; check its power and cable, and pack its driver" in text
        vm.expect(r"keelboot: Keelboot")


def test_device_without_any_system_is_filled_by_a_stick(bench):
    disk = bench.disk("1.0", state=bench.device.state("--slots", "2", name="empty-state"), slots=(None, None))
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"))]) as vm:
        slot = vm.expect(r"slot (\w) holds version 2\.0 on trial")[1]
        bench.up(vm, "2.0", slot)
        assert bench.causes(vm) == []
