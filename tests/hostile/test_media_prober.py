# SPDX-License-Identifier: Apache-2.0
"""Superblocks and partition tables made to break libblkid, in front of the shipped prober: it ends by itself, in time,
and what it answers is well formed; what its worker is killed at counts as unreadable."""
import os
import struct
import subprocess
import sys
import tempfile

import evil_images
import pytest
from hostile import HELPER, KIB, MEMORY, MIB, TOP, watched

sys.path.insert(0, str(TOP / "qemu"))

from kbdisk import Disk, mkext4, mkvfat                              # noqa: E402
from kbexfat import mkexfat                                          # noqa: E402

SEED = int(os.environ.get("SEED", "1"))
NUMBER = int(os.environ.get("IMAGES", "25"))            # of each kind
MAGIC = 0x314f52506c65654b
PART = struct.Struct("32s112s40s24s68s40s52sQQII")
HEAD = struct.Struct("<QQ16sII")
PARTS_MAX = 64


def look(path, milliseconds=60000):
    """(exit status, answer, seconds of processor time with its workers)"""
    out, into = os.pipe()
    with open(out, "rb") as answer, tempfile.NamedTemporaryFile() as told:
        child = subprocess.Popen(watched(["keelboot-prober", path, milliseconds], HELPER, told.name), close_fds=False,
                                 preexec_fn=lambda: os.dup2(into, 3), stderr=subprocess.DEVNULL)
        os.close(into)
        data = answer.read()
        _, status, usage = os.wait4(child.pid, 0)
        memory = int(told.read()) * KIB
    child.returncode = os.waitstatus_to_exitcode(status)
    assert memory < MEMORY, f"the prober had {memory} bytes of memory"
    return child.returncode, data, usage.ru_utime + usage.ru_stime


def text(raw: bytes) -> str:
    end = raw.index(b"\0")
    assert all(0x20 <= byte < 0x7f for byte in raw[:end]), raw
    return raw[:end].decode()


def understood(data: bytes) -> tuple:
    """(table, file system of the bare disk, parts); the answer has to be as process 1 wants it."""
    magic, size, table, flags, count = HEAD.unpack_from(data)
    assert magic == MAGIC and count <= PARTS_MAX and size < 1 << 63
    assert len(data) == HEAD.size + PART.size * (1 + count)
    parts = [PART.unpack_from(data, HEAD.size + PART.size * i) for i in range(1 + count)]
    for part in parts:
        for raw in part[:7]:
            text(raw)
    return text(table), text(parts[0][3]), [text(part[3]) for part in parts[1:]]


@pytest.fixture(scope="module", name="good")
def make_good(tmp_path_factory):
    """A good image of each kind."""
    folder = tmp_path_factory.mktemp("good")
    tree = folder / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"content" * 1000)
    mkvfat(folder / "vfat", "1M", {"keelboot/a.keel": b"a" * 5000, "x.txt": b"x"})
    mkexfat(folder / "exfat", 4 * MIB, {"keelboot/a.keel": b"a" * 5000, "x.txt": b"x"})
    mkext4(folder / "ext4", "2M", tree)
    subprocess.run(["mksquashfs", tree, folder / "squashfs", "-quiet", "-noappend", "-no-progress"], check=True,
                   capture_output=True)
    (folder / "erofs").write_bytes(bytes(1024) + struct.pack("<I", 0xe0f5e1e2) + bytes(8) + b"\x0c" + bytes(16 * KIB))
    (folder / "swap").write_bytes(bytes(1024) + struct.pack("<III", 1, 15, 0) + bytes(4086 - 1036) + b"SWAPSPACE2"
                                  + bytes(60 * KIB))
    for kind, table in (("gpt", "gpt"), ("mbr", "mbr")):
        Disk("4M", table=table, align="64K", seed=kind).add("one", "1M", folder / "vfat").add("two", "1M").build(
            folder / kind)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_t26_prober_knows_each_kind_in_its_cage(good, tmp_path, cases):
    image = tmp_path / "image"
    found = {}
    for kind, data in good.items():
        image.write_bytes(data)
        status, answer, _ = look(image)
        assert status == 0
        found[kind] = understood(answer)
    assert found["vfat"][1] == "vfat" and found["ext4"][1] == "ext4" and found["squashfs"][1] == "squashfs"
    assert found["swap"][1] == "swap" and found["erofs"][1] == "erofs"
    assert found["exfat"][1] == "exfat" or found["exfat"][0] == "dos"       # it ends its first sector as a table does
    assert found["gpt"][0] == "gpt" and found["gpt"][2] == ["vfat", ""]
    assert found["mbr"][0] == "dos" and found["mbr"][2] == ["vfat", ""]
    cases(len(found))


@pytest.mark.parametrize("kind", ["minix", "cramfs", "bfs"])
def test_t26_kinds_that_nobody_asked_for_are_not_looked_for(kind, tmp_path):
    """libblkid knows them, and a good many others; the prober has a list."""
    image, tree = tmp_path / "image", tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"content" * 1000)
    image.write_bytes(bytes(MIB))
    arguments = [tree, image] if kind == "cramfs" else [image]
    subprocess.run([f"/sbin/mkfs.{kind}", *arguments], check=True, capture_output=True)
    known = subprocess.run(["/sbin/blkid", "-p", "-o", "value", "-s", "TYPE", image], capture_output=True, text=True)
    assert known.stdout.strip() == kind
    status, answer, _ = look(image)
    assert status == 0 and understood(answer)[:2] == ("", "")


@pytest.mark.parametrize("kind", sorted(evil_images.KINDS))
def test_t26_damaged_superblocks_are_survived(kind, good, tmp_path, cases):
    image = tmp_path / "image"
    for seed in range(SEED, SEED + NUMBER):
        image.write_bytes(evil_images.evil(kind, good[kind.partition("-")[0]], seed))
        status, answer, seconds = look(image)
        assert status == 0, f"{kind}, SEED={seed}: exit {status}"
        assert seconds < 2, f"{kind}, SEED={seed}: {seconds} s"
        understood(answer)
    cases(NUMBER)


def test_t26_evil_images_come_again_from_their_seed(good):
    for kind, data in good.items():
        assert evil_images.evil(kind, data, 7) == evil_images.evil(kind, data, 7)
        assert len({evil_images.evil(kind, data, seed) for seed in range(12)}) > 6
    for kind, superblock in ("vfat-files", 512), ("exfat-files", 24 * 512), ("exfat-bitmap", 24 * 512):
        data = good[kind.partition("-")[0]]
        for bad in (evil_images.evil(kind, data, seed) for seed in range(12)):
            assert bad != data and len(bad) == len(data) and bad[:superblock] == data[:superblock]
