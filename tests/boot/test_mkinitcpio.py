# SPDX-License-Identifier: Apache-2.0
"""Debian systems in the slots, started by an initramfs that mkinitcpio makes: its own scripts, in a Debian.
KEELBOOT_MKINITCPIO names a checkout of them; Debian has none."""

import os
import shutil
from pathlib import Path

import pytest

import kbkernel
from distro import CONF, MEMORY, TOP, UNIT_MISLEAD, WORK, debian_bench, make_tree
from kbdevice import run
from kbroot import add_file

SOURCE = os.environ.get("KEELBOOT_MKINITCPIO", "")
pytestmark = [pytest.mark.skipif(not SOURCE, reason="KEELBOOT_MKINITCPIO names no checkout of mkinitcpio"),
              pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")]
PACKAGES = "systemd-sysv,udev,kmod,bash,busybox-static,libarchive-tools,zstd,gawk,util-linux,file,binutils,libc-bin"
SLOW = 240
HOOKS = {"busybox": "base udev modconf block filesystems keelboot", "systemd": "base systemd modconf block keelboot"}
# Where Arch has these, Debian has them elsewhere, or is too old for them. mkinitcpio's build does the first seven.
PLACES = {"@INITCPIO_LIBDIR@": "/usr/lib/initcpio", "@INITCPIO_SYSCONFDIR@": "/etc/initcpio", "@SYSCONFDIR@": "/etc",
          "@BINDIR@": "/usr/sbin:/usr/bin", "@UDEVD_PATH@": "/usr/lib/systemd/systemd-udevd", "@TMPFILES_PATH@": "",
          "@VERSION@": "test", "/usr/lib/libkmod.so.2": "/usr/lib/x86_64-linux-gnu/libkmod.so.2",
          "/etc/udev/hwdb.bin": "", "/usr/lib/udev/hwdb.bin": "", "/usr/bin/sulogin": "/usr/sbin/sulogin",
          "/usr/bin/swapo": "/usr/sbin/swapo", "busybox --list": "busybox --list | grep -vx mount",
          "        /usr/lib/systemd/systemd-executor \\\n": "",
          "        /usr/lib/systemd/systemd-validatefs \\\n": "", "        systemd-validatefs@.service \\\n": "",
          '    add_file "/usr/lib/tmpfiles.d/20-systemd-stub.conf"\n': ""}
# A hook behind Keelboot's that breaks the mount of slot b.
MISLEADS = {"usr/lib/initcpio/hooks/mislead": "run_hook() {\n\tread -r slot </run/keelboot/slot\n"
                                              "\t[ \"$slot\" != b ] || root=/dev/null\n}\n",
            "usr/lib/initcpio/install/mislead": """build() {
	local folder=/etc/systemd/system
	if [[ ! -e $BUILDROOT/usr/lib/systemd/systemd ]]; then
		add_runscript
		return
	fi
	add_file /etc/mislead.service $folder/mislead.service 644
	add_symlink $folder/initrd-root-fs.target.requires/mislead.service ../mislead.service
}
""", "etc/mislead.service": UNIT_MISLEAD}


def put(source: Path, target: Path) -> None:
    text = source.read_text()
    for place, here in PLACES.items():
        text = text.replace(place, here)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o755)


@pytest.fixture(scope="module", name="arch")
def make_arch():
    """A Debian that has mkinitcpio and the glue. Each worker has its own."""
    tree = WORK / f"mkinitcpio{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    make_tree(tree, PACKAGES, "bookworm")
    source, library = Path(SOURCE), tree / "usr/lib/initcpio"
    shutil.rmtree(library, ignore_errors=True)
    for name in ("functions", "init", "init_functions"):
        put(source / name, library / name)
    for folder in ("install", "hooks"):
        for file in (source / folder).iterdir():
            if file.suffix != ".build":
                put(file, library / folder / file.name)
    put(source / "mkinitcpio", tree / "usr/bin/mkinitcpio")
    shutil.copy(tree / "usr/bin/busybox", library / "busybox")
    run("make", "-s", "-C", TOP, "install-mkinitcpio", f"DESTDIR={tree}")
    return tree


def initramfs(tree: Path, device, kind: str, more: str = "", files=None) -> Path:
    """more: hooks behind Keelboot's; files: of the tree, by their paths."""
    kernel = kbkernel.get()
    device.key()
    for path, content in {"etc/keelboot/system.conf": CONF, "etc/keelboot/keys": device.work / "keys",
                          "etc/mkinitcpio.conf": f"HOOKS=({HOOKS[kind]} {more})\n"
                                                 "MODULES=(virtio_pci virtio_blk ext4)\nCOMPRESSION=cat\n",
                          **(files or {})}.items():
        add_file(tree, path, content)
    modules = tree / "usr/lib/modules" / kernel.version
    modules.mkdir(parents=True, exist_ok=True)
    run("unshare", "-m", "sh", "-c", f"""
        set -e
        mount --bind {kernel.modules} {modules}
        mount -t proc proc {tree}/proc
        mount -t sysfs sysfs {tree}/sys
        mount --rbind /dev {tree}/dev
        chroot {tree} /bin/sh -c 'PATH=/usr/sbin:/usr/bin:/sbin:/bin
                                  mkinitcpio -k {kernel.version} -g /initramfs.img'""")
    out = device.work / f"mkinitcpio-{kind}.img"
    shutil.move(tree / "initramfs.img", out)
    return out


@pytest.fixture(params=HOOKS, ids="mkinitcpio-{}/".format, name="board")
def make_board(request, arch, tmp_path):
    with debian_bench(tmp_path) as bench:
        bench.arch, bench.kind = arch, request.param
        bench.initrd = initramfs(arch, bench.device, bench.kind)
        yield bench


# Debian's /sbin/init is an absolute link, which mkinitcpio follows in the initramfs.
INIT = "init=/usr/lib/systemd/systemd"


def machine(board, disk, append="root=/dev/nothing", **options):
    return board.machine(disk, initrd=board.initrd, append=f"{INIT} {append}", memory=MEMORY, watchdog=True, **options)


def test_stick_brings_an_update(board):
    with machine(board, board.disk("1.0"), drives=[board.stick(board.bundle("2.0"))]) as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", SLOW)
        board.up(vm, "2.0", "b", SLOW)
        assert board.status(vm)["slots"][1]["state"] == "good"


def test_broken_update_falls_back(board):
    with machine(board, board.disk("1.0", "2.0 exit", good="a")) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect(r"system 2\.0: init ends", SLOW)
        board.up(vm, "1.0", "a", SLOW)
        assert board.status(vm)["booted"]["reason"] == "b: reset before it was marked good"


def test_slot_that_the_distribution_cannot_mount_is_left(board):
    board.initrd = initramfs(board.arch, board.device, board.kind, "mislead", MISLEADS)
    with machine(board, board.disk("1.0", "2.0", good="a")) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect(r"keelboot: slot b: (initramfs cannot (enter|mount) it|another root was mounted)", SLOW)
        board.up(vm, "1.0", "a", SLOW)
        assert board.status(vm)["slots"][1]["state"] == "bad"


def test_goes_on_without_keelboot(board):
    # Debian's busybox finds out no type; Arch has the mount of util-linux.
    append = "root=/dev/vda4 rootfstype=ext4 ro keelboot.enable=0"
    with machine(board, board.disk("1.0", "2.0", good="ab"), append) as vm:
        vm.expect(r"keelboot\.enable=0: this boot goes on without Keelboot", SLOW)
        vm.expect(r"system 2\.0 is up on slot \r?\n", SLOW)
