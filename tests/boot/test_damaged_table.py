# SPDX-License-Identifier: Apache-2.0
"""One bad sector in the partition table of the disk. The kernel reads the copy at the disk's end with `gpt` on its
command line, and else finds no partitions."""
import struct
import zlib

import pytest
from kbdisk import MIB


def damage(disk, sector: int) -> None:
    with open(disk, "r+b") as file:
        file.seek(sector * 512)
        file.write(b"\xa5" * 512)


@pytest.mark.parametrize("sector", [0, 1, 2], ids=["mbr", "header", "entries"])
def test_device_boots_by_the_copy_and_says_so(bench, sector):
    disk = bench.disk("1.0")
    damage(disk, sector)
    with bench.machine(disk) as vm:
        assert " gpt " in f" {vm.append} "
        vm.expect(r"keelboot: devices: the partition table of /dev/vda is damaged, and the kernel uses the copy")
        bench.up(vm, "1.0", "a")
        assert any("partition table" in line for line in bench.status(vm)["warnings"])
        assert bench.causes(vm) == []


def test_without_the_word_the_boot_names_the_cause(bench):
    disk = bench.disk("1.0")
    damage(disk, 1)
    vm = bench.machine(disk, append="keelboot.timeout=2")
    vm.append = vm.append.replace(" gpt ", " ")
    with vm:
        vm.expect(r"keelboot: devices: /dev/vda: its partition table is damaged, but the copy at its end is "
                  r"intact; add `gpt` to the kernel command line to use that")
        vm.expect(r"no disk found: nothing can boot, and no stick can help; restarting in 30 s")


def test_old_copy_at_the_end_of_a_stick_hides_no_update(bench):
    """It had a GPT once, and is one file system now: with `gpt` the kernel believes what is left of it."""
    disk, stick = bench.disk("1.0"), bench.stick(bench.bundle("2.0"))
    with open(disk, "rb") as old, open(stick.file, "r+b") as file:
        size = file.seek(0, 2) // MIB * MIB + 64 * MIB
        file.truncate(size)
        old.seek(-33 * 512, 2)
        copy = bytearray(old.read())
        # As that of a disk of this size; the entries stay those of the device's disk, labels and all.
        header = bytearray(copy[-512:])
        struct.pack_into("<Q", header, 24, size // 512 - 1)
        struct.pack_into("<Q", header, 72, size // 512 - 33)
        struct.pack_into("<Q", header, 48, size // 512 - 34)
        struct.pack_into("<I", header, 16, 0)
        struct.pack_into("<I", header, 16, zlib.crc32(header[:92]))
        copy[-512:] = header
        file.seek(size - len(copy))
        file.write(copy)
    with bench.machine(disk, drives=[stick]) as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", 150)
        bench.up(vm, "2.0", "b")
