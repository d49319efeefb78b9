# SPDX-License-Identifier: Apache-2.0
"""The system disk is not always virtio, has not always a GPT, nor sectors of 512 bytes."""

import pytest

from drives import Drive
from kbdevice import run
from kbdisk import Disk, Ext4, read_partition

MOUNT = "mkdir -p /run/m; mount -t vfat -o ro /dev/sda /run/m"
PARTS = ("keelboot-state", "data", "root-a", "root-b")


def make_disk(bench, name, *, size=None, **layout):
    """A factory disk, 2.0 on trial in slot b, with another table or sectors; and its partitions."""
    state, a, b = bench.factory("1.0", "2.0", good="a")
    tree = bench.work / f"{name}-data"
    tree.mkdir()
    disk = Disk(size, seed=name, **layout)
    sizes = ("16M", bench.device.data_size, bench.device.slot_size, bench.device.slot_size)
    for part, bytes_, content in zip(PARTS, sizes, (state, Ext4(tree, label="data"), a, b)):
        disk.add(part, bytes_, content)
    path = bench.work / f"{name}.img"
    return path, {part.name: part for part in disk.build(path)}


def commits(bench, vm, name):
    """2.0 boots, proves itself, and all that was used lies on the disk."""
    vm.expect(r"keelboot: slot b: 2\.0, trial, tries left: 2")
    bench.up(vm, "2.0", "b")
    devices = bench.ask(vm, "cat /run/keelboot/devices").splitlines()
    assert f"disk {name}" in devices
    for line in devices:
        assert name in line or line.startswith("diskid "), line
    status = bench.status(vm)
    assert status["slots"][1]["state"] == "good" and status["booted"]["counted"]
    assert bench.causes(vm) == []
    return devices


@pytest.mark.parametrize("bus, name, known", [("nvme", "/dev/nvme0n1", "wwid-"), ("sd", "/dev/mmcblk0", "cid-")])
def test_system_disk_on_another_bus(bench, bus, name, known):
    with bench.machine(bench.disk("1.0", "2.0", good="a", size="256M"), bus=bus, initrd=bench.device.initramfs()) as vm:
        devices = commits(bench, vm, name)
        assert f"state {name}p1" in devices
        assert any(line.startswith(f"diskid {known}") for line in devices)
        # Bound at the commit, to what the hardware calls itself.
        bound = next(line[7:] for line in devices if line.startswith("diskid "))
        assert f"disk={bound}" in bench.ask(vm, "keelboot state show").splitlines()


def test_namespace_with_two_controllers_is_named_by_the_first(bench):
    """The kernel shows its head in /devices/virtual: no path of the board leads to it."""
    disk = bench.disk("1.0", "2.0", good="a")
    extra = ["-blockdev", f"driver=file,filename={disk},node-name=shared", "-device", "nvme-subsys,id=sub,nqn=box",
             "-device", "nvme,serial=one,subsys=sub,id=one", "-device", "nvme,serial=one,subsys=sub,id=two",
             "-device", "nvme-ns,drive=shared,bus=one,nsid=1,shared=on"]
    pinned = bench.initramfs_with("disk=/devices/*pci*/nvme/*", name="pinned", modules=("nvme", "ext4", "vfat"))
    with bench.machine(None, initrd=pinned, extra=extra) as vm:
        bench.up(vm, "2.0", "b")
        disk, bound, *parts = bench.ask(vm, "cat /run/keelboot/devices").splitlines()
        assert len(parts) == 4 and all(f" {disk[5:]}p" in line for line in parts) and "diskid wwid-" in bound
        assert "/devices/virtual/nvme-subsystem/" in bench.ask(vm, f"readlink -f /sys/class/block/{disk[10:]}")


def test_device_that_has_only_a_usb_disk(bench):
    disk = bench.disk("1.0", "2.0", good="a")
    usb = bench.initramfs_with("usb-disk=yes", name="usb-disk")
    stick = bench.stick(bench.bundle("3.0"))
    own = Drive(disk, bus="usb", name="own")
    with bench.machine(None, drives=[own], initrd=usb) as vm:
        commits(bench, vm, "/dev/sda")
        vm.power_cut()
    with bench.machine(None, drives=[own, stick], initrd=usb) as vm:
        bench.up(vm, "3.0", "a")
        assert bench.status(vm)["slots"][0]["version"] == "3.0"


def test_usb_disk_is_no_device_unless_that_is_allowed(bench):
    own = Drive(bench.disk("1.0"), bus="usb", name="own")
    with bench.machine(None, drives=[own], append="keelboot.timeout=5") as vm:
        vm.expect(r"devices: no disk with PARTLABEL=keelboot-state .*usb-disk=")
        assert vm.stats()["own"].writes == 0


def test_disk_with_an_mbr_is_found_by_partuuid(bench):
    disk, part = make_disk(bench, "mbr", table="mbr")
    with open(disk, "rb") as file:
        signature = int.from_bytes(file.read(444)[440:], "little")
    assert signature != 0
    conf = bench.device.conf
    for name in PARTS:
        # The kernel writes it in small letters; a person may not.
        conf = conf.replace(f"PARTLABEL={name}", f"PARTUUID={signature:08X}-{part[name].number:02}")
    assert "PARTLABEL" not in conf
    with bench.machine(disk, initrd=bench.initramfs_with(name="mbr", conf=conf)) as vm:
        devices = commits(bench, vm, "/dev/vda")
        assert "slot b root /dev/vda4" in devices and "state /dev/vda1" in devices


def test_slots_are_found_by_each_name_that_a_partition_has(bench):
    """An install would bring another UUID and label; this device gets its slots from somebody else."""
    disk, _ = make_disk(bench, "names")
    state = run("/usr/sbin/sfdisk", "--part-uuid", disk, "1").strip()
    label = f"{disk}?offset={bench.partition(disk, 'root-b')[0]}"
    run("/usr/sbin/tune2fs", "-L", "second", label)
    run("/usr/sbin/tune2fs", "-f", "-U", "0b0e7a4c-3a5d-4c2b-9a53-77a1f0a3c1de",
        f"{disk}?offset={bench.partition(disk, 'root-a')[0]}")
    conf = bench.device.conf + "[slot.a]\nroot=UUID=0B0E7A4C-3a5d-4c2b-9a53-77a1f0a3c1de\n" \
        "[slot.b]\nroot=LABEL=second\n" \
        f"[source.data]\npartition=/dev/vda2\n[state]\npartition=PARTUUID={state}\n"
    with bench.machine(disk, initrd=bench.initramfs_with(name="names", conf=conf)) as vm:
        devices = commits(bench, vm, "/dev/vda")
        assert {"slot a root /dev/vda3", "slot b root /dev/vda4", "data /dev/vda2", "state /dev/vda1"} <= set(devices)


def test_disk_with_sectors_of_4096_bytes(bench):
    disk, _ = make_disk(bench, "large", sector=4096)
    small = bench.tree_bundle("4.0", hash_block=512)     # no kernel opens it on this disk
    drives = [Drive(disk, bus="nvme", name="own", sector=4096), bench.stick(bench.bundle("3.0"), small)]
    a = read_partition(disk, "root-a", 0, 1 << 20)
    with bench.machine(None, drives=drives, initrd=bench.device.initramfs()) as vm:
        vm.expect(r"dm-verity blocks of 512 bytes, but /dev/nvme0n1p4 has sectors of 4096: made for another disk", 120)
        # The trial that is open gives way to what is newer; the protected slot is not touched.
        vm.expect(r"slot b holds version 3\.0 on trial", 120)
        bench.up(vm, "3.0", "b")
        assert bench.ask(vm, "cat /sys/block/nvme0n1/queue/logical_block_size").strip() == "4096"
        assert bench.status(vm)["slots"][1]["state"] == "good"
        said = bench.refused(vm, f"{MOUNT}; keelboot stage /run/m/keelboot/{small.name}", code=6)
        assert "sectors of 4096: made for another disk" in said
    assert read_partition(disk, "root-a", 0, 1 << 20) == a


def test_image_that_is_larger_than_its_partition_is_refused_before_a_byte_is_written(bench):
    stick = bench.stick(bench.bundle("44.0", image=bench.device.system("44.0", size="48M")))
    disk = bench.disk("1.0", "2.0")
    with bench.untouched(disk), bench.machine(disk, drives=[stick]) as vm:
        vm.expect(r"not installed: .*root.* made for larger slots")
        bench.up(vm, "2.0", "b")
        assert [slot["state"] for slot in bench.status(vm)["slots"]] == ["good", "good"]
        said = bench.refused(vm, f"{MOUNT}; keelboot install /run/m/keelboot/44.0-ok.keel", code=6)
        assert "made for larger slots" in said
