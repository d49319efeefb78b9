# SPDX-License-Identifier: Apache-2.0
"""A trial that nobody marks good is given up at its deadline, by the guardian: in order if process 1
lets it, by force if not."""

import pytest

DEADLINE = 10
# init of a system that holds up whoever wants to stop it: no handler for the signals of init.
DEAF = "#!/bin/sh\ntrap '' INT TERM USR1 USR2 QUIT\necho 'system {version}: init is deaf'\nwhile :; do sleep 1000; done\n"


@pytest.fixture
def image(bench):
    """An initramfs with a short deadline, and other settings."""
    def make(*, name, deadline=DEADLINE, more=""):
        dropins = bench.work / "dropins"
        dropins.mkdir()
        (dropins / "guardian.conf").write_text(f"[system]\ncommit-deadline={deadline}\n{more}")
        return bench.initramfs("--conf-dir", dropins, name=f"guardian-{name}")
    return make


def assert_given_up(bench, vm, *, reason="deadline"):
    bench.up(vm, "1.0", "a")
    status = bench.status(vm)
    b = status["slots"][1]
    assert (b["state"], b["reason"]) == ("bad", reason)
    bad = next(event for event in bench.history(vm) if event["kind"] == "bad")
    assert (bad["slot"], bad["reason"], bad["detail"]) == ("b", reason, "guardian")


def test_trial_that_nobody_marks_good_is_left_at_its_deadline(bench, image):
    disk = bench.disk("1.0", "2.0 nomark", good="a")
    with bench.machine(disk, initrd=image(name="short")) as vm:
        vm.expect(r"keelboot: guardian: slot b has 10 s to be marked good")
        vm.expect(r"system 2\.0 is ready")
        vm.expect(r"keelboot-guardian: slot b was not marked good within 10 s: it is bad; rebooting")
        vm.expect(r"The system is going down NOW")
        assert_given_up(bench, vm)
        assert bench.causes(vm) == ["guest"], "an orderly reboot, not the watchdog"
        assert bench.ask(vm, "ls /run/keelboot/guardian 2>&1; true").endswith("No such file or directory\n")


def test_guardian_ends_when_the_trial_is_marked_good(bench, image):
    disk = bench.disk("1.0", "2.0 nomark", good="a")
    with bench.machine(disk, initrd=image(name="longer", deadline=60)) as vm:
        vm.expect(r"system 2\.0 is ready")
        assert "keelboot-guardian" in bench.ask(vm, "ps w")
        pid = bench.ask(vm, "cat /run/keelboot/guardian").strip()
        assert bench.ask(vm, "cat /run/sendsigs.omit.d/keelboot").strip() == pid
        assert bench.ask(vm, f"cat /proc/{pid}/oom_score_adj").strip() == "-1000"
        locked = bench.ask(vm, f"grep VmLck /proc/{pid}/status").split()
        assert 0 < int(locked[1]) < 4096, "kB"
        bench.ask(vm, "keelboot mark good")
        vm.expect(r"keelboot-guardian: slot b has its verdict; the guardian ends")
        bench.ask(vm, "sleep 1; [ ! -e /run/keelboot/guardian ] && [ ! -e /run/sendsigs.omit.d/keelboot ]"
                      f" && [ ! -e /proc/{pid} ]")
        assert bench.status(vm)["slots"][1]["state"] == "good"
