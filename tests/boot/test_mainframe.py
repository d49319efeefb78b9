# SPDX-License-Identifier: Apache-2.0
"""S/390: big-endian, disks and watchdog of no PC, and no stick, since QEMU has no USB for it. What the host wrote, in
its own order of bytes, is read there, and the other way round."""

from test_power_cut import state_of

SLOW = 300      # seconds for a boot, on a busy host


def is_left(bench, kind: str, why: str, causes: list) -> None:
    with bench.machine(bench.disk("1.0", f"3.0 {kind}", good="a")) as vm:
        vm.expect(rf"keelboot: watchdog: /dev/watchdog0 \(.*\), {bench.device.watchdog} s", SLOW)
        for tries in (2, 1, 0):
            vm.expect(rf"keelboot: slot b: 3\.0, trial, tries left: {tries}", SLOW)
            vm.expect(rf"system 3\.0: init {kind}s", SLOW)
        bench.up(vm, "1.0", "a", SLOW)
        assert bench.causes(vm) == causes
        b = bench.status(vm)["slots"][1]
        assert (b["state"], b["reason"]) == ("bad", why)


def test_hang_is_ended_by_the_watchdog_of_the_hypervisor(bench):
    is_left(bench, "hang", "reset before it was marked good", ["watchdog"] * 3)


def test_release_that_panics_is_left(bench):
    """Its kernel heeds no panic=, and stops: QEMU would end there."""
    is_left(bench, "panic", "reset before it was marked good", ["guest"] * 3)


def test_power_cut_while_a_slot_is_written(bench):
    disk = bench.disk("1.0", data={"incoming/2.0.keel": bench.bundle("2.0")})
    with bench.untouched(disk, "a"), bench.machine(disk, bps=2 << 20) as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "keelboot stage /data/incoming/2.0.keel --progress=none", SLOW)
        vm.send("reboot")
        vm.expect(r"update: writing, [1-9]\d %", SLOW)
        vm.power_cut()
        assert state_of(bench, disk)["slots"][1]["state"] == "writing"
        vm.start()
        vm.expect(r"slot b holds version 2\.0 on trial", SLOW)
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert bench.causes(vm) == ["guest", "power-cut"]
    assert state_of(bench, disk)["slots"][1]["state"] == "good"
    assert bench.holds_release(disk, "b", "2.0")
