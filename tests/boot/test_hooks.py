# SPDX-License-Identifier: Apache-2.0
"""The device maker's checks of a mounted slot, in the initramfs."""

import hashlib
import re

import pytest
from conftest import CRASHES

CHECKS = {
    "fails": '[ "$KEELBOOT_SLOT" = a ] || { echo "slot $KEELBOOT_SLOT is not mine"; exit 7; }',
    "sleeps": '[ "$KEELBOOT_SLOT" = a ] || sleep 1000',
    "panics": CRASHES,
}


@pytest.fixture
def image(bench):
    """An initramfs with one check, and two seconds for the one that hangs: others may be on a busy machine."""
    def make(name):
        seconds = 2 if name == "sleeps" else 60
        return bench.conf_initramfs(f"hook-{name}", f"[hooks]\ntimeout={seconds}\n",
                                    *bench.hooks(post_mount=CHECKS[name]))
    return make


def stages(bench, **scripts):
    """An initramfs with a hook 10-mine in each of these stages."""
    name = hashlib.sha256(repr(scripts).encode()).hexdigest()[:12]
    return bench.initramfs(*bench.hooks(**scripts), name=f"stages-{name}")


def test_hook_sees_its_environment_and_nothing_else(bench):
    tell = "env | sort | sed 's/^/saw /'; mount -t tmpfs left /tmp; sleep 1000 & setsid sleep 2000 & ulimit -f;" \
           " echo end"
    with bench.machine(bench.disk("1.0", "2.0", good="a"), initrd=stages(bench, pre_mount=tell, post_mount=tell)) as vm:
        saw = re.findall(r"keelboot: hook 10-mine: (?:saw )?(.*?)\r?$", bench.up(vm, "2.0", "b"), re.M)
        common = ["KEELBOOT_DATA=/dev/vda2", "KEELBOOT_DATA_FILESYSTEM=ext4",
                  "KEELBOOT_DEVICE=/dev/vda4", "KEELBOOT_ROOT={root}", "KEELBOOT_SLOT=b",
                  "KEELBOOT_SOURCE=", "KEELBOOT_STAGE={stage}", "KEELBOOT_STATUS=trial",
                  "KEELBOOT_VERSION=2.0", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PWD=/", "131072", "end"]
        wanted = [line.format(stage=stage, root=root) for stage, root in
                  (("pre-mount", ""), ("post-mount", "/sysroot")) for line in common]
        assert [line for line in saw if not line.startswith(("SHLVL", "OLDPWD"))] == wanted
        assert "left" not in bench.ask(vm, "cat /proc/mounts")
        assert not re.search("sleep [12]000", bench.ask(vm, "ps w")), "also in a session of its own"


def test_hook_says_no_to_an_update_and_is_told_when_nothing_boots(bench):
    disk = bench.disk("1.0", slots=(None, None))
    initrd = stages(bench, pre_update='echo "no $KEELBOOT_SOURCE"; exit 3', exhausted="echo alas")
    with bench.machine(disk, initrd=initrd, drives=[bench.stick(bench.bundle("2.0"))]) as vm:
        vm.expect(r"keelboot: hook 10-mine: no usb")
        vm.expect(r"keelboot: update: skipped in this boot: hook 10-mine: exit 3")
        vm.expect(r"keelboot: hook 10-mine: alas")
        # A device that cannot boot has nothing to lose: rescue does not ask again.
        slot = vm.expect(r"slot (\w) holds version 2\.0 on trial", 180)[1]
        bench.up(vm, "2.0", slot)


def test_slot_that_a_check_rejects_is_passed_over_in_the_same_boot(bench, image):
    with bench.machine(bench.disk("1.0", "2.0", good="a"), initrd=image("fails")) as vm:
        vm.expect(r"keelboot: hook 10-mine: slot b is not mine")
        vm.expect(r"keelboot: hook 10-mine: exit 7")
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["booted"]["reason"] == "b: hook 10-mine: exit 7"
        assert status["slots"][1]["tries"] == 2
        assert bench.causes(vm) == []


def test_check_that_hangs_is_killed_and_has_failed(bench, image):
    with bench.machine(bench.disk("1.0", "2.0", good="a"), initrd=image("sleeps")) as vm:
        vm.expect(r"keelboot: hook 10-mine: timed out")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["reason"] == "b: hook 10-mine: timed out"
        assert "10-mine" not in bench.ask(vm, "ps w"), "nothing of it is left behind"
        assert bench.causes(vm) == []


def test_kernel_that_hangs_in_the_initramfs_is_reset_by_the_watchdog(bench, image):
    """panic=0: a crash is a hang. Only the watchdog, armed at the beginning, ends it."""
    disk = bench.disk("1.0", "2.0", good="a")
    with bench.machine(disk, initrd=image("panics"), append="panic=0 keelboot.watchdog=/dev/watchdog0,8") as vm:
        vm.expect(r"keelboot: panic=0: a kernel panic will hang until the watchdog fires")
        for _ in range(3):
            vm.expect(r"sysrq triggered crash")
            vm.wait_reset()
        vm.expect(r"keelboot: slot b is rejected: crashed or hung")
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"] * 3
