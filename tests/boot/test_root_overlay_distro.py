# SPDX-License-Identifier: Apache-2.0
"""keelboot-overlay as init= of Debian's own initramfs: that of initramfs-tools, and dracut's with and without systemd,
which shares its mounts. A hook of each stands for what chooses the slot there, and writes /run/keelboot/overlay.

Debian 13's kernel and mount refuse the options of "/" that an installer writes into fstab, where Debian 12's ignore
them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import kbkernel
from drives import Drive
from debian_slot import LOGIN
from kbdevice import run
from kbdisk import mkext4
from machine import Machine
from test_integrate import ask

TOP = Path(__file__).resolve().parents[2]
PROGRAM = "usr/lib/keelboot/keelboot-overlay"
RELEASE = "r-00112233445566778899aabbccddeeff"
PLAN = f"upper /dev/vdb\nfstype ext4\nsize 64M\nrelease {RELEASE}\ninit /sbin/init\nkeep {RELEASE}\nsweep yes\n"
HOOK = "mkdir -p /run/keelboot\n" \
       f"cat >/run/keelboot/overlay <<'END'\n{PLAN}END\necho '{{\"warnings\":[]}}' >/run/keelboot/boot.json\n"
SETUP = "check() { return 0; }\ndepends() { return 0; }\ninstall() { inst_hook pre-pivot 50 \"$moddir/plan.sh\"; " \
        "inst_multiple cat mkdir; }\n"
FILES = {
    "etc/fstab": "LABEL=root / ext4 errors=remount-ro 0 1\n",
    "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf": LOGIN,
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\next4\n",
    "etc/initramfs-tools/conf.d/list": "MODULES=list\n",
    "etc/initramfs-tools/scripts/init-bottom/plan": f"#!/bin/sh\n[ \"$1\" = prereqs ] && exit 0\n{HOOK}",
    "usr/lib/dracut/modules.d/99plan/module-setup.sh": f"#!/bin/bash\n{SETUP}",
    "usr/lib/dracut/modules.d/99plan/plan.sh": f"#!/bin/sh\n{HOOK}",
}
SHELL_MODULES = "base rootfs-block kernel-modules fs-lib udev-rules plan"
DRACUT = ("dracut", "--no-hostonly", "--filesystems", "ext4", "--drivers", "virtio_pci virtio_blk ext4 crc32c_generic")
# What makes /boot/initramfs, but for the kernel's version.
MAKERS = {
    "initramfs-tools": ("mkinitramfs", "-o", "/boot/initramfs"),
    "dracut-systemd": (*DRACUT, "-m", f"{SHELL_MODULES} systemd systemd-initrd dracut-systemd", "/boot/initramfs"),
    "dracut": (*DRACUT, "-m", SHELL_MODULES, "/boot/initramfs"),
}
CASES = [("bookworm", maker) for maker in MAKERS] + [("trixie", "initramfs-tools")]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


@pytest.fixture(name="suite", scope="module")
def suites(request):
    """Debian's; the kernel of the newer is that of Debian 12's backports, too."""
    return request.param


@pytest.fixture(name="kernel", scope="module")
def kernel_of(suite):
    if suite == "bookworm":
        return kbkernel.get()
    return kbkernel.get(TOP / "build/kernel-bookworm-backports", suite="bookworm-backports")


@pytest.fixture(name="tree", scope="module")
def make_tree(tmp_path_factory, suite, kernel):
    """A Debian with both generators and the kernel's modules. The overlay's is not in the initramfs: the kernel asks
    for it, and modprobe finds it in the slot."""
    base, tree = TOP / f"build/debian/generators-{suite}", tmp_path_factory.mktemp("debian") / "tree"
    # Debian 13's dracut takes the place of initramfs-tools.
    packages = "initramfs-tools,zstd,cpio,kmod,e2fsprogs" + (",dracut-core" if suite == "bookworm" else "")
    run(TOP / "qemu/mkdebianroot", "--suite", suite, "--with", packages, "systemd", base)
    run("cp", "-a", base, tree)
    modules = Path(kernel.modules)
    (tree / "lib/modules").mkdir(exist_ok=True)
    run("cp", "-a", modules, tree / "lib/modules")
    for name in ("sound", "net", "drivers/gpu", "drivers/net", "drivers/media"):
        shutil.rmtree(tree / "lib/modules" / modules.name / "kernel" / name, ignore_errors=True)
    run("chroot", tree, "depmod", modules.name)
    for name, text in FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
        (tree / name).chmod(0o755 if text.startswith("#!") else 0o644)
    (tree / PROGRAM).parent.mkdir(parents=True)
    run("strip", "-o", tree / PROGRAM, TOP / "build/keelboot-overlay")
    yield tree
    shutil.rmtree(tree)


def made_by(maker: str, tree: Path, version: str, work: Path) -> Path:
    """Its initramfs. /proc is mounted for it, and for nobody else."""
    command = [*MAKERS[maker], version]
    (tree / f"boot/config-{command[-1]}").write_text("CONFIG_RD_GZIP=y\nCONFIG_RD_ZSTD=y\n")
    within = 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'
    subprocess.run(["unshare", "-m", "sh", "-euc", within, tree, *command], check=True, capture_output=True,
                   timeout=300)
    return (tree / "boot/initramfs").rename(work / "initramfs.img")


def up(vm) -> None:
    vm.expect(r"root@\S+:~# ", 300)
    ask(vm, "bind 'set enable-bracketed-paste off'; stty -echo cols 400; export TERM=dumb")
    assert ask(vm, "systemctl is-system-running --wait").strip() == "running"


@pytest.mark.parametrize("suite, maker", CASES, indirect=["suite"], scope="module")
def test_the_root_of_a_distributions_initramfs_can_be_written_to(maker, kernel, tree, tmp_path):
    initramfs = made_by(maker, tree, kernel.version, tmp_path)
    (tmp_path / "empty").mkdir()
    slot, upper = tmp_path / "slot.img", tmp_path / "upper.img"
    mkext4(slot, "560M", tree, label="root", seed=maker)
    mkext4(upper, "64M", tmp_path / "empty", label="upper", seed=maker)
    before = slot.read_bytes()
    # An fsck of the slot notes in the superblock that it was there: docs/ROOT.md.
    append = f"root=/dev/vda ro rd.skipfsck fsck.mode=skip init=/{PROGRAM} panic=5 loglevel=4"
    with Machine(kernel.vmlinux, initramfs, append,
                 drives=(Drive(slot, name="slot"), Drive(upper, name="upper")), memory=768,
                 log=str(tmp_path / "console.log")) as vm:
        for boot in (1, 2):
            vm.wait_boot(boot, 120)
            up(vm)
            assert ask(vm, "findmnt -no FSTYPE /").split()[-1] == "overlay"
            assert ask(vm, "cat /run/keelboot/boot.json").strip() == '{"warnings":[]}'
            assert ("written" in ask(vm, "ls /etc")) == (boot == 2)
            ask(vm, "echo kept >/etc/written && sync")
            if boot == 1:
                vm.send("reboot")
    assert slot.read_bytes() == before
    for image in (slot, upper, initramfs):
        image.unlink()
