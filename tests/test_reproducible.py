# SPDX-License-Identifier: Apache-2.0
"""The same sources give the same bytes: programs, initramfs and bundle are made twice, in two folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "qemu"))

import kbkernel             # noqa: E402

ENV = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}


def run(*command, cwd=TOP):
    subprocess.run([str(part) for part in command], cwd=cwd, env=ENV, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Two builds from scratch, of copies of the tree in different folders."""
    folders = []
    for name in ("one", "another-folder"):
        tree = tmp_path_factory.mktemp(name) / "tree"
        tree.mkdir()
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP,
                                check=True, capture_output=True).stdout.decode()
        for file in filter(None, listed.split("\0")):
            if file.split("/")[0] in ("tests", "docs", "qemu") or not (TOP / file).exists():
                continue
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            (tree / file).write_bytes((TOP / file).read_bytes())
            (tree / file).chmod((TOP / file).stat().st_mode)
        run("make", "-s", "-j2", "all", cwd=tree)
        folders.append(tree)
    return folders


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def test_programs_are_the_same(builds):
    for name in ("init", "keelboot-helper", "keelboot-guardian", "keelboot"):
        assert same(builds[0] / "build" / name, builds[1] / "build" / name), name


def test_initramfs_is_the_same(builds, tmp_path):
    conf = tmp_path / "system.conf"
    conf.write_text("[system]\ncompatible=x\n")
    for tree in builds:
        run(tree / "initramfs/mkinitramfs", "-o", tree / "initramfs.img", "--init", tree / "build/init", "--helper",
            tree / "build/keelboot-helper", "--conf", conf, "--modules-dir", kbkernel.get().modules, "--module-set",
            "virtio,usb,ext4")
    assert same(builds[0] / "initramfs.img", builds[1] / "initramfs.img")


def test_bundle_is_the_same(builds, tmp_path):
    """Ed25519 signs the same bytes the same way; an ECDSA signature never is the same twice."""
    image = tmp_path / "root.img"
    image.write_bytes(os.urandom(1 << 20) + bytes(3 << 20) + b"text " * 100000 + bytes(480))
    os.truncate(image, (image.stat().st_size + 4095) // 4096 * 4096)
    key = tmp_path / "dev"
    run(builds[0] / "build/keelboot", "key", "generate", "-o", key)
    for tree in builds:
        run(tree / "build/keelboot", "bundle", "create", "-o", tree / "x.keel", "--compatible", "x", "--version", "1.0",
            "--sequence", "1", "--image", f"root={image},fs=ext4", "--key", f"{key}.key")
    assert same(builds[0] / "x.keel", builds[1] / "x.keel")
