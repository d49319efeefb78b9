# SPDX-License-Identifier: Apache-2.0
"""The medium of the slot that an update is to go to has a bad block: the install fails midway. That is
tried in three boots, not in each one."""

from drives import Fault

TIMES = 3


def middle_of(image) -> int:
    """A block of the second half that holds something, and so has to be written."""
    data = image.read_bytes()
    half = len(data) // 2 // 4096 * 4096
    return next(at for at in [*range(half, len(data), 4096), *range(half, 1 << 20, -4096)] if any(data[at:at + 4096]))


def test_install_that_fails_midway_is_not_tried_at_each_boot(bench):
    disk = bench.disk("1.0")
    stick = bench.stick(bench.bundle("2.0"))
    begin, _ = bench.partition(disk, "root-b")
    worn = Fault("write", begin + middle_of(bench.device.system("2.0")), 4096)
    with bench.machine(disk, drives=[stick], faults=[worn]) as vm:
        for number in range(1, TIMES + 1):
            vm.wait_boot(number)
            vm.expect(rf"slot b: its storage failed: {number} of {TIMES} times for this release", 120)
            # The system that runs proves itself each time; that alone does not lift it.
            bench.up(vm, "1.0", "a")
            vm.send("reboot -f")
        vm.wait_boot(TIMES + 1)
        assert "version 2.0: skipped: writing it to its slot failed three times" in bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert [slot["state"] for slot in status["slots"]] == ["good", "writing"]
        assert any("automatically: writing it to its slot failed three times" in line for line in status["warnings"])
        events = [event for event in bench.history(vm) if event["kind"] == "install"]
        assert len(events) == 1, "the same failure is one line"
        assert bench.causes(vm) == ["guest"] * TIMES
        vm.power_cut()
    # With another medium below it, a person's order goes; a boot by itself does not.
    with bench.machine(disk, drives=[stick]) as vm:
        assert "skipped: writing it to its slot failed three times" in bench.up(vm, "1.0", "a")
        said = bench.ask(vm, "mkdir -p /run/m; mount -t vfat -o ro /dev/sda /run/m; "
                             "keelboot install --again /run/m/keelboot/2.0-ok.keel", 120)
        assert "2.0 is in slot b" in said
        vm.send("reboot -f")
        vm.wait_boot(2)
        bench.up(vm, "2.0", "b")
        assert "could not be written" not in str(bench.status(vm)["warnings"])


def test_update_that_power_cuts_end_each_time_is_installed_nevertheless(bench):
    """Only storage that says no is counted; of a stick that is pulled out, test_stick_pulled_mid_install.py."""
    with bench.machine(bench.disk("1.0"), drives=[bench.stick(bench.bundle("2.0"))], bps=2 << 20) as vm:
        for _ in range(TIMES - 1):     # one more, and the source waits for a mark good
            vm.expect(r"update: writing, \d+ %", 120)
            vm.power_cut()
            vm.start()
        vm.expect(r"slot b holds version 2\.0 on trial", 120)
        assert "its storage failed" not in vm.text
        bench.up(vm, "2.0", "b")
