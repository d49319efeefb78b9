# SPDX-License-Identifier: Apache-2.0
"""Sticks whose file systems somebody damaged where the kernel looks, at once and in turn: each boot comes up on its
slot, and a good stick is taken after all of them. SEED= chooses others."""

import itertools
import os
import re

import pytest
from conftest import LEAN
from drives import Drive
from kbdisk import mkvfat
from kbexfat import mkexfat
from evil_images import evil, exfat_as_folder, exfat_crowd

SEED = int(os.environ.get("SEED", "1"))
MODULES = (*LEAN, "exfat")
LONGEST = 180                   # seconds for a boot with such sticks, where one without takes 15


def good_images(bench) -> dict:
    """What they were made of carries what is installed already: only the file system is in the way."""
    bundle = bench.bundle("1.0")
    size = bundle.stat().st_size + (20 << 20)
    vfat, exfat = bench.work / "good-vfat.img", bench.work / "good-exfat.img"
    files = {"keelboot/1.0.keel": bundle, "keelboot/readme.txt": b"x", "other/file": b"y" * 9000}
    mkvfat(vfat, size >> 20 << 20, files)
    mkexfat(exfat, size, files)
    return {"vfat": vfat.read_bytes(), "exfat": exfat.read_bytes()}


def stick(bench, name, data) -> Drive:
    image = bench.work / f"{name}.img"
    image.write_bytes(data + bytes(-len(data) % 512))
    return Drive(image, bus="usb", name=name)


def comes_up(bench, disk, initrd, drives) -> str:
    """A boot with these sticks; what it said."""
    with bench.machine(disk, initrd=initrd, drives=drives) as vm:
        text = bench.up(vm, "1.0", "a", LONGEST)
        assert bench.causes(vm) == [], "it restarted on the way"
        assert not set(vm.writes()) & {drive.name for drive in drives}
    assert "Oops" not in text and "BUG:" not in text, text
    return text


# Damaged anywhere; where only a file system that is mounted is read; where it is read before it is.
KINDS = ("vfat", "exfat-files", "vfat-files", "exfat-bitmap")
LATE = re.compile("bitmap|upcase|root inode|root directory|scan clusters")


def evil_stick(bench, kind, seed, good) -> Drive:
    return stick(bench, f"{kind}-{seed}", evil(kind, good[kind.partition("-")[0]], seed))


def judged(text, dev) -> str:
    """What became of a stick: "mounted", as apply says of a folder on it; or refused by the kernel, in its own words,
    at its "superblock" or "later"."""
    if re.search(rf"/dev/{dev}: (keelboot/|no folder keelboot/|cannot be examined)", text):
        return "mounted"
    assert f"/dev/{dev}: ignored: no raw bundle, and no file system of" in text, dev
    said = re.findall(rf"FAT-fs \({dev}\): .*", text)
    assert said, f"{dev}: the kernel says nothing of it"
    return "later" if any(map(LATE.search, said)) else "superblock"


def bad_superblock(good) -> int:
    """The first seed that damages the superblock of a vfat, which the prober reads before the kernel does."""
    return next(seed for seed in itertools.count(SEED) if evil("vfat", good["vfat"], seed)[:512] != good["vfat"][:512])


@pytest.mark.threat(25, 26)
def test_damaged_file_systems_at_once(bench):
    disk, initrd, good = bench.disk("1.0"), bench.initramfs(name="exfat", modules=MODULES), good_images(bench)
    seeds = [bad_superblock(good), *(SEED + i for i in range(1, len(KINDS)))]
    sticks = [evil_stick(bench, kind, seed, good) for kind, seed in zip(KINDS, seeds)]
    with bench.untouched(disk):
        text = comes_up(bench, disk, initrd, sticks)
    assert {"mounted", "later"} <= {judged(text, f"sd{letter}") for letter in "abcd"}


@pytest.mark.threat(25)
def test_damaged_file_systems_in_turn_and_then_a_good_one(bench):
    disk, initrd, good = bench.disk("1.0"), bench.initramfs(name="exfat", modules=MODULES), good_images(bench)
    sticks = [evil_stick(bench, kind, SEED + 4 + i, good) for i, kind in enumerate(KINDS)]
    with bench.untouched(disk):
        found = {kind: judged(comes_up(bench, disk, initrd, [one]), "sda") for kind, one in zip(KINDS, sticks)}
    assert found["vfat-files"] == "mounted" and found["exfat-bitmap"] == "later"
    with bench.machine(disk, initrd=initrd, drives=[*sticks[:2], bench.stick(bench.bundle("2.0"))]) as vm:
        assert "slot b holds version 2.0 on trial" in bench.up(vm, "2.0", "b", LONGEST)


@pytest.mark.threat(25)
def test_folder_of_a_million_names(bench):
    """96 MiB of them. The kernel walks through all of a folder before it opens it, and listens to nobody meanwhile:
    where that takes too long apply is stopped, or the machine restarts where it cannot be, three times at most. Else
    names beyond a bound are not looked at."""
    disk, initrd = bench.disk("1.0"), bench.initramfs(name="exfat", modules=MODULES)
    image = bench.work / "crowd.img"
    mkexfat(image, "160M", {"keelboot": exfat_crowd("holiday.jpg", 1_000_000)})
    crowd = stick(bench, "crowd", exfat_as_folder(image.read_bytes(), "keelboot"))
    with bench.untouched(disk), bench.machine(disk, initrd=initrd, drives=[crowd], append="panic=1") as vm:
        text = bench.up(vm, "1.0", "a", 4 * LONGEST)
        assert len(bench.causes(vm)) <= 3 and "crowd" not in vm.writes()
        if "only the first 4096 files, and 256 bundles, of keelboot/ are examined" in text:
            assert text.count("holiday.jpg: ignored") == 20
        else:
            assert re.search(r"source usb: apply crashed or was stopped, [123] of 3 times in a row"
                             r"|source usb is skipped: its updates crashed (apply|the device) 3 times", text)
        assert bench.status(vm)["slots"][0]["state"] == "good"


@pytest.mark.threat(25)
def test_with_filesystems_none_only_a_raw_bundle_is_taken(bench):
    """The newer bundle lies in a file system, which nobody asked for."""
    disk = bench.disk("1.0")
    initrd = bench.conf_initramfs("none", "[source.media]\nfilesystems=none\n")
    drives = [bench.stick(bench.bundle("3.0")), bench.raw_stick(bench.bundle("2.0"))]
    with bench.machine(disk, initrd=initrd, drives=drives) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "ignored: no raw bundle, and none is mounted (filesystems=none)" in text
        assert "FAT-fs (sd" not in text and "slot b holds version 2.0 on trial" in text
        assert not {"stick", "rawstick"} & set(vm.writes())
        assert bench.causes(vm) == []
