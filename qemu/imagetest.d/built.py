# SPDX-License-Identifier: Apache-2.0
"""A device made of two root file systems: key, initramfs, disk, and the second root as its update."""

import dataclasses
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import kbkernel
from kbdevice import CONF, Device
from kbdisk import DiskError, ext4_read, mkext4
from kbkernel import ENV, Kernel
from releases import debugfs, is_ext4
from subject import Subject, SubjectError, settings

MIB = 1 << 20
COMPATIBLE = "image-test"
WATCHDOG = 20           # seconds, if the system says nothing else
MODULES = ("virtio", "usb", "sd", "ext4", "vfat")
# The disk that is made here has these labels, one key, and one kernel for all, whatever the system's own has.
LABELS = """\
[state]
partition=PARTLABEL=keelboot-state
[slot.a]
root=PARTLABEL=root-a
[slot.b]
root=PARTLABEL=root-b
[source.data]
partition=PARTLABEL=data
[source.media]
enabled=yes
[keyring]
signatures-required=1
[loader]
kind=none
"""
# Of file systems beside ext4: where they have it.
MAGIC = {"squashfs": (0, b"hsqs"), "erofs": (1024, b"\xe2\xe1\xf5\xe0"), "btrfs": (0x10040, b"_BHRfS_M"),
         "xfs": (0, b"XFSB"), "f2fs": (1024, b"\x10\x20\xf5\xf2")}
CONFS = ("etc/keelboot/system.conf", "usr/lib/keelboot/system.conf")


# ---------------------------------------------------------------- a root file system

def _folder_size(folder: Path) -> int:
    """Bytes of an ext4 that holds it, with some room."""
    done = subprocess.run(["du", "-s", "-B1", "--apparent-size", str(folder)], text=True, capture_output=True,
                          check=False)
    count = re.match(r"\d+", done.stdout)
    if not count:
        raise SubjectError(f"{folder}: unable to read: {done.stderr.strip()[-300:]}")
    inodes = sum(len(names) + len(folders) for _, folders, names in os.walk(folder))
    return -(-(int(int(count[0]) * 1.15) + inodes * 4096 + 24 * MIB) // (4 * MIB)) * 4 * MIB


def as_image(root: Path, out: Path) -> Path:
    """The root as an image of a file system: itself, or made of a folder."""
    if root.is_file():
        if not file_system(root):
            raise SubjectError(f"{root}: no folder, nor an image of a file system that is known "
                               f"({', '.join(('ext4', *MAGIC))}); a whole disk is given without --roots")
        return root
    if not root.is_dir():
        raise SubjectError(f"{root}: no such image or folder")
    try:
        return mkext4(out, _folder_size(root), root, label="root", keep_owner=True)
    except DiskError as error:
        raise SubjectError(str(error)) from None


def read_text(root: Path, name: str) -> str:
    """A file of a root, "" if it has none or it cannot be read from here."""
    try:
        if root.is_dir():
            path = root / name
            return path.read_text(errors="replace") if path.is_file() else ""
        return ext4_read(root, name).decode(errors="replace") if is_ext4(root) else ""
    except (OSError, DiskError):
        return ""


def file_system(image: Path) -> str:
    """What the initramfs needs a driver for."""
    if is_ext4(image):
        return "ext4"
    with open(image, "rb") as file:
        head = file.read(max(at + len(magic) for at, magic in MAGIC.values()))
    return next((name for name, (at, magic) in MAGIC.items() if head[at:at + len(magic)] == magic), "")


# ---------------------------------------------------------------- its kernel

def _tree(root: Path, folder: Path) -> Path:
    """/boot and /lib/modules of a root, as a folder."""
    if root.is_dir():
        return root
    tree = folder / "kernel-of-root"
    tree.mkdir()
    if is_ext4(root):
        for place in ("boot", "usr/lib/modules", "lib/modules"):
            (tree / place).parent.mkdir(parents=True, exist_ok=True)
            debugfs(root, [f'rdump /{place} "{(tree / place).parent}"'])
    return tree


def version_of(image: Path) -> str:
    return image.parent.name if image.name == "vmlinuz" else image.name.removeprefix("vmlinuz-")


def by_version(image: Path) -> list:
    """6.1.0-9 comes before 6.1.0-18."""
    return [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", version_of(image))]


def kernel_of(root: Path, folder: Path):
    """The kernel that a root brings with its modules, or None."""
    tree = _tree(root, folder)
    found = [*(tree / "boot").glob("vmlinuz-*"), *(tree / "usr/lib/modules").glob("*/vmlinuz")]
    for image in sorted(found, key=by_version, reverse=True):
        version = version_of(image)
        for modules in (tree / "usr/lib/modules" / version, tree / "lib/modules" / version):
            if modules.is_dir():
                return given_kernel(image, modules, folder)
    return None


def given_kernel(image: Path, modules, folder: Path) -> Kernel:
    """A kernel with its modules, which may lack what depmod writes."""
    modules = Path(modules)
    if not (modules / "modules.dep").is_file():
        copy = folder / "modules/lib/modules" / modules.name
        shutil.copytree(modules, copy, symlinks=True, ignore=shutil.ignore_patterns("build", "source"))
        done = subprocess.run(["depmod", "-b", str(folder / "modules"), modules.name], text=True, capture_output=True,
                              env=ENV, check=False)
        if done.returncode != 0:
            raise SubjectError(f"depmod: {done.stderr.strip()[-300:]}")
        modules = copy
    return Kernel(modules.name, image, image, modules, "")


def choose_kernel(args, root: Path, folder: Path) -> tuple:
    """(kernel, where it is from)"""
    if args.kernel:
        if not args.modules_dir:
            raise SubjectError("--kernel needs --modules-dir, for the initramfs")
        return given_kernel(args.kernel, args.modules_dir, folder), f"{args.kernel}"
    found = kernel_of(root, folder)
    if found:
        return found, f"{found.version}, of the first root"
    found = kbkernel.get()
    return found, f"{found.version}, Debian's, as the first root has none"


# ---------------------------------------------------------------- the device

class Built(Device):
    """A Device whose systems are somebody's."""

    def __init__(self, folder: Path, kernel: Kernel, conf: str, slot_size: int, bundle_room: int):
        name = settings({CONFS[0]: conf.encode()}).get(("system", "compatible"), COMPATIBLE)
        super().__init__(folder, compatible=name.split(",")[0].strip(), watchdog=WATCHDOG, conf=conf, kernel=kernel,
                         slot_size=slot_size, data_size=bundle_room)

    def make(self, first: Path, disk: str) -> Path:
        """The disk with the first root in slot a, on trial."""
        words = ("--version", "1.0", "--sequence", "1")
        if ("verify-slot" in self.conf) or "verity" in self.conf:
            words = ("--bundle", self.bundle("1.0", image=first, sequence=1, options=("--level", "1")))
        return self.disk(first, state=("--slots", "2", "--trial", "a", *words), name=disk)


def initramfs_of(device: Built, image: Path, bus: str, conf: dict) -> Path:
    labels = device.work / "labels"
    labels.mkdir()
    (labels / "zz-image-test.conf").write_text(LABELS)
    more = [name for name in (file_system(image), bus if bus in ("nvme",) else "") if name and name not in MODULES]
    if ("system", "root-overlay") in conf:
        more.append("overlay")
    return device.initramfs("--module", "i6300esb", "--level", "1", "--conf-dir", labels, modules=(*MODULES, *more))


def of_roots_alone(conf: str) -> str:
    """Without the kernels of slots: the disk that is made here has no partition for them."""
    return re.sub(r"(?m)^[ \t]*(boot|initrd)[ \t]*[=:].*\n?", "", conf)


def build(args, folder: Path, tell) -> tuple:
    """(Subject, Releases' image, device): made of args.roots."""
    folder = Path(tempfile.mkdtemp(dir=folder, prefix="device-"))
    old, new = args.roots
    tell(f"makes a device of {old} and {new}")
    first, second = as_image(old, folder / "root-old.img"), as_image(new, folder / "root-new.img")
    kernel, source = choose_kernel(args, old, folder)
    tell(f"kernel {source}")
    conf = args.conf.read_text() if args.conf else next(filter(None, (read_text(old, name) for name in CONFS)), "") or \
        CONF.format(compatible=COMPATIBLE, watchdog=WATCHDOG, tries=3, count="never")
    largest = max(first.stat().st_size, second.stat().st_size)
    conf = of_roots_alone(conf)
    device = Built(folder, kernel, conf, (-(-largest // MIB) + 4) * MIB, largest + 32 * MIB)
    disk = device.make(first, "disk")
    subject = Subject(disk, kernel.vmlinux, initramfs_of(device, first, args.bus, settings({CONFS[0]: conf.encode()})),
                      args.append or "quiet loglevel=6", bus=args.bus)
    return subject, second, device


def with_pvh(subject: Subject, folder: Path) -> Subject:
    """The same with a kernel that starts quickly."""
    return dataclasses.replace(subject, kernel=subject.pvh_kernel(folder)) if subject.kernel else subject
