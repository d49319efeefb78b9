# SPDX-License-Identifier: Apache-2.0
"""Each slot has a kernel and an initramfs as files in the ESP, and a text that names them, by which systemd-boot starts
them. The text never changes; a release brings the two files, and is left with them."""

import re

import kbdisk
import kbkernel
import kbloader
import pytest
from sdboot_device import LOADER, NEEDS_IT, SLOW, Entries, goes_on_after_cuts
from uki_device import GARBAGE, HANDED_OVER, HANGS, INCOMPATIBLE, PANICS

pytestmark = NEEDS_IT


class Texts(Entries):
    """Entries of type 1, as docs/KERNEL.md makes them."""

    NAME = "pairs-type1"
    CONF = "[system]\ntries={tries}\n" + "".join(
        f"[slot.{slot}]\nboot=PARTLABEL=esp:/keelboot-{slot}/vmlinuz\n"
        f"initrd=PARTLABEL=esp:/keelboot-{slot}/initrd.img\n" for slot in "ab") + "[loader]\nkind=systemd-boot\n"
    HELPER = f"{LOADER} a=keelboot-a.conf,b=keelboot-b.conf"
    FILES = {slot: f"keelboot-{slot}/vmlinuz" for slot in "ab"}
    INITRD = {slot: f"keelboot-{slot}/initrd.img" for slot in "ab"}
    TEXT = {slot: f"loader/entries/keelboot-{slot}.conf" for slot in "ab"}

    def uki(self, more=""):
        """The kernel alone: its command line is in the text."""
        assert not more
        return kbkernel.get().bzimage

    @property
    def initrd(self):
        return self.bench.conf_initramfs(f"{self.NAME}-{self.tries}", self.conf(), packed=True)

    def text(self, slot, more="") -> bytes:
        return (f"title Keelboot {slot}\nlinux /keelboot-{slot}/vmlinuz\ninitrd /keelboot-{slot}/initrd.img\n"
                f"options {self.line(more)}\n").encode()

    def own_files(self):
        return {self.FILES["a"]: self.image, self.INITRD["a"]: self.initrd,
                **{self.TEXT[slot]: self.text(slot) for slot in "ab"}}

    def bundle(self, version, image=None, initrd=None):
        boot = self.image.read_bytes() if image is None else image
        initrd = self.initrd.read_bytes() if initrd is None else initrd
        images = {"boot": self.boot_image(version, boot), "initrd": self.boot_image(version, initrd)}
        return self.bench.bundle(version, options=tuple(
            word for name, path in images.items() for word in ("--image", f"{name}={path}")))

    def holds(self, slot, disk=None):
        initrd, own = self.read(slot, self.INITRD[slot], disk), self.initrd.read_bytes()
        return super().holds(slot, disk) and initrd.rstrip(b"\0") == own.rstrip(b"\0") and len(initrd) < len(own) + 4096


def test_release_brings_its_files_and_is_committed_with_them(bench):
    texts = Texts(bench)
    with texts.machine(bench.stick(texts.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert "slot b: its own kernel has come up" in vm.text and len(vm.boots) == 2
        assert texts.pair(vm) == "b" and texts.words(vm) == "default=b once=-"
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert list(texts.doctor(vm)) == ["loader-uncounted"]
        texts.restart(vm)
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "kernel of its own" not in text and texts.pair(vm) == "b"
    assert texts.holds("a") and texts.holds("b")
    assert texts.read("b", texts.TEXT["b"]) == texts.text("b")


def test_next_release_replaces_what_differs_in_the_other_slot(bench):
    """Slot a has its kernel already, and gets another initramfs."""
    texts = Texts(bench).commit()
    other = texts.initrd.read_bytes() + b"\0" * 8192
    with texts.machine(bench.stick(texts.bundle("3.0", initrd=other), name="second")) as vm:
        bench.up(vm, "3.0", "a", SLOW)
        assert texts.pair(vm) == "a" and texts.words(vm) == "default=a once=-"
    assert texts.holds("b") and texts.file("a") == texts.image.read_bytes()


def test_running_system_installs_though_it_has_the_esp_mounted(bench):
    texts = Texts(bench, staged=True)
    with texts.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, "mount -t vfat /dev/vda5 /mnt && mkdir -p /mnt/own && echo kept >/mnt/own/file")
        assert "2.0 is in slot b" in bench.ask(vm, "keelboot install /data/2.0.keel --progress=none", SLOW)
        assert texts.words(vm) == "default=a once=-"
        assert bench.ask(vm, "cat /mnt/own/file; ls -1 /mnt/keelboot-b") == "kept\ninitrd.img\nvmlinuz\n"
        bench.ask(vm, "umount /mnt")
        texts.restart(vm)
        bench.up(vm, "2.0", "b", SLOW)
        assert texts.pair(vm) == "b"
    assert texts.holds("a") and texts.holds("b")


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    texts = Texts(bench)
    texts.put("b", texts.text("b", PANICS), texts.TEXT["b"])
    with texts.machine(bench.stick(texts.bundle("2.0"))) as vm:
        vm.expect(HANDED_OVER, SLOW)
        vm.expect("Kernel panic", SLOW)
        texts.rejected(vm)


def test_release_whose_initramfs_is_garbage_is_left_and_says_why(bench):
    texts = Texts(bench)
    with texts.machine(bench.stick(texts.bundle("2.0", initrd=GARBAGE))) as vm:
        vm.expect(HANDED_OVER, SLOW)
        vm.expect("Initramfs unpacking failed", SLOW)
        vm.expect("Kernel panic", SLOW)
        texts.rejected(vm)


def test_release_whose_kernel_is_none_is_refused_before_anything_is_written(bench):
    """systemd-boot has an entry for it, and could only end in the firmware."""
    texts = Texts(bench)
    before = texts.partition("b")
    with texts.machine(bench.stick(texts.bundle("2.0", GARBAGE))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert "version 2.0: not installed: image boot: it is no program of UEFI" in text and HANDED_OVER not in text
        bench.ask(vm, "mount -t vfat -o ro /dev/sda /mnt")
        assert "it is no program of UEFI" in bench.refused(vm, "keelboot install /mnt/keelboot/*.keel --progress=none",
                                                           SLOW, INCOMPATIBLE)
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert texts.partition("b") == before


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    texts = Texts(bench)
    texts.put("b", texts.text("b", HANGS), texts.TEXT["b"])
    with texts.machine(bench.stick(texts.bundle("2.0"))) as vm:
        vm.expect(HANDED_OVER, SLOW)
        vm.expect("Kernel panic", SLOW)
        vm.reset()
        texts.rejected(vm)


def test_full_esp_is_said_before_anything_is_written(bench):
    """Each of the two files has room, and both together have none."""
    texts = Texts(bench, size="64M", staged=True)
    offset, _ = kbdisk.partition(texts.disk, "esp")
    room = texts.image.stat().st_size + texts.initrd.stat().st_size // 2
    free = kbloader.esp_free(texts.disk, "esp")
    assert texts.image.stat().st_size < room < texts.image.stat().st_size + texts.initrd.stat().st_size < free
    kbdisk.vfat_put(texts.disk, {"litter.bin": bytes(free - room)}, offset)
    before = kbdisk.read_partition(texts.disk, "esp")
    with texts.machine(bench.stick(texts.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        why = r"/dev/vda5:/keelboot-b/\S+: the image takes \d+ KiB, but there is room for \d+ KiB"
        assert re.search(why, text) and HANDED_OVER not in text
        assert re.search(why, bench.refused(vm, "keelboot stage /data/2.0.keel --progress=none", SLOW))
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert kbdisk.read_partition(texts.disk, "esp") == before


@pytest.mark.parametrize("of, why", (
    (None, "systemd-boot would not start it: /loader/entries/keelboot-b.conf is missing"),
    ("a", 'keelboot-b.conf lacks the line "linux /keelboot-b/vmlinuz"'),
), ids=("missing", "copied"))
def test_text_that_does_not_start_the_slots_files_is_said_before_anything_is_written(bench, of, why):
    texts = Texts(bench, staged=True)
    with texts.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        bench.ask(vm, f"{texts.HELPER} default a")
    if of:
        texts.put("b", texts.text(of), texts.TEXT["b"])
    else:
        kbloader.esp_delete(texts.disk, "esp", texts.TEXT["b"])
    before = texts.partition("b")
    with texts.machine(bench.stick(texts.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert why in text and HANDED_OVER not in text
        assert why in texts.doctor(vm)["loader-entry"]
        assert "no boot installs it before this is mended: /dev/vda5:" in bench.ask(
            vm, "keelboot stage /data/2.0.keel --progress=none", SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "empty"
    assert texts.partition("b") == before
    texts.put("b", texts.text("b"), texts.TEXT["b"])
    with texts.machine() as vm:
        bench.up(vm, "2.0", "b", 2 * SLOW)
        assert texts.pair(vm) == "b"
    assert texts.holds("b")


def test_text_that_somebody_deleted_leads_to_the_other_slot(bench):
    """The loader starts what it has. Its init asks for the other one, in vain, and goes on."""
    texts = Texts(bench).commit()
    kbloader.esp_delete(texts.disk, "esp", texts.TEXT["b"])
    with texts.machine() as vm:
        text = bench.up(vm, "1.0", "a", 4 * SLOW)
        assert "slot b is preferred, but skipped: its kernel did not come up" in text and texts.pair(vm) == "a"
        assert "/loader/entries/keelboot-b.conf is missing" in texts.doctor(vm)["loader-entry"]


def test_power_cut_in_the_copy_leaves_the_other_kernel_and_the_install_goes_on(bench):
    texts, old = Texts(bench), bytes(range(256)) * (40 << 10)
    goes_on_after_cuts(texts, texts.bundle("2.0"), {texts.FILES["b"]: old, texts.INITRD["b"]: old})


def test_both_kernels_bad_is_the_loaders_end_and_a_file_that_is_put_back_boots(bench):
    texts = Texts(bench).commit()
    for slot in "ab":
        texts.put(slot, GARBAGE)
    with texts.machine() as vm:
        vm.expect("Error loading", SLOW)
        vm.expect("EFI Internal Shell", SLOW)
    texts.put("b", texts.image)
    with texts.machine() as vm:
        bench.up(vm, "2.0", "b", SLOW)
