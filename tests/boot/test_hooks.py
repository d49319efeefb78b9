# SPDX-License-Identifier: Apache-2.0
"""The device maker's checks of a mounted slot, in the initramfs."""

import shutil
import stat

import pytest

CHECKS = {
    "fails": '[ "$KEELBOOT_SLOT" = a ] || { echo "slot $KEELBOOT_SLOT is not mine"; exit 7; }',
    "sleeps": '[ "$KEELBOOT_SLOT" = a ] || sleep 1000',
    "panics": '[ "$KEELBOOT_SLOT" = a ] || { mount -t proc proc /proc 2>/dev/null;'
              ' echo c > /proc/sysrq-trigger; }',
}


@pytest.fixture
def image(bench):
    """An initramfs with one check, and two seconds for it."""
    def make(name):
        hooks = bench.work / "hooks"
        check = hooks / "post-mount.d/10-mine"
        check.parent.mkdir(parents=True)
        check.write_text(f"#!/bin/sh\n{CHECKS[name]}\n")
        check.chmod(check.stat().st_mode | stat.S_IXUSR)
        dropins = bench.work / "dropins"
        dropins.mkdir()
        (dropins / "hooks.conf").write_text("[hooks]\ntimeout=2\n")
        assert shutil.which("busybox")
        return bench.initramfs("--hooks", hooks, "--busybox", "/bin/busybox", "--conf-dir", dropins,
                               name=f"hook-{name}")
    return make


def test_slot_that_a_check_rejects_is_passed_over_in_the_same_boot(bench, image):
    disk = bench.disk("1.0", "2.0", good="a")
    with bench.machine(disk, initrd=image("fails")) as vm:
        vm.expect(r"keelboot: hook 10-mine: slot b is not mine")
        vm.expect(r"keelboot: hook 10-mine: exit 7")
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["booted"]["reason"] == "b: hook 10-mine: exit 7"
        assert status["slots"][1]["tries"] == 2
        assert bench.causes(vm) == []


def test_check_that_hangs_is_killed_and_has_failed(bench, image):
    disk = bench.disk("1.0", "2.0", good="a")
    with bench.machine(disk, initrd=image("sleeps")) as vm:
        vm.expect(r"keelboot: hook 10-mine: timed out")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["reason"] == "b: hook 10-mine: timed out"
        assert "10-mine" not in bench.ask(vm, "ps w"), "nothing of it is left behind"
        assert bench.causes(vm) == []


def test_kernel_that_hangs_in_the_initramfs_is_reset_by_the_watchdog(bench, image):
    """panic=0: a crash is a hang. Only the watchdog, armed at the beginning, ends it."""
    disk = bench.disk("1.0", "2.0", good="a")
    with bench.machine(disk, initrd=image("panics"),
                       append="panic=0 keelboot.watchdog=/dev/watchdog0,8") as vm:
        vm.expect(r"keelboot: panic=0: a kernel panic will hang until the watchdog fires")
        for _ in range(3):
            vm.expect(r"sysrq triggered crash")
            vm.wait_reset()
        vm.expect(r"keelboot: slot b is rejected: crashed or hung")
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"] * 3
