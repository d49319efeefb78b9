# SPDX-License-Identifier: Apache-2.0
"""A trial that nobody marks good is given up at its deadline, by the guardian: in order if process 1 lets it, by force
if not. The watchdog is given more time than all of that, so that it is seen who reboots."""

import shutil

import pytest

from conftest import TOP
from kbdevice import run

DEADLINE = 10
LATE = "keelboot.watchdog=/dev/watchdog0,240"
GIVEN_UP = r"keelboot-guardian: slot b was not marked good within 10 s; marked bad; rebooting"
FORCED = r"keelboot-guardian: the shutdown did not finish; forcing the reboot"
# Stop scripts: what init runs at an orderly shutdown.
STOP_HANGS = "#!/bin/sh\necho 'the shutdown hangs'\nsleep 1000\n"
STOP_TOLD = "#!/bin/sh\nkeelboot mark clean && echo 'the shutdown hangs'\nsleep 1000\n"
STOP_SLOW = "#!/bin/sh\nkeelboot mark clean\necho 'the shutdown works for 45 s'\nsleep 45\n" \
            "echo 'the shutdown is done'\n"


@pytest.fixture
def image(bench):
    """An initramfs with a short deadline, and other settings."""
    def make(*options, name="short", deadline=DEADLINE, shutdown=30, more=""):
        return bench.conf_initramfs(f"guardian-{name}", f"[system]\ncommit-deadline={deadline}\n"
                                    f"shutdown-deadline={shutdown}\n{more}", *options)
    return make


def release_with(bench, version: str, stop: str) -> str:
    """A release whose stop script is another."""
    with bench.device.lock():
        image = bench.device.system(version, "nomark", files={"etc/init.d/stop": stop})
    bench.device.bundle(version, "nomark", image=image)
    return f"{version} nomark"


def slot_b(bench, vm) -> dict:
    return bench.status(vm)["slots"][1]


def assert_given_up(bench, vm):
    bench.up(vm, "1.0", "a")
    b = slot_b(bench, vm)
    assert (b["state"], b["reason"]) == ("bad", "deadline")
    bad = next(event for event in bench.history(vm) if event["kind"] == "bad")
    assert (bad["slot"], bad["reason"], bad["detail"]) == ("b", "deadline", "guardian")


def test_trial_that_nobody_marks_good_is_left_at_its_deadline(bench, image):
    """And what the kernel said meanwhile is its last words."""
    # On a busy host it has to be up, and to speak, in time.
    initrd = image(name="words", deadline=40, shutdown=120)
    with bench.machine(bench.disk("1.0", "2.0 nomark", good="a"), initrd=initrd) as vm:
        vm.expect(r"keelboot: guardian: slot b has 40 s to be marked good")
        vm.expect(r"system 2\.0 is ready")
        vm.shell("echo '<3>modem0: firmware is missing' >/dev/kmsg")
        vm.expect(GIVEN_UP.replace("10 s", "40 s"), 120)
        vm.expect(r"The system is going down NOW")
        assert_given_up(bench, vm)
        assert bench.causes(vm) == ["guest"], "an orderly reboot, not the watchdog"
        assert FORCED not in vm.text
        bench.ask(vm, "[ ! -e /run/keelboot/guardian ]")
        why = bench.ask(vm, "keelboot why")
        assert "2.0 in slot b was rejected: deadline (guardian)" in why and "The kernel's log of this trial" in why
        assert "] modem0: firmware is missing" in why


def test_guardian_ends_when_the_trial_is_marked_good(bench, image):
    disk = bench.disk("1.0", "2.0 nomark", good="a")
    with bench.machine(disk, initrd=image(name="stable", deadline=600, more="stable-after=1\n")) as vm:
        vm.expect(r"system 2\.0 is ready")
        pid = bench.ask(vm, "cat /run/keelboot/guardian").strip()
        assert bench.ask(vm, "cat /run/sendsigs.omit.d/keelboot").strip() == pid
        assert bench.ask(vm, f"tr '\\0' ' ' < /proc/{pid}/cmdline; echo").startswith("@keelboot-guardian b ")
        assert bench.ask(vm, f"cat /proc/{pid}/oom_score_adj").strip() == "-1000"
        assert 0 < int(bench.ask(vm, f"grep VmLck /proc/{pid}/status").split()[1]) < 1536, "kB"
        # It holds on to nothing of the root that it guards.
        assert "sysroot" not in bench.ask(vm, f"ls -l /proc/{pid}/fd /proc/{pid}/root /proc/{pid}/cwd")
        told = bench.status(vm)
        assert 0 < told["guardian"].pop("left") <= 600
        assert told["guardian"] == {"running": True, "pid": int(pid), "overdue": None, "mode": "trial", "deadline": 600}
        assert (told["watchdog"]["handover"], told["watchdog"]["feeder"]) == ("system", "system")
        bench.ask(vm, "keelboot mark good")
        bench.ask(vm, "n=0; while [ -e /run/keelboot/guardian ] && [ $n -lt 30 ]; do sleep 1; n=$((n+1)); done; "
                      "sleep 1; [ ! -e /run/keelboot/guardian ] && [ ! -e /run/sendsigs.omit.d/keelboot ]"
                      f" && [ ! -e /proc/{pid} ]")
        told = bench.status(vm)
        assert not told["guardian"]["running"] and told["guardian"]["left"] is None
        assert "guardian" not in str(told["warnings"])
        bench.ask(vm, "dmesg | grep -q 'slot b has a verdict; the guardian exits'")
        assert slot_b(bench, vm)["state"] == "good"


def test_init_that_hangs_is_rebooted_by_force(bench, image):
    with bench.machine(bench.disk("1.0", "3.0 hang", good="a"), initrd=image(), append=LATE) as vm:
        vm.expect(r"system 3\.0: init hangs")
        vm.expect(GIVEN_UP)
        vm.expect(FORCED)
        assert_given_up(bench, vm)
        assert bench.causes(vm) == ["guest"]


def test_shutdown_that_hangs_is_ended_by_force(bench, image):
    disk = bench.disk("1.0", release_with(bench, "2.7", STOP_HANGS), good="a")
    with bench.machine(disk, initrd=image(), append=LATE) as vm:
        vm.expect(GIVEN_UP)
        vm.expect(r"the shutdown hangs")
        vm.expect(FORCED)
        assert_given_up(bench, vm)
        assert bench.causes(vm) == ["guest"]


@pytest.mark.skipif(not shutil.which("musl-gcc"), reason="package musl-tools is not installed")
def test_guardian_of_another_c_library_does_the_same_in_less_memory(bench, image):
    run("make", "-s", "-C", TOP, "MUSL=1")
    disk = bench.disk("1.0", release_with(bench, "2.7", STOP_HANGS), good="a")
    small = image("--guardian", TOP / "build/musl/keelboot-guardian", name="musl", deadline=60)
    with bench.machine(disk, initrd=small, append=LATE) as vm:
        vm.expect(r"system 2\.7 is ready")
        pid = bench.ask(vm, "cat /run/keelboot/guardian").strip()
        assert 0 < int(bench.ask(vm, f"grep VmLck /proc/{pid}/status").split()[1]) < 512, "kB"
        vm.expect(GIVEN_UP.replace("10 s", "60 s"), 120)
        vm.expect(r"the shutdown hangs")
        vm.expect(FORCED)
        assert_given_up(bench, vm)
        assert bench.causes(vm) == ["guest"]


def test_shutdown_that_was_announced_is_never_held_against_the_slot(bench, image):
    disk = bench.disk("1.0", release_with(bench, "2.8", STOP_TOLD), good="a")
    with bench.machine(disk, initrd=image(), append=LATE) as vm:
        vm.expect(r"system 2\.8 is ready")
        vm.send("reboot")
        vm.expect(r"the shutdown hangs")
        vm.expect(FORCED, 90)           # far behind the deadline
        vm.expect(r"system 2\.8 is up on slot b")
        assert "was not marked good" not in vm.text
        assert bench.causes(vm) == ["guest"]
        vm.expect(r"system 2\.8 is ready")
        bench.ask(vm, "keelboot mark good")
        assert slot_b(bench, vm)["state"] == "good"
        assert not [event for event in bench.history(vm) if event["kind"] == "bad"]


def test_file_system_that_is_frozen_does_not_stop_the_reboot(bench, image):
    with bench.machine(bench.disk("1.0", "2.0 nomark", good="a"), initrd=image(), append=LATE) as vm:
        vm.expect(r"system 2\.0 is ready")
        vm.send("dmesg -n 7; echo dirty > /data/x; fsfreeze -f /data && (echo more > /data/y &)")
        vm.expect(GIVEN_UP)
        assert_given_up(bench, vm)
        assert bench.causes(vm) == ["guest"]


def test_disk_that_stalls_is_rebooted_without_a_record(bench, image):
    """The verdict cannot be written then; the try is used up all the same."""
    with bench.machine(bench.disk("1.0", "2.0 nomark", good="a"), initrd=image(), append=LATE, bps=256 << 20) as vm:
        vm.expect(r"system 2\.0 is ready")
        vm.qmp("qom-set", path="/objects/disk.limits", property="limits", value={"bps-total": 1})
        vm.expect(r"keelboot-guardian: the disk does not answer; the guardian continues without it", 90)
        vm.expect(r"keelboot-guardian: slot b was not marked good within 10 s; not recorded; rebooting")
        vm.wait_reset(120)
        vm.qmp("qom-set", path="/objects/disk.limits", property="limits", value={"bps-total": 1 << 30})
        vm.expect(r"slot b: 2\.0, trial, tries left: 1")
        assert bench.causes(vm) == ["guest"]


def test_keeper_feeds_the_watchdog_on_every_boot(bench, image):
    """A system without a watchdog daemon; and when the guardian is killed, the watchdog is not."""
    conf = "[watchdog]\nhandover=keeper\n"
    disk = bench.disk("1.0")
    with bench.machine(disk, initrd=image(name="keeper", more=conf), append="keelboot.watchdog=/dev/watchdog0,8") as vm:
        bench.up(vm, "1.0", "a")
        pid = bench.ask(vm, "cat /run/keelboot/guardian").strip()
        bench.ask(vm, "sleep 25; keelboot mark good")
        assert bench.causes(vm) == []
        vm.send(f"kill -9 {pid}")
        vm.wait_reset()
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"]
        assert "keelboot-guardian" in bench.ask(vm, "ps w")


def test_keeper_leaves_a_slow_shutdown_its_time(bench, image):
    """On a good slot, which has no deadline: 45 s of work are no reason to cut it off."""
    conf = "[watchdog]\nhandover=keeper\n"
    disk = bench.disk(release_with(bench, "2.9", STOP_SLOW))
    with bench.machine(disk, initrd=image(name="slow", shutdown=300, more=conf),
                       append="keelboot.watchdog=/dev/watchdog0,8") as vm:
        bench.up(vm, "2.9", "a")
        vm.send("reboot")
        vm.expect(r"the shutdown works for 45 s")
        vm.expect(r"the shutdown is done", 180)
        bench.up(vm, "2.9", "a")
        assert FORCED not in vm.text and bench.causes(vm) == ["guest"]


def test_keeper_holds_a_trial_to_its_deadline_too(bench, image):
    conf = "[watchdog]\nhandover=keeper\n"
    with bench.machine(bench.disk("1.0", "2.0 nomark", good="a"), initrd=image(name="keeper", more=conf)) as vm:
        vm.expect(r"system 2\.0 is ready")
        vm.expect(GIVEN_UP)
        assert_given_up(bench, vm)
        assert bench.causes(vm) == ["guest"]
