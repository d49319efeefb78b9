# SPDX-License-Identifier: Apache-2.0
"""The disk stops answering in the middle of an install."""

import time


def limit(vm, bps: int) -> None:
    vm.qmp("qom-set", path="/objects/disk.limits", property="limits", value={"bps-total": bps})


def test_install_without_progress_is_ended_and_later_finished(bench):
    disk = bench.disk("1.0")
    stick, append = bench.stick(bench.bundle("2.0")), "keelboot.watchdog=/dev/watchdog0,12"
    # Slow enough that it is not done before a busy host stops it.
    with bench.untouched(disk, "a"), bench.machine(disk, drives=[stick], bps=4 << 20, append=append) as vm:
        vm.expect(r"update: (writing|reading back), [2-9]\d %")
        limit(vm, 1)
        since = time.monotonic()
        # Two thirds of the watchdog's time: it is not fed by an apply that only pretends.
        vm.expect(r"update: no progress for \d+ s while (writing|reading back); stopped")
        # The kernel holds it, so it cannot be killed: the device restarts, if need be by force.
        boot = vm.wait_reset(60)
        took = time.monotonic() - since
        print(f"install: reset {took:.1f} s after its disk stopped")
        assert took < 60
        limit(vm, 1 << 30)
        assert boot.cause in ("guest", "watchdog")
        vm.expect(r"slot b holds version 2\.0 on trial")
        bench.up(vm, "2.0", "b")
        assert len(vm.boots) == 2
    assert bench.holds_release(disk, "b", "2.0")
