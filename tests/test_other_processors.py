# SPDX-License-Identifier: Apache-2.0
"""initramfs/mkinitramfs for a processor that is not this machine's: nothing of it runs here, and nothing is mixed."""

import struct

import pytest

import kbprocessor
from cli_device import TOP, call
from test_mkinitramfs import PROGRAM, listing, make, modules, order, static
from test_mkinitramfs_machine import module_with

__all__ = ["make", "modules", "static"]

ARM, AARCH64, M68K = 40, 183, 4
NAMES = ("init", "keelboot-helper", "keelboot-guardian")


def for_processor(data: bytes, processor: int) -> bytes:
    return data[:18] + struct.pack("<H", processor) + data[20:]


@pytest.fixture
def build(static, tmp_path):
    """build(processor, …) makes a folder of programs: one each, or of one processor all."""
    def folder(*processors):
        where = tmp_path / f"build-{'-'.join(map(str, processors))}"
        where.mkdir()
        for name, processor in zip(NAMES, processors * len(NAMES)):
            (where / name).write_bytes(for_processor((static / "static").read_bytes(), processor))
        return where
    return folder


@pytest.fixture
def pack(tmp_path):
    """pack(options…) runs mkinitramfs; what it said, with .image as its output."""
    def run(*options, expect=0):
        out = tmp_path / "packed.img"
        result = call(PROGRAM, "-o", out, "--compress", "none", *options, code=expect)
        assert "Traceback" not in result.stderr and out.exists() == (expect == 0)
        result.image = out
        return result
    return run


@pytest.fixture
def foreign_modules(modules):
    for file in modules.rglob("*.ko"):
        file.write_bytes(module_with("license=GPL", processor=AARCH64))
    return modules


def test_programs_and_modules_of_another_processor_are_packed(build, pack, foreign_modules):
    image = pack("--programs", build(AARCH64), "--modules-dir", foreign_modules, "--module", "top").image
    assert {"init", *(f"usr/lib/keelboot/{name}" for name in NAMES[1:])} <= set(listing(image))
    assert {"base", "mid-dle", "top"} <= set(order(image))


def test_a_single_program_may_lie_elsewhere(build, pack, static):
    assert "usr/lib/keelboot/keelboot-helper" in listing(
        pack("--programs", build(62), "--helper", static / "static").image)


def test_programs_of_two_builds_are_refused(build, pack):
    said = pack("--programs", build(62, AARCH64), expect=1).stderr
    assert "keelboot-helper: built for AArch64, but" in said and "init for x86-64" in said and "--programs DIR" in said


def test_programs_that_the_kernel_of_the_modules_does_not_start_are_refused(build, pack, foreign_modules):
    options = ("--modules-dir", foreign_modules, "--module", "top")
    said = pack("--programs", build(62), *options, expect=1).stderr
    assert "init: built for x86-64, but the modules are those of AArch64" in said
    # Those of 32 bits run on it, too.
    pack("--programs", build(ARM), *options)


def test_a_busybox_of_another_processor_has_its_links_without_being_run(build, pack, tmp_path):
    busybox = open("/bin/busybox", "rb").read()
    (tmp_path / "busybox").write_bytes(for_processor(busybox, AARCH64))
    packed = pack("--programs", build(AARCH64), "--busybox", tmp_path / "busybox", "-v")
    links = {path.removeprefix("bin/") for path, entry in listing(packed.image).items() if entry[5] == "/bin/busybox"}
    assert links == {*call("/bin/busybox", "--list").stdout.split(), "sh"} - {"busybox", "modprobe"}
    assert "does not run here, so all links to its applets are in /bin" in packed.stderr


def test_a_busybox_whose_applets_cannot_be_read_has_the_shell(build, pack, tmp_path, static):
    (tmp_path / "busybox").write_bytes(for_processor((static / "static").read_bytes(), AARCH64))
    packed = pack("--programs", build(AARCH64), "--busybox", tmp_path / "busybox", "-v")
    assert [path for path, entry in listing(packed.image).items() if entry[5] == "/bin/busybox"] == ["bin/sh"]
    assert "only the link /bin/sh was made" in packed.stderr


def test_applets_are_found_whatever_stands_before_them():
    names = sorted(f"applet{number:02}" for number in range(30))
    for before in (b"\0", b" ", b"\xae "):
        data = b"[\0wrong\0" + before + b"\0".join(map(str.encode, ["[", "[[", *names])) + b"\0alias\0"
        assert kbprocessor.applets(data) == ["[", "[[", *names]


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF" + bytes(40),
                                  b"\x7fELF\3\1\1" + bytes(40)])
def test_what_is_no_program_has_no_processor(data):
    assert kbprocessor.of(data) == 0 and kbprocessor.starts(AARCH64, 0) and kbprocessor.starts(0, M68K)


def test_processor_is_read_in_either_order_of_bytes():
    head = b"\x7fELF\1%c\1" + bytes(9) + b"\0\2"
    assert kbprocessor.of(head % 2 + b"\0\4") == M68K
    assert kbprocessor.of((head % 1) + b"\4\0") == M68K


# ---------------------------------------------------------------- what was built

def size(*options) -> int:
    return int(call(PROGRAM, *options).stdout.split(": ")[1].split()[0].replace(",", ""))


@pytest.mark.skipif(not (TOP / "build/aarch64/init").exists(), reason="make CROSS_COMPILE=aarch64-linux-gnu- first")
def test_an_initramfs_for_aarch64_is_as_large_as_one_for_this_processor(tmp_path):
    """Without modules, which each kernel has its own of."""
    here = size("-o", tmp_path / "here.img", "--programs", TOP / "build")
    there = size("-o", tmp_path / "there.img", "--programs", TOP / "build/aarch64")
    assert 0.9 * here <= there <= 1.1 * here
