# SPDX-License-Identifier: Apache-2.0
"""A tiny but real system in a folder: busybox, inittab, os-release. No root needed: device nodes
come from devtmpfs, and owners are set when the file system image is made."""

import os
import shutil
import subprocess
from pathlib import Path

BUSYBOX = "/bin/busybox"
MOUNTPOINTS = ("proc", "sys", "dev", "run", "tmp", "mnt", "data", "root", "var")
# A shell on the serial line, so that a person (or an expect script) has the machine in their hands.
INITTAB = """\
::sysinit:/etc/init.d/rcS
{tty}::respawn:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/etc/init.d/rcK
::restart:/sbin/init
"""
RCS = """\
#!/bin/sh
# An initramfs hands over some of these mounts already; a bare boot has none of them.
mounted() { grep -q " $1 " /proc/mounts 2>/dev/null; }
mounted /proc || mount -t proc proc /proc
mounted /sys || mount -t sysfs sys /sys
mounted /dev || mount -t devtmpfs dev /dev
mounted /run || mount -t tmpfs -o mode=755,nosuid,nodev run /run
mounted /tmp || mount -t tmpfs -o mode=1777,nosuid,nodev tmp /tmp
hostname -F /etc/hostname
[ -x /etc/init.d/boot ] && /etc/init.d/boot
"""
RCK = """\
#!/bin/sh
[ -x /etc/init.d/stop ] && /etc/init.d/stop
sync
umount -a -r 2>/dev/null
"""


class RootError(Exception):
    """Says what could not be made."""


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _applets(busybox: str) -> list:
    """Debian's busybox of another processor has those of the one that runs here."""
    for name in (busybox, BUSYBOX):
        try:
            return subprocess.run([name, "--list-full"], text=True, capture_output=True, check=True).stdout.split()
        except (OSError, subprocess.CalledProcessError) as error:
            why = f"{name}: {error}; run qemu/deps run"
    raise RootError(why)


def add_file(root: Path, name: str, source) -> None:
    """Puts a path (file or folder, mode kept), bytes, or text into the tree. Text that begins with
    #! becomes executable."""
    target = root / name.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()         # an applet: writing through the link would overwrite busybox itself
    if isinstance(source, Path):
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, target)
        else:
            raise RootError(f"unable to add /{name.lstrip('/')}: {source}: no such file")
        return
    data = source.encode() if isinstance(source, str) else source
    target.write_bytes(data)
    target.chmod(0o755 if data[:2] == b"#!" else 0o644)


def mkroot(root, *, name: str = "Tiny", version: str = "1.0", boot: str = "", files=None,
           links=None, hostname: str = "device", tty: str = "ttyS0", inittab: str = "",
           busybox: str = BUSYBOX) -> Path:
    """Makes the folder `root`, which must not exist or be empty, and returns it.

    name, version  for /etc/os-release
    boot           script text, run once at the end of system start (it may hang on purpose)
    files          {path in the tree: Path, bytes or text}
    links          {path: target}
    inittab        replaces the default one, which gives a root shell on `tty` without a login
    """
    root = Path(root)
    if root.exists() and any(root.iterdir()):
        raise RootError(f"{root}: is not empty; remove it, or name another folder")
    for folder in (*MOUNTPOINTS, "bin", "sbin", "usr/bin", "usr/sbin", "etc/init.d"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(busybox, root / "bin/busybox")
    (root / "bin/busybox").chmod(0o755)
    for applet in _applets(busybox):
        link = root / applet.lstrip("/")
        if link.name == "busybox" or link.is_symlink():
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(root / "bin/busybox", link.parent))
    ident = name.lower().replace(" ", "-")
    _write(root / "etc/os-release", f'NAME="{name}"\nID={ident}\nVERSION="{version}"\n'
           f'VERSION_ID="{version}"\nPRETTY_NAME="{name} {version}"\n')
    _write(root / "etc/hostname", f"{hostname}\n")
    _write(root / "etc/passwd", "root::0:0:root:/root:/bin/sh\n")
    _write(root / "etc/group", "root:x:0:\n")
    _write(root / "etc/profile",
           "export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root\nPS1='\\h:\\w# '\n")
    (root / "etc/mtab").symlink_to("/proc/mounts")
    _write(root / "etc/inittab", inittab or INITTAB.format(tty=tty))
    _write(root / "etc/init.d/rcS", RCS, 0o755)
    _write(root / "etc/init.d/rcK", RCK, 0o755)
    if boot:
        script = boot if boot.startswith("#!") else f"#!/bin/sh\n{boot}"
        _write(root / "etc/init.d/boot", script, 0o755)
    for path, source in sorted((files or {}).items()):
        add_file(root, path, source)
    for path, target in (links or {}).items():
        link = root / path.lstrip("/")
        link.unlink(missing_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    return root
