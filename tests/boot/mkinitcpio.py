# SPDX-License-Identifier: Apache-2.0
"""mkinitcpio as one more generator: Arch's own scripts, in a Debian. KEELBOOT_MKINITCPIO names a checkout of them;
Debian has none."""

import dataclasses
import os
import shutil
from pathlib import Path

from distro import SAY_HANG, SPOIL, UNIT_HANG, UNIT_MISLEAD, Target

SOURCE = os.environ.get("KEELBOOT_MKINITCPIO", "")
# Where Arch has these, Debian has them elsewhere, or is too old for them. mkinitcpio's build does the first seven.
# The shell of Debian's busybox takes its own mount and blkid before those of util-linux; Arch's does not.
PLACES = {"@INITCPIO_LIBDIR@": "/usr/lib/initcpio", "@INITCPIO_SYSCONFDIR@": "/etc/initcpio", "@SYSCONFDIR@": "/etc",
          "@BINDIR@": "/usr/sbin:/usr/bin", "@UDEVD_PATH@": "/usr/lib/systemd/systemd-udevd", "@TMPFILES_PATH@": "",
          "@VERSION@": "test", "/usr/lib/libkmod.so.2": "/usr/lib/x86_64-linux-gnu/libkmod.so.2",
          "/etc/udev/hwdb.bin": "", "/usr/lib/udev/hwdb.bin": "", "/usr/bin/sulogin": "/usr/sbin/sulogin",
          "/usr/bin/swapo": "/usr/sbin/swapo", "busybox --list": "busybox --list | grep -vx mount",
          "! mount -t": "! /usr/bin/mount -t", "$(blkid -lt": "$(/usr/bin/blkid -lt",
          "        /usr/lib/systemd/systemd-executor \\\n": "",
          "        /usr/lib/systemd/systemd-validatefs \\\n": "", "        systemd-validatefs@.service \\\n": "",
          '    add_file "/usr/lib/tmpfiles.d/20-systemd-stub.conf"\n': ""}


def put(source: Path, target: Path) -> None:
    text = source.read_text()
    for place, here in PLACES.items():
        text = text.replace(place, here)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o755)


@dataclasses.dataclass(frozen=True)
class Mkinitcpio(Target):

    def install_glue(self, tree: Path) -> None:
        """Behind the scripts, which belong to no package."""
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
        super().install_glue(tree)


def target(kind: str, hooks: str) -> Mkinitcpio:
    """Debian's /sbin/init is an absolute link, which mkinitcpio follows in the initramfs."""
    settings = f"HOOKS=({hooks} keelboot)\nMODULES=(virtio_pci virtio_blk ext4)\nCOMPRESSION=cat\n"
    return Mkinitcpio(
        f"mkinitcpio-{kind}",
        "systemd-sysv,udev,kmod,bash,busybox-static,libarchive-tools,zstd,gawk,util-linux,file,binutils,libc-bin",
        "install-mkinitcpio", "mkinitcpio -k {version} -g {out}", (("etc/mkinitcpio.conf", settings),), dynamic=False,
        append="init=/usr/lib/systemd/systemd",
        lacks="" if SOURCE else "KEELBOOT_MKINITCPIO names no checkout of mkinitcpio")


MKINITCPIO = [target("busybox", "base udev modconf block filesystems"), target("systemd", "base systemd modconf block")]


# ---------------------------------------------------------------- a distribution that misbehaves

def behind(name: str, build: str) -> dict:
    """A hook behind Keelboot's: what it does where the initramfs is made."""
    return {f"usr/lib/initcpio/install/{name}": f"build() {{\n{build}\n}}\n",
            f"etc/mkinitcpio.conf.d/{name}.conf": f"HOOKS+=({name})\n"}


SPOILED = behind("spoil", SPOIL.format("$BUILDROOT"))
MISLEADS_SHELL = "read -r slot </run/keelboot/slot\n\t[ \"$slot\" != b ] || root=/dev/null"


def calls(name: str, unit: str, text: str) -> dict:
    """A hook behind Keelboot's that acts in the boot: by a unit where systemd is in the initramfs, else by itself."""
    return {**behind(name, f"""\
	local folder=/etc/systemd/system
	if [[ ! -e $BUILDROOT/usr/lib/systemd/systemd ]]; then
		add_runscript
		return
	fi
	add_file /etc/{name}.service $folder/{name}.service 644
	add_symlink $folder/initrd-root-fs.target.requires/{name}.service ../{name}.service"""),
            f"usr/lib/initcpio/hooks/{name}": f"run_hook() {{\n\t{text}\n}}\n", f"etc/{name}.service": unit}


SPOILS = {target.name: SPOILED for target in MKINITCPIO}
MISLEADS = {target.name: calls("mislead", UNIT_MISLEAD, MISLEADS_SHELL) for target in MKINITCPIO}
HANGS = {target.name: calls("hang", UNIT_HANG, SAY_HANG) for target in MKINITCPIO}
