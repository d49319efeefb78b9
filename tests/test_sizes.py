# SPDX-License-Identifier: Apache-2.0
"""How large is what a device carries: the initramfs, with the kernel that is at hand, and the helper in it."""

import re
import sys

import pytest

import kbkernel
from cli_device import TOP, call, make_dynamic

sys.path.insert(0, str(TOP / "tests/bench"))

from footprint import BARE      # noqa: E402

BOARD = ("--module-set", "virtio,usb,sd,nvme,ext4,vfat,watchdog")


def of_the_readme() -> tuple:
    """What a new user says of modules in step 4, behind --modules-dir."""
    readme = (TOP / "README.md").read_text()
    step = re.search(r"image build -o initramfs\.img .*?--modules-dir \S+([^\n]*)\n\n", readme, re.S)
    return tuple(step[1].split())


@pytest.mark.parametrize("options, limit", [(BARE, 1_320_000), (BOARD, 3_090_000), (of_the_readme(), 3_200_000)],
                         ids=["bare", "board", "readme"])
def test_an_initramfs_is_below_its_limit(tmp_path, options, limit):
    modules = ("--modules-dir", kbkernel.get().modules) if options is not BARE else ()
    image = tmp_path / "initramfs.img"
    call(TOP / "initramfs/mkinitramfs", "-o", image, *modules, *options)
    size = image.stat().st_size
    print(f"{size:,} bytes")
    assert size < limit, f"{size:,} bytes"


@pytest.mark.skipif(not (TOP / "build/aarch64/init").is_file(), reason="not built for arm64: make tests-arm64")
def test_arm64s_initramfs_is_at_most_a_tenth_larger(tmp_path):
    """The same sets of modules, from Debian's kernels of one version."""
    sizes = []
    for arch, options in (("amd64", ()), ("arm64", ("--programs", TOP / "build/aarch64"))):
        image = tmp_path / f"{arch}.img"
        call(TOP / "initramfs/mkinitramfs", "-o", image, *options, "--modules-dir", kbkernel.get(arch=arch).modules,
             *BOARD)
        sizes.append(image.stat().st_size)
    print(f"{sizes[0]:,} and {sizes[1]:,} bytes")
    assert sizes[0] / 2 < sizes[1] <= 1.10 * sizes[0], sizes


def test_the_helper_is_below_its_limit(tmp_path):
    """It lies in memory from the kernel's start until the root is entered."""
    stripped = tmp_path / "helper"
    call("strip", "-o", stripped, TOP / "build/keelboot-helper")
    size = stripped.stat().st_size
    print(f"{size:,} bytes")
    assert size < 3_060_000, f"{size:,} bytes"


SMALL = ("dynamic/keelboot-select", "dynamic/keelboot-prober", "dynamic/keelboot-guardian", "dynamic/keelboot-data")
PACKED = {"select-only": (SMALL, 300_000), "with apply": ((*SMALL, "keelboot-helper"), 1_480_000),
          "without the distribution's libraries":
          (("keelboot-select", "keelboot-guardian", "keelboot-helper"), 2_000_000)}


def test_what_a_distributions_initramfs_gets_is_below_its_limit(tmp_path):
    """Stripped and compressed, as it lies in there. The packages bring what uses the distribution's libraries; `make
    install-initramfs-tools` alone does not (hooks/lib/pack.sh), and Debian 13's OpenSSL is larger."""
    make_dynamic("all")
    for kind, (names, limit) in PACKED.items():
        size = 0
        for name in names:
            stripped, packed = tmp_path / "stripped", tmp_path / "packed"
            call("strip", "-o", stripped, TOP / "build" / name)
            call("zstd", "-q", "-f", "-19", "-o", packed, stripped)
            size += packed.stat().st_size
        print(f"{kind}: {size:,} bytes")
        assert size < limit, f"{kind}: {size:,} bytes"
