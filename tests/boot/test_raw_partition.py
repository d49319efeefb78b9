# SPDX-License-Identifier: Apache-2.0
"""A bundle that the running system wrote to a partition, from its first byte on."""

STAGE = ("keelboot-stage", "48M")


def staged(bench, bundle, name):
    """The partition's content: the bundle, then what was there before."""
    image = bench.work / name
    image.write_bytes(bundle.read_bytes() + b"\xa5" * (1 << 20))
    return image


def test_bundle_on_the_partition_is_installed_and_then_erased(bench):
    stage = staged(bench, bench.bundle("2.0 still"), "stage.img")
    with bench.machine(bench.disk("1.0", extra=[(*STAGE, stage)])) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "update: looking at source raw" in text
        assert "slot b holds version 2.0 on trial" in text
        vm.send("reboot -f")
        vm.wait_boot(2)
        assert "this release is installed, or was before; the bundle is erased" in bench.up(vm, "2.0", "b")
        written = vm.stats()["disk"].written_bytes
        vm.send("reboot -f")
        vm.wait_boot(3)
        assert "looking at source" not in bench.up(vm, "2.0", "b")
        assert vm.stats()["disk"].written_bytes == written, "a healthy boot writes nothing"


def test_damaged_bundle_on_the_partition_costs_no_slot(bench):
    stage = staged(bench, bench.damaged(bench.bundle("2.0"), "bad.keel"), "stage.img")
    disk = bench.disk("1.0", extra=[(*STAGE, stage)])
    with bench.untouched(disk), bench.machine(disk) as vm:
        assert "the bundle is erased" in bench.up(vm, "1.0", "a")
        assert ("refused", "raw") in [(e["kind"], e["detail"]) for e in bench.history(vm)]
