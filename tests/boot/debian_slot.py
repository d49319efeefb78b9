# SPDX-License-Identifier: Apache-2.0
"""A disk with a real Debian in slot b, on trial, and a good tiny system in slot a."""

import shutil
import subprocess
from pathlib import Path

from kbdevice import run
from kbdisk import Disk, Ext4, mkext4
from kbroot import add_file

TOP = Path(__file__).resolve().parents[2]
# A shell on the console without a password.
LOGIN = "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear %I vt220\n"


def make(bench, kind: str, name: str, fill, packages="", extra=(), data=None) -> Path:
    """kind: its init system. fill(tree) adds to its root; the same name means the same addition. packages: more of
    Debian's; extra: more partitions, as (name, size, content); data: {path: file or text} of the data partition."""
    device, image = bench.device, bench.device.work / f"debian-{kind}-{name}.img"
    with device.lock():
        if not image.exists():
            base = TOP / "build/debian" / "-".join(filter(None, (kind, packages)))
            run(TOP / "qemu/mkdebianroot", *(("--with", packages) if packages else ()), kind, base)
            tree = device.work / f"debian-{kind}"
            shutil.rmtree(tree, ignore_errors=True)
            subprocess.run(["cp", "-a", base, tree], check=True)
            for path, source in {"usr/bin/keelboot": device.stripped("keelboot"),
                                 "etc/keelboot/system.conf": device.conf, "etc/fstab": ""}.items():
                add_file(tree, path, source)
            fill(tree)
            mkext4(image.with_suffix(".new"), "280M", tree, label="root", seed=kind)
            shutil.rmtree(tree)
            image.with_suffix(".new").rename(image)
        system = device.system("1.0")
    (bench.work / "data").mkdir()
    for path, source in (data or {}).items():
        add_file(bench.work / "data", path, source)
    state = bench.work / "state.img"
    run(device.keelboot, "state", "init", state, "--slots", 2, "--good", "a", "--trial", "b")
    run(device.keelboot, "switch", "b", "--state", state)
    disk = Disk(seed=kind)
    disk.add("keelboot-state", "16M", state)
    disk.add("data", "32M", Ext4(bench.work / "data", label="data"))
    disk.add("root-a", "40M", system)
    disk.add("root-b", "280M", image)
    for part in extra:
        disk.add(*part, type="esp" if part[0] == "esp" else "linux")
    disk.build(bench.work / "disk.img")
    return bench.work / "disk.img"


def log_in(vm, timeout: float = 300) -> None:
    """Where somebody is logged in already (LOGIN): makes the shell fit for vm.shell()."""
    vm.expect(r"root@\S+:\S+# ", timeout)
    status, said = vm.shell("bind 'set enable-bracketed-paste off'; stty -echo cols 400; export TERM=dumb", 120)
    assert status == 0, said
