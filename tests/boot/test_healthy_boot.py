# SPDX-License-Identifier: Apache-2.0
"""The boot that happens a thousand times."""

import json

from blklog import entries
from drives import Drive

MIB = 1 << 20
# Where docs/STATE.md says that records are: two rings of 64 cells.
RINGS = ((0, 256 << 10), (8 * MIB, 256 << 10))


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


def test_healthy_boot_that_is_counted_writes_two_records(bench):
    """count=always: the charge, and that the slot has proved itself; nothing else on any disk."""
    disk = bench.disk("1.0", "2.0 still")
    conf = bench.device.conf.replace("count=never", "count=always\nstable-after=20")
    initrd = bench.initramfs_with(name="counted", conf=conf)
    state, size = bench.partition(disk, "keelboot-state")
    log = bench.work / "writes.log"
    done = 0
    with bench.machine(None, drives=[Drive(disk, name="disk", log=log)], initrd=initrd) as vm:
        for number in (1, 2, 3):
            vm.wait_boot(number)
            bench.up(vm, "2.0", "b")
            bench.ask(vm, "while [ -e /run/keelboot/guardian ]; do sleep 1; done")
            assert vm.writes() == {"disk": 2 * number}, vm.stats()
            written = [entry for entry in entries(log) if entry.kind != "flush"]
            places = [(entry.offset - state, entry.length) for entry in written[done:]]
            done = len(written)
            # One cell of each ring: a record alternates between the regions.
            assert [length for _, length in places] == [4096, 4096], places
            assert all(0 <= at < size for at, _ in places), places
            rings = {next(i for i, (at, n) in enumerate(RINGS) if at <= place < at + n) for place, _ in places}
            assert rings == {0, 1}, places
            assert bench.boot_json(vm)["token"] != 0
            assert json.loads(bench.ask(vm, "keelboot state show --json"))["slots"][1]["streak"] == 0
            assert vm.writes() == {"disk": 2 * number}, "asking writes nothing"
            vm.send("reboot -f")
        vm.wait_boot(4)
        assert bench.causes(vm) == ["guest"] * 3
