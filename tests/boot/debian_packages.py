# SPDX-License-Identifier: Apache-2.0
"""The Debian packages of this tree, and a later version of them, for those who install and upgrade them."""

import re
import shutil
import subprocess
from pathlib import Path

from conftest import alone_with_packages
from kbdevice import run
from kbroot import add_file

TOP = Path(__file__).resolve().parents[2]
# Only the later version has it, so the initramfs says of which version it is.
HOOK, OF_99 = "usr/lib/keelboot/hooks/pre-mount.d/10-version", "this initramfs is of 99"


def _debs() -> list:
    """Those of this tree; another process may have made them."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True).stdout
    sums = subprocess.run(["xargs", "-0", "sha256sum"], input=names, cwd=TOP, capture_output=True, check=True).stdout
    stamp = TOP / "build/deb/sources"
    if not stamp.exists() or stamp.read_bytes() != sums:
        run("make", "-s", "-C", TOP, "deb")
        stamp.write_bytes(sums)
    return [deb for deb in stamp.parent.glob("keelboot*_0*.deb") if "dbgsym" not in deb.name]


def make(folder: Path) -> Path:
    """Puts both into the folder: NAME_0.….deb, and NAME_99.0.deb."""
    with alone_with_packages():
        for deb in _debs():
            shutil.copy(deb, folder)
    for deb in list(folder.iterdir()):
        tree = deb.with_suffix(".tree")
        run("dpkg-deb", "-R", deb, tree)
        control = (tree / "DEBIAN/control").read_text()
        version, = re.findall(r"(?m)^Version: (.*)$", control)
        (tree / "DEBIAN/control").write_text(control.replace(version, "99.0"))
        if deb.name.startswith("keelboot_"):
            add_file(tree, HOOK, f"#!/bin/sh\necho {OF_99}\n")
        run("dpkg-deb", "-b", tree, deb.with_name(deb.name.split("_")[0] + "_99.0.deb"))
        shutil.rmtree(tree)
    return folder
