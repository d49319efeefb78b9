# SPDX-License-Identifier: Apache-2.0
"""A Debian with SELinux and Keelboot, labelled as docs/ROOT.md says, and a disk with it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from debian_slot import LOGIN, TOP
from kbdevice import run
from kbdisk import Disk, Ext4
from kbroot import add_file

PAGE = TOP / "docs/ROOT.md"
PACKAGES = "selinux-policy-default,policycoreutils,selinux-utils"
SLOT = "400M"
# Process 1 before systemd, as that of the page: it writes before there is a policy.
FIRST = "#!/bin/sh\nsystemd-id128 new > /etc/machine-id\nexec /lib/systemd/systemd \"$@\"\n"
# The policy of Debian's package, without the module.
PLAIN = "#!/bin/sh\ncp /usr/share/policy.plain /etc/selinux/default/policy/policy.33\n" \
        "exec /lib/systemd/systemd \"$@\"\n"
FILES = {"etc/systemd/system/serial-getty@ttyS0.service.d/login.conf": LOGIN, "etc/machine-id": "",
         "usr/sbin/first": FIRST, "usr/sbin/plain": PLAIN,
         "etc/fstab": "PARTLABEL=data /srv ext4 noatime,nofail,x-systemd.before=local-fs.target 0 0\n"}


def block(kind: str) -> str:
    """What the page lets one type."""
    text, = re.findall(rf"^```sh selinux {kind}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    return text


def typed(kind: str, folder: Path, tree: Path) -> None:
    """In a folder where the tree is rootfs/. setfiles is that of the tree: the host may have none."""
    path = f"{tree}/usr/sbin:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "LD_LIBRARY_PATH": f"{tree}/usr/lib/x86_64-linux-gnu"}
    subprocess.run(["bash", "-euc", block(kind)], cwd=folder, env=env if kind == "labels" else None, check=True,
                   capture_output=True, timeout=900)


def base() -> Path:
    """Debian with the module of the page in its policy: made once, since that takes a minute."""
    tree = TOP / "build/debian/systemd-selinux"
    run(TOP / "qemu/mkdebianroot", "--with", PACKAGES, "systemd", tree)
    done = tree.with_name("systemd-selinux-module") / "rootfs"
    if done.exists() and block("module") == (done.parent / "module").read_text():
        return done
    shutil.rmtree(done.parent, ignore_errors=True)
    done.parent.mkdir()
    run("cp", "-a", tree, done.with_name("new"))
    done.with_name("new").rename(done)
    shutil.copy(done / "etc/selinux/default/policy/policy.33", done / "usr/share/policy.plain")
    typed("module", done.parent, done)
    (done.parent / "module").write_text(block("module"))
    return done


def bundle(device, version: str, files=None) -> Path:
    """Of that Debian. files: more of its files; the same version has the same."""
    out = device.work / f"selinux-{version}.keel"
    with device.lock():
        if out.exists():
            return out
        folder = device.work / f"selinux-{version}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        tree = folder / "rootfs"
        run("cp", "-a", base(), tree)
        run("make", "-s", "-C", TOP, "install-device-strip", f"DESTDIR={tree}")
        device.key()
        for path, source in {**FILES, "etc/keelboot/system.conf": device.conf, "etc/release": f"{version}\n",
                             "etc/keelboot/keys": device.work / "keys", **(files or {})}.items():
            add_file(tree, path, source)
        typed("first", folder, tree)
        typed("labels", folder, tree)
        made = device.bundle(version, image=tree)
        shutil.rmtree(folder)
        made.rename(out)
    return out


def image(device, version: str, **options) -> Path:
    out, made = device.work / f"selinux-{version}.img", bundle(device, version, **options)
    with device.lock():
        if not out.exists():
            run(device.keelboot, "bundle", "extract", made, "--key", device.work / "keys/dev.pem", "-o", out)
    return out


def disk(bench, a: Path, b=None, *state) -> Path:
    """a, b: images of the slots. state: options of `keelboot state init`. What is on trial in b is preferred."""
    (bench.work / "empty").mkdir()
    first = bench.work / "state.img"
    with open(first, "wb") as file:
        file.truncate(16 << 20)
    run(bench.device.keelboot, "state", "init", *state, "--slots", 2, first)
    if b:
        run(bench.device.keelboot, "switch", "b", "--state", first)
    made = Disk(seed="selinux")
    made.add("keelboot-state", "16M", first)
    made.add("data", "32M", Ext4(bench.work / "empty", label="data"))
    made.add("root-a", SLOT, a)
    made.add("root-b", SLOT, b)
    made.add("overlay", "64M", Ext4(bench.work / "empty", label="overlay"))
    made.build(bench.work / "disk.img")
    return bench.work / "disk.img"
