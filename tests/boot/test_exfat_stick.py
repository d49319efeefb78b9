# SPDX-License-Identifier: Apache-2.0
"""Sticks with exFAT, which large ones come with, and with file systems that are not on the list."""

from conftest import LEAN
from drives import Drive
from kbdisk import mkext4
from kbexfat import mkexfat

EXFAT = (*LEAN, "exfat")


def exfat_stick(bench, bundle):
    image = bench.work / "exfat.img"
    mkexfat(image, 64 << 20, {"keelboot/._x.keel": b"\0\5\26\7", f"keelboot/{bundle.name}": bundle,
                              "readme.txt": b"hello"})
    return Drive(image, bus="usb", name="stick")


def test_exfat_stick_brings_an_update(bench):
    disk = bench.disk("1.0")
    stick = exfat_stick(bench, bench.bundle("2.0"))
    with bench.machine(disk, initrd=bench.initramfs(name="exfat", modules=EXFAT), drives=[stick]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "slot b holds version 2.0 on trial" in text
        assert "keelboot/._x.keel: ignored" in text
        assert "stick" not in vm.writes()
        assert bench.causes(vm) == []


def test_file_system_that_is_not_on_the_list_is_never_mounted(bench):
    disk = bench.disk("1.0")
    tree = bench.work / "tree"
    (tree / "keelboot").mkdir(parents=True)
    bundle = bench.bundle("2.0")
    (tree / "keelboot/2.0.keel").write_bytes(bundle.read_bytes())
    ext4 = bench.work / "ext4.img"
    mkext4(ext4, "64M", tree)
    drives = [Drive(ext4, bus="usb", name="ext4"), exfat_stick(bench, bundle)]
    initrd = bench.conf_initramfs("vfat-only", "[source.media]\nfilesystems=vfat\n", modules=EXFAT)
    with bench.machine(disk, initrd=initrd, drives=drives) as vm:
        text = bench.up(vm, "1.0", "a")
        for dev in ("/dev/sda", "/dev/sdb"):
            assert f"{dev}: ignored: no raw bundle, and no file system of vfat" in text
        assert "EXT4-fs (sd" not in text and "exFAT-fs (sd" not in text
        assert not {"ext4", "stick"} & set(vm.writes())
