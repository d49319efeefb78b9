# SPDX-License-Identifier: Apache-2.0
"""Both slots are bad, or are no more trusted."""

import pytest

from test_prepared_states import disk_with


def test_slots_take_turns_after_growing_delays(bench):
    disk = bench.disk("1.0 nomark", "2.0 nomark", bad="ab")
    seen = []
    with bench.machine(disk) as vm:
        for number in (1, 2, 3):
            vm.wait_boot(number)
            match = vm.expect(r"slot (\w) is tried as a last resort in (\d+) s", 90)
            vm.expect(rf"system [12]\.0 is up on slot {match[1]}", 90)
            vm.expect(r"is ready")
            seen.append((match[1], int(match[2])))
            status = bench.status(vm)
            assert status["booted"]["tier"] == "last-resort"
            assert any("no slot is good or on trial" in line for line in status["warnings"])
            vm.send("reboot")
        assert [delay for _, delay in seen] == [5, 10, 20]
        slots = [slot for slot, _ in seen]
        assert slots[0] != slots[1] and slots[0] == slots[2]


def test_stick_repairs(bench):
    disk = bench.disk("1.0 hang", "2.0 hang", bad="ab")
    with bench.machine(disk, drives=[bench.stick(bench.bundle("3.0"))]) as vm:
        slot = vm.expect(r"slot (\w) holds version 3\.0 on trial")[1]
        assert "as a last resort" not in bench.up(vm, "3.0", slot)
        status = bench.status(vm)
        assert {"3.0"} == {s["version"] for s in status["slots"] if s["state"] == "good"}
        assert bench.causes(vm) == []
    assert bench.holds_release(disk, slot, "3.0")


@pytest.mark.long
def test_t16_power_cuts_and_a_stick_do_not_go_backwards(bench):
    """Where the hardware does not tell a cut from a hang, each cut before the mark counts: whoever has a switch makes a
    last resort of two good slots. The release that a thief has brought is older than both."""
    disk = bench.disk("2.0 nomark", "3.0 nomark")
    stick = bench.stick(bench.bundle("1.0"), plugged=False)
    with bench.machine(disk, drives=[stick], initrd=bench.conf_initramfs("count", "[system]\ncount=auto\n")) as vm:
        for cuts in range(15):
            if "last resort" in vm.expect(r"is tried as a last resort in \d+ s|system [23]\.0 is up on slot", 120)[0]:
                break
            vm.power_cut()
            vm.start()
        assert cuts == 12       # what nothing explains counts half
        vm.plug("stick")
        vm.expect(r"version 1\.0: skipped: older than every good slot", 60)
        vm.expect(r"system [23]\.0 is up on slot", 120)
        vm.expect(r"is ready")
        slots = bench.status(vm)["slots"]
        assert [(s["version"], s["state"]) for s in slots] == [("2.0", "good"), ("3.0", "good")]


@pytest.mark.long
def test_t16_power_cuts_and_a_stick_that_is_left_in(bench):
    """The slot to fall back to is a bad one, for a time: the look with which a boot begins goes no further back."""
    disk = bench.disk("3.0 nomark", "2.0 nomark", good="a", bad="b")
    stick = bench.stick(bench.bundle("1.0"))
    initrd = bench.conf_initramfs("count", "[system]\ncount=auto\n")
    told = []
    with bench.machine(disk, drives=[stick], initrd=initrd) as vm:
        for _ in range(9):
            vm.expect(r"version 1\.0: skipped: not newer than what is installed; to go back: ", 120)
            told.append(vm.expect(r"system ([23]\.0) is up on slot", 120)[1])
            vm.power_cut()
            vm.start()
        assert told[:6] == ["3.0"] * 6 and "2.0" in told
        vm.expect(r"is ready", 120)
        assert [(s["version"], s["state"]) for s in bench.status(vm)["slots"]] == [("3.0", "good"), ("2.0", "bad")]


@pytest.mark.long
def test_t16_sticks_that_leave_no_slot_good_do_not_go_backwards(bench):
    """The last of many cuts: an install over the only good slot, which power cuts made untrusted, is broken off. What
    is left is a bad slot that mounts, and another stick, whose release is older than the good slot was."""
    disk = disk_with(bench, "4.0", "2.0 nomark", good="a", b_st="bad", a_streak=3, lr="b", lr_count=4)
    newer = bench.stick(bench.bundle("5.0"), name="newer")
    older = bench.stick(bench.bundle("3.0"), name="older", plugged=False)
    initrd = bench.conf_initramfs("no-verify", "[source.media]\nverify-first=no\n")
    with bench.machine(disk, drives=[newer, older], initrd=initrd, bps=3 << 20) as vm:
        vm.expect(r"version 5\.0 .*: to slot a")
        vm.expect(r"update: writing, [2-9]\d %")
        vm.power_cut()
        vm.start()
        vm.wait_boot(2)
        vm.unplug("newer")
        vm.expect(r"slot b is tried as a last resort in 80 s")
        vm.plug("older")
        vm.expect(r"3\.0: skipped: older than every good slot, or than the last one that was overwritten", 60)
        bench.up(vm, "2.0", "b", timeout=150)
        a, b = bench.status(vm)["slots"]
        assert (a["state"], b["state"], b["version"]) == ("writing", "bad", "2.0")
        assert "\nback=4" in bench.ask(vm, "keelboot state show")
        bench.ask(vm, "keelboot mark good")
        assert "\nback=" not in bench.ask(vm, "keelboot state show")
        vm.send("reboot")
        vm.wait_boot(3)
        bench.up(vm, "3.0", "a", timeout=150)
