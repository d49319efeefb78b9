# SPDX-License-Identifier: Apache-2.0
"""How large an initramfs is that a device carries, with the kernel that is at hand."""

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "qemu"))

import kbkernel  # noqa: E402

BOARD = ("--module-set", "virtio,usb,sd,nvme,ext4,vfat,watchdog")


@pytest.mark.parametrize("options, limit", [(None, 3_000_000), (BOARD, 4_000_000), ((), 4_200_000)],
                         ids=["bare", "board", "readme"])
def test_an_initramfs_is_below_its_limit(tmp_path, options, limit):
    modules = ("--modules-dir", kbkernel.get().modules, *options) if options is not None else ()
    image = tmp_path / "initramfs.img"
    subprocess.run([TOP / "initramfs/mkinitramfs", "-o", image, *modules], check=True, capture_output=True)
    size = image.stat().st_size
    assert size < limit, f"{size:,} bytes"
