# SPDX-License-Identifier: Apache-2.0
"""A real ostree: Debian with ostree's own initramfs hook (dracut), as commits that a disk has deployed. Between two
boots the test is the boot loader: it takes kernel, initramfs and command line from the newest entry on the disk."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import kbkernel
from drives import Drive
from kbdevice import run
from kbroot import add_file
from machine import Machine

TOP = Path(__file__).resolve().parents[2]
WORK = TOP / "build/ostree"
OS = "acme"
PACKAGES = "kmod,dracut,zstd,ostree,ostree-boot"
SPARE = ("usr/share/perl", "usr/lib/x86_64-linux-gnu/perl", "usr/lib/x86_64-linux-gnu/gconv", "usr/share/zoneinfo",
         "usr/lib/udev/hwdb.d", "usr/lib/udev/hwdb.bin")
DRACUT = 'dracut --force --no-hostonly --reproducible --compress "zstd -1" -m "base systemd systemd-initrd ' \
         'dracut-systemd udev-rules kernel-modules fs-lib rootfs-block ostree shutdown" ' \
         '--drivers "virtio_blk virtio_pci ext4 i6300esb" /initramfs.img'
# What ostree wants of a tree: https://ostreedev.github.io/ostree/adapting-existing/
LINKS = {"ostree": "sysroot/ostree", "tmp": "sysroot/tmp", "root": "var/roothome",
         **{name: f"var/{name}" for name in ("home", "srv", "media", "mnt", "opt")}}
SHELL = "[Unit]\nDefaultDependencies=no\nAfter=sysinit.target\nIgnoreOnIsolate=yes\n[Service]\nExecStart=/bin/sh\n" \
        "StandardInput=tty-force\nStandardOutput=tty\nStandardError=tty\nTTYPath=/dev/ttyS0\nRestart=always\n"
OWNER = ("--owner-uid=0", "--owner-gid=0", "--no-xattrs")
KARGS = ("root=/dev/vda", "rw", "console=ttyS0", "panic=10", "no_timer_check")
BOOT_S = 600        # on a host that has others to run, too


def ostree(*words, **options) -> str:
    return run("ostree", *words, **options).strip()


def make_initramfs(tree: Path, out: Path) -> None:
    kernel = kbkernel.get()
    modules = tree / "lib/modules" / kernel.version
    modules.mkdir(parents=True, exist_ok=True)
    run("unshare", "-m", "sh", "-c", f"""
        set -e
        mount --bind {tree} {tree}
        mount --bind {kernel.modules} {modules}
        mkdir -p {tree}/dev
        mount -t proc proc {tree}/proc
        mount -t sysfs sysfs {tree}/sys
        mount --rbind /dev {tree}/dev
        chroot {tree} /bin/sh -c 'PATH=/usr/sbin:/usr/bin:/sbin:/bin {DRACUT} {kernel.version}'
    """)
    shutil.move(tree / "initramfs.img", out)


def make_tree(base: Path, tree: Path) -> None:
    """The system as ostree wants it, with kernel and initramfs in /usr/lib/modules."""
    kernel = kbkernel.get()
    run("cp", "-a", base, tree)
    home = tree / "usr/lib/modules" / kernel.version
    make_initramfs(tree, WORK / "initramfs.img")
    for name in (*SPARE, "dev", "boot", "var", *LINKS):
        run("rm", "-rf", tree / name)
    for name in ("dev", "boot", "var", "sysroot"):
        (tree / name).mkdir()
    for name, target in LINKS.items():
        (tree / name).symlink_to(target)
    (tree / "etc").rename(tree / "usr/etc")
    shutil.copy(kernel.bzimage.with_name(f"vmlinuz-{kernel.version}"), home / "vmlinuz")
    shutil.move(WORK / "initramfs.img", home / "initramfs.img")


def template() -> Path:
    """A system root without deployments, whose repository has the branch `base`; made once."""
    name = hashlib.sha256(repr((PACKAGES, SPARE, DRACUT, LINKS, kbkernel.get().version)).encode()).hexdigest()[:8]
    root, new, tree = WORK / f"root-{name}", WORK / "new", WORK / "tree"
    if root.exists():
        return root
    base = TOP / "build/debian/ostree"
    run(TOP / "qemu/mkdebianroot", "--from", kbkernel.mirror(), "--with", PACKAGES, "systemd", base)
    for folder in (new, tree):
        run("rm", "-rf", folder)
    make_tree(base, tree)
    new.mkdir()
    ostree("admin", "init-fs", new)
    ostree("admin", "os-init", OS, f"--sysroot={new}")
    ostree("config", f"--repo={new}/ostree/repo", "set", "sysroot.bootloader", "none")
    ostree("commit", f"--repo={new}/ostree/repo", "--branch=base", f"--tree=dir={tree}", *OWNER)
    run("rm", "-rf", tree)
    new.rename(root)
    return root


class Ostree:
    """A disk of one test: commit() its releases, then build(), then boot() as often as it restarts."""

    def __init__(self, folder: Path, conf: str):
        self.folder, self.conf, self.disk = folder, conf, folder / "disk.img"
        self.sysroot = folder / "sysroot"
        self.vm = None
        WORK.mkdir(parents=True, exist_ok=True)
        with open(WORK / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Nobody changes what is in the repository: links do.
            same = os.stat(WORK).st_dev == os.stat(folder).st_dev
            run("cp", "-al" if same else "-a", template(), self.sysroot)

    def commit(self, release: str, files: dict) -> str:
        """A commit of this release: Debian, Keelboot as `make install-device` puts it there, and these files."""
        tree = self.folder / f"tree-{release}"
        run("make", "-s", "-C", TOP, "install-device-strip", f"DESTDIR={tree}")
        add_file(tree, "etc/keelboot/system.conf", self.conf)
        add_file(tree, "etc/systemd/system/shell.service", SHELL)
        (tree / "etc/systemd/system/serial-getty@ttyS0.service").symlink_to("/dev/null")
        add_file(tree, "usr/share/release", f"{release}\n")
        for path, text in files.items():
            add_file(tree, path, text)
        for unit in ("shell", *(Path(path).stem for path in files if path.endswith(".service"))):
            (tree / f"etc/systemd/system/multi-user.target.wants/{unit}.service").symlink_to(f"../{unit}.service")
        (tree / "etc").rename(tree / "usr/etc")
        return ostree("commit", f"--repo={self.sysroot}/ostree/repo", f"--branch={release}", "--tree=ref=base",
                      f"--tree=dir={tree}", *OWNER)

    def deploy(self, *releases: str) -> None:
        """From the host, as an installer does; the last one is what boots."""
        for release in releases:
            ostree("admin", "deploy", f"--sysroot={self.sysroot}", f"--os={OS}", *(f"--karg={arg}" for arg in KARGS),
                   release)

    def known_good(self, commit: str) -> None:
        """What the guard of an earlier boot has left in /var."""
        entry = {"id": commit, "verdict": "good", "attempts": 1, "returned": 0, "rollbacks": 0, "blessed": True,
                 "reason": "", "time": 1}
        add_file(self.sysroot / "ostree/deploy" / OS, "var/lib/keelboot/guard.json",
                 json.dumps({"schema": 1, "deployments": [entry]}))

    def build(self) -> None:
        with open(self.disk, "wb") as file:
            file.truncate(900 << 20)
        run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", self.sysroot, self.disk)
        self._drop_sysroot()

    def _drop_sysroot(self) -> None:
        """ostree makes the folders of deployments immutable."""
        for folder in (self.sysroot / "ostree/deploy" / OS / "deploy").glob("*.[0-9]"):
            run("chattr", "-i", folder)
        run("rm", "-rf", self.sysroot)

    # --- the boot loader ------------------------------------------------------------------------

    def _read(self, path: str) -> bytes:
        out = self.folder / "read"
        run("debugfs", "-R", f"dump {path} {out}", self.disk)
        return out.read_bytes()

    def entry(self) -> dict:
        """The newest entry of the boot loader on the disk, once its journal is replayed."""
        # Exit code 1: it had something to replay.
        subprocess.run(["e2fsck", "-E", "journal_only", self.disk], capture_output=True, check=False)
        names = [word.split("/")[5] for word in run("debugfs", "-R", "ls -p /boot/loader/entries", self.disk).split()
                 if word.count("/") > 5]
        texts = [self._read(f"/boot/loader/entries/{name}").decode() for name in names if name.endswith(".conf")]
        entries = [dict(line.split(None, 1) for line in text.splitlines()) for text in texts]
        return max(entries, key=lambda entry: int(entry["version"]))

    def boot(self, **options) -> Machine:
        """Starts the machine, or starts it again once it asked for a restart."""
        entry = self.entry()
        files = []
        for key in ("linux", "initrd"):
            file = self.folder / Path(entry[key]).name
            if not file.exists():
                file.write_bytes(self._read(f"/boot{entry[key]}"))
            files.append(file)
        if self.vm is None:
            self.vm = Machine(*files, entry["options"], drives=[Drive(self.disk, name="disk")], memory=768,
                              watchdog=True, reboot=False, log=str(self.folder / "console.log"), **options)
        self.vm.stop()
        self.vm.append = entry["options"]
        return self.vm.start()

    def again(self, timeout: float = BOOT_S) -> Machine:
        """The machine restarts, and so the boot loader runs."""
        self.vm.wait_shutdown(timeout)
        return self.boot()

    def close(self) -> None:
        if self.vm is not None:
            self.vm.close()
        for path in (self.disk, *self.folder.glob("tree-*")):
            run("rm", "-rf", path)
        self._drop_sysroot()


usable = os.geteuid() == 0 and shutil.which("ostree") is not None
