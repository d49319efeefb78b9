# SPDX-License-Identifier: Apache-2.0
"""A slot that was good once, and is no more."""

WATCHDOG = "panic=0 keelboot.watchdog=/dev/watchdog0,8"


def crash(vm):
    """The watchdog ends it, and tells that it did."""
    vm.send("killall -9 watchdog; while pidof watchdog; do :; done; "
            "watchdog -F -T 4 -t 60 /dev/watchdog0 & "
            "until [ $(cat /sys/class/watchdog/watchdog0/timeout) = 4 ]; do :; done; "
            "echo c > /proc/sysrq-trigger")
    vm.wait_reset()


def test_good_slot_that_crashes_three_times_in_a_row_is_left(bench):
    disk = bench.disk("1.0 nomark", "2.0 nomark")
    with bench.untouched(disk), bench.machine(disk, append=WATCHDOG) as vm:
        for number in (1, 2, 3):
            vm.wait_boot(number)
            bench.up(vm, "2.0", "b")
            crash(vm)
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"] * 3
        status = bench.status(vm)
        assert status["booted"]["cause"] == "crash" and status["booted"]["slot"] == "a"
        assert status["slots"][1]["state"] == "good" and status["slots"][1]["streak"] == 3


def test_slot_that_a_person_marks_bad_is_left(bench):
    with bench.machine(bench.disk("1.0", "2.0"), drives=[bench.stick(bench.bundle("2.0"))]) as vm:
        bench.up(vm, "2.0", "b")
        said = bench.ask(vm, 'keelboot mark bad --reason "modem does not register"')
        assert "The next boot uses slot a (1.0)" in said
        vm.send("reboot")
        assert "2.0: skipped: this release failed on this device before" in bench.up(vm, "1.0", "a")
        b = bench.status(vm)["slots"][1]
        assert (b["state"], b["reason"]) == ("bad", "modem does not register")
        assert bench.causes(vm) == ["guest"]


def test_good_slot_that_reports_in_each_boot_and_crashes_is_left_and_comes_back(bench):
    """As README says in step 6, it calls `mark good` in each boot; that wiped the crashes, forever."""
    why = "crashed or hung; tried again after 1 healthy boot"
    with bench.machine(bench.disk("1.0", "2.0"), append=WATCHDOG) as vm:
        for number in (1, 2, 3):
            vm.wait_boot(number)
            bench.up(vm, "2.0", "b")
            assert "slot b (2.0) is good already" in bench.ask(vm, "keelboot mark good").lower()
            crash(vm)
        assert f"slot b is preferred, but skipped: {why}" in bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "keelboot status").splitlines()[0] == f"Slot b was skipped: {why}."
        assert bench.status(vm)["booted"]["reason"] == f"b: {why}"
        assert "1.0 in slot a was booted instead of slot b: crashed or hung" in bench.ask(vm, "keelboot history")
        vm.send("keelboot mark clean; reboot")      # in order, behind its report: a has proved itself
        assert "slot b: 2.0, good, tried again after: crashed or hung" in bench.up(vm, "2.0", "b")
        vm.send("keelboot mark clean; reboot")      # and so has b
        bench.up(vm, "2.0", "b")
        assert bench.ask(vm, "keelboot status").splitlines()[0].startswith("Slot b runs 2.0, which is good.")
        assert bench.status(vm)["slots"][1]["streak"] == 0
