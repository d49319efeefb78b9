# SPDX-License-Identifier: Apache-2.0
"""A Debian kernel to run machines with: fetched with apt, unpacked, never installed.

Distribution kernels boot fastest in QEMU as the uncompressed ELF, started through PVH: the guest
then does not spend seconds of emulated CPU time on its own decompression (XZ: 4.0 s to /init,
against 1.6 s).
"""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kbapt import ENV, AptError, mirror, options, run
from kbusage import called, remedy
from processors import PROCESSORS

__all__ = ["Kernel", "KernelError", "extract_vmlinux", "get", "mirror"]
# By Debian's name of the processor.
PACKAGES = {"amd64": "linux-image-amd64", "arm64": "linux-image-arm64", "armhf": "linux-image-armmp",
            "riscv64": "linux-image-riscv64", "s390x": "linux-image-s390x"}
PACKAGE = PACKAGES["amd64"]
HERE = Path(__file__).resolve().parent
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
# In a source tree beside what is built there; installed, in the user's cache.
DEFAULT_DIR = (HERE.parent / "build" if (HERE.parent / "Makefile").exists()
               else Path(CACHE, "keelboot")) / "kernel"


ASKED = "asked"     # a file in such a folder: package, processor and suite that were asked for
OWN_SUITE = "this system's suite"


class KernelError(Exception):
    """Says what went wrong and what to do about it."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel. `vmlinux` is the ELF for PVH boot, `bzimage` what kexec and UEFI take; of another processor,
    both are the same file."""
    version: str
    vmlinux: Path
    bzimage: Path
    modules: Path
    package: str

    def dtb(self, name: str) -> Path:
        """A device tree that came with it: "broadcom/bcm2837-rpi-3-b.dtb"."""
        return self.modules.parents[2] / "dtbs" / name

    def shell(self) -> str:
        return "".join(f"{key}='{value}'\n" for key, value in (
            ("KVER", self.version), ("KERNEL", self.vmlinux), ("BZIMAGE", self.bzimage),
            ("MODULES", self.modules), ("PACKAGE", self.package)))


# --- the ELF inside a bzImage -------------------------------------------------------------------

DECOMPRESSORS = (  # magic, command: what the kernel's Kconfig offers
    (b"\xfd7zXZ\0", ["xz", "-dc", "--single-stream"]),
    (b"\x02\x21\x4c\x18", ["lz4", "-dc"]),
    (b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]),
    (b"\x1f\x8b", ["gzip", "-dc"]),
    (b"BZh", ["bzip2", "-dc"]),
    (b"\x5d\0\0", ["xz", "-dc", "--format=lzma"]),
)


def extract_vmlinux(bzimage: Path, vmlinux: Path) -> None:
    """Writes the uncompressed kernel of `bzimage` to `vmlinux` (Documentation/x86/boot.rst)."""
    data = Path(bzimage).read_bytes()
    if len(data) < 0x260 or data[0x202:0x206] != b"HdrS" or \
            struct.unpack_from("<H", data, 0x206)[0] < 0x208:
        raise KernelError(f"{bzimage}: not a bzImage with boot protocol 2.08 or later")
    setup_sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    if length < 4 or start + length > len(data):
        raise KernelError(f"{bzimage}: cut off: {len(data)} bytes of {start + length}")
    # The build appends the unpacked size, 4 bytes, to the payload; not every tool stands trailing
    # bytes.
    payload = data[start:start + length - 4]
    for magic, command in DECOMPRESSORS:
        if payload.startswith(magic):
            break
    else:
        raise KernelError(f"{bzimage}: compression not known (starts with {payload[:6].hex()})")
    if not shutil.which(command[0], path=ENV["PATH"]):
        raise KernelError(f"{command[0]}: not found, needed to unpack {bzimage}; {remedy('run')}")
    # lz4 -l and gzip may complain about the tail and still be right: the ELF magic and size decide.
    result = subprocess.run(command, input=payload, capture_output=True, env=ENV, check=False)
    size = struct.unpack_from("<I", data, start + length - 4)[0]
    if result.stdout[:4] != b"\x7fELF" or len(result.stdout) != size:
        raise KernelError(f"{bzimage}: {command[0]} unpacked {len(result.stdout)} bytes of {size}: "
                          + result.stderr.decode(errors="replace").strip())
    partial = Path(f"{vmlinux}.part")
    partial.write_bytes(result.stdout)
    partial.rename(vmlinux)


def _make_vmlinux(image: Path, vmlinux: Path) -> None:
    """What QEMU starts fastest. Of other processors than x86 it takes the file as it is."""
    with open(image, "rb") as file:
        head = file.read(0x206)
    if head[0x202:] == b"HdrS":
        extract_vmlinux(image, vmlinux)
    else:
        vmlinux.symlink_to(image.name)


# --- apt ----------------------------------------------------------------------------------------

def _real_package(package: str, options: list) -> str:
    """`linux-image-amd64` is empty and depends on the one with the kernel in it. '' if unknown."""
    result = run(["apt-cache", *options, "depends", "--important", package])
    names = re.findall(r"^\s*\|?Depends: (linux-image-\S+)", result.stdout, re.M)
    if names:
        return names[0]
    return package if result.returncode == 0 and package in result.stdout else ""


def _download(package: str, options: list, work: Path) -> str:
    """Fetches into `work`; returns the real package's name, or '' when that did not work."""
    name = _real_package(package, options)
    if not name:
        return ""
    # APT::Sandbox::User: apt as root drops to _apt, which cannot write to our folder, and says so
    # at length.
    result = run(["apt-get", *options, "-o", "APT::Sandbox::User=root", "-qq", "download", name],
                 cwd=work)
    return name if result.returncode == 0 and list(work.glob("*.deb")) else ""


def _fetch(package: str, work: Path, apt_dir: Path, suite: str, arch: str) -> str:
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if not shutil.which(tool, path=ENV["PATH"]):
            raise KernelError(f"{tool}: not found; on other systems than Debian give machines your "
                              "own kernel (--kernel FILE)")
    foreign = arch if arch != "amd64" else ""
    # The system's lists first. They may be absent (a container) or older than the archive (404).
    name = "" if suite or foreign else _download(package, [], work)
    if name:
        return name
    try:
        own = options(apt_dir, suite, foreign)
    except AptError as error:
        raise KernelError(str(error)) from None
    update = run(["apt-get", *own, "-qq", "update"])
    name = _download(package, own, work)
    if name:
        return name
    raise KernelError(
        f"cannot fetch {package}{f' of {suite}' if suite else ''} with apt:\n{update.stderr.strip()[-1200:]}\n"
        "Is there a network, and a Debian source in /etc/apt/sources.list? Without one, put the\n"
        f".deb of a linux-image-*-{arch} package somewhere and run: {called('kernel')} --deb FILE")


# --- the folder ---------------------------------------------------------------------------------

def _unpack(deb: Path, name: str, folder: Path) -> Kernel:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpack-") as temp:
        tree = Path(temp) / "tree"
        result = run(["dpkg-deb", "-x", str(deb), str(tree)])
        images = sorted((tree / "boot").glob("vmlinu[xz]-*")) if tree.is_dir() else []
        if result.returncode != 0 or len(images) != 1:
            raise KernelError(f"{deb}: not a kernel package: {result.stderr.strip()}")
        image, version = images[0].with_name(f"vmlinuz-{images[0].name[8:]}"), images[0].name[8:]
        images[0].rename(image)
        places = (tree / "lib/modules" / version, tree / "usr/lib/modules" / version)
        modules = next((place for place in places if place.is_dir()), None)
        if modules is None:
            raise KernelError(f"{deb}: has no modules; take the one that {PACKAGE} or the like names")
        if modules.parts[-4] == "usr":      # merged-usr packages: one layout for those who use it
            (tree / "lib").mkdir(exist_ok=True)
            shutil.move(modules.parent, tree / "lib/modules")
        if not shutil.which("depmod", path=ENV["PATH"]):
            raise KernelError(f"depmod: not found; {remedy('build')}")
        result = run(["depmod", "-b", str(tree), version])
        if result.returncode != 0:
            raise KernelError(f"depmod: {result.stderr.strip()}")
        _make_vmlinux(image, tree / "boot" / f"vmlinux-{version}")
        for device_trees in list((tree / "usr/lib").glob("linux-image-*")):
            device_trees.rename(tree / "dtbs")
        (tree / "dtbs").mkdir(exist_ok=True)        # a mainframe has none
        shutil.rmtree(tree / "usr", ignore_errors=True)
        os.chmod(tree, 0o755)
        final = folder / version
        shutil.rmtree(final, ignore_errors=True)
        tree.rename(final)
    stamp = folder / ".current.part"
    stamp.write_text(f"{version} {name}\n")
    stamp.rename(folder / "current")        # last: a stamp means that all of it is there
    return _known(folder)


def _known(folder: Path):
    try:
        version, package = (folder / "current").read_text().split()
    except (OSError, ValueError):
        return None
    root = folder / version
    kernel = Kernel(version, root / f"boot/vmlinux-{version}", root / f"boot/vmlinuz-{version}",
                    root / "lib/modules" / version, package)
    whole = kernel.vmlinux.is_file() and (kernel.modules / "modules.dep").is_file() and \
        (kernel.bzimage != kernel.vmlinux.resolve() or (root / "dtbs").is_dir())
    return kernel if whole else None


def folder_of(arch: str) -> Path:
    return DEFAULT_DIR if arch == "amd64" else DEFAULT_DIR / arch


def _asked(folder: Path, arch: str) -> list:
    """[package, processor, suite] of what is in a folder; "" is not known: an older version wrote the package alone."""
    file = folder / ASKED
    words = file.read_text().strip().split(" ", 2) if file.is_file() else []
    if len(words) == 3:
        return words
    package = words[0] if words else PACKAGES[arch]
    return [package, next((one for one, name in PACKAGES.items() if name == package), ""), ""]


def _check_asked(folder: Path, package: str, arch: str, suite: str) -> None:
    """A folder has the kernels of one package, processor and suite: for another one, the kernel that is here would be
    given."""
    for wanted, here in zip((package, arch, suite), _asked(folder, arch)):
        if wanted and here and wanted != here:
            raise KernelError(f"{folder} has the kernel of {here}; for {wanted}, name another folder: --dir FOLDER")


def get(folder=None, package: str = "", deb=None, update: bool = False, suite: str = "", arch: str = "amd64") -> Kernel:
    """The unpacked kernel in `folder`; fetches it if it is missing, or if `update`. Safe to run
    twice at the same time. `deb`: unpack this package file instead of asking apt. `suite`: of another
    one than the system uses. arch: for another processor."""
    folder, asked = Path(folder or folder_of(arch)).resolve(), (package, arch, suite)
    package = package or PACKAGES[arch]
    suite = suite or (PROCESSORS[arch].suite if arch in PROCESSORS else "")
    kernel = _known(folder)
    if kernel and not deb:
        _check_asked(folder, *asked)
    if kernel and not update and not deb:
        return kernel
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kernel = _known(folder)             # another process may have done it while we waited
        if kernel and not update and not deb:
            return kernel
        if deb:
            (folder / ASKED).unlink(missing_ok=True)
            return _unpack(Path(deb).resolve(), Path(deb).name.split("_")[0], folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as work:
            name = _fetch(package, Path(work), folder / "apt", suite, arch)
            (folder / ASKED).write_text(f"{package} {arch} {suite or OWN_SUITE}\n")
            found = next(Path(work).glob("*.deb"))
            if kernel and kernel.package == f"{name}={found.name.split('_')[1]}":
                return kernel
            return _unpack(found, f"{name}={found.name.split('_')[1]}", folder)
