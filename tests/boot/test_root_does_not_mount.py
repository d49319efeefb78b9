# SPDX-License-Identifier: Apache-2.0
"""A slot whose file system is damaged, or gone: the other one boots without a reset in between."""

import pytest

from kbdisk import write_partition


def test_damaged_root_costs_a_try_and_no_reset(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    # The superblock stays, so that the prober names the file system; the group descriptors go.
    write_partition(disk, "root-b", bytes(1 << 20), 4096)
    with bench.untouched(disk, "a"), bench.machine(disk) as vm:
        vm.expect(r"keelboot: root: unable to mount /dev/vda4 \(ext4\)")
        vm.expect(r"keelboot: slot a: 1\.0, good")
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["booted"]["slot"] == "a"
        assert "b: no mount" in status["booted"]["reason"]
        assert status["slots"][1]["state"] == "trial" and status["slots"][1]["tries"] == 2
        assert any(e["kind"] == "boot" and e["slot"] == "b" for e in bench.history(vm))
        assert bench.ask(vm, "keelboot status").startswith("Slot b was skipped: no mount")
        assert bench.causes(vm) == []


def test_slot_without_file_system_is_rejected_after_three_boots(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    offset, size = bench.partition(disk, "root-b")
    write_partition(disk, "root-b", bytes(size))
    with bench.machine(disk) as vm:
        for number in (1, 2, 3):
            vm.wait_boot(number)
            vm.expect(r"keelboot: slot b: no file system on /dev/vda4")
            bench.up(vm, "1.0", "a")
            vm.send("reboot")
        vm.wait_boot(4)
        assert "slot b: no file system" not in bench.up(vm, "1.0", "a")
        b = bench.status(vm)["slots"][1]
        assert b["state"] == "bad" and b["reason"] == "no file system"
        assert bench.causes(vm) == ["guest"] * 3


@pytest.mark.parametrize("good", ["a", "ab"])
def test_root_without_init_is_passed_over(bench, good):
    with bench.machine(bench.disk("1.0", "2.0 noinit", good=good)) as vm:
        vm.expect(r"keelboot: root: /sbin/init is not an executable file")
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["booted"]["slot"] == "a"
        assert status["booted"]["reason"] == "b: no /sbin/init"
        assert bench.causes(vm) == []
