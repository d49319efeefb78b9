# SPDX-License-Identifier: Apache-2.0
"""Disks that start by a real boot loader: GRUB from a BIOS or by UEFI, UEFI's own entries, U-Boot. What the loaders run
is kernel-cmdline/loaders, as a maker would copy it."""

import re
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

import kbdisk
from kbdisk import Vfat
from kbtools import TREE, run

LOADERS = TREE / "kernel-cmdline/loaders"
GRUB, GRUB_ARM64 = Path("/usr/lib/grub"), TREE / "build/sysroot/arm64/usr/lib/grub"
OVMF, AAVMF = Path("/usr/share/OVMF"), Path("/usr/share/AAVMF")
GRUB_MODULES = ("boot", "echo", "fat", "linux", "loadenv", "memdisk", "normal", "part_gpt", "reboot", "regexp",
                "serial", "sleep", "tar", "terminal", "test")
GRUB_DISKS = {"i386-pc": ("biosdisk",), "x86_64-efi": ()}
# Before the script, by GRUB's rescue parser. On AArch64, the firmware's console is the serial port.
GRUB_SERIAL = ("serial --unit=0 --speed=115200", "terminal_input serial", "terminal_output serial")
GRUB_EARLY = "set prefix=(memdisk)/grub"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
BLOCK = 1024
BLOCK_HEADER = b"# GRUB Environment Block\n"
SECTOR = 512


# --- GRUB ---------------------------------------------------------------------------------------

def grub_block(**variables) -> bytes:
    """An environment block with these variables."""
    text = BLOCK_HEADER + b"".join(f"{name}={value}\n".encode() for name, value in variables.items())
    return text.ljust(BLOCK, b"#")


def grub_environment(block: bytes) -> Vfat:
    """The partition with the file of that block."""
    return Vfat({"grubenv": block})


def grub_variables(disk, partition: str) -> dict:
    """Those of the block in a partition."""
    text = kbdisk.read_partition(disk, partition)
    at = text.index(BLOCK_HEADER)
    lines = text[at:at + BLOCK].decode().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def grub_config(words: str, **parts) -> str:
    """grub.cfg for a disk: a, b and block are partitions of it, "gpt6"."""
    text = (LOADERS / "grub.cfg").read_text()
    lines = {**{f"keelboot_{name}": value for name, value in parts.items()}, "keelboot_words": f'"{words}"'}
    for name, value in lines.items():
        text, n = re.subn(rf"(?m)^set {name}=.*$", f"set {name}={value}", text)
        assert n == 1, name
    return text


def grub_image(out, platform: str, config: str) -> Path:
    """GRUB with its modules and that configuration: core.img of i386-pc, or a program of x86_64-efi or arm64-efi."""
    modules, early = GRUB / platform, (*GRUB_SERIAL, GRUB_EARLY)
    if platform == "arm64-efi":
        modules, early = GRUB_ARM64 / platform, (GRUB_EARLY,)
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        (folder / "grub.cfg").write_text(config)
        (folder / "early.cfg").write_text("\n".join([*early, ""]))
        with tarfile.open(folder / "memdisk.tar", "w") as tar:
            tar.add(folder / "grub.cfg", "grub/grub.cfg")
        run("grub-mkimage", "-O", platform, "-d", modules, "-p", "(memdisk)/grub", "-m", folder / "memdisk.tar",
            "-c", folder / "early.cfg", "-o", out, *GRUB_MODULES, *GRUB_DISKS.get(platform, ()))
    return Path(out)


def grub_into_mbr(disk, partition: str) -> None:
    """What grub-install does for a BIOS, with core.img in that partition: the boot sector, and where its rest is."""
    offset, _ = kbdisk.partition(disk, partition)
    boot = bytearray((GRUB / "i386-pc/boot.img").read_bytes())
    with open(disk, "r+b") as file:
        boot[440:510] = kbdisk_bytes(file, 440, 70)     # the partition table
        struct.pack_into("<Q", boot, 0x5c, offset // SECTOR)
        file.seek(0)
        file.write(boot)
        # The last entry of the first sector's list: where the rest is.
        file.seek(offset + SECTOR - 12)
        file.write(struct.pack("<Q", offset // SECTOR + 1))


def kbdisk_bytes(file, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


# --- U-Boot -------------------------------------------------------------------------------------

def uboot_environment(flags: int, size: int = 0x4000, **variables) -> bytes:
    """One copy of a redundant environment; the higher flags are the newer copy."""
    data = b"".join(f"{name}={value}\0".encode() for name, value in sorted(variables.items()))
    data = data.ljust(size - 5, b"\0")
    return struct.pack("<IB", zlib.crc32(data), flags) + data


def barebox_state(*variables, magic: int = 0x27031977, stride: int = 1024) -> bytes:
    """Three copies of a state of uint32, as barebox has it on a disk."""
    data = struct.pack(f"={len(variables)}I", *variables)
    head = struct.pack("=IHHI", magic, 0, len(data), zlib.crc32(data))
    copy = struct.pack("=II", 0x2354fdf3, 16 + len(data)) + head + struct.pack("=I", zlib.crc32(head)) + data
    return copy.ljust(stride, b"\0") * 3


def uboot_script(words: str, before: str = "") -> bytes:
    """boot.scr, as mkimage makes it of boot.cmd: a header of 64 bytes, the length of the text, the text."""
    text = (LOADERS / "boot.cmd").read_text()
    text, n = re.subn(r"(?m)^setenv keelboot_words .*$", f'setenv keelboot_words "{words}"', text)
    assert n == 1
    text = before + text
    data = struct.pack(">II", len(text), 0) + text.encode()
    header = struct.pack(">7I4B32s", 0x27051956, 0, 0, len(data), 0, 0, zlib.crc32(data), 5, 22, 6, 0, b"boot.cmd")
    return header[:4] + struct.pack(">I", zlib.crc32(header)) + header[8:] + data


def uboot_copy(size: int = 0x1000, **variables) -> bytes:
    """An environment with one copy, for `env import -c`."""
    data = b"".join(f"{name}={value}\0".encode() for name, value in sorted(variables.items()))
    data = data.ljust(size - 4, b"\0")
    return struct.pack("<I", zlib.crc32(data)) + data


# --- disks --------------------------------------------------------------------------------------

def pair(kernel, initramfs, kernel_name: str = "vmlinuz") -> dict:
    """The files of a pair's partition; bytes or paths."""
    return {kernel_name: kernel, "initramfs.img": initramfs}


class Uefi(NamedTuple):
    """What differs between UEFI's firmwares of two processors. None has Secure Boot."""
    code: Path
    variables: Path         # as they are from the factory
    machine: tuple          # of QEMU
    stubs: Path             # the folder of systemd's programs for it
    suffix: str             # how the names of programs end

    @property
    def boot(self) -> str:
        """What the firmware starts of a medium without an entry."""
        return f"EFI/BOOT/BOOT{self.suffix.upper()}.EFI"

    @property
    def stub(self) -> Path:
        return self.stubs / f"linux{self.suffix}.efi.stub"

    @property
    def systemd_boot(self) -> Path:
        return self.stubs / f"systemd-boot{self.suffix}.efi"


# By Debian's name of the processor.
UEFI = {
    "amd64": Uefi(OVMF / "OVMF_CODE_4M.fd", OVMF / "OVMF_VARS_4M.fd", ("-machine", "q35"),
                  Path("/usr/lib/systemd/boot/efi"), "x64"),
    "arm64": Uefi(AAVMF / "AAVMF_CODE.fd", AAVMF / "AAVMF_VARS.fd", (),
                  TREE / "build/sysroot/arm64/usr/lib/systemd/boot/efi", "aa64"),
}


def firmware(variables: Path, arch: str = "amd64") -> list:
    """Arguments for QEMU: that processor's, and a file for its variables that is kept."""
    uefi = UEFI[arch]
    if not variables.exists():
        shutil.copy(uefi.variables, variables)
    return [*uefi.machine, "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={uefi.code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]


# --- systemd-boot -------------------------------------------------------------------------------

SYSTEMD_BOOT = UEFI["amd64"].systemd_boot


def esp_file(disk, partition: str, name: str):
    """The bytes of a file in a FAT; None: there is none."""
    offset, _ = kbdisk.partition(disk, partition)
    with tempfile.TemporaryDirectory() as temp:
        out = Path(temp, "file")
        done = subprocess.run(["mcopy", "-n", "-i", f"{disk}@@{offset}", f"::{name}", out], capture_output=True,
                              check=False)
        return out.read_bytes() if done.returncode == 0 else None


def esp_delete(disk, partition: str, name: str) -> None:
    offset, _ = kbdisk.partition(disk, partition)
    run("mdel", "-i", f"{disk}@@{offset}", f"::{name}")


def esp_free(disk, partition: str) -> int:
    """Bytes that are free in a FAT."""
    offset, _ = kbdisk.partition(disk, partition)
    found = re.search(r"([\d ]+) bytes free", run("mdir", "-i", f"{disk}@@{offset}", "::"))
    return int(found.group(1).replace(" ", ""))


# --- EFI Boot Guard -----------------------------------------------------------------------------

EFIBOOTGUARD = Path("/usr/lib/x86_64-linux-gnu/efibootguard/efibootguardx64.efi")
BG_SIZE = 132104
BG_TEXT = 510       # bytes of the kernel's name, and of its words


def bg_config(label: str, kernel: str, *, revision: int, watchdog: int, ustate: str = "OK", words: str = "") -> dict:
    """The files of a config partition, as docs/KERNEL.md makes them."""
    name = f"C:{label}:\\" + kernel.replace("/", "\\")
    with tempfile.TemporaryDirectory() as temp:
        run("bg_setenv", "-f", Path(temp, "BGENV.DAT"), "-r", str(min(revision, 9)), "-s", ustate,
            "-w", str(watchdog), f"--kernel={name}", f"--args={words}")
        data = bg_change(Path(temp, "BGENV.DAT").read_bytes(), revision=revision)
    return {"BGENV.DAT": data, "EFILABEL": label.encode("utf-16-le")}


def bg_environment(data: bytes) -> dict:
    """What an environment says; its checksum must be right."""
    assert len(data) == BG_SIZE and struct.unpack_from("<I", data, BG_SIZE - 4)[0] == zlib.crc32(data[:-4])
    progress, ustate, watchdog, revision = struct.unpack_from("<BBHI", data, 2 * BG_TEXT)
    texts = [data[at:at + BG_TEXT].decode("utf-16-le").split("\0")[0] for at in (0, BG_TEXT)]
    return {"kernel": texts[0], "words": texts[1], "in_progress": progress, "ustate": ustate, "watchdog": watchdog,
            "revision": revision}


def bg_change(data: bytes, **values) -> bytes:
    """An environment with other values and a right checksum."""
    new, at = bytearray(data), 2 * BG_TEXT
    for name, form, offset in (("in_progress", "<B", 0), ("ustate", "<B", 1), ("watchdog", "<H", 2),
                               ("revision", "<I", 4)):
        if name in values:
            struct.pack_into(form, new, at + offset, values[name])
    struct.pack_into("<I", new, BG_SIZE - 4, zlib.crc32(new[:-4]))
    return bytes(new)


def bg_starts(environments: list) -> str:
    """What the loader starts by its two environments, after its env/fatvars.c: the kernel's name, with " once" behind
    it if that is all."""
    def parsed(data):
        try:
            return bg_environment(data)
        except (AssertionError, TypeError):
            return {"revision": 0}
    newest, other = sorted(map(parsed, environments), key=lambda one: -one["revision"])
    assert newest["revision"] > other["revision"]
    if newest["in_progress"] == 1 or newest["ustate"] == 2:
        return other["kernel"]
    return newest["kernel"] + (" once" if newest["ustate"] == 1 else "")
