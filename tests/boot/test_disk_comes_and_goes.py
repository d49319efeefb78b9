# SPDX-License-Identifier: Apache-2.0
"""The device's disk is slow to come, is pulled out while the device boots, or has one slot that cannot be read."""

import time

import pytest

from drives import Drive, Fault


def test_slow_usb_disk_that_comes_after_20_s_costs_no_try(bench):
    own = Drive(bench.disk("1.0", "2.0", good="a"), bus="usb", name="own", plugged=False)
    initrd = bench.initramfs_with("usb-disk=yes", "timeout=120", name="slow-usb")
    with bench.machine(None, drives=[own], usb=True, initrd=initrd) as vm:
        vm.expect(r"Run /init as init process|keelboot", 90)
        time.sleep(21)
        vm.plug("own")
        # The monotonic clock bounds the wait; the absent disk was no bad slot.
        vm.expect(r"keelboot: slot b: 2\.0, trial, tries left: 2", 90)
        bench.up(vm, "2.0", "b")
        assert bench.causes(vm) == []


@pytest.mark.parametrize("back", ["at once", "after the restart"])
def test_disk_that_is_pulled_out_during_the_boot_makes_no_slot_bad(bench, back):
    own = Drive(bench.disk("1.0", "2.0", good="a"), bus="usb", name="own")
    conf = bench.device.conf.replace("[system]\n", "[system]\nusb-disk=yes\ntimeout=20\n")
    initrd = bench.initramfs_with(name="pulled-usb", conf=f"{conf}\n[rescue]\nwait=10\n")
    # The restart is waited for 10 s. An install gives the time to pull it out.
    drives = [own, bench.stick(bench.bundle("3.0"))]
    with bench.machine(None, drives=drives, initrd=initrd) as vm:
        vm.expect(r"update: writing, [2-9]\d %", 120)
        vm.unplug("own")
        vm.expect(r"rescue: waiting for /dev/sd\w, which disappeared", 120)
        if back == "at once":
            vm.plug("own")
            vm.expect(r"rescue: the disk is back, as /dev/sd\w", 60)
        else:
            vm.expect(r"keelboot: unable to boot", 120)
            vm.plug("own")
        vm.expect(r"slot b holds version 3\.0 on trial", 180)
        bench.up(vm, "3.0", "b")
        slots = bench.status(vm)["slots"]
        assert [slot["state"] for slot in slots] == ["good", "good"]
        assert slots[0]["version"] == "1.0"
        assert bench.causes(vm) == ([] if back == "at once" else ["guest"])


def test_disk_that_comes_after_its_time_is_taken_without_a_restart(bench):
    own = Drive(bench.disk("1.0"), bus="usb", name="own", plugged=False)
    initrd = bench.initramfs_with("usb-disk=yes", "timeout=5", name="later-usb")
    with bench.machine(None, drives=[own], usb=True, initrd=initrd) as vm:
        vm.expect(r"no disk found: nothing can boot, and no stick can help; restarting in 30 s", 90)
        vm.plug("own")
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == []


def test_other_slot_that_cannot_be_read_does_not_block_the_good_one(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    begin, _ = bench.partition(disk, "root-b")
    with bench.machine(disk, faults=[Fault("read", begin, 4096)]) as vm:
        assert "slot b" in bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["reason"].startswith("b: ")
        assert bench.causes(vm) == []
