# SPDX-License-Identifier: Apache-2.0
"""The kernel command line cannot stop a boot."""

import random
import shutil

from drives import Drive
from kbdisk import read_partition


def test_damaged_command_line_boots(bench):
    disk = bench.disk("1.0")
    noise = random.Random(7)
    bad = ["keelboot.slot=zebra", "keelboot.timeout=-5", "keelboot.watchdog=/etc/passwd",
           "keelboot.sources=floppy", "keelboot.nonsense", "rootflags=", "root=PARTLABEL=nowhere"]
    # x86 kernels take 2,047 bytes and do not start with more; over 32 words that they do not know
    # they panic.
    words = ["".join(noise.choice("abcxyz=.,-_%/\\:;") for _ in range(80)) for _ in range(20)]
    line = f"{' '.join(bad + words)[:1950]} keelboot.log=\"unfinished"
    with bench.machine(disk, append=line) as vm:
        text = bench.up(vm, "1.0", "a")
        for key in ("keelboot.slot", "keelboot.timeout", "keelboot.sources", "keelboot.nonsense"):
            assert key in text.split("Keelboot 0")[1], key
        assert bench.boot_json(vm)["warnings"]
        assert bench.causes(vm) == []


def test_words_that_are_taken_and_wrong_stop_no_boot(bench):
    """tmpfs mounts, and is not the slot; a disk is no watchdog, and stays as it is."""
    disk = bench.disk("1.0", good="a")
    before = read_partition(disk, "root-a")
    with bench.machine(disk, append="rootfstype=tmpfs keelboot.watchdog=/dev/vda3") as vm:
        text = bench.up(vm, "1.0", "a")
        assert "unable to mount /dev/vda3 (tmpfs): no init in it" in text
        assert "watchdog: no /dev/vda3; /dev/watchdog0 is used" in text     # no disk is there yet
        assert bench.boot_json(vm)["watchdog"]["device"] != "/dev/vda3"
    assert read_partition(disk, "root-a") == before


def test_parameter_that_a_module_refuses_costs_no_disk(bench):
    with bench.machine(bench.disk("1.0"), append="virtio_blk.queue_depth=x") as vm:
        assert "virtio_blk.ko: unable to load with queue_depth=x of the kernel command line" in bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == []


def test_switched_off_it_starts_root_as_it_stands(bench):
    """No choice, no count; and a stick with a copy of the slot's label is not taken for it."""
    disk = bench.disk("1.0", "2.0 nomark", good="a")
    copy = bench.work / "copy.img"
    shutil.copy(disk, copy)
    before = read_partition(disk, "keelboot-state")
    line = "keelboot.enable=0 root=PARTLABEL=root-b"
    with bench.machine(disk, drives=[Drive(copy, bus="usb", name="copy")], append=line) as vm:
        vm.expect(r"keelboot\.enable=0: no update, no choice of a slot")
        vm.expect(r"system 2\.0 is ready")
        assert bench.ask(vm, "cat /proc/mounts").count("/dev/vda4 / ") == 1
    assert read_partition(disk, "keelboot-state") == before
    with bench.machine(None, drives=[Drive(copy, bus="usb", name="copy")], append=f"{line} keelboot.timeout=3") as vm:
        vm.expect(r"root=PARTLABEL=root-b was only on USB for 3 s; \[system\] usb-disk=yes")
        vm.expect(r"unable to boot")


def test_slot_of_the_command_line_is_booted_uncounted(bench):
    disk = bench.disk("1.0 nomark", "2.0 nomark")
    with bench.machine(disk, append="keelboot.slot=a") as vm:
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["booted"]["tier"] == "forced" and status["next"] == "b"
        assert status["booted"]["token"] == 0
        sequence = status["state"]["sequence"]
    with bench.machine(disk) as vm:
        bench.up(vm, "2.0", "b")
        assert bench.status(vm)["state"]["sequence"] == sequence, "nothing was written"


def test_media_that_are_switched_off_are_not_looked_at(bench):
    disk = bench.disk("1.0")
    stick = bench.stick(bench.bundle("2.0"))
    with bench.untouched(disk), bench.machine(disk, drives=[stick], append="keelboot.sources=data") as vm:
        assert "looking at source" not in bench.up(vm, "1.0", "a")
