# SPDX-License-Identifier: Apache-2.0
"""A device whose kernels are files of one FAT, the ESP, which systemd-boot starts."""

import re
import shutil
import subprocess
from pathlib import Path

import kbdisk
import kbloader
import pytest
from cut_disk import CutDisk
from kbdisk import Vfat
from uki_device import FILES, HANDED_OVER, NEEDS, UkiDevice

LOADER = "/usr/lib/keelboot/keelboot-helper loader systemd-boot"
SIZE = "96M"
SLOW = 600      # seconds: the firmware is emulated, too, maybe on a busy machine
LOST = 2 << 20  # bytes of a FAT that a power cut may leave to no file

NEEDS_IT = [
    *NEEDS, pytest.mark.skipif(not kbloader.SYSTEMD_BOOT.exists(), reason="package systemd-boot-efi is not installed")]


class Entries(UkiDevice):
    """Both kernels are images, and systemd-boot starts that of slot a."""

    NAME = "pairs-sdboot"
    CONF = ("[system]\ntries={tries}\n[slot.a]\nboot=PARTLABEL=esp:/EFI/Linux/keelboot-a.efi\n"
            "[slot.b]\nboot=PARTLABEL=esp:/EFI/Linux/keelboot-b.efi\n[loader]\nkind=systemd-boot\n")
    HELPER = f"{LOADER} a=keelboot-a.efi,b=keelboot-b.efi"
    PARTS, SLOW = {"a": "esp", "b": "esp"}, SLOW
    WATCHDOG = "systemd-boot arms no watchdog, and whether the firmware does is not known"

    def parts(self, size=SIZE):
        files = {self.uefi.boot: self.uefi.systemd_boot, "loader/loader.conf": b"timeout 0\n"}
        return [("esp", size, Vfat({**files, **self.own_files()}), "esp")]

    def own_files(self) -> dict:
        """Those of slot a, and what both slots need."""
        return {FILES["a"]: self.image}

    def holds(self, slot, disk=None) -> bool:
        """The slot has the files of the device's release."""
        return self.file(slot, disk) == self.image.read_bytes()


# --- stories that are the same with each processor -----------------------------------------------

def litter(entries) -> int:
    """Fills the ESP, which has slot a's image, so that slot b's lacks 4 MiB of room or more. Returns the bytes."""
    offset, size = kbdisk.partition(entries.disk, "esp")
    room = max(size - 2 * entries.image.stat().st_size + (4 << 20), 0)
    kbdisk.vfat_put(entries.disk, {"litter.bin": bytes(room)}, offset)
    return room


def stage_refuses_without_room(entries) -> None:
    """The boot could only refuse it. What the slot's old file takes is room."""
    bench = entries.bench
    room = litter(entries)
    before = entries.partition("b")
    with entries.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        told = bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none; echo code $?", SLOW)
        assert re.search(r"slot b: /dev/vda5:/EFI/Linux/keelboot-b.efi: the image takes \d+ KiB, but there is room for "
                         r"\d+ KiB", told), told
        assert "code 0" not in told and not bench.status(vm)["staged"]
        assert bench.ask(vm, "grep vda5 /proc/self/mountinfo; true") == ""
    assert entries.partition("b") == before
    kbloader.esp_delete(entries.disk, "esp", "litter.bin")
    entries.put("b", bytes(room))
    with entries.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none", SLOW)
        assert bench.status(vm)["staged"]


def is_refused_by_a_full_esp(entries) -> None:
    """By the boot, before anything is written."""
    bench = entries.bench
    entries.put("a", entries.image)
    litter(entries)
    before = entries.partition("b")
    with entries.machine(bench.stick(entries.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "but there is room for" in text and "fsck.vfat -a" in text
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert entries.partition("b") == before


def lost(fat) -> int:
    """Bytes of a FAT that belong to no file."""
    told = subprocess.run(["fsck.fat", "-n", fat], capture_output=True, text=True, check=False).stdout
    return sum(int(size) for size in re.findall(r"Reclaimed \d+ unused clusters? \((\d+) bytes\)", told))


def lost_at_each_write(cuts, fat) -> list:
    """Of the ESP, behind each of those writes that is one to its tables or folders."""
    offset, _ = kbdisk.partition(cuts.before, "esp")
    fat.write_bytes(kbdisk.read_partition(cuts.before, "esp"))
    entries, found = cuts.entries(), []
    with open(cuts.log, "rb") as source, open(fat, "r+b", buffering=0) as disk:
        for one in (entries[number] for number in cuts.written()):
            source.seek(one.data_at)
            disk.seek(one.offset - offset)
            disk.write(source.read(one.length))
            if one.length < 1 << 16:
                found.append(lost(fat))
    return found


def goes_on_after_cuts(entries, bundle: Path, old: dict) -> None:
    """Story: the disk after each of twenty writes to the ESP, from outside; three of them are booted. Behind each
    write, next to nothing of its room is lost. old: what slot b has before, by name; larger than what comes."""
    bench = entries.bench
    with entries.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, f"{entries.HELPER} default a")
    for name, content in old.items():
        entries.put("b", content, name)
    cuts, fat = CutDisk(entries.disk, bench.work, "esp"), bench.work / "fat.img"
    shutil.copy(bench.work / "variables.fd", bench.work / "kept.fd")
    with entries.machine(bench.stick(bundle), log=cuts.log) as vm:
        vm.expect(HANDED_OVER, SLOW)
        vm.power_cut()
    loss = lost_at_each_write(cuts, fat)
    assert len(loss) > 50 and max(loss) <= LOST and loss[-1] == 0, loss
    points = cuts.points()
    booted = [points[1], points[len(points) // 2], points[-2]]
    for number, point in enumerate(points):
        image = cuts.cut(*point)
        assert entries.holds("a", image), point
        if point not in booted:
            continue
        variables = f"variables-{number}.fd"
        shutil.copy(bench.work / "kept.fd", bench.work / variables)
        with entries.machine(bench.stick(bundle, name=f"stick{number}"), disk=image, variables=variables) as vm:
            bench.up(vm, "2.0", "b", 2 * SLOW)
            assert vm.boot_text(1).count(HANDED_OVER) == 1 and entries.pair(vm) == "b"
        assert entries.holds("b", image), point
        fat.write_bytes(kbdisk.read_partition(image, "esp"))
        assert lost(fat) <= LOST, point
