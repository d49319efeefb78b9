# SPDX-License-Identifier: Apache-2.0
"""An update whose init ends at once: the kernel panics, and restarts by itself, watchdog or not."""


def test_three_panics_then_the_old_system(bench):
    disk = bench.disk("1.0", "2.0 exit", good="a")
    with bench.untouched(disk), bench.machine(disk, watchdog=False, append="panic=1") as vm:
        vm.expect(r"watchdog: none; a hang does not end in a restart")
        for tries in (2, 1, 0):
            vm.expect(rf"keelboot: slot b: 2\.0, trial, tries left: {tries}")
            vm.expect(r"Kernel panic - not syncing: Attempted to kill init!")
            vm.wait_reset()
        vm.expect(r"keelboot: slot b is rejected: reset before it was marked good")
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["guest"] * 3
        status = bench.status(vm)
        assert status["slots"][1]["state"] == "bad" and status["booted"]["slot"] == "a"
        assert ("bad", "2.0") in [(e["kind"], e["version"]) for e in bench.history(vm)]
