# SPDX-License-Identifier: Apache-2.0
"""A slot whose ext4 journal is not empty, as after a power cut of a system that wrote to it: even a read-only mount
would replay it. Keelboot write-protects the slot first: it boots, says so, and not a byte changes."""

EXT4_SUPERBLOCK = 1024
INCOMPAT = 96               # s_feature_incompat, little endian
NEEDS_RECOVERY = 4


def make_dirty(bench, disk, slot: str) -> None:
    offset, _ = bench.partition(disk, f"root-{slot}")
    with open(disk, "r+b") as file:
        file.seek(offset + EXT4_SUPERBLOCK + INCOMPAT)
        flags = int.from_bytes(file.read(4), "little")
        file.seek(offset + EXT4_SUPERBLOCK + INCOMPAT)
        file.write((flags | NEEDS_RECOVERY).to_bytes(4, "little"))


def test_slot_stays_what_was_signed(bench):
    disk = bench.disk()
    make_dirty(bench, disk, "a")
    before = bench.slot_digest(disk, "a")
    with bench.machine(disk) as vm:
        vm.expect(r"root: /dev/vda\d was written to by somebody; mounted without its journal")
        bench.up(vm, "1.0", "a")
        status, output = vm.shell("mount -o remount,rw /; echo x > /written; echo done")
        assert "Read-only" in output or "write-protected" in output, (status, output)
    assert bench.slot_digest(disk, "a") == before
