# SPDX-License-Identifier: Apache-2.0
"""The kernel, process 1 and a hook hang while a slot on trial is checked: how long until the device
is out of it. (An install that hangs: test_storage_hangs.py.)"""

import time

import pytest

WATCHDOG_S = 8
HOOK_S = 4
ONLY_B = '[ "$KEELBOOT_SLOT" = a ] && exit 0\n'
HANGS = {
    # With panic=0 nothing runs any more.
    "kernel": "mount -t proc proc /proc 2>/dev/null\necho c > /proc/sysrq-trigger",
    # Process 1 is frozen, wherever it is, and tells nothing that hooks say; all others run on.
    "init": "mkdir -p /cg && mount -t cgroup2 none /cg && mkdir -p /cg/x\n"
            "echo 1 > /cg/x/cgroup.procs; echo 1 > /cg/x/cgroup.freeze\n"
            "echo 'process 1 is frozen' > /dev/kmsg; sleep 1000",
    "hook": "echo 'the hook hangs'; trap '' TERM; while :; do sleep 1000; done",
}
SAYS = {"kernel": r"sysrq triggered crash", "init": r"process 1 is frozen", "hook": r"the hook hangs"}
# For an emulated machine on a busy host.
SLACK_S = 30
# Far from the 8 s on either side, and below the 30 s that the device has without the command line.
AT_LEAST_S, AT_MOST_S = 4, 25


@pytest.fixture
def image(bench):
    def make(name):
        hooks = bench.hooks(post_mount=f"{ONLY_B}{HANGS[name]}")
        return bench.conf_initramfs(f"hang-{name}", f"[hooks]\ntimeout={HOOK_S}\n", *hooks, modules=("virtio", "ext4"))
    return make


def machine(bench, disk, image):
    return bench.machine(disk, initrd=image, append=f"panic=0 keelboot.watchdog=/dev/watchdog0,{WATCHDOG_S}")


@pytest.mark.parametrize("name", ["kernel", "init"])
def test_watchdog_resets_a_kernel_and_an_init_that_hang(bench, image, name):
    disk = bench.disk("1.0", "2.0", good="a")
    took = []
    assert AT_MOST_S < bench.device.watchdog
    with machine(bench, disk, image(name)) as vm:
        for _ in range(3):
            vm.expect(SAYS[name])
            since = time.monotonic()
            vm.wait_reset()
            took.append(time.monotonic() - since)
            print(f"{name}: reset {took[-1]:.1f} s after it hung")
        # The watchdog counts the machine's own time; what this end makes of it may be late, once.
        assert AT_LEAST_S < sorted(took)[1] < AT_MOST_S
        vm.expect(r"keelboot: slot b is rejected: crashed or hung")
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"] * 3


def test_hook_that_hangs_costs_its_time_and_no_reset(bench, image):
    with machine(bench, bench.disk("1.0", "2.0", good="a"), image("hook")) as vm:
        vm.expect(SAYS["hook"])
        since = time.monotonic()
        vm.expect(r"keelboot: hook 10-mine: timed out")
        took = time.monotonic() - since
        print(f"hook: killed after {took:.1f} s")
        assert took < HOOK_S + SLACK_S
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == []
