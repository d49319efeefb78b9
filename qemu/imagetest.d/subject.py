# SPDX-License-Identifier: Apache-2.0
"""What is tested: somebody's disk, and the kernel or the firmware that starts it. The disk is only read; each run
has an overlay of its own."""

import re
import tempfile
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import images
import kbconf
import kbkernel
import ptable
import unpack
from drives import Drive
from kbdisk import DiskError, ext4_read
from machine import TCG_WORDS, Machine

OVMF = (("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
        ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
        ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"))
PVH = re.compile(rb"\x04\0\0\0.\0\0\0\x12\0\0\0Xen\0", re.S)     # the note by which QEMU starts an ELF
DEFAULTS = {("state", "partition"): "PARTLABEL=keelboot-state", ("source.data", "partition"): "PARTLABEL=data",
            ("slot.a", "root"): "PARTLABEL=root-a", ("slot.b", "root"): "PARTLABEL=root-b"}
# Links that udev makes, with \xNN for what is not in a name; and the kernel's names with the number of a partition.
BY_KEY = re.compile(r"/dev/disk/by-(partlabel|partuuid|label|uuid)/(.+)")
BY_BYTE = re.compile(r"\\x([0-9a-f]{2})")
NUMBERED = re.compile(r"/dev/(?:(?:sd|vd|hd|xvd)[a-z]+|(?:mmcblk\d+|nvme\d+n\d+)p|disk/by-(?:id|path)/.+-part)(\d+)")
WATCHDOG_S = 60         # what system.conf has if it says nothing


class SubjectError(Exception):
    """What is tested cannot be started, and why."""


def is_kernel(path) -> bool:
    """QEMU starts a bzImage, or an ELF."""
    with open(path, "rb") as file:
        head = file.read(0x206)
    return head[:4] == b"\x7fELF" or head[0x202:] == b"HdrS"


def settings(entries: dict) -> dict:
    """{(section, key): value} of the system.conf and its drop-ins among these files."""
    found = {}
    for text in kbconf.files(entries):
        for section, key, value in kbconf.pairs(text):
            found[section.decode(errors="replace"), key.decode(errors="replace")] = value.decode(errors="replace")
    return found


def seconds(text: str, default: int) -> int:
    """"300", "5min" or "8s" as system.conf has it."""
    match = re.fullmatch(r"\s*(\d+)\s*(s|sec|min|h)?\s*", text or "")
    return int(match[1]) * {"min": 60, "h": 3600}.get(match[2], 1) if match else default


def read_table(disk: images.Reader) -> list:
    """The partitions; in an MBR, too, each has the name that the kernel gives it."""
    parts = ptable.read(disk, disk.size)
    disk.seek(440)
    signature = int.from_bytes(disk.read(4), "little")
    return [part if part.uuid else replace(part, uuid=f"{signature:08x}-{part.number:02x}") for part in parts]


def ext4_names(head: bytes) -> dict:
    """{"LABEL": …, "UUID": …} of the file system that begins so; {} if it is no ext4."""
    if head[1080:1082] != b"\x53\xef":
        return {}
    return {"LABEL": head[1144:1160].split(b"\0")[0].decode(errors="replace"),
            "UUID": str(uuid.UUID(bytes=head[1128:1144]))}


def locate(parts: list, wanted: str, names: dict):
    """The partition that system.conf names, or None. names: by number what ext4_names() found."""
    if link := BY_KEY.fullmatch(wanted):
        wanted = f"{link[1].upper()}={BY_BYTE.sub(lambda byte: chr(int(byte[1], 16)), link[2])}"
    kind, _, value = wanted.partition("=")
    node = NUMBERED.fullmatch(wanted)
    for part in parts:
        if (kind == "PARTLABEL" and part.name == value) or (kind == "PARTUUID" and part.uuid == value.lower()):
            return part
        if kind in ("LABEL", "UUID") and names.get(part.number, {}).get(kind) == value:
            return part
        if node and int(node[1]) == part.number:
            return part
    return None


@dataclass
class Subject:
    """conf: what its system.conf says, as far as that can be read; entries: the files of its initramfs, or None."""
    disk: Path
    kernel: object = None
    initrd: object = None
    append: str = ""
    firmware: str = ""          # uefi, bios, or a file; "" with a kernel
    bus: str = "virtio"
    memory: int = 512
    smp: int = 1
    accel: str = "tcg"
    watchdog: bool = True
    conf: dict = field(default_factory=dict)
    entries: object = None
    parts: list = field(default_factory=list)
    names: dict = field(default_factory=dict)
    table_error: str = ""
    initrd_error: str = ""

    def look(self, folder: Path) -> None:
        """Reads the partition table and the initramfs."""
        try:
            self.parts = read_table(images.Reader(self.disk, folder))
            for part in self.parts:
                head = images.read_range(self.disk, part.offset, min(part.size, 4096), folder / "head").read_bytes()
                self.names[part.number] = ext4_names(head)
        except ptable.TableError as error:
            self.table_error = str(error)
        if self.initrd:
            try:
                self.entries = unpack.unpack(self.initrd)
            except unpack.UnpackError as error:
                self.initrd_error = str(error)
        self.conf = settings(self.entries or {})

    def part(self, section: str, key: str = "partition"):
        """A partition by what system.conf says of it, else by its usual label; None if there is none."""
        wanted = self.conf.get((section, key)) or DEFAULTS.get((section, key), "")
        return locate(self.parts, wanted, self.names) if wanted else None

    def hidden(self, *keys) -> list:
        """What system.conf names that no partition of the disk is, such as a volume of LVM."""
        return [self.conf[key] for key in keys if key in self.conf and self.part(*key) is None]

    def slots(self) -> dict:
        """{letter: partition} of the slots that are on the disk."""
        found = {letter: self.part(f"slot.{letter}", "root") for letter in "abcdefgh"}
        return {letter: part for letter, part in found.items() if part}

    @property
    def pairs(self) -> bool:
        """Whether each slot has a kernel of its own, which the device restarts into."""
        kind = self.conf.get(("loader", "kind"), "none")
        return kind == "kexec" or kind != "none" and any(
            section.startswith("slot.") and key == "boot" for section, key in self.conf)

    @property
    def watchdog_s(self) -> int:
        return seconds(self.conf.get(("watchdog", "timeout"), ""), WATCHDOG_S)

    @property
    def soak_s(self) -> int:
        """Seconds that a trial runs before it is marked good."""
        return seconds(self.conf.get(("system", "commit-after"), ""), 0)

    # --- the machine ----------------------------------------------------------------------------

    def pvh_kernel(self, folder: Path) -> Path:
        """The kernel, uncompressed where QEMU can start that: it saves seconds of each boot."""
        out = folder / "vmlinux"
        try:
            kbkernel.extract_vmlinux(self.kernel, out)
            return out if PVH.search(out.read_bytes()) else Path(self.kernel)
        except (kbkernel.KernelError, OSError):
            return Path(self.kernel)

    def _firmware(self) -> tuple:
        """(firmware, more arguments)"""
        if self.kernel:
            return "qboot.rom", []
        if self.firmware == "uefi":
            for code, variables in OVMF:
                if Path(code).exists() and Path(variables).exists():
                    return "", ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                                "-drive", f"if=pflash,format=raw,unit=1,snapshot=on,file={variables}"]
            raise SubjectError("no UEFI firmware for QEMU found; install the package ovmf, or name one: "
                               "--firmware FILE")
        return ("" if self.firmware == "bios" else self.firmware), []

    def machine(self, disk, *, drives=(), faults=(), log=None, extra=()) -> Machine:
        """Switched off. disk: an overlay of the subject's."""
        firmware, more = self._firmware()
        words = f"{self.append} {TCG_WORDS if self.accel == 'tcg' else ''}".strip()
        own = Drive(disk, bus=self.bus, name="disk", format=images.format_of(disk), faults=tuple(faults))
        return Machine(str(self.kernel) if self.kernel else None, self.initrd, words, drives=[own, *drives],
                       memory=self.memory, smp=self.smp, accel=self.accel, watchdog=self.watchdog, log=log,
                       firmware=firmware, extra=[*more, *extra], usb=True)

    def read_files(self, part, names: list) -> dict:
        """{name: bytes} of those files of an ext4 partition that are there."""
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            if images.format_of(self.disk) == "raw":
                image, offset = self.disk, part.offset
            else:
                image, offset = images.read_range(self.disk, part.offset, part.size, Path(folder) / "part"), 0
            for name in names:
                try:
                    found[name] = ext4_read(image, name, offset)
                except DiskError:
                    pass
        return found
