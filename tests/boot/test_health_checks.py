# SPDX-License-Identifier: Apache-2.0
"""The checks of the running system that are on, by busybox, in a root that is read-only and full."""

import re
import shutil

import pytest

from conftest import LEAN, TOP
from kbdevice import run

VERSION = "8.4"
ON = ["20-failed-units", "30-free-space", "40-memory", "50-kernel", "60-readonly-root"]


@pytest.fixture(name="disk")
def make_disk(bench):
    """1.0 is good; the release on trial is a squashfs, which is always full, and has one of the checks switched off."""
    with bench.device.lock():
        bench.device.system(VERSION, "nomark")
        tree, image = bench.work / "tree", bench.work / "root.squashfs"
        shutil.copytree(bench.device.work / f"root-{VERSION}-nomark", tree, symlinks=True)
        run("make", "-s", "-C", TOP, "install-device-strip", f"DESTDIR={tree}", "ENABLE=no")
    (tree / "etc/keelboot/check.d/40-memory").symlink_to("/dev/null")
    run("mksquashfs", tree, image, "-all-root", "-noappend", "-quiet", "-no-progress", "-comp", "xz")
    return bench.disk("1.0", bench.device.bundle(VERSION, "nomark", image=image), good="a")


def table(text: str) -> list:
    """[(word, name)] of each check."""
    return re.findall(r"^(ok|FAILED|failed|-) +(\d\d-\S+)", text, re.M)


def test_busybox_in_a_full_root_passes_each_check_that_is_on(bench, disk):
    initrd = bench.initramfs(name="squashfs-lean", modules=(*LEAN, "squashfs"))
    with bench.machine(disk, initrd=initrd) as vm:
        vm.expect(rf"system {re.escape(VERSION)} is ready")
        assert re.search(r" 0 +100% +/\s", bench.ask(vm, "df -P /var"))
        said = bench.ask(vm, "keelboot check")
        assert table(said) == [("-" if name == "40-memory" else "ok", name) for name in ON], said
        assert "off: a link to /dev/null" in said and "All 4 checks passed." in said
        bench.ask(vm, "mount -t tmpfs -o size=1m none /var")
        said = bench.refused(vm, "keelboot check")
        assert ("FAILED", "30-free-space") in table(said) and "/var: 1024 KiB free, wants 16384" in said
        bench.ask(vm, "umount /var && keelboot health")
        assert bench.status(vm)["slots"][1]["state"] == "good"
