# SPDX-License-Identifier: Apache-2.0
"""A device with two slots, each with a unified kernel image of its own, which OVMF or a loader in it starts."""

import json
import shutil
import zlib
from pathlib import Path

import kbdisk
import kbloader
import kbpe
import kbuki
import pytest
from conftest import CRASHES
from drives import Drive
from machine import Machine

WORDS = "gpt panic=1 loglevel=4"
# More words for a kernel.
PANICS = "rdinit=/none"
STAYS = "panic=0"
HANGS = f"{PANICS} {STAYS}"
HANDED_OVER = "restarting with that"
GARBAGE = b"no program " * 1000
INCOMPATIBLE = 6        # the exit of a command
# Of programs for x86-64 and AArch64; and what Keelboot calls both: the device's, and the other.
MACHINES = (b"\x64\x86", b"\x64\xaa")
NAMES = {"amd64": ("x86-64", "AArch64"), "arm64": ("AArch64", "x86-64")}
FILES = {slot: f"EFI/Linux/keelboot-{slot}.efi" for slot in "ab"}
NEEDS = [
    pytest.mark.skipif(not Path("/usr/share/OVMF").is_dir(), reason="package ovmf is not installed"),
    pytest.mark.skipif(not kbuki.STUBS.is_dir(), reason="package systemd-boot-efi is not installed"),
    pytest.mark.skipif(not shutil.which("objcopy"), reason="package binutils is not installed"),
]
# The same, where the device is of AArch64.
ARM64_NEEDS = [
    pytest.mark.skipif(not kbloader.AAVMF.is_dir(), reason="package qemu-efi-aarch64 is not installed"),
    pytest.mark.skipif(not kbloader.UEFI["arm64"].stub.is_file(), reason="no systemd-boot-efi: run qemu/sysroot"),
]


class UkiDevice:
    """What differs from one loader to another:

    NAME       of the initramfs; two of one name have the same system.conf
    CONF       the drop-in to system.conf, with {tries}
    HELPER     the command that reads and writes what the loader will start
    PARTS      {slot: the partition with its image}, FILES {slot: the image's name there}
    SLOW       seconds for a boot: the firmware is emulated, too
    OPTIONS    more for mkinitramfs
    WATCHDOG   what the doctor says of a watchdog before the kernel
    parts()    the partitions behind those of bench.disk(); slot a has an image
    """
    NAME = CONF = HELPER = WATCHDOG = ""
    PARTS, FILES = {}, FILES
    SLOW = 240
    OPTIONS = ()

    def __init__(self, bench, *, tries=1, staged=False, **layout):
        """staged: the release 2.0 is in the data partition. layout: for parts()."""
        self.bench = bench
        self.tries = tries
        self.uefi, self.board = kbloader.UEFI[bench.device.arch], bench.device.board
        self.image = self.uki()
        self.disk = bench.disk("1.0", data={"2.0.keel": self.bundle("2.0")} if staged else None,
                               extra=self.parts(**layout))

    def parts(self, **layout) -> list:
        raise NotImplementedError

    def conf(self) -> str:
        return self.CONF.format(tries=self.tries)

    def line(self, more="") -> str:
        """The kernel's, and more words."""
        return f"console={self.board.console} {WORDS} {self.board.words} {more}".rstrip()

    def uki(self, more="", *options, name="") -> Path:
        """more: words for its kernel. options: for mkinitramfs; what they make needs a name."""
        line = self.line(more)
        name = f"{self.NAME}{name}-{zlib.crc32(line.encode()):x}-{self.tries}"
        return self.bench.conf_initramfs(name, self.conf(), "--uki", self.bench.device.kernel.bzimage, "--cmdline",
                                         line, "--stub", self.uefi.stub, *self.OPTIONS, *options)

    def boot_image(self, version, data: bytes) -> Path:
        """The bundle's image `boot`. A bundle is kept by the names of its files."""
        path = self.bench.work / f"boot-{version}-{zlib.crc32(data):x}.efi"
        path.write_bytes(data)
        return path

    def bundle(self, version, image=None) -> Path:
        """A release with its kernel: a file, or bytes; None: that of the device."""
        data = image if isinstance(image, bytes) else (image or self.image).read_bytes()
        return self.bench.bundle(version, options=("--image", f"boot={self.boot_image(version, data)}"))

    def machine(self, *sticks, disk=None, variables="variables.fd", **options):
        """There is always a stick: the firmware knows the disk by its place behind it."""
        sticks = sticks or (self.bench.stick(name="empty"),)
        arch = self.bench.device.arch
        return Machine(None, drives=[Drive(disk or self.disk, name="disk", **options), *sticks], memory=768,
                       firmware="", watchdog=True, extra=kbloader.firmware(self.bench.work / variables, arch),
                       arch=arch, log=str(self.bench.work / "console.log"))

    # --- from outside ---------------------------------------------------------------------------

    def read(self, slot, name, disk=None) -> bytes:
        """A file beside a slot's image; None: there is none."""
        return kbloader.esp_file(disk or self.disk, self.PARTS[slot], name)

    def file(self, slot, disk=None) -> bytes:
        """The image that a slot has; None: none."""
        return self.read(slot, self.FILES[slot], disk)

    def partition(self, slot, disk=None) -> bytes:
        """The bytes of the partition with a slot's image."""
        return kbdisk.read_partition(disk or self.disk, self.PARTS[slot])

    def put(self, slot, content, name=None, disk=None) -> None:
        """As the image of a slot, or as another file beside it; a path or bytes."""
        disk = disk or self.disk
        offset, _ = kbdisk.partition(disk, self.PARTS[slot])
        kbdisk.vfat_put(disk, {name or self.FILES[slot]: content}, offset)

    # --- from inside ----------------------------------------------------------------------------

    def pair(self, vm) -> str:
        """Whose kernel runs, as the boot says it."""
        return self.bench.boot_json(vm)["pair"]

    def doctor(self, vm, of="loader") -> dict:
        """{finding: its text} of those whose names begin so, with the device's whole system.conf."""
        root = "/run/conf"
        self.bench.ask(vm, f"mkdir -p {root}/etc && cp -r /etc/keelboot {root}/etc/ && "
                           f"mkdir -p {root}/etc/keelboot/system.conf.d")
        for line in self.conf().splitlines():
            self.bench.ask(vm, f"echo '{line}' >>{root}/etc/keelboot/system.conf.d/pairs.conf")
        told = self.bench.ask(vm, f"keelboot --conf-root {root} doctor --json; true")
        return {one["id"]: one["text"] for one in json.loads(told)["findings"] if one["id"].startswith(of)}

    def words(self, vm) -> str:
        """What the loader will start."""
        return self.bench.ask(vm, f"{self.HELPER} get").strip()

    def restart(self, vm) -> None:
        vm.send("reboot -f")
        vm.wait_reset()

    def rejected(self, vm, why="its kernel did not come up") -> None:
        """The release in slot b is left, and the old one runs, and says why."""
        text = self.bench.up(vm, "1.0", "a", 2 * self.SLOW)
        assert f"slot b is rejected: {why}" in text
        assert self.pair(vm) == "a" and self.words(vm) == "default=a once=-"
        slot = self.bench.status(vm)["slots"][1]
        assert slot["state"] == "bad" and slot["reason"] == why

    def commit(self):
        """The release 2.0, in slot b, becomes good; 1.0 in slot a is good as well."""
        with self.machine(self.bench.stick(self.bundle("2.0"))) as vm:
            self.bench.up(vm, "2.0", "b", 2 * self.SLOW)
            assert self.words(vm) == "default=b once=-"
        return self

    def foreign(self) -> bytes:
        """The device's image, as one for the other processor would be headed."""
        data = bytearray(self.image.read_bytes())
        at = int.from_bytes(data[60:64], "little") + 4
        own, other = MACHINES[::1 if self.bench.device.arch == "amd64" else -1]
        assert data[at - 4:at + 2] == b"PE\0\0" + own
        data[at:at + 2] = other
        return bytes(data)

    def no_initramfs(self) -> bytes:
        """The device's image, sound but for the initramfs in it, which is garbage."""
        data = bytearray(self.image.read_bytes())
        initrd = kbpe.read(bytes(data), str(self.image)).section(".initrd")
        data[initrd.offset:initrd.offset + initrd.size] = (GARBAGE * (initrd.size // len(GARBAGE) + 1))[:initrd.size]
        return bytes(data)


# --- stories that are the same with each ---------------------------------------------------------

def is_committed(device) -> None:
    """A release brings its kernel, which runs then, and is what the loader starts."""
    bench = device.bench
    with device.machine(bench.stick(device.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", 2 * device.SLOW)
        assert "slot b: its own kernel has come up" in vm.text
        assert device.pair(vm) == "b" and device.words(vm) == "default=b once=-"
        assert bench.status(vm)["slots"][1]["state"] == "good"
        device.restart(vm)
        text = bench.up(vm, "2.0", "b", device.SLOW)
        assert "kernel of its own" not in text and device.pair(vm) == "b"


def is_left_as_garbage(device) -> None:
    """The loader starts the other one."""
    with device.machine(device.bench.stick(device.bundle("2.0", GARBAGE))) as vm:
        vm.expect(HANDED_OVER, device.SLOW)
        device.rejected(vm)


def is_left_after_a_panic(device) -> None:
    with device.machine(device.bench.stick(device.bundle("2.0", device.uki(PANICS)))) as vm:
        vm.expect(HANDED_OVER, device.SLOW)
        vm.expect("Kernel panic", device.SLOW)
        device.rejected(vm)


def come_up_once_an_image_is_put_back(device, *ends) -> None:
    """Both kernels are bad. ends: what says that the loader is at its end."""
    for slot in "ab":
        device.put(slot, GARBAGE)
    with device.machine() as vm:
        for end in ends:
            vm.expect(end, device.SLOW)
    device.put("b", device.image)
    with device.machine() as vm:
        device.bench.up(vm, "2.0", "b", device.SLOW)


def is_left_after_a_hang(device) -> None:
    """Neither loader nor firmware arms a watchdog behind itself, and the doctor says that it is not known. A person, or
    what stands for one, resets the machine."""
    bench = device.bench
    with device.machine(bench.stick(device.bundle("2.0", device.uki(HANGS)))) as vm:
        vm.expect(HANDED_OVER, device.SLOW)
        vm.expect("Kernel panic", device.SLOW)
        vm.reset()
        device.rejected(vm)
        assert device.WATCHDOG in device.doctor(vm, "watchdog")["watchdog-early"]


def is_left_after_a_hang_in_its_initramfs(device) -> None:
    """Its kernel crashes once its init has armed the watchdog of the hardware, and stays there."""
    bench = device.bench
    crashes = device.uki(STAYS, *bench.hooks(post_mount=CRASHES), name="-crashes")
    with device.machine(bench.stick(device.bundle("2.0", crashes))) as vm:
        vm.expect(HANDED_OVER, device.SLOW)
        vm.expect("sysrq triggered crash", device.SLOW)
        device.rejected(vm, "crashed or hung")
        assert bench.causes(vm) == ["guest", "watchdog"]


def is_left_without_its_initramfs(device) -> None:
    """Loader and firmware start the image: only the kernel finds out."""
    with device.machine(device.bench.stick(device.bundle("2.0", device.no_initramfs()))) as vm:
        vm.expect(HANDED_OVER, device.SLOW)
        vm.expect("Initramfs unpacking failed", device.SLOW)
        vm.expect("Kernel panic", device.SLOW)
        device.rejected(vm)


def is_refused_as_another_processors(device) -> None:
    """By the boot, by stage and by install: before a byte is written, whoever asks."""
    bench, (of, other) = device.bench, NAMES[device.bench.device.arch]
    why = f"image boot: its kernel is for {other}, but this device is {of}"
    before = device.partition("b")
    with bench.untouched(device.disk), device.machine(bench.stick(device.bundle("2.0", device.foreign()))) as vm:
        text = bench.up(vm, "1.0", "a", device.SLOW)
        assert f"version 2.0: not installed: {why}" in text and HANDED_OVER not in text
        assert why in bench.ask(vm, "keelboot status")
        bench.ask(vm, "mount -t vfat -o ro /dev/sda /mnt")
        for command in ("stage", "install"):
            line = f"keelboot {command} /mnt/keelboot/*.keel --progress=none"
            assert why in bench.refused(vm, line, device.SLOW, INCOMPATIBLE)
        status = bench.status(vm)
        assert status["slots"][1]["state"] == "empty" and not status["staged"]
    assert device.partition("b") == before
