# SPDX-License-Identifier: Apache-2.0
"""Slots that hold a container in the place of a file system. Real machines have them: an encrypted root, a mirror that
was taken apart, a disk out of another device."""

import json
import struct

from drives import Drive
from kbdevice import run
from kbdisk import parse_size

SECTOR = 512


def md_superblock(at: int, size: int = 32 << 20) -> bytes:
    """Of version 1, as mdadm writes it into a mirror's leg; its checksum is right. size: of the array."""
    block = bytearray(512)
    struct.pack_into("<II4xI16s32sQIIQII", block, 0, 0xa92b4efc, 1, 0, bytes(range(16)), b"box:0", 1, 1, 0,
                     size // SECTOR, 0, 2)
    struct.pack_into("<QQQ", block, 128, 0, size // SECTOR, at // SECTOR)
    struct.pack_into("<I", block, 220, 128)
    total = sum(struct.unpack("<128I", block))
    struct.pack_into("<I", block, 216, ((total & 0xffffffff) + (total >> 32)) & 0xffffffff)
    return bytes(block)


def member(bench, content=b""):
    """A leg with metadata 1.0: what is on it looks whole from its beginning on."""
    size = parse_size(bench.device.slot_size)
    image = bench.work / "member.img"
    with open(image, "wb") as file:
        file.write(content)
        file.truncate(size)
        file.seek(size - 8192)
        file.write(md_superblock(size - 8192))
    return image


def findings(bench, vm) -> list:
    return [one["id"] for one in json.loads(bench.ask(vm, "keelboot doctor --json || true"))["findings"]]


def test_a_slot_in_luks_is_named_by_its_type_and_the_other_boots(bench):
    image = bench.work / "luks.img"
    with open(image, "wb") as file:
        file.truncate(parse_size(bench.device.slot_size))
    run("/usr/sbin/cryptsetup", "luksFormat", "--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
        image, "-", input="secret")
    disk = bench.disk("1.0", "2.0", good="a", slots=(..., image))
    with bench.untouched(disk), bench.machine(disk) as vm:
        said = bench.up(vm, "1.0", "a")
        assert "devices: slots that are not opened here: b: crypto_LUKS on /dev/vda4" in said
        assert "slot b: it holds crypto_LUKS, which is not opened here" in said
        status = bench.status(vm)
        assert status["booted"]["reason"] == "b: holds crypto_LUKS"
        assert (status["slots"][1]["state"], status["slots"][1]["tries"]) == ("trial", 3)
        assert findings(bench, vm).count("slot-container") == 1


def test_a_member_of_an_array_is_not_written_by_a_stick_nor_by_the_command(bench):
    leg = member(bench, bench.device.system("2.0").read_bytes()[:16 << 20])
    disk = bench.disk("1.0", slots=(..., leg), data={"incoming/4.0.keel": bench.bundle("4.0")})
    with bench.untouched(disk), bench.machine(disk, drives=[bench.stick(bench.bundle("3.0"))]) as vm:
        said = bench.up(vm, "1.0", "a")
        why = "root of slot b (/dev/vda4) cannot be opened: a member of a RAID array (linux_raid_member), which is"
        assert why in said and "b: linux_raid_member on /dev/vda4" in said
        assert why in bench.refused(vm, "keelboot install /data/incoming/4.0.keel")
        assert findings(bench, vm).count("slot-container") == 1
        assert bench.causes(vm) == []


def test_a_state_on_a_member_of_an_array_is_not_written(bench):
    state = member(bench, bench.factory("1.0", "2.0")[0].read_bytes()[:8 << 20])
    disk = bench.disk("1.0", "2.0", state=state, state_size=bench.device.slot_size)
    before = disk.read_bytes()
    with bench.machine(disk) as vm:
        said = bench.up(vm, "1.0", "a")
        assert "devices: state: /dev/vda1 holds linux_raid_member, which is not opened here" in said or \
            "a member of a RAID array" in said
    start, size = bench.partition(disk, "keelboot-state")
    assert disk.read_bytes()[start:start + size] == before[start:start + size]


def in_an_array(image):
    """The disk becomes a leg of a mirror of whole disks, in which its partitions lie."""
    table, size = image.stat().st_size, image.stat().st_size + (1 << 20)
    with open(image, "r+b") as file:
        file.truncate(size)
        file.seek(size - 8192)
        file.write(md_superblock(size - 8192, table))
    return image


def test_partitions_of_a_disk_in_an_array_are_no_slots_and_not_written(bench):
    disk = in_an_array(bench.disk("1.0", "2.0", good="a", data={"incoming/4.0.keel": bench.bundle("4.0")}))
    before = disk.read_bytes()
    with bench.machine(disk, drives=[bench.stick(bench.bundle("3.0"))]) as vm:
        said = vm.expect(r"keelboot: rescue: no update can be installed").string
        assert "a: linux_raid_member on /dev/vda3, b: linux_raid_member on /dev/vda4" in said
        assert "devices: data: /dev/vda2 holds linux_raid_member, which is not opened here; it is not used" in said
        assert "state: unable to read /dev/vda1: a member of a RAID array (linux_raid_member), which is never" in said
    assert disk.read_bytes() == before


def test_a_disk_on_which_an_old_array_left_its_superblock_boots_and_is_updated(bench):
    """Of 0.90, 64 KiB and more before the end: a GPT that is made later leaves it there."""
    disk = bench.disk("1.0", good="a")
    size = disk.stat().st_size
    with open(disk, "r+b") as file:
        file.seek(size - size % 65536 - 65536)
        file.write(struct.pack("<9I", 0xa92b4efc, 0, 90, 0, 0, 0, 0, 1, (size - size % 65536 - 65536) >> 10))
    with bench.machine(disk, drives=[bench.stick(bench.bundle("3.0"))]) as vm:
        bench.up(vm, "3.0", "b")


def test_the_command_writes_to_no_partition_of_a_disk_in_an_array(bench):
    image = bench.work / "member-disk.img"
    with open(image, "wb") as file:
        file.truncate(parse_size(bench.device.slot_size) + (4 << 20))
    run("/usr/sbin/sfdisk", image, input=f"label: gpt\nstart=2048, size={parse_size(bench.device.slot_size) // 512}\n")
    before = in_an_array(image).read_bytes()
    disk = bench.disk("1.0", data={"incoming/4.0.keel": bench.bundle("4.0")})
    with bench.machine(disk, drives=[Drive(image, bus="usb", name="member")]) as vm:
        bench.up(vm, "1.0", "a")
        why = "root of slot b (/dev/sda1) cannot be opened: a member of a RAID array (linux_raid_member), which is"
        assert why in bench.refused(vm, "keelboot --slot b:root=/dev/sda1 install /data/incoming/4.0.keel")
        assert "root of slot b lies on a member of a RAID array" in \
            bench.ask(vm, "keelboot --slot b:root=/dev/sda1 doctor || true")
    assert image.read_bytes() == before
