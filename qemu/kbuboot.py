# SPDX-License-Identifier: Apache-2.0
"""A U-Boot that keeps a redundant environment on a card, for QEMU's virt of AArch64 and for its PC, made of Debian's
sources as a board's maker would make one. Debian's own of AArch64 has its environment in a flash that it cannot write
to in QEMU, and that of x86 has none.

    ARM64.get()                         built unless it is there; X86.get()
    put(disk, ARM64.copy(2, a="1"), ARM64.copy(1))
                                        both copies of its environment: these variables beside U-Boot's own
    copies(disk)                        what is in them
"""

import fcntl
import os
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import kbapt
import kbloader

PACKAGE = "u-boot"
FOLDER = Path(__file__).resolve().parent.parent / "build/u-boot"
TOOLS = ("bison", "flex", "bc", "dpkg-source")
# Of both copies on the card, between the partition table and the first partition.
OFFSETS, SIZE = (0x40000, 0x80000), 0x4000
# The script is in the fifth partition.
START = "setenv devtype mmc; setenv devnum 0; load mmc 0:5 ${scriptaddr} boot.scr && source ${scriptaddr}"
OWN = f"""\
CONFIG_MMC=y
CONFIG_DM_MMC=y
CONFIG_MMC_SDHCI=y
# CONFIG_MMC_SDHCI_SDMA is not set
CONFIG_MMC_PCI=y
CONFIG_CMD_MMC=y
CONFIG_ENV_IS_IN_MMC=y
CONFIG_SYS_REDUNDAND_ENVIRONMENT=y
CONFIG_ENV_SIZE={SIZE:#x}
CONFIG_ENV_OFFSET={OFFSETS[0]:#x}
CONFIG_ENV_OFFSET_REDUND={OFFSETS[1]:#x}
CONFIG_SYS_MMC_ENV_DEV=0
CONFIG_BOOTCOUNT_LIMIT=y
CONFIG_BOOTCOUNT_ENV=y
# CONFIG_EFI_LOADER is not set
# CONFIG_TOOLS_MKEFICAPSULE is not set
CONFIG_BOOTDELAY=0
CONFIG_USE_BOOTCOMMAND=y
CONFIG_BOOTCOMMAND="{START}"
"""
# Of x86: where QEMU's PC maps a firmware's last byte, and what is at fixed places before it.
ROM = 1 << 20
ENDS = {"u-boot-x86-start16.bin": 0x800, "u-boot-x86-reset16.bin": 0x10}


class UbootError(Exception):
    """Says what went wrong and what to do about it."""


def _run(*command, cwd=None) -> None:
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=kbapt.ENV, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise UbootError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-1200:]}")


def _sources(folder: Path) -> Path:
    """Debian's, unpacked, with Debian's patches."""
    words = kbapt.options(folder / "apt", sources=True)
    update = kbapt.run(["apt-get", *words, "-qq", "update"])
    fetched = kbapt.run(["apt-get", *words, "-qq", "--download-only", "source", PACKAGE], cwd=folder)
    found = sorted(folder.glob(f"{PACKAGE}_*.dsc"))
    if fetched.returncode != 0 or not found:
        told = (update.stderr + fetched.stderr).strip()[-1200:]
        raise UbootError(f"cannot fetch Debian's sources of {PACKAGE}:\n{told}")
    _run("dpkg-source", "--no-check", "-x", found[-1].name, "sources", cwd=folder)     # apt has checked them
    return folder / "sources"


def _rom(out: Path) -> bytes:
    """What QEMU's PC starts from, as U-Boot's own binman makes it."""
    rom, whole = bytearray(b"\xff" * ROM), (out / "u-boot.bin").read_bytes()
    if len(whole) > ROM - max(ENDS.values()):
        raise UbootError(f"u-boot.bin: {len(whole)} bytes, which is too large for a rom of {ROM}")
    rom[:len(whole)] = whole
    for name, before in ENDS.items():
        data = (out / name).read_bytes()
        rom[ROM - before:ROM - before + len(data)] = data
    return bytes(rom)


@dataclass(frozen=True)
class Uboot:
    """name: of its folder in build/u-boot. config: U-Boot's own, which OWN is added to. flags: more words for make.
    ends: what it makes beside the program, for a rom."""
    name: str
    config: str
    compiler: str
    flags: tuple
    less: str           # of the configuration
    ends: tuple = ()

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def image(self) -> Path:
        """What QEMU gets as its firmware."""
        return self.folder / "u-boot.bin"

    @property
    def initial(self) -> Path:
        """What its environment is where none was saved."""
        return self.folder / "u-boot-initial-env"

    def _build(self, folder: Path) -> None:
        missing = [tool for tool in (f"{self.compiler}gcc", *TOOLS) if not shutil.which(tool, path=kbapt.ENV["PATH"])]
        if missing:
            raise UbootError(f"{', '.join(missing)}: not found; qemu/deps arm64 installs what is needed")
        sources, out = _sources(folder), folder / "out"
        config = (sources / "configs" / self.config).read_text() + self.less + OWN
        (sources / "configs/keelboot_defconfig").write_text(config)
        make = ("make", "-s", f"-j{os.cpu_count()}", f"O={out}", f"CROSS_COMPILE={self.compiler}", *self.flags)
        _run(*make, "keelboot_defconfig", cwd=sources)
        _run(*make, "u-boot.bin", self.initial.name, *self.ends, cwd=sources)
        if self.ends:
            (out / "u-boot.bin").write_bytes(_rom(out))
        for built in (self.initial, self.image):
            shutil.copy(out / built.name, folder / "new")
            (folder / "new").rename(built)

    def get(self) -> Path:
        """The program. Safe to call twice at the same time."""
        folder = self.folder / "build"
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stamp, made_of = self.folder / "configuration", f"{self.config}\n{self.flags}\n{self.less}{OWN}{ROM}{ENDS}"
            if not self.image.is_file() or not stamp.is_file() or stamp.read_text() != made_of:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                self._build(folder)
                stamp.write_text(made_of)
                shutil.rmtree(folder)
        return self.image

    def copy(self, flags: int, **more) -> bytes:
        """One of the two of its environment: its own variables where none was saved, and these. The higher flags are
        the newer copy, and 0 is above 255."""
        own = dict(line.split("=", 1) for line in self.initial.read_text().splitlines() if "=" in line)
        return kbloader.uboot_environment(flags, SIZE, **{**own, **more})


# PCI is looked at before the environment is read: the card's reader is behind it.
ARM64 = Uboot("arm64", "qemu_arm64_defconfig", "aarch64-linux-gnu-", ("KCPPFLAGS=-DCONFIG_SYS_EARLY_PCI_INIT",),
              "# CONFIG_ENV_IS_IN_FLASH is not set\n")
# The 32 bits of U-Boot start a Linux of 64; its 64 bits do not. Without pylibfdt, which wants swig, there is no binman.
X86 = Uboot("x86", "qemu-x86_defconfig", "i686-linux-gnu-", ("CONFIG_PYLIBFDT=",),
            "# CONFIG_ENV_IS_NOWHERE is not set\n", tuple(ENDS))


# --- its environment ----------------------------------------------------------------------------

def put(disk, *copies: bytes) -> None:
    with open(disk, "r+b") as file:
        for offset, data in zip(OFFSETS, copies):
            file.seek(offset)
            file.write(data)


def copies(disk) -> list:
    """[(flags, variables)] of those that are whole, the newer one first."""
    found = []
    with open(disk, "rb") as file:
        for offset in OFFSETS:
            file.seek(offset)
            checksum, flags = struct.unpack("<IB", file.read(5))
            data = file.read(SIZE - 5)
            if zlib.crc32(data) == checksum:
                lines = data.split(b"\0\0")[0].decode().split("\0")
                found.append((flags, dict(line.split("=", 1) for line in lines)))
    found.sort(key=lambda one: one[0], reverse=True)
    return found[::-1] if [flags for flags, _ in found] == [255, 0] else found
