# SPDX-License-Identifier: Apache-2.0
"""The same sources give the same bytes: release archive, programs, initramfs and bundle are made twice, in two folders.
The first build is the one that all tests are of, the second that of the archive."""

import os
import re
import subprocess
from pathlib import Path

import pytest

import kbkernel
from cli_device import TOP, call

pytestmark = pytest.mark.long
DATE = "1700000000 +0000"
ENV = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE,
       "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@localhost", "GIT_COMMITTER_NAME": "C",
       "GIT_COMMITTER_EMAIL": "c@localhost", "GIT_CONFIG_GLOBAL": "/dev/null"}
ROOT = "keelboot-" + re.search(r"^VERSION := (\S+)$", (TOP / "Makefile").read_text(), re.M)[1]


def run(*command, cwd=TOP):
    subprocess.run([str(part) for part in command], cwd=cwd, env=ENV, check=True, stdout=subprocess.DEVNULL)


def copy_tree(tree: Path) -> Path:
    """What git knows of, and what is new."""
    listed = call("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=TOP).stdout
    for file in filter(None, listed.split("\0")):
        if (TOP / file).exists():
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            (tree / file).write_bytes((TOP / file).read_bytes())
            (tree / file).chmod((TOP / file).stat().st_mode)
    return tree


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """`make dist` of one commit in two folders, by people whose umask and clock differ."""
    found = []
    for name, umask in (("one", 0o022), ("another-folder", 0o077)):
        tree = copy_tree(tmp_path_factory.mktemp(name) / "tree")
        run("git", "init", "-q", ".", cwd=tree)
        run("git", "add", "-A", cwd=tree)
        run("git", "commit", "-q", "-m", "release", cwd=tree)
        subprocess.run(["make", "-s", "dist"], cwd=tree, env=ENV, check=True, stdout=subprocess.DEVNULL, umask=umask)
        found.append(sorted((tree / "build/dist").iterdir()))
    return found


@pytest.fixture(scope="module")
def builds(tmp_path_factory, archives):
    """The tree, however often it was built there, and a build of the release archive from scratch."""
    unpacked = tmp_path_factory.mktemp("archive")
    run("tar", "-xf", archives[0][0], "-C", unpacked)
    (folder,) = unpacked.iterdir()
    run("make", "-s", "-j2", "all", cwd=folder)
    return [TOP, folder]


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def test_archives_are_the_same_and_match_their_sums(archives):
    for one, other in zip(*archives, strict=True):
        assert one.name == other.name and same(one, other), one.name
    (archive, sums) = archives[0]
    assert archive.name == f"{ROOT}.tar.xz" and sums.name == archive.name + ".sha256"
    run("sha256sum", "--check", "--quiet", sums.name, cwd=sums.parent)
    listed = call("tar", "-tvf", archive).stdout.splitlines()
    assert all(f" {ROOT}/" in line and " root/root " in line for line in listed)
    assert {line.split()[0] for line in listed} <= {"drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"}


def test_no_archive_of_what_is_not_committed(archives, tmp_path):
    tree = archives[0][0].parents[2]
    with open(tree / "Makefile", "a", encoding="ascii") as file:
        file.write("# new\n")
    assert "uncommitted changes" in call("make", "-s", "dist", cwd=tree, env=ENV, code=2).stderr


def test_programs_are_the_same(builds):
    for name in ("init", "keelboot-helper", "keelboot-guardian", "keelboot"):
        assert same(builds[0] / "build" / name, builds[1] / "build" / name), name


def test_initramfs_is_the_same(builds, tmp_path):
    conf = tmp_path / "system.conf"
    conf.write_text("[system]\ncompatible=x\n")
    made = [tmp_path / "one.img", tmp_path / "other.img"]
    for tree, out in zip(builds, made):
        run(tree / "initramfs/mkinitramfs", "-o", out, "--init", tree / "build/init", "--helper",
            tree / "build/keelboot-helper", "--conf", conf, "--modules-dir", kbkernel.get().modules, "--module-set",
            "virtio,usb,ext4")
    assert same(*made)


def test_bundle_is_the_same(builds, tmp_path):
    """Ed25519 signs the same bytes the same way; an ECDSA signature never is the same twice."""
    image = tmp_path / "root.img"
    image.write_bytes(os.urandom(1 << 20) + bytes(3 << 20) + b"text " * 100000 + bytes(480))
    os.truncate(image, (image.stat().st_size + 4095) // 4096 * 4096)
    key = tmp_path / "dev"
    run(builds[0] / "build/keelboot", "key", "generate", "-o", key)
    made = [tmp_path / "one.keel", tmp_path / "other.keel"]
    for tree, out in zip(builds, made):
        run(tree / "build/keelboot", "bundle", "create", "-o", out, "--compatible", "x", "--version", "1.0",
            "--sequence", "1", "--image", f"root={image},fs=ext4", "--key", f"{key}.key")
    assert same(*made)
