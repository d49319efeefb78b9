# SPDX-License-Identifier: Apache-2.0
"""Nothing mounts and nobody comes: the device says what it waits for, restarts, and waits again."""

import re

import pytest


@pytest.mark.parametrize("history, boots", [("lost its systems", 2), ("never had one", 1)])
def test_it_tells_waits_and_restarts_again_and_again(bench, history, boots):
    state = bench.factory("1.0", "2.0")[0]
    if history == "never had one":
        state = bench.device.state("--slots", "2", name="empty-state")
    disk = bench.disk("1.0", "2.0", state=state, slots=(None, None))
    with bench.machine(disk, initrd=bench.conf_initramfs("rescue-10-s", "[rescue]\nwait=10\n"), append="quiet") as vm:
        for number in range(1, boots + 1):
            vm.expect(r"rescue: no slot can be booted", 90)
            vm.send("\nid")
            boot = vm.wait_boot(number + 1)
            text = vm.boot_text(number)
            waits = re.findall(r"rescue: waiting for .*; restarting in (\d+) s", text)
            assert waits and int(waits[0]) == 10, text
            assert "uid=" not in text and "Kernel panic" not in text
            assert boot.cause == "guest"
            assert boot.at - vm.boots[number - 1].at > 10, "never a tight loop"


def test_without_a_state_partition_it_says_that_no_stick_helps(bench):
    disk = bench.disk("1.0", slots=(None, None))
    # The partition is there, under another name.
    initrd = bench.conf_initramfs("other-state", "[state]\npartition=PARTLABEL=elsewhere\n[system]\ntimeout=3\n")
    with bench.machine(disk, initrd=initrd, drives=[bench.stick(bench.bundle("2.0"))]) as vm:
        vm.expect(r"rescue: no update can be installed: no usable state partition "
                  r"\(to make one: keelboot state init\); restarting in \d+ s", 90)
        assert "looking at source" not in vm.boot_text()
