# SPDX-License-Identifier: Apache-2.0
"""An update that takes the kernel down."""


def test_three_kernel_crashes_then_the_old_system(bench):
    disk = bench.disk("1.0", "2.0 panic", good="a")
    with bench.untouched(disk), bench.machine(disk, append="panic=1") as vm:
        for _ in range(3):
            vm.expect(r"system 2\.0: init panics")
            vm.expect(r"sysrq triggered crash")
            vm.wait_reset()
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["guest"] * 3
        told = bench.status(vm)
        assert told["slots"][1]["state"] == "bad"
        assert told["booted"]["reason"] == "b: reset before it was marked good"
