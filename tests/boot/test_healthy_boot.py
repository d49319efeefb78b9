# SPDX-License-Identifier: Apache-2.0
"""The boot that happens a thousand times."""


def test_healthy_boots_write_nothing_to_any_disk(bench):
    disk = bench.disk("1.0", "2.0 still")
    content = disk.read_bytes()
    with bench.machine(disk) as vm:
        for number in (1, 2, 3):
            vm.wait_boot(number)
            bench.up(vm, "2.0", "b")
            assert vm.writes() == {}, vm.stats()
            assert bench.boot_json(vm)["token"] == 0
            vm.send("reboot -f")
        vm.wait_boot(4)
        assert bench.causes(vm) == ["guest"] * 3
    assert disk.read_bytes() == content
