# SPDX-License-Identifier: Apache-2.0
"""A slot whose ext4 journal is not empty, as after a power cut of a system that wrote to it: even a read-only mount
would replay it. Keelboot write-protects the slot first: it boots, says so, and not a byte changes."""

import subprocess


def make_dirty(bench, disk, slot: str) -> None:
    offset, _ = bench.partition(disk, f"root-{slot}")
    subprocess.run(["debugfs", "-w", "-R", "feature needs_recovery", f"{disk}?offset={offset}"], check=True,
                   capture_output=True)


def test_slot_stays_what_was_signed(bench):
    disk = bench.disk()
    make_dirty(bench, disk, "a")
    with bench.untouched(disk), bench.machine(disk) as vm:
        vm.expect(r"root: /dev/vda\d was modified; mounted without its journal")
        bench.up(vm, "1.0", "a")
        status, output = vm.shell("mount -o remount,rw /; echo x > /written; echo done")
        assert "Read-only" in output or "write-protected" in output, (status, output)
