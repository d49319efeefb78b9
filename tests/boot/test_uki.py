# SPDX-License-Identifier: Apache-2.0
"""Signed unified kernel images in a firmware with Secure Boot: what boots, and what is refused.

The firmware (OVMF) trusts one key, which its package brings for tests. The stub is that of this Debian; the environment
KEELBOOT_STUBS names a folder of more packages systemd-boot-efi, unpacked (dpkg-deb -x), each in a folder of its own."""

import os
import re
import shutil
from pathlib import Path

import kbkernel
import kbpe
import kbuki
import pytest
from drives import Drive
from kbdevice import run
from kbdisk import Vfat
from machine import Machine

OVMF = Path("/usr/share/OVMF")
CODE, OPEN, TRUSTING = (OVMF / f"OVMF_{name}.fd" for name in ("CODE_4M.secboot", "VARS_4M", "VARS_4M.snakeoil"))
SNAKEOIL = Path("/usr/share/ovmf/PkKek-1-snakeoil.key")
BOOT = "EFI/BOOT/BOOTX64.EFI"
REFUSED = r"failed to load Boot\d+ .*: Access Denied"
LINE = "console=ttyS0 gpt panic=10 loglevel=7 no_timer_check"
SLOW = 240      # seconds: the firmware is emulated, too, and checks what it loads


def stubs() -> list:
    """The folders with stubs: of the system, and of KEELBOOT_STUBS."""
    more = os.environ.get("KEELBOOT_STUBS")
    return [kbuki.STUBS, *(sorted(Path(more).glob("*/usr/lib/systemd/boot/efi")) if more else [])]


def version(folder: Path) -> int:
    return int(kbuki.STUB.search((folder / "linuxx64.efi.stub").read_bytes())[2])


pytestmark = [
    pytest.mark.skipif(not TRUSTING.is_file(), reason="package ovmf is not installed, or has no test keys"),
    pytest.mark.skipif(not shutil.which("sbsign"), reason="package sbsigntool is not installed"),
    pytest.mark.skipif(not kbuki.STUBS.is_dir(), reason="package systemd-boot-efi is not installed"),
]


class Signer:
    """A key for Secure Boot with its certificate."""

    def __init__(self, key: Path, certificate: Path):
        self.options = ("--uki-key", key, "--uki-certificate", certificate)

    @staticmethod
    def trusted(folder: Path) -> "Signer":
        key = folder / "trusted.key"
        run("openssl", "rsa", "-in", SNAKEOIL, "-passin", "pass:snakeoil", "-out", key)
        return Signer(key, SNAKEOIL.with_suffix(".pem"))

    @staticmethod
    def foreign(folder: Path) -> "Signer":
        key, certificate = folder / "foreign.key", folder / "foreign.pem"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=somebody else", "-days", "9000",
            "-keyout", key, "-out", certificate)
        return Signer(key, certificate)


@pytest.fixture
def trusted(bench):
    return Signer.trusted(bench.work)


@pytest.fixture(params=stubs(), ids=lambda folder: str(version(folder)))
def stub(request):
    """Options that take the stub from this folder."""
    return "--stub", request.param / "linuxx64.efi.stub"


def these(wanted) -> list:
    """The folders of stubs of a wanted version; without one, a test that says so."""
    return [pytest.param(folder, id=str(version(folder))) for folder in stubs() if wanted(version(folder))] or [
        pytest.param(None, id="none", marks=pytest.mark.skip(reason="no such stub; KEELBOOT_STUBS names more"))]


def image(bench, name: str, *options, line=LINE) -> Path:
    """A UKI with the initramfs of the bench's device."""
    return bench.initramfs("--uki", kbkernel.get().bzimage, "--cmdline", line, *options,
                           name=f"{bench.work.name}-{name}.efi")


def with_firmware(bench, disk, name="disk", secure=True, more=(), memory=512):
    """A machine that has nothing but its firmware and one disk."""
    variables = bench.work / f"{name}-variables.fd"
    shutil.copy(TRUSTING if secure else OPEN, variables)
    extra = ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
             "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={CODE}",
             "-drive", f"if=pflash,format=raw,unit=1,file={variables}", *more]
    return Machine(None, drives=[Drive(disk, name="disk")], memory=memory, firmware="", watchdog=True, extra=extra,
                   log=str(bench.work / f"console-{name}.log"))


def machine(bench, files: dict, name="disk", secure=True, more=()):
    """The disk has the ESP with these files, state, data and slots."""
    disk = bench.disk("1.0", "2.0", name=name, extra=[("esp", "64M", Vfat(files, label="ESP"))])
    return with_firmware(bench, disk, name, secure, more)


def altered(image: Path, section: str) -> bytes:
    """With one other bit in a section."""
    data = bytearray(image.read_bytes())
    data[kbpe.read(bytes(data), str(image)).section(section).offset] ^= 1
    return bytes(data)


def is_refused(bench, content) -> None:
    """The firmware says so, and nothing of the image runs."""
    with machine(bench, {BOOT: content}) as vm:
        vm.expect(REFUSED, SLOW, "Linux version|Keelboot")
        vm.expect("No bootable option or device was found", SLOW, "Linux version|Keelboot")


def test_signed_image_boots(bench, trusted, stub):
    with machine(bench, {BOOT: image(bench, "signed", *stub, *trusted.options)}) as vm:
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "secureboot: Secure boot enabled" in text
        assert bench.ask(vm, "cat /proc/cmdline").strip() == LINE


def test_altered_image_is_refused(bench, trusted):
    is_refused(bench, altered(image(bench, "signed", *trusted.options), ".cmdline"))


def test_altered_initramfs_is_refused(bench, trusted):
    is_refused(bench, altered(image(bench, "signed", *trusted.options), ".initrd"))


def test_unsigned_image_is_refused(bench):
    is_refused(bench, image(bench, "unsigned"))


def test_image_that_a_stranger_signed_is_refused(bench):
    is_refused(bench, image(bench, "foreign", *Signer.foreign(bench.work).options))


# --- the command line ---------------------------------------------------------------------------

def boot_loader(bench, signer: Signer) -> dict:
    """systemd-boot, signed."""
    loader = bench.work / "loader.efi"
    run("sbsign", "--key", signer.options[1], "--cert", signer.options[3], "--output", loader,
        kbuki.STUBS / "systemd-bootx64.efi")
    return {BOOT: loader, "loader/loader.conf": b"timeout 0\n"}


def with_boot_loader(bench, signer: Signer, image: Path, words: str) -> dict:
    """An ESP whose boot loader starts the image with words of its own."""
    entry = f"title device\nefi /EFI/device.efi\noptions {words}\n"
    return {**boot_loader(bench, signer), "EFI/device.efi": image, "loader/entries/device.conf": entry.encode()}


def test_systemd_boot_finds_the_image_by_itself(bench, trusted, stub):
    """By what --uki says of the image in .osrel, where no os-release(5) is given."""
    esp = {**boot_loader(bench, trusted), "EFI/Linux/acme.efi": image(bench, "signed", *stub, *trusted.options)}
    with machine(bench, esp) as vm:
        bench.up(vm, "2.0", "b", SLOW)


def bound_image(bench, signer: Signer, *options) -> Path:
    """A UKI whose system.conf names the only parameter that counts."""
    conf = bench.work / "bound.conf.d"
    conf.mkdir()
    (conf / "bound.conf").write_text("[system]\ncommand-line=panic\n")
    return image(bench, "bound", "--conf-dir", conf, *options, *signer.options)


def test_words_of_the_boot_loader_do_not_count(bench, trusted, stub):
    esp = with_boot_loader(bench, trusted, image(bench, "signed", *stub, *trusted.options), f"{LINE} keelboot.slot=a")
    with machine(bench, esp) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.ask(vm, "cat /proc/cmdline").strip() == LINE


def test_without_secure_boot_the_loaders_words_count_unless_system_conf_names_those_that_do(bench, trusted, stub):
    """The same image, in a firmware that checks nothing."""
    words = f"{LINE} keelboot.slot=a"
    free = image(bench, "free", *stub, *trusted.options)
    with machine(bench, with_boot_loader(bench, trusted, free, words), "free", secure=False) as vm:
        bench.up(vm, "1.0", "a", SLOW)
        assert bench.ask(vm, "cat /proc/cmdline").strip() == words
    bound = bound_image(bench, trusted, *stub)
    with machine(bench, with_boot_loader(bench, trusted, bound, words), "bound", secure=False) as vm:
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "keelboot.slot: ignored: [system] command-line= does not name it" in text


@pytest.mark.parametrize("folder", these(lambda number: number >= 254))
def test_words_of_the_firmwares_tables_reach_the_kernel_and_are_not_heeded(bench, trusted, folder):
    """Stubs from 254 on append what SMBIOS has, which a hypervisor writes, even with Secure Boot."""
    bound = bound_image(bench, trusted, "--stub", folder / "linuxx64.efi.stub")
    table = ("-smbios", "type=11,value=io.systemd.stub.kernel-cmdline-extra=keelboot.slot=a")
    with machine(bench, {BOOT: bound}, more=table) as vm:
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "keelboot.slot: ignored: [system] command-line= does not name it" in text
        assert bench.ask(vm, "cat /proc/cmdline").strip() == f"{LINE} keelboot.slot=a"


# --- addons -------------------------------------------------------------------------------------

VENDOR = r"""
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>
int main(void)
{
	char line[4096] = "";
	mount("proc", "/proc", "proc", 0, NULL);
	FILE *file = fopen("/proc/cmdline", "r");
	if (file == NULL || fgets(line, sizeof line, file) == NULL)
		return 1;
	printf("the vendor's init runs with: %s", line);
	fflush(stdout);
	for (;;)
		pause();
}
"""
RUNS = r"the vendor's init runs with: (.*)"


def vendor(bench, signer: Signer, stub) -> Path:
    """A UKI of somebody else, whose init is not Keelboot's."""
    source, init = bench.work / "vendor.c", bench.work / "vendor"
    source.write_text(VENDOR)
    run("cc", "-static", "-o", init, source)
    return image(bench, "vendor", "--init", init, *stub, *signer.options)


def esp_with_addon(bench, signer: Signer, owner: Signer, folder: Path) -> dict:
    """The vendor's image, signed by owner, with our addon beside it, signed by signer."""
    addon = bench.initramfs("--addon", "--stub", folder / "addonx64.efi.stub", "--cmdline", "keelboot.log=debug",
                            *signer.options, name=f"{bench.work.name}-addon.efi")
    return {BOOT: vendor(bench, owner, ("--stub", folder / "linuxx64.efi.stub")),
            f"{BOOT}.extra.d/keelboot.addon.efi": addon}


@pytest.mark.parametrize("folder", these(lambda number: number >= kbuki.INITRD_ADDON))
def test_addon_brings_keelboot_to_the_image_of_a_vendor(bench, trusted, folder):
    with machine(bench, esp_with_addon(bench, trusted, trusted, folder)) as vm:
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "secureboot: Secure boot enabled" in text and not re.search(RUNS, text)
        assert bench.ask(vm, "cat /proc/cmdline").strip() == f"{LINE} keelboot.log=debug"


@pytest.mark.parametrize("folder", these(lambda number: number >= kbuki.INITRD_ADDON))
def test_addon_that_a_stranger_signed_is_left_out(bench, trusted, folder):
    with machine(bench, esp_with_addon(bench, Signer.foreign(bench.work), trusted, folder)) as vm:
        assert vm.expect(RUNS, SLOW)[1].strip() == LINE
        assert re.search(r"keelboot\.addon\.efi.*ignoring: Access denied", vm.text)


@pytest.mark.parametrize("folder", these(lambda number: 254 <= number < kbuki.INITRD_ADDON))
def test_older_stub_takes_only_the_command_line_of_an_addon(bench, trusted, folder):
    with machine(bench, esp_with_addon(bench, trusted, trusted, folder)) as vm:
        assert vm.expect(RUNS, SLOW)[1].strip() == f"{LINE} keelboot.log=debug"
