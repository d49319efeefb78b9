# SPDX-License-Identifier: Apache-2.0
"""How large an initramfs is that a device carries."""

ALL = ("virtio", "usb", "sd", "nvme", "ext4", "vfat", "watchdog")


def test_whole_initramfs_is_below_4_MB(device):
    size = device.initramfs(modules=ALL).stat().st_size
    assert size < 4_000_000, f"{size} bytes"


def test_initramfs_without_modules_is_below_3_MB(device):
    size = device.initramfs(name="bare", modules=()).stat().st_size
    assert size < 3_000_000, f"{size} bytes"
