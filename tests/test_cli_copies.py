# SPDX-License-Identifier: Apache-2.0
"""The boot loader itself: a bundle with one is for no slot, and where there are no two copies, it stays as it is. What
an eMMC does with a new one is in unit/copies_write_test.c and boot/test_emmc.py."""

import pytest
from cli_device import FAILURE, INCOMPATIBLE, USAGE, edit, run
from test_cli_doctor import Board

FORCE_RO = "sys/block/mmcblk0boot1/force_ro"


@pytest.fixture(name="loader")
def loader_bundle(factory, tmp_path):
    """With nothing but a boot loader."""
    out, image = tmp_path / "loader.keel", tmp_path / "loader.bin"
    image.write_bytes(b"loader 2025.10" * 1000)
    run("bundle", "create", "-o", out, "--compatible", "test-board", "--version", "2025.10", "--sequence", 30,
        "--image", f"loader={image}", "--key", factory.public.with_suffix(".key"))
    return out


def test_a_bundle_of_a_loader_lacks_no_root(factory, tmp_path):
    """A person who names the root rootfs is warned; this one has no root to name."""
    (tmp_path / "image").write_bytes(b"loader 2025.10" * 1000)
    words = ["bundle", "create", "--compatible", "test-board", "--version", "1", "--sequence", 1, "--key",
             factory.public.with_suffix(".key")]
    assert "no image root" not in run(*words, "-o", tmp_path / "1.keel", "--image", f"loader={tmp_path}/image").stderr
    assert "no image root" in run(*words, "-o", tmp_path / "2.keel", "--image", f"rootfs={tmp_path}/image").stderr


@pytest.mark.parametrize("version, text, warned", [
    ("2025.10-acme", b"U-Boot 2025.10-acme (Nov 28)\0", False),
    ("2025.10", b"U-Boot 2025.10\0", False),
    ("2025.10", b"U-Boot 2025.10-acme (Nov 28)\0", True),
    ("2025.11", b"U-Boot 2025.10 (Nov 28)\0", True),
    ("25.10", b"U-Boot 25.10 (Nov 28)\0", True),
])
def test_loader_that_lacks_its_version_is_named_when_its_bundle_is_made(factory, tmp_path, version, text, warned):
    """A device would not know that it runs: `loader install` refuses it (unit/copies_write_test.c)."""
    (tmp_path / "u-boot.bin").write_bytes(bytes(5000) + text + bytes(5000))
    said = run("bundle", "create", "-o", tmp_path / "1.keel", "--compatible", "test-board", "--version", version,
               "--sequence", 1, "--image", f"loader={tmp_path}/u-boot.bin", "--key",
               factory.public.with_suffix(".key")).stderr
    assert ("no device installs it: its version" in said) is warned
    if warned:
        assert f"{version} is no text of 6 bytes or more in {tmp_path}/u-boot.bin" in said


@pytest.mark.parametrize("verb", ["stage", "install"])
def test_bundle_with_a_loader_is_refused_with_the_reason(ready, loader, verb):
    before = ready.slots["b"].read_bytes()
    assert "this device has one copy of its own" in ready(verb, loader, code=INCOMPATIBLE).stderr
    ready.configure("[loader]\ncopies=/dev/mmcblk0\n")
    assert "keelboot loader install does" in ready(verb, loader, code=INCOMPATIBLE).stderr
    assert ready.slots["b"].read_bytes() == before and ready.json("status")["staged"] is None


def test_device_with_one_copy_keeps_its_loader(ready, loader):
    for words in (["install", loader], ["keep"], ["status"], []):
        said = ready("loader", *words, code=INCOMPATIBLE).stderr
        assert "this device has one copy of its boot loader, which is never updated" in said


def test_disk_that_is_no_emmc_has_no_two_copies(ready, loader):
    ready.configure("[loader]\ncopies=/dev/sda\n")
    result = run(*ready.options(), "loader", "install", loader)
    assert result.returncode != 0 and "/dev/sda is no eMMC" in result.stderr


def test_other_words_are_no_verbs(ready, loader):
    for words in (["switch"], ["keep", loader], ["install"], ["status", "a", "b"]):
        ready("loader", *words, code=USAGE)


def test_doctor_looks_at_the_areas(dev, factory):
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    edit(dev, disk="/devices/pci0000:00/nvme0")
    board = Board(dev)
    board.put(FORCE_RO, "1")
    assert board.findings() == set()
    board.put(FORCE_RO, "0")
    assert board.findings() == {("warning", "emmc-writable")}
    board.put(FORCE_RO, "1")
    board.dev.configure("[loader]\ncopies=/dev/mmcblk0\n")
    assert board.findings(FAILURE) == {("error", "loader-copies")}
