# SPDX-License-Identifier: Apache-2.0
"""An update whose init hangs, on a stick that stays plugged in."""

WATCHDOG = "keelboot.watchdog=/dev/watchdog0,6"


def test_watchdog_ends_three_tries_and_the_old_system_comes_back(bench):
    disk = bench.disk("1.0")
    stick = bench.stick(bench.bundle("3.0 hang"))
    with bench.untouched(disk, "a"), bench.machine(disk, drives=[stick], append=WATCHDOG) as vm:
        for tries in (2, 1, 0):
            vm.expect(rf"keelboot: slot b: 3\.0, trial, tries left: {tries}")
            vm.expect(r"system 3\.0: init hangs")
            vm.wait_reset()
        vm.expect(r"keelboot: slot b is rejected: crashed or hung")
        text = bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"] * 3
        assert "version 3.0: skipped: this release failed on this device before" in text
        status = bench.status(vm)
        b = status["slots"][1]
        assert (b["state"], b["version"], b["reason"]) == ("bad", "3.0", "crashed or hung")
        assert status["booted"]["slot"] == "a" and status["booted"]["cause"] == "crash"
        assert (status["last"]["kind"], status["last"]["version"]) == ("bad", "3.0")
        said = bench.ask(vm, "keelboot status")
        assert "Slot a runs 1.0, which is good." in said
        assert "Last: 3.0 in slot b was rejected: crashed or hung" in said
        # The stick is still there, and stays a no-op.
        vm.send("reboot")
        assert "skipped: this release failed" in bench.up(vm, "1.0", "a")
