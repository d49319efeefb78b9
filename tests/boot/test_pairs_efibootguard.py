# SPDX-License-Identifier: Apache-2.0
"""Each slot has a unified kernel image in a config partition of its own, which EFI Boot Guard starts: a release brings
it, and is left with it. Its environments are made by bg_setenv, as a factory makes them."""

import json
import re
import shutil
import zlib
from pathlib import Path

import blklog
import kbdisk
import kbkernel
import kbloader
import kbuki
import pytest
from boards import TCG_WORDS
from drives import Drive
from kbdisk import Vfat
from machine import Machine

LINE = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
FILES = {slot: f"EFI/Linux/keelboot-{slot}.efi" for slot in "ab"}
PARTS = {slot: f"ebg-{slot}" for slot in "ab"}
CONF = ("[system]\ntries={tries}\n[slot.a]\nboot=PARTLABEL=ebg-a:/EFI/Linux/keelboot-a.efi\n"
        "[slot.b]\nboot=PARTLABEL=ebg-b:/EFI/Linux/keelboot-b.efi\n[loader]\nkind=efibootguard\n")
HELPER = ("/usr/lib/keelboot/keelboot-helper loader efibootguard "
          "a=/dev/vda6:/EFI/Linux/keelboot-a.efi,b=/dev/vda7:/EFI/Linux/keelboot-b.efi")
SIZE = "64M"
SLOW = 240      # seconds: the firmware is emulated, too
LONG = 900      # seconds that the loader's watchdog gives a kernel
GARBAGE = b"no program " * 1000
PANICS = f"{LINE} rdinit=/none"
HANGS = f"{PANICS} panic=0"
CUTS = 20

pytestmark = [
    pytest.mark.skipif(not Path("/usr/share/OVMF").is_dir(), reason="package ovmf is not installed"),
    pytest.mark.skipif(not kbloader.EFIBOOTGUARD.exists(), reason="package efibootguard is not installed"),
    pytest.mark.skipif(not kbuki.STUBS.is_dir(), reason="package systemd-boot-efi is not installed"),
    pytest.mark.skipif(not shutil.which("objcopy"), reason="package binutils is not installed"),
]


class Guarded:
    """A device with two slots, their kernels in two config partitions, and EFI Boot Guard, which starts that of a."""

    def __init__(self, bench, *, tries=1, size=SIZE, staged=False, **environments):
        self.bench = bench
        self.tries = tries
        self.image = self.uki()
        parts = [("esp", "16M", Vfat({"EFI/BOOT/BOOTX64.EFI": kbloader.EFIBOOTGUARD}), "esp")]
        for slot, revision in (("a", 2), ("b", 1)):
            own = {"revision": revision, "watchdog": LONG, **environments.get(slot, {})}
            files = kbloader.bg_config(PARTS[slot].upper(), FILES[slot], **own)
            if slot == "a":
                files[FILES["a"]] = self.image
            parts.append((PARTS[slot], size, Vfat(files), "esp"))
        self.disk = bench.disk("1.0", data={"2.0.keel": self.bundle("2.0")} if staged else None, extra=parts)

    def uki(self, line=LINE) -> Path:
        name = f"pairs-efibootguard-{zlib.crc32(line.encode()):x}"
        return self.bench.conf_initramfs(f"{name}-{self.tries}", CONF.format(tries=self.tries), "--uki",
                                         kbkernel.get().bzimage, "--cmdline", line)

    def bundle(self, version, image=None) -> Path:
        """A release with its kernel. A bundle is kept by the names of its files."""
        data = image if isinstance(image, bytes) else (image or self.image).read_bytes()
        path = self.bench.work / f"boot-{version}-{zlib.crc32(data):x}.efi"
        path.write_bytes(data)
        return self.bench.bundle(version, options=("--image", f"boot={path}"))

    def machine(self, *sticks, disk=None, variables="variables.fd", **options):
        """There is always a stick: the firmware knows the disk by its place behind it."""
        sticks = sticks or (self.bench.stick(name="empty"),)
        return Machine(None, drives=[Drive(disk or self.disk, name="disk", **options), *sticks], memory=768,
                       firmware="", watchdog=True, extra=kbloader.firmware(self.bench.work / variables),
                       log=str(self.bench.work / "console.log"))

    def file(self, slot, disk=None) -> bytes:
        """The kernel that a slot has; None: none."""
        return kbloader.esp_file(disk or self.disk, PARTS[slot], FILES[slot])

    def environment(self, slot, disk=None) -> bytes:
        return kbloader.esp_file(disk or self.disk, PARTS[slot], "BGENV.DAT")

    def put(self, slot, **files) -> None:
        """Files of a slot's config partition: kernel=, environment=."""
        names = {"kernel": FILES[slot], "environment": "BGENV.DAT"}
        offset, _ = kbdisk.partition(self.disk, PARTS[slot])
        kbdisk.vfat_put(self.disk, {names[name]: content for name, content in files.items()}, offset)

    def pair(self, vm) -> str:
        return self.bench.boot_json(vm)["pair"]

    def doctor(self, vm) -> dict:
        """{finding: its text}, with the device's whole system.conf."""
        root = "/run/conf"
        self.bench.ask(vm, f"mkdir -p {root}/etc && cp -r /etc/keelboot {root}/etc/ && "
                           f"mkdir -p {root}/etc/keelboot/system.conf.d")
        for line in CONF.format(tries=self.tries).splitlines():
            self.bench.ask(vm, f"echo '{line}' >>{root}/etc/keelboot/system.conf.d/pairs.conf")
        told = self.bench.ask(vm, f"keelboot --conf-root {root} doctor --json; true")
        return {one["id"]: one["text"] for one in json.loads(told)["findings"] if one["id"].startswith("loader")}

    def words(self, vm) -> str:
        """What the loader will start."""
        return self.bench.ask(vm, f"{HELPER} get").strip()


def test_release_brings_its_image_and_becomes_the_default(bench):
    guarded = Guarded(bench)
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert "slot b: its own kernel has come up" in vm.text and len(vm.boots) == 2
        assert guarded.pair(vm) == "b" and bench.status(vm)["slots"][1]["state"] == "good"
        assert guarded.words(vm) == "default=b once=-"
        assert list(guarded.doctor(vm)) == ["loader-uncounted"]
        vm.send("reboot -f")
        vm.wait_reset()
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "kernel of its own" not in text and guarded.pair(vm) == "b"
    assert guarded.file("b") == guarded.image.read_bytes() == guarded.file("a")
    one, other = (kbloader.bg_environment(guarded.environment(slot)) for slot in "ab")
    assert (one["ustate"], one["revision"], other["ustate"], other["revision"]) == (0, 2, 0, 3)
    assert other["kernel"] == "C:EBG-B:\\EFI\\Linux\\keelboot-b.efi" and other["watchdog"] == LONG


def rejected(bench, guarded, vm):
    text = bench.up(vm, "1.0", "a", 2 * SLOW)
    assert "slot b is rejected: its kernel did not come up" in text
    assert guarded.pair(vm) == "a" and guarded.words(vm) == "default=a once=-"
    slot = bench.status(vm)["slots"][1]
    assert slot["state"] == "bad" and slot["reason"] == "its kernel did not come up"


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    guarded = Guarded(bench)
    with guarded.machine(bench.stick(guarded.bundle("2.0", guarded.uki(PANICS)))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Kernel panic", SLOW)
        rejected(bench, guarded, vm)
    failed = kbloader.bg_environment(guarded.environment("b"))
    assert (failed["ustate"], failed["revision"]) == (3, 0)


def test_release_whose_image_is_none_is_left_by_the_loaders_watchdog(bench):
    """The loader arms it before it loads the kernel; then it gives up, and the firmware waits for a person."""
    guarded = Guarded(bench, b={"watchdog": 40})
    with guarded.machine(bench.stick(guarded.bundle("2.0", GARBAGE))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Cannot load specified kernel image", SLOW)
        rejected(bench, guarded, vm)
    assert guarded.file("b").rstrip(b"\0") == GARBAGE


def test_kernel_that_hangs_is_ended_by_the_loaders_watchdog(bench):
    guarded = Guarded(bench, b={"watchdog": 90})
    with guarded.machine(bench.stick(guarded.bundle("2.0", guarded.uki(HANGS)))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Kernel panic", SLOW)
        rejected(bench, guarded, vm)


def test_running_system_installs_though_it_has_the_partition_mounted(bench):
    """The stick brings the module of vfat into the kernel."""
    guarded = Guarded(bench, staged=True)
    with guarded.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "mount -t vfat /dev/vda7 /mnt && echo kept >/mnt/own")
        assert "2.0 is in slot b" in bench.ask(vm, "keelboot install /data/2.0.keel --progress=none", SLOW)
        assert guarded.words(vm) == "default=a once=-"
        assert bench.ask(vm, "cat /mnt/own; ls -1 /mnt/EFI/Linux") == "kept\nkeelboot-b.efi\n"
        bench.ask(vm, "umount /mnt")
        vm.send("reboot -f")
        vm.wait_reset()
        bench.up(vm, "2.0", "b", SLOW)
        assert guarded.pair(vm) == "b"
    assert guarded.file("b") == guarded.file("a") == guarded.image.read_bytes()


def test_full_partition_is_said_before_anything_is_written(bench):
    guarded = Guarded(bench, size="48M")
    offset, size = kbdisk.partition(guarded.disk, PARTS["b"])
    room = size - guarded.image.stat().st_size
    kbdisk.vfat_put(guarded.disk, {"litter.bin": bytes(max(room, 0))}, offset)
    before = [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()]
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "but there is room for" in text and "fsck.vfat -a" in text
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()] == before


class Cuts:
    """An update from the first write to its commitment, and the disk as a cut behind any write leaves it."""

    def __init__(self, bench):
        self.bench = bench
        self.guarded = Guarded(bench)
        self.stick = self.guarded.bundle("2.0")
        self.before, self.image, self.log = (bench.work / name for name in ("before.img", "cut.img", "disk.log"))
        shutil.copy(self.guarded.disk, self.before)
        with self.guarded.machine(bench.stick(self.stick), log=self.log) as vm:
            bench.up(vm, "2.0", "b", 2 * SLOW)
            assert self.guarded.words(vm) == "default=b once=-"
            vm.power_cut()
        places = [kbdisk.partition(self.before, part) for part in PARTS.values()]
        self.written = [i for i, one in enumerate(blklog.entries(self.log, tail=True)) if one.kind == "write" and
                        any(offset <= one.offset < offset + size for offset, size in places)]
        assert len(self.written) > CUTS

    def cut(self, point) -> Path:
        blklog.replay(self.log, self.before, self.image, point + 1)
        return self.image

    def starts(self, point) -> str:
        """The slot that starts then; its kernel is there, and whole."""
        says = kbloader.bg_starts([self.guarded.environment(slot, self.cut(point)) for slot in "ab"])
        slot = re.search(r"keelboot-(.)\.efi", says).group(1)
        assert self.guarded.file(slot, self.image) == self.guarded.image.read_bytes(), (point, says)
        return slot + says.partition(".efi")[2]


def test_power_cut_at_any_write_leaves_a_kernel_that_starts(bench):
    """By Linux and by the loader. The environments change behind the last byte of the kernel."""
    cuts = Cuts(bench)
    states = {cuts.starts(point) for point in (*every(cuts.written, CUTS), *cuts.written[-CUTS:])}
    assert states == {"a", "b once", "b"}


def test_power_cut_in_the_copy_and_in_the_commitment_leads_to_the_release(bench):
    cuts = Cuts(bench)
    for number, point in enumerate((cuts.written[len(cuts.written) // 2], cuts.written[-CUTS // 2], cuts.written[-1])):
        stick = bench.stick(cuts.stick, name=f"stick{number}")
        with cuts.guarded.machine(stick, disk=cuts.cut(point), variables=f"{number}.fd") as vm:
            bench.up(vm, "2.0", "b", 3 * SLOW)
            assert cuts.guarded.pair(vm) == "b"


def every(points, number):
    return [points[i * (len(points) - 1) // (number - 1)] for i in range(number)]


def test_both_environments_with_a_wrong_checksum_are_said_and_nothing_is_installed(bench):
    """The loader starts what it finds in the first one."""
    guarded = Guarded(bench)
    for slot in "ab":
        data = bytearray(guarded.environment(slot))
        data[-1] ^= 1
        guarded.put(slot, environment=bytes(data))
    before = [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()]
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "both environments are damaged" in text
        assert "update: skipped: the boot loader might start a kernel that is overwritten" in text
        assert bench.status(vm)["slots"][1]["state"] == "empty"
        assert "both environments are damaged" in guarded.doctor(vm)["loader-store"]
    assert [kbdisk.read_partition(guarded.disk, part) for part in PARTS.values()] == before


def test_revision_at_its_end_is_begun_anew(bench):
    guarded = Guarded(bench, a={"revision": 0xffffffff})
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", 2 * SLOW)
        assert guarded.pair(vm) == "b" and guarded.words(vm) == "default=b once=-"
    one, other = (kbloader.bg_environment(guarded.environment(slot)) for slot in "ab")
    assert {one["revision"], other["revision"]} == {1, 2} and other["ustate"] == one["ustate"] == 0


def test_environments_with_one_revision_are_told_apart_before_an_install(bench):
    guarded = Guarded(bench, b={"revision": 2})
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        text = bench.up(vm, "2.0", "b", 2 * SLOW)
        assert "both environments have the same revision" in vm.text
        assert "starts the kernel of slot a from now on" in vm.text and "its own kernel has come up" in text
        assert guarded.words(vm) == "default=b once=-"


def test_both_images_bad_is_the_loaders_end_and_a_file_that_is_put_back_boots(bench):
    guarded = Guarded(bench, a={"watchdog": 30}, b={"watchdog": 30})
    for slot in "ab":
        guarded.put(slot, kernel=GARBAGE)
    with guarded.machine() as vm:
        vm.expect("Cannot load specified kernel image", SLOW)
        vm.wait_reset(SLOW)
        vm.expect("Cannot load specified kernel image", SLOW)
    guarded.put("a", kernel=guarded.image, environment=kbloader.bg_change(guarded.environment("a"), watchdog=LONG))
    with guarded.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)


def test_next_release_replaces_the_other_file_and_never_that_which_runs(bench):
    guarded = Guarded(bench)
    with guarded.machine(bench.stick(guarded.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", 2 * SLOW)
    kept = guarded.file("b")
    with guarded.machine(bench.stick(guarded.bundle("3.0"), name="second")) as vm:
        bench.up(vm, "3.0", "a", 2 * SLOW)
        assert guarded.pair(vm) == "a" and guarded.words(vm) == "default=a once=-"
    assert guarded.file("b") == kept and guarded.file("a") == guarded.image.read_bytes()
