# SPDX-License-Identifier: Apache-2.0
"""keelboot-helper loader: what process 1 starts to read and to set the boot loader's variables, on what the tools of
others make, and read again."""

import os
import shutil
import subprocess

import kbloader
import pytest
from conftest import TOP
from kbdisk import mkvfat

HELPER = TOP / "build/keelboot-helper"
needs_editenv = pytest.mark.skipif(not shutil.which("grub-editenv"), reason="package grub-common is not installed")

needs_setenv = pytest.mark.skipif(not shutil.which("bg_setenv"), reason="package efibootguard is not installed")


def loader(*words, code=0):
    """(what it prints, what it logs)"""
    done = subprocess.run([HELPER, "loader", *map(str, words)], text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == code, done
    return done.stdout, done.stderr


@pytest.fixture(name="grub")
def make_grub(tmp_path):
    """A partition with an environment block."""
    return mkvfat(tmp_path / "grubenv.img", "1M", {"grubenv": kbloader.grub_block(other="1", keelboot_default="a")})


def test_grubs_words_are_set_and_printed(grub):
    assert loader("grub", grub, "get") == ("default=a once=-\n", "")
    assert loader("grub", grub, "once", "b") == ("default=a once=b\n", "")
    assert loader("grub", grub, "default", "b") == ("default=b once=-\n", "")


def test_starts_are_printed_and_forgotten_when_one_came_up(tmp_path):
    image = tmp_path / "grubenv.img"
    mkvfat(image, "1M", {"grubenv": kbloader.grub_block(keelboot_default="a", keelboot_starts="11")})
    assert loader("grub", image, "get") == ("default=a once=- starts=2\n", "")
    assert loader("grub", image, "once", "b") == ("default=a once=b starts=2\n", "")
    assert loader("grub", image, "came-up") == ("default=a once=b\n", "")
    os.utime(image, (1, 1))
    assert loader("grub", image, "came-up") == ("default=a once=b uncounted\n", "")
    assert image.stat().st_mtime == 1, "written, and nothing was counted"


@needs_editenv
def test_the_commands_of_the_page_make_the_partition(tmp_path):
    lines = [line.strip() for line in (TOP / "docs/KERNEL.md").read_text().splitlines() if line.startswith("    ")]
    commands = lines[lines.index("grub-editenv grubenv create"):][:4]
    assert commands[-1] == "mcopy -i grubenv.img grubenv ::grubenv"
    path = f"{os.environ['PATH']}:/usr/sbin"
    subprocess.run("\n".join(commands), shell=True, check=True, cwd=tmp_path, capture_output=True,
                   env={**os.environ, "PATH": path})
    assert loader("grub", tmp_path / "grubenv.img", "get") == ("default=a once=-\n", "")


@pytest.mark.skipif(not shutil.which("grub-mkimage"), reason="package grub-common is not installed")
def test_the_commands_of_the_page_make_a_pair_and_grub_with_the_script(tmp_path):
    lines = [line.strip() for line in (TOP / "docs/KERNEL.md").read_text().splitlines() if line.startswith("    ")]
    pair = lines[lines.index("mkfs.vfat -C boot.img 65536"):][:2]
    image = lines[lines.index("mkdir grub"):][:5]
    assert image[3].startswith("grub-mkimage -O x86_64-efi ") and image[4].startswith("memdisk ")
    for name in ("vmlinuz", "initramfs.img"):
        (tmp_path / name).write_text(name)
    shutil.copy(TOP / "kernel-cmdline/loaders/grub.cfg", tmp_path)
    subprocess.run("set -e\n" + "\n".join([*pair, *image]), shell=True, check=True, cwd=tmp_path, capture_output=True,
                   env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"})
    there = subprocess.run(["mdir", "-b", "-i", tmp_path / "boot.img"], text=True, check=True, capture_output=True)
    assert there.stdout.split() == ["::/vmlinuz", "::/initramfs.img"]
    program = (tmp_path / "BOOTX64.EFI").read_bytes()
    assert program[:2] == b"MZ" and b"keelboot_once" in program, "the script is stored as it is"


@needs_editenv
def test_grubs_own_tool_reads_what_is_set_and_what_it_sets_is_read(grub, tmp_path):
    block = tmp_path / "grubenv"

    def editenv(*words):
        subprocess.run(["mcopy", "-o", "-i", grub, "::grubenv", block], check=True)
        out = subprocess.run(["grub-editenv", block, *words], text=True, check=True, capture_output=True).stdout
        subprocess.run(["mcopy", "-o", "-i", grub, block, "::grubenv"], check=True)
        return out
    loader("grub", grub, "once", "b")
    assert editenv("list") == "other=1\nkeelboot_default=a\nkeelboot_once=b\n"
    editenv("set", "keelboot_once=", "keelboot_default=c")
    assert loader("grub", grub, "get")[0] == "default=c once=-\n"
    block.unlink()
    subprocess.run(["grub-editenv", block, "create"], check=True)
    subprocess.run(["mcopy", "-o", "-i", grub, block, "::grubenv"], check=True)
    assert loader("grub", grub, "default", "a")[0] == "default=a once=-\n"


@pytest.fixture(name="guarded")
def make_guarded(tmp_path):
    """Two config partitions of EFI Boot Guard, mounted; what names them to the helper."""
    for slot, revision in (("a", 2), ("b", 1)):
        (tmp_path / slot).mkdir()
        for name, data in kbloader.bg_config(f"EBG-{slot.upper()}", f"EFI/Linux/keelboot-{slot}.efi",
                                             revision=revision, watchdog=60, words="quiet").items():
            (tmp_path / slot / name).write_bytes(data)
    return ",".join(f"{slot}={tmp_path}/{slot}:/EFI/Linux/keelboot-{slot}.efi" for slot in "ab")


def printed(folder) -> dict:
    """What efibootguard's own tool reads."""
    command = ["bg_printenv", "-f", folder / "BGENV.DAT"]
    text = subprocess.run(command, text=True, check=True, capture_output=True).stdout
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


@needs_setenv
def test_the_commands_of_the_page_make_a_config_partition(tmp_path):
    lines = [line.strip() for line in (TOP / "docs/KERNEL.md").read_text().splitlines() if line.startswith("    ")]
    commands = lines[lines.index("mkfs.vfat -C ebg-a.img 131072"):][:6]
    assert commands[-1] == "mcopy -i ebg-a.img keelboot.efi ::EFI/Linux/keelboot-a.efi"
    (tmp_path / "keelboot.efi").write_bytes(b"a kernel")
    text = "\n".join(commands)
    other = text.replace("-a", "-b").replace("EBG-A", "EBG-B").replace("-r 2", "-r 1").replace("--brgs", "--args")
    subprocess.run(f"set -e\n{text}\n{other}", shell=True, check=True, cwd=tmp_path, capture_output=True,
                   env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"})
    for slot in "ab":
        (tmp_path / slot).mkdir()
        subprocess.run(["mcopy", "-s", "-i", f"ebg-{slot}.img", "::*", slot], check=True, cwd=tmp_path)
        assert (tmp_path / slot / f"EFI/Linux/keelboot-{slot}.efi").read_bytes() == b"a kernel"
    places = ",".join(f"{slot}={tmp_path}/{slot}:/EFI/Linux/keelboot-{slot}.efi" for slot in "ab")
    assert loader("efibootguard", places, "get") == ("default=a once=-\n", "")


@needs_setenv
def test_environments_of_efibootguards_own_tool_are_read_and_it_reads_what_is_set(guarded, tmp_path):
    assert loader("efibootguard", guarded, "get") == ("default=a once=-\n", "")
    assert loader("efibootguard", guarded, "once", "b") == ("default=a once=b\n", "")
    env = printed(tmp_path / "b")
    assert env["kernel"] == "C:EBG-B:\\EFI\\Linux\\keelboot-b.efi" and env["kernelargs"] == "quiet"
    assert env["ustate"].startswith("1") and env["revision"] == "3" and env["in_progress"] == "no"
    subprocess.run(["bg_setenv", "-f", tmp_path / "b/BGENV.DAT", "-P", "-s", "OK"], check=True, capture_output=True)
    assert loader("efibootguard", guarded, "get") == ("default=b once=-\n", "")
    assert loader("efibootguard", guarded, "default", "a") == ("default=a once=-\n", "")
    assert printed(tmp_path / "a")["revision"] == "4"


@needs_setenv
def test_environment_that_is_made_anew_is_one_for_efibootguards_own_tool(guarded, tmp_path):
    (tmp_path / "b/BGENV.DAT").unlink()
    assert loader("efibootguard", guarded, "once", "b") == ("default=a once=b\n", "")
    env = printed(tmp_path / "b")
    assert (env["kernelargs"], env["watchdog timeout"]) == ("quiet", "60 seconds")
    assert env["kernel"] == "C:EBG-B:\\EFI\\Linux\\keelboot-b.efi"


def test_a_file_is_no_partition_of_a_raspberry_pi():
    """What it does with one, unit/loader_tryboot_test.c has."""
    out, log = loader("tryboot", "/dev/none1,a=/dev/none2", "get", code=1)
    assert out == "" and log == "keelboot-loader: boot loader: /dev/none1: the kernel has no such partition\n"
    assert "expected the partition with autoboot.txt" in loader("tryboot", "/dev/none1", "get", code=1)[1]


def test_uboots_words_are_set_and_printed(tmp_path):
    for name, flags in (("env0", 1), ("env1", 0)):
        (tmp_path / name).write_bytes(kbloader.uboot_environment(flags, keelboot_default="a", bootcmd="run x"))
    config = tmp_path / "fw_env.config"
    config.write_text("".join(f"{tmp_path}/{name} 0x0 0x4000\n" for name in ("env0", "env1")))
    assert loader("u-boot", config, "get")[0] == "default=a once=-\n"
    assert loader("u-boot", config, "once", "b")[0] == "default=a once=b\n"
    assert loader("u-boot", config, "default", "b")[0] == "default=b once=-\n"
    assert b"bootcmd=run x\0" in (tmp_path / "env0").read_bytes()
    for name in ("env0", "env1"):
        (tmp_path / name).write_bytes(kbloader.uboot_environment(1, keelboot_default="a", keelboot_starts="111"))
    assert loader("u-boot", config, "get")[0] == "default=a once=- starts=3\n"
    assert loader("u-boot", config, "came-up")[0] == "default=a once=-\n"
    (tmp_path / "env0").write_bytes(kbloader.uboot_environment(9, keelboot_starts="two"))
    assert "keelboot_starts=two: expected a 1 for each start" in loader("u-boot", config, "get", code=1)[1]


def test_device_of_uboots_that_may_come_is_told_from_other_failures(tmp_path):
    """Process 1 waits for it (selector/loader_end.h)."""
    config = tmp_path / "fw_env.config"
    config.write_text("".join(f"{tmp_path}/env{n} 0x0 0x4000\n" for n in range(2)))
    (tmp_path / "env0").write_bytes(kbloader.uboot_environment(2, keelboot_default="a"))
    assert loader("u-boot", config, "came-up", code=2)[1].endswith(f"boot loader: {tmp_path}/env1: not found\n")
    (tmp_path / "env1").write_bytes(kbloader.uboot_environment(1))
    assert loader("u-boot", config, "came-up")[0] == "default=a once=- uncounted\n"
    config.unlink()
    assert "fw_env.config: not found" in loader("u-boot", config, "came-up", code=1)[1]


def test_failure_is_one_line_for_the_log(grub, tmp_path):
    empty = tmp_path / "empty.img"
    empty.write_bytes(bytes(1 << 20))
    out, log = loader("grub", empty, "get", code=1)
    assert out == "" and log.count("\n") == 1
    assert log.startswith(f"keelboot-loader: boot loader: {empty} is no file system of FAT")
    assert "cannot open" in loader("grub", tmp_path / "none", "once", "a", code=1)[1]
    assert "says it by keelboot.pair=" in loader("grub", grub, "booted", code=1)[1]
    assert "names no boot loader" in loader("none", grub, "get", code=1)[1]


@pytest.mark.parametrize("words", [(), ("grub",), ("grub", "/x"), ("lilo", "/x", "get"), ("grub", "/x", "once"),
                                   ("grub", "/x", "once", "i"), ("grub", "/x", "default", ""),
                                   ("grub", "/x", "get", "a"), ("grub", "/x", "put", "a"),
                                   ("grub", "/x", "came-up", "a"),
                                   ("grub", "/x", "once", "a", "b")])
def test_wrong_words_are_a_usage_error(words):
    out, log = loader(*words, code=3)
    assert out == "" and log.startswith("keelboot-loader: usage: ")
