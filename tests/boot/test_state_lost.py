# SPDX-License-Identifier: Apache-2.0
"""The state partition is damaged, wiped, or cannot be written or read."""

import json
import random

import pytest

from drives import Fault
from kbdisk import read_partition, write_partition

REGION = 64 * 4096              # a ring of cells
APART = 8 << 20
FILL = {"zeroes": bytes(REGION), "garbage": random.Random(1).randbytes(REGION)}


@pytest.mark.parametrize("region, fill, afterwards", [(0, "garbage", ["no-record", "ok"]), (1, "zeroes", ["ok", "ok"])])
def test_one_lost_region_is_survived(bench, region, fill, afterwards):
    """The older record is lost: nothing is written, and status says so. The newest is lost, which
    said that 2.0 is good: it proves itself again, and that fills the region."""
    disk = bench.disk("1.0", "2.0")
    write_partition(disk, "keelboot-state", FILL[fill], region * APART)
    with bench.machine(disk) as vm:
        assert "rebuilt from" not in bench.up(vm, "2.0", "b")
        status = bench.status(vm)
        assert status["state"]["regions"] == afterwards
        said = any(f"region {region + 1} of the state" in line for line in status["warnings"])
        assert said == ("no-record" in afterwards)
        assert [s["state"] for s in status["slots"]] == ["good", "good"]
        assert bench.causes(vm) == []


def test_both_lost_regions_are_rebuilt_from_the_slots_manifests(bench):
    disk = bench.disk("1.0", "2.0")
    for region in (0, 1):
        write_partition(disk, "keelboot-state", FILL["garbage"], region * APART)
    before = bench.slots(disk)
    with bench.machine(disk, drives=[bench.stick(bench.bundle("3.0"))]) as vm:
        vm.expect(r"keelboot: state: both regions are damaged; rebuilt")
        text = bench.up(vm, "2.0", "b")
        assert "keelboot: slot b: 2.0, trial" in text, "the higher sequence goes first"
        assert "3.0: skipped: the state was lost and rebuilt" in text
        status = bench.status(vm)
        assert status["slots"][1]["state"] == "good" and status["slots"][0]["version"] == "1.0"
        assert "rebuilt" in [e["kind"] for e in bench.history(vm)]
        assert bench.slots(disk) == before
        # Marked good: updates come in again.
        vm.send("reboot")
        bench.up(vm, "3.0", "a")
        assert bench.causes(vm) == ["guest"]


GROUP = 64 << 20                # what a large SD card erases at once


def test_state_of_two_erase_groups_survives_the_loss_of_one(bench):
    """The device makes the state itself; then the group goes with its first region, and all that is near it."""
    disk = bench.disk("1.0", state=None, state_size="72M")
    with bench.machine(disk) as vm:
        vm.expect(r"keelboot: state: the partition was never written; rebuilt")
        bench.up(vm, "1.0", "a")
        assert json.loads(bench.ask(vm, "keelboot state export"))["store"]["second"] == GROUP
    write_partition(disk, "keelboot-state", b"\xff" * GROUP)
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"))]) as vm:
        assert "rebuilt from" not in bench.up(vm, "2.0", "b", 150)
        status = bench.status(vm)
        assert [s["state"] for s in status["slots"]] == ["good", "good"]
        assert status["state"]["regions"] == ["ok", "ok"]


def test_older_state_in_a_large_partition_goes_on_where_it_is(bench):
    disk = bench.disk("1.0", "2.0", good="a", state_size="72M")
    with bench.machine(disk) as vm:
        bench.up(vm, "2.0", "b")
        store = json.loads(bench.ask(vm, "keelboot state export"))["store"]
        assert store["second"] == APART and store["regions"] == ["ok", "ok"]
        assert bench.status(vm)["slots"][1]["state"] == "good"
    assert read_partition(disk, "keelboot-state", 16 << 20) == bytes(56 << 20)


def test_blank_state_partition_boots_whatever_mounts(bench):
    with bench.machine(bench.disk("1.0", state=None)) as vm:
        vm.expect(r"keelboot: state: the partition was never written; rebuilt")
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["slots"][0]["state"] == "good" and status["slots"][1]["state"] == "empty"


def state_fault(bench, disk, iotype) -> Fault:
    offset, size = bench.partition(disk, "keelboot-state")
    return Fault(iotype, offset, size)


def test_unwritable_state_boots_the_good_slot_not_the_trial(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    with bench.untouched(disk), bench.machine(disk, faults=[state_fault(bench, disk, "write")]) as vm:
        vm.expect(r"keelboot: state: unable to write")
        bench.up(vm, "1.0", "a")
        boot = bench.boot_json(vm)
        assert boot["state"] == "unwritable" and boot["token"] == 0
        bench.refused(vm, "keelboot mark bad b")
        vm.send("reboot")
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["guest"]


def test_unreadable_state_boots_what_mounts(bench):
    disk = bench.disk("1.0")
    with bench.machine(disk, faults=[state_fault(bench, disk, "read")]) as vm:
        vm.expect(r"keelboot: state: .*booting without")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["state"] == "missing"
        assert "the state cannot be read" in vm.shell("keelboot status")[1]
        assert bench.causes(vm) == []
