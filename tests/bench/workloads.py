# SPDX-License-Identifier: Apache-2.0
"""The images that are installed, made on the spot in one folder and kept there: what is there already stays.

A tree is what Debian's packages bring, unpacked by mmdebstrap (their scripts do not run, so a tree of arm64 is made on
any machine). Version 1 has the packages of Debian's release, version 2 the updates since then. An image is 64 % full.
"""

import dataclasses
import platform
import random
import shutil
import subprocess
from pathlib import Path

from storage import MIB, run

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


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    new: Path                   # what is installed
    before: Path | None = None  # what the slot holds that is written; none: zeroes
    old: Path | None = None     # what runs: a delta may be taken from it


class Workshop:
    """Makes trees and images of `size` MiB below `folder`."""

    def __init__(self, folder: Path, size: int):
        self.folder, self.size = folder, size
        folder.mkdir(parents=True, exist_ok=True)

    def tree(self, version: int, arch: str = "amd64") -> Path:
        out = self.folder / f"tree-{arch}-{version}"
        if not out.exists():
            new = out.with_suffix(".new")
            suite, release, updates = sources()
            shutil.rmtree(new, ignore_errors=True)
            with open(self.folder / f"{out.name}.log", "w") as log:
                run("mmdebstrap", "--variant=extract", f"--architectures={arch}",
                    f"--include={PACKAGES.format(arch=arch)}", '--aptopt=Acquire::Languages "none"', suite, new,
                    *release, *(updates if version > 1 else ()), stdout=log, stderr=log)
            new.rename(out)
        return out

    def filled(self, version: int, size: int) -> Path:
        """A tree for an image of that many MiB: parts of Debian's, or several copies. Each copy is another one byte by
        byte, so that nobody finds it twice, and compresses just as well."""
        out = self.folder / f"filled-{size}-{version}"
        if out.exists():
            return out
        new, copy, left = out.with_suffix(".new"), 0, int(size * MIB * FULL)
        shutil.rmtree(new, ignore_errors=True)
        source = self.tree(version)
        files = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
        random.Random(1).shuffle(files)     # a part has some of everything
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

    def whole(self, version: int) -> Path:
        """The tree of an image of the workshop's size: where Debian fits into it, it is Debian."""
        return self.tree(version) if self.size == 512 else self.filled(version, self.size)

    def modules(self, version: int) -> Path:
        out = self.folder / f"modules-{version}"
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

    def squashfs(self, version: int) -> Path:
        return self.image(f"squashfs-{self.size}-{version}", lambda out: run(
            "mksquashfs", self.whole(version), out, "-comp", "zstd", "-Xcompression-level", "9", "-quiet",
            "-no-progress", "-noappend"))

    def erofs(self, version: int) -> Path:
        return self.image(f"erofs-{self.size}-{version}", lambda out: run(
            "mkfs.erofs", "--quiet", "-zlz4hc", out, self.whole(version), stdout=subprocess.DEVNULL))

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


def pairs(shop: Workshop) -> list:
    """An image, over the release before it: those a delta is made of, too."""
    old, new = shop.debian(1), shop.debian(2)
    modules = [shop.ext4(f"modules-{version}", shop.modules(version), 192) for version in (1, 2)]
    squash, erofs = [shop.squashfs(1), shop.squashfs(2)], [shop.erofs(1), shop.erofs(2)]
    placed = shop.in_place(old, shop.whole(2))
    return [
        Workload("rebuilt", "upgraded, mke2fs run anew", new, old, old),
        Workload("in-place", "upgraded in place", placed, old, old),
        Workload("modules", "kernel and its modules", modules[1], modules[0], modules[0]),
        Workload("squashfs", "upgraded, as squashfs", squash[1], squash[0], squash[0]),
        Workload("erofs", "upgraded, as erofs", erofs[1], erofs[0], erofs[0]),
    ]


def singles(shop: Workshop) -> list:
    new = shop.debian(2)
    arm64 = shop.ext4("debian-arm64-2", shop.tree(2, "arm64"), 512)
    return [
        Workload("blank", "Debian, over zeroes", new),
        Workload("same", "Debian, over itself", new, new),
        Workload("arm64", "Debian of arm64, over zeroes", arm64),
        Workload("incompressible", "noise, over zeroes", shop.noise()),
        Workload("empty", "zeroes, over Debian", shop.nothing(), new),
    ]


def scale(shop: Workshop, sizes: tuple) -> list:
    return [Workload(f"scale-{size}", f"{size} MiB, over zeroes", shop.debian(2, size)) for size in sizes]
