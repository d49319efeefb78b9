# SPDX-License-Identifier: Apache-2.0
"""Another disk holds every byte of the device's own: labels, PARTUUIDs, the state itself."""

import hashlib
import shutil

from conftest import LEAN
from drives import Drive


def copy_of(bench, disk, name):
    copy = bench.work / f"{name}.img"
    shutil.copy(disk, copy)
    return copy


def digest(image):
    return hashlib.sha256(image.read_bytes()).hexdigest()


def fixed(image, name, serial=""):
    return Drive(image, bus="virtio", name=name, serial=serial)


def booted_from(bench, vm):
    return dict(line.split(" ", 1) for line in bench.ask(vm, "cat /run/keelboot/devices").splitlines())


def test_stick_that_duplicates_every_id_is_ignored(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    stick = copy_of(bench, disk, "stick")
    before = digest(stick)
    with bench.machine(disk, drives=[Drive(stick, bus="usb", name="stick")]) as vm:
        vm.expect(r"update: looking at source usb")
        bench.up(vm, "2.0", "b")
        assert booted_from(bench, vm)["disk"] == "/dev/vda"
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert not bench.boot_json(vm)["ambiguous"]
        assert vm.stats()["stick"].writes == 0
    assert digest(stick) == before


def test_t27_card_of_a_stranger_that_is_bound_to_itself_is_ignored(bench):
    """Labels, state, slots, all of them good, on a port of its own; and the device is not bound yet."""
    modules = bench.initramfs(name="sd", modules=(*LEAN, "sd"))
    card = bench.disk("2.0", "3.0", good="a", size="256M", name="card")
    with bench.machine(card, bus="sd", initrd=modules) as vm:
        vm.expect(r"devices: /dev/mmcblk0 is removable", 60)
        bench.up(vm, "3.0", "b")
        assert "disk=cid-" in bench.ask(vm, "keelboot state show"), "the commit bound it"
    before = digest(card)
    with bench.machine(bench.disk("1.0"), drives=[Drive(card, bus="sd", name="card")], initrd=modules) as vm:
        bench.up(vm, "1.0", "a")
        assert booted_from(bench, vm)["disk"] == "/dev/vda"
        assert not bench.boot_json(vm)["ambiguous"]
        assert vm.stats()["card"].writes == 0
    assert digest(card) == before


def test_second_disk_that_is_a_copy_is_known_for_one(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    with bench.machine(None, drives=[fixed(disk, "own", "ORIGINAL")]) as vm:
        bench.up(vm, "2.0", "b")
        assert "disk=serial-ORIGINAL" in bench.ask(vm, "keelboot state show")
    copy = copy_of(bench, disk, "copy")
    before = digest(copy)
    both = [fixed(copy, "copy", "COPY"), fixed(disk, "own", "ORIGINAL")]
    with bench.machine(None, drives=both) as vm:
        bench.up(vm, "2.0", "b")
        seen = booted_from(bench, vm)
        # Its path comes first, and yet it is not taken.
        assert seen["disk"] == "/dev/vdb" and seen["diskid"] == "serial-ORIGINAL"
        assert "ambiguous" not in seen
        assert vm.stats()["copy"].writes == 0
    assert digest(copy) == before
    with bench.machine(None, drives=both[:1], append="keelboot.timeout=6") as vm:
        vm.expect(r"the state on /dev/vda belongs to disk serial-ORIGINAL, which is missing")
        bench.up(vm, "2.0", "b")


def test_two_equal_disks_boot_and_refuse_to_install(bench):
    disk = bench.disk("1.0")
    copy = copy_of(bench, disk, "copy")
    before = [bench.slots(disk), digest(copy)]
    stick = bench.stick(bench.bundle("2.0"))
    with bench.machine(disk, drives=[fixed(copy, "copy"), stick]) as vm:
        vm.expect(r"/dev/vda and /dev/vdb could both be this device's disk: /dev/vda is used")
        vm.expect(r"update: skipped: .* could both be")
        bench.up(vm, "1.0", "a")
        assert booted_from(bench, vm)["ambiguous"] == "/dev/vdb"
        told = bench.boot_json(vm)
        assert told["ambiguous"] and told["warnings"][-1]["id"] == "disk-ambiguous"
        for verb in ("install", "stage"):
            said = bench.refused(vm, "mkdir -p /run/m; mount -t vfat -o ro /dev/sda /run/m; "
                                 f"keelboot {verb} /run/m/keelboot/2.0-ok.keel")
            assert "could both be this device's disk" in said
    assert [bench.slots(disk), digest(copy)] == before
    pinned = bench.initramfs_with("disk=*/block/vdb", name="disk-vdb")
    with bench.machine(disk, drives=[fixed(copy, "copy"), stick], initrd=pinned) as vm:
        bench.up(vm, "2.0", "b")
        assert booted_from(bench, vm)["disk"] == "/dev/vdb"
    assert bench.slots(disk) == before[0]
