# SPDX-License-Identifier: Apache-2.0
"""The checks that come with Keelboot, each accepting what is right and rejecting what is not."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from kbdisk import partition, read_partition, write_partition

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def image(bench):
    """An initramfs with checks: NAME, or NAME=text of its file. Scenarios share those that are the same."""
    def make(*checks, options=()):
        words = []
        scripts = [path.read_bytes() for path in sorted((TOP / "hooks/checks").iterdir())]
        name = hashlib.sha256(repr((checks, options, scripts)).encode()).hexdigest()[:12]
        for check in checks:
            check, _, text = check.partition("=")
            if text:
                (bench.work / check).write_text(text)
                check = f"{check}={bench.work / check}"
            words += ["--check", check]
        return bench.initramfs(*words, *options, "--busybox", "/bin/busybox", name=f"check-{name}")
    return make


def e2fsck() -> list:
    """Options that pack the host's e2fsck with its libraries."""
    text = subprocess.run(["ldd", "/sbin/e2fsck"], text=True, capture_output=True, check=True).stdout
    files = [word for word in text.split() if word.startswith("/")]
    return [item for file in ["/sbin/e2fsck", *files] for item in ("--add", f"{file}:{file}")]


def patch(disk, slot: str, offset: int, change) -> None:
    """Changes one byte of a slot."""
    data = bytearray(read_partition(disk, f"root-{slot}", offset // 512 * 512, 512))
    data[offset % 512] = change(data[offset % 512])
    write_partition(disk, f"root-{slot}", bytes(data), offset // 512 * 512)


def test_update_that_is_right_passes_every_check(bench, image):
    initrd = image("filesystem", "free-space=minimum = 1M\n", "os-release",
                   "required-files=# what this product is\n\nx /sbin/init\nd /etc/init.d\n"
                   "/etc/os-release\nx /usr/bin/keelboot\n", options=e2fsck())
    with bench.machine(bench.disk("1.0"), initrd=initrd, drives=[bench.stick(bench.bundle("2.0"))]) as vm:
        vm.expect(r"hook 20-filesystem: .*: \d+/\d+ files")
        bench.up(vm, "2.0", "b")
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert bench.boot_json(vm)["reason"] == ""
        assert "check-data" not in bench.ask(vm, "cat /proc/mounts")


def test_full_data_partition_puts_an_update_off(bench, image):
    disk = bench.disk("1.0")
    before = read_partition(disk, "data")
    stick = bench.stick(bench.bundle("2.0"))
    with bench.machine(disk, initrd=image("free-space=minimum=9G\n"), append="init=/bin/sh", drives=[stick]) as vm:
        vm.expect(r"hook 20-free-space: /dev/vda2: \d+ KiB free, wants 9437184")
        vm.expect(r"update: skipped in this boot: hook 20-free-space: exit 1")
        vm.expect(r"slot a: 1.0, good")
    assert read_partition(disk, "data") == before, "a look at the data partition writes nothing"


def test_minimum_that_cannot_be_read_is_named(bench, image):
    """No update then: nobody knows how much room the maker wants."""
    stick = bench.stick(bench.bundle("2.0"))
    with bench.machine(bench.disk("1.0"), initrd=image("free-space=minimum=16MB\n"), append="init=/bin/sh",
                       drives=[stick]) as vm:
        vm.expect(r"hook 20-free-space: minimum=16MB in /etc/keelboot/checks/free-space: expected a number and K, M")
        vm.expect(r"update: skipped in this boot: hook 20-free-space: exit 1")


def test_slot_whose_file_system_has_noted_errors_is_passed_over(bench, image):
    disk = bench.disk("1.0", "2.0", good="a")
    patch(disk, "b", 1024 + 58, lambda byte: byte | 2)
    with bench.machine(disk, initrd=image("filesystem")) as vm:
        vm.expect(r"hook 20-filesystem: /dev/vda4: ext4 has noted errors")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["reason"] == "b: hook 20-filesystem: exit 1"
        events = bench.history(vm)
        assert any("noted errors" in str(event) for event in events), events


def test_trial_with_a_damaged_file_system_is_found_by_e2fsck(bench, image):
    """The superblock is well; the bitmap of blocks in use is not."""
    disk = bench.disk("1.0", "2.0", good="a")
    offset, _ = partition(disk, "root-b")
    dump = subprocess.run(["dumpe2fs", f"{disk}?offset={offset}"], text=True, capture_output=True, check=True).stdout
    block = int(dump.split("Block bitmap at ")[1].split()[0])
    patch(disk, "b", block * 4096 + 40, lambda byte: byte ^ 0xff)
    slot = read_partition(disk, "root-b")
    with bench.machine(disk, initrd=image("filesystem", options=e2fsck())) as vm:
        vm.expect(r"hook 20-filesystem: e2fsck /dev/vda4: exit 4")
        bench.up(vm, "1.0", "a")
    assert read_partition(disk, "root-b") == slot, "nothing is repaired"


def test_slot_that_lacks_a_required_file_is_passed_over(bench, image):
    with bench.device.lock():
        bench.device.system("1.1", files={"opt/real": "#!/bin/sh\n"})
    with bench.machine(bench.disk("1.1", "2.0", good="a"), initrd=image("required-files=/opt/real\n")) as vm:
        vm.expect(r"hook 20-required-files: missing: /opt/real")
        bench.up(vm, "1.1", "a")
        assert bench.boot_json(vm)["reason"] == "b: hook 20-required-files: exit 1"


def test_slot_that_holds_another_version_than_its_release_is_passed_over(bench, image):
    with bench.device.lock():
        other = bench.device.system("2.0")
    disk = bench.disk("1.0", bench.device.bundle("2.7", image=other), good="a")
    with bench.machine(disk, initrd=image("os-release")) as vm:
        vm.expect(r"hook 10-os-release: VERSION=2.0")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["reason"] == "b: hook 10-os-release: exit 1"
