# SPDX-License-Identifier: Apache-2.0
"""The images that are installed, made on the spot in one folder and kept there: what is there already stays.

A tree is what Debian's packages bring, unpacked by mmdebstrap (their scripts do not run, so a tree of arm64 is made on
any machine). Version 1 has the packages of Debian's release, version 2 the updates since then. An image is 64 % full.
"""

import dataclasses
import hashlib
import platform
import random
import re
import shutil
import subprocess
from pathlib import Path

from storage import MIB, run

TOP = Path(__file__).resolve().parents[2]

KERNEL = "linux-image-{arch}"       # for any PC; the one for clouds is packed with lz4
PACKAGES = "linux-image-cloud-{arch},systemd-sysv,udev,openssh-server,python3,perl,openssl,ca-certificates,curl"
FULL = 0.6      # of an image, by bytes of files; ext4 adds to it


def sources() -> tuple:
    """(this machine's release, apt's lines for it, those for its updates)"""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    told = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages",
               stdout=subprocess.PIPE, text=True).stdout
    lines = {release: f"deb {uri} {release} main" for uri, release in map(str.split, told.splitlines())}
    if suite not in lines:
        raise SystemExit(f"bench: apt has no source of {suite}: add one, and run apt-get update")
    return suite, [lines[suite]], [line for release, line in lines.items() if release in
                                   (f"{suite}-updates", f"{suite}-security")]


def mixed(paths) -> list:
    """In an order in which a part has some of everything, and in which both versions have a file in the same place: a
    version in its name does not count."""
    return sorted(paths, key=lambda path: (hashlib.sha256(re.sub(r"\d+", "", str(path)).encode()).digest(), path))


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    new: Path                   # what is installed
    before: Path | None = None  # what the slot holds that is written; none: zeroes
    old: Path | None = None     # what runs: a delta may be taken from it

    @property
    def cls(self) -> str:
        """Of the image, in a bundle of ours."""
        return "boot" if self.name == "pair" else "root"


class Workshop:
    """Makes trees and images of `size` MiB below `folder`."""

    def __init__(self, folder: Path, size: int):
        self.folder, self.size = folder, size
        self.trees = folder.parent / "trees"        # of all sizes
        for path in (folder, self.trees):
            path.mkdir(parents=True, exist_ok=True)

    def tree(self, version: int, arch: str = "amd64", name: str = "tree", packages: str = PACKAGES) -> Path:
        out = self.trees / f"{name}-{arch}-{version}"
        if not out.exists():
            new = out.with_suffix(".new")
            suite, release, updates = sources()
            shutil.rmtree(new, ignore_errors=True)
            with open(self.trees / f"{out.name}.log", "w") as log:
                run("mmdebstrap", "--variant=extract", f"--architectures={arch}",
                    f"--include={packages.format(arch=arch)}", '--aptopt=Acquire::Languages "none"', suite, new,
                    *release, *(updates if version > 1 else ()), stdout=log, stderr=log)
            new.rename(out)
        return out

    def filled(self, version: int, size: int, arch: str = "amd64") -> Path:
        """A tree for an image of that many MiB: parts of Debian's, or several copies. Each copy is another one byte by
        byte, so that nobody finds it twice, and compresses just as well."""
        out = self.trees / f"filled-{arch}-{size}-{version}"
        if out.exists():
            return out
        new, copy, left = out.with_suffix(".new"), 0, int(size * MIB * FULL)
        shutil.rmtree(new, ignore_errors=True)
        source = self.tree(version, arch)
        files = mixed(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
        while left > 0:
            turned = bytes(byte ^ copy for byte in range(256))
            for path in files:
                if (left := left - path.stat().st_size) < 0:
                    break
                target = new / str(copy) / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes().translate(turned))
            copy += 1
        new.rename(out)
        return out

    def whole(self, version: int, arch: str = "amd64") -> Path:
        """The tree of an image of the workshop's size: where Debian fits into it, it is Debian."""
        return self.tree(version, arch) if self.size == 512 else self.filled(version, self.size, arch)

    def modules(self, version: int) -> Path:
        out = self.trees / f"modules-{version}"
        if not out.exists():
            new = out.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            run("cp", "-a", "--parents", "boot", "lib/modules", new.absolute(), cwd=self.tree(version))
            new.rename(out)
        return out

    def image(self, name: str, make) -> Path:
        """The image of that name; make(path) makes it."""
        out = self.folder / f"{name}.img"
        if not out.exists():
            new = out.with_suffix(".new")
            new.unlink(missing_ok=True)
            make(new)
            size = new.stat().st_size
            if size % 4096:
                run("truncate", "-s", size + 4096 - size % 4096, new)
            new.rename(out)
        return out

    def ext4(self, name: str, tree: Path, size: int) -> Path:
        return self.image(f"{name}-{size}", lambda out: run(
            "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", tree, out, f"{size}M",
            stdout=subprocess.DEVNULL))

    def in_place(self, old: Path, tree: Path) -> Path:
        """A copy of the image, mounted, and its files replaced by those of the tree that differ."""
        def make(out: Path) -> None:
            run("cp", "--sparse=always", old, out)
            mounted = self.folder / "mounted"
            mounted.mkdir(exist_ok=True)
            run("mount", "-o", "loop,noatime", out, mounted)
            try:
                run("rsync", "-aHAX", "--delete", "--exclude=/lost+found", f"{tree}/", f"{mounted}/")
            finally:
                run("umount", mounted)
        return self.image(f"debian-in-place-{self.size}", make)

    def squashfs(self, version: int, plain: bool = False) -> Path:
        packed = ("-noI", "-noD", "-noF", "-noX") if plain else ("-comp", "zstd", "-Xcompression-level", "9")
        return self.image(f"squashfs{'-plain' * plain}-{self.size}-{version}", lambda out: run(
            "mksquashfs", self.whole(version), out, *packed, "-quiet", "-no-progress", "-noappend",
            stdout=subprocess.DEVNULL))

    def erofs(self, version: int, plain: bool = False) -> Path:
        return self.image(f"erofs{'-plain' * plain}-{self.size}-{version}", lambda out: run(
            "mkfs.erofs", "--quiet", *([] if plain else ["-zlz4hc"]), out, self.whole(version),
            stdout=subprocess.DEVNULL))

    def pair(self, version: int) -> Path:
        """A kernel, and our initramfs with the default sets of its modules."""
        out = self.trees / f"pair-{version}"
        if not out.exists():
            new, tree = out.with_suffix(".new"), self.tree(version, name="kernel", packages=KERNEL)
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            kernel, = (tree / "boot").glob("vmlinuz-*")
            modules, = (tree / "lib/modules").iterdir()
            shutil.copy(kernel, new / "vmlinuz")
            conf = self.trees / "system.conf"
            conf.write_text("[system]\ncompatible = bench\n")
            run("depmod", "-b", tree, modules.name)
            run(TOP / "initramfs/mkinitramfs", "-o", new / "initramfs.img", "--conf", conf, "--modules-dir", modules,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            new.rename(out)
        return out

    def pair_image(self, version: int) -> Path:
        """The pair as a boot loader finds it: in a file system with little room beside it."""
        folder = self.pair(version)
        size = sum(path.stat().st_size for path in folder.iterdir()) // MIB + 2
        return self.image(f"pair-{version}", lambda out: run(
            "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-N", 64, "-m", 0, "-d", folder, out, f"{size}M",
            stdout=subprocess.DEVNULL))

    def noise(self) -> Path:
        def make(out: Path) -> None:
            noise = random.Random(2)
            with open(out, "wb") as file:
                for _ in range(self.size):
                    file.write(noise.randbytes(MIB))
        return self.image(f"noise-{self.size}", make)

    def nothing(self) -> Path:
        return self.image(f"nothing-{self.size}", lambda out: run("truncate", "-s", self.size * MIB, out))

    def debian(self, version: int, size: int = 0) -> Path:
        size = size or self.size
        tree = self.whole(version) if size == self.size else self.filled(version, size)
        return self.ext4(f"debian-{version}", tree, size)


# Each is made when it is asked for. A pair is an image over the release before it, of which a delta is made, too.
PAIRS = {
    "rebuilt": ("upgraded, mke2fs run anew", lambda shop: (shop.debian(1), shop.debian(2))),
    "in-place": ("upgraded in place", lambda shop: (shop.debian(1), shop.in_place(shop.debian(1), shop.whole(2)))),
    "modules": ("kernel and its modules", lambda shop: tuple(
        shop.ext4(f"modules-{version}", shop.modules(version), 192) for version in (1, 2))),
    "arm64": ("Debian of arm64, upgraded", lambda shop: tuple(
        shop.ext4(f"debian-arm64-{version}", shop.whole(version, "arm64"), shop.size) for version in (1, 2))),
    "squashfs": ("upgraded, as squashfs", lambda shop: (shop.squashfs(1), shop.squashfs(2))),
    "erofs": ("upgraded, as erofs", lambda shop: (shop.erofs(1), shop.erofs(2))),
}
# Only deltas of these are made.
PLAIN = {
    "squashfs-plain": ("upgraded, as squashfs that is not compressed",
                       lambda shop: (shop.squashfs(1, True), shop.squashfs(2, True))),
    "erofs-plain": ("upgraded, as erofs that is not compressed",
                    lambda shop: (shop.erofs(1, True), shop.erofs(2, True))),
}
SINGLES = {
    "blank": ("Debian, over zeroes", lambda shop: (None, shop.debian(2))),
    "same": ("Debian, over itself", lambda shop: (shop.debian(2), shop.debian(2))),
    "incompressible": ("noise, over zeroes", lambda shop: (None, shop.noise())),
    "empty": ("zeroes, over Debian", lambda shop: (shop.debian(2), shop.nothing())),
    "pair": ("kernel and initramfs, over those before", lambda shop: (shop.pair_image(1), shop.pair_image(2))),
}


def unmade(name: str) -> Workload:
    """For rows that say why it was not measured."""
    title, _ = {**PAIRS, **SINGLES}[name]
    return Workload(name, title, Path(), old=Path() if name in PAIRS else None)


def chosen(table, names: list) -> list:
    """Of the table; without names: all."""
    return [name for name in table if not names or name in names]


def pairs(shop: Workshop, names: list, table: dict | None = None):
    for name in chosen(table or PAIRS, names):
        title, make = (table or PAIRS)[name]
        old, new = make(shop)
        yield Workload(name, title, new, old, old)


def singles(shop: Workshop, names: list):
    for name in chosen(SINGLES, names):
        title, make = SINGLES[name]
        before, new = make(shop)
        yield Workload(name, title, new, before)


def scale(shop: Workshop, sizes: tuple, names: list):
    """What else than the workload `blank` shows how cost grows."""
    for size in sizes:
        if not names or f"scale-{size}" in names:
            yield Workload(f"scale-{size}", f"{size} MiB, over zeroes", shop.debian(2, size))
