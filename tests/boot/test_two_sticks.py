# SPDX-License-Identifier: Apache-2.0
"""Two sticks at once, or one that looks like two: the newest bundle counts, and each is looked at once."""

import struct


def test_newest_of_both_sticks_is_installed(bench):
    old, new = bench.stick(bench.bundle("2.0")), bench.stick(bench.bundle("3.0"), name="second")
    with bench.machine(bench.disk("1.0"), drives=[old, new]) as vm:
        text = bench.up(vm, "3.0", "b")
        assert "keelboot/2.0-ok.keel: version 2.0: ignored: another bundle is newer" in text
        assert "slot b holds version 3.0 on trial" in text
        assert not {"stick", "second"} & set(vm.writes())
        assert bench.causes(vm) == []


def test_damaged_stick_makes_room_for_the_other(bench):
    bad = bench.stick(bench.damaged(bench.bundle("3.0"), "bad.keel"))
    good = bench.stick(bench.bundle("2.0"), name="second")
    with bench.machine(bench.disk("1.0"), drives=[bad, good]) as vm:
        assert "keelboot/bad.keel: version 3.0: not installed: " in bench.up(vm, "2.0", "b")
        assert bench.causes(vm) == []


def test_same_release_on_two_sticks_is_installed_once_and_named_so(bench):
    sticks = [bench.stick(bench.bundle("2.0"), name=name) for name in ("stick", "second")]
    with bench.machine(bench.disk("1.0"), drives=sticks) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "version 2.0: ignored: the same release comes from /dev/sd" in text
        assert "another bundle is newer" not in text
        assert bench.causes(vm) == []


def test_file_system_that_is_disk_and_partition_at_once_is_looked_at_once(bench):
    """What mkfs.vfat makes of a whole stick: a table in its first sector, whose one partition begins at 0."""
    stick = bench.stick(bench.bundle("2.0"))
    with open(stick.file, "r+b") as file:
        sectors = stick.file.stat().st_size // 512
        file.seek(446)
        file.write(struct.pack("<B3xB3xII48xH", 0x80, 0x0C, 0, sectors, 0xAA55))
    with bench.machine(bench.disk("1.0"), drives=[stick]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "/dev/sda: keelboot/2.0-ok.keel: version 2.0" in text
        assert "sda1" in bench.ask(vm, "ls /sys/block/sda"), "the kernel takes it for a partition"
        assert "/dev/sda1: " not in text and "newer" not in text, text
        assert vm.writes().get("stick") is None
        assert bench.causes(vm) == []
