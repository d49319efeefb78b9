# SPDX-License-Identifier: Apache-2.0
"""Both slots and the state are gone: a stick still makes a device of it."""

import random


def test_stick_repairs_a_device_without_slots_and_state(bench):
    garbage = bench.work / "garbage.img"
    garbage.write_bytes(random.Random(3).randbytes(16 << 20))
    disk = bench.disk("1.0", "2.0", state=garbage, slots=(None, None))
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"), plugged=False)]) as vm:
        vm.expect(r"state: both regions are damaged; rebuilt", 90)
        vm.expect(r"rescue: waiting for ", 60)
        vm.plug("stick")
        slot = vm.expect(r"slot (\w) holds version 2\.0 on trial", 90)[1]
        bench.up(vm, "2.0", slot)
        assert bench.status(vm)["slots"]["ab".index(slot)]["state"] == "good"
        assert bench.causes(vm) == []
