# SPDX-License-Identifier: Apache-2.0
"""Both slots are used up (rauc#683, home-assistant/operating-system#4886): the device goes on trying
them in turn, and a stick repairs it."""


def test_slots_take_turns_and_a_stick_ends_it(bench):
    disk = bench.disk("1.0 nomark", "2.0 nomark", bad="ab")
    with bench.machine(disk, drives=[bench.stick(bench.bundle("3.0"), plugged=False)]) as vm:
        vm.expect(r"rescue: no slot can be trusted", 90)
        first = vm.expect(r"system (\S+) is up on slot (\w)", 90)[2]
        assert bench.boot_json(vm)["tier"] == "last-resort"
        vm.send("reboot -f")
        vm.wait_boot(2)
        second = vm.expect(r"system (\S+) is up on slot (\w)", 90)[2]
        assert {first, second} == {"a", "b"}, "each gets its turn"
        vm.expect(r"is ready", 60)
        vm.send("reboot -f")
        vm.wait_boot(3)
        vm.expect(r"slot \w is tried as a last resort in \d+ s", 90)
        vm.plug("stick")
        slot = vm.expect(r"slot (\w) holds version 3\.0 on trial", 90)[1]
        vm.expect(r"rescue: restarting into what was installed", 30)
        vm.wait_boot(4)
        bench.up(vm, "3.0", slot)
        assert bench.status(vm)["slots"]["ab".index(slot)]["state"] == "good"


def test_bad_bundle_does_not_keep_them_from_it(bench):
    disk = bench.disk("1.0 nomark", "2.0 nomark", bad="ab")
    stick = bench.stick(bench.damaged(bench.bundle("3.0"), "bad.keel"))
    with bench.untouched(disk), bench.machine(disk, drives=[stick]) as vm:
        vm.expect(r"keelboot/bad\.keel: version 3\.0: not installed: ", 90)
        vm.expect(r"slot \w is tried as a last resort in \d+ s", 60)
        vm.expect(r"system \S+ is up on slot \w", 60)
        assert bench.causes(vm) == []
