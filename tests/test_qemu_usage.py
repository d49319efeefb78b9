# SPDX-License-Identifier: Apache-2.0
"""qemu/: what the tools say when their command line is wrong. None of these starts a machine."""

import contextlib
import importlib.machinery
import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import types

import kbkernel
import pytest
from cli_device import TOP, USAGE, call
from console import Console
from qmp import QmpError

QEMU = TOP / "qemu"


def load(program):
    """A tool as a module."""
    loader = importlib.machinery.SourceFileLoader(f"keelboot_{program}", str(QEMU / program))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def usage(program, *args):
    done = call(QEMU / program, *args, code=USAGE, timeout=60, stdin=subprocess.DEVNULL)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("program", ["run", "bootloop", "imagetest", "mkdisk", "mkroot", "kernel", "demo", "deps",
                                     "mkdebianroot", "mkdebiandisk", "demo-debian", "hawkbit"])
def test_an_argument_that_nobody_knows_is_a_usage_error(program):
    assert "usage" in usage(program, "--frobnicate", "x", "y").lower() or program == "deps"


@pytest.mark.parametrize("program, args", [("run", []), ("run", ["--dry-run"]), ("bootloop", ["--mark", "login:"])])
def test_a_machine_with_nothing_to_boot_says_what_to_give(program, args):
    assert f"qemu/{program}: nothing to boot: missing option: --initrd FILE, --disk FILE" in usage(program, *args)


@pytest.mark.parametrize("option, number", [("--boots", "0"), ("--boots", "-3"), ("--timeout", "0")])
def test_no_boot_is_no_success(option, number):
    """A CI that counts them wrongly would pass without one."""
    told = usage("bootloop", "--initrd", QEMU / "run", "--mark", "x", option, number)
    assert "qemu/bootloop: --boots, --timeout: expected a positive number" in told


class Loop:
    """A machine for bootloop that says "login: " in each boot; lost: what it is asked for when QEMU is gone."""

    def __init__(self, lost):
        self.boots, self.text, self.running, self.lost = [], "", True, lost
        self.console = types.SimpleNamespace(wait_for=lambda condition, _: condition())
        self.start()

    def start(self):
        number, start = len(self.boots) + 1, len(self.text)
        self.boots.append(types.SimpleNamespace(number=number, cause="reset", at=0.0, start=start))
        self.text += "login: "

    def ended(self):
        return ""

    def wait_boot(self, number, _):
        return self.boots[number - 1]

    def writes(self):
        if self.lost == "writes":
            raise QmpError("query-blockstats: QEMU is gone")
        return {"disk": 3}

    def reset(self):
        if self.lost == "reset" and len(self.boots) == 2:
            raise QmpError("system_reset: QEMU is gone")
        self.start()


@pytest.mark.parametrize("lost, code, boots, complaint", [
    ("", 0, 3, ""), ("writes", 0, 3, ""), ("reset", 1, 2, "qemu/bootloop: system_reset: QEMU is gone\n")])
def test_boots_count_though_the_machine_is_lost_later(lost, code, boots, complaint, monkeypatch, capsys):
    """Hours of them may stand behind it."""
    bootloop = load("bootloop")
    monkeypatch.setattr(bootloop.options, "make", lambda _: contextlib.nullcontext(Loop(lost)))
    words = ("--initrd", str(QEMU / "run"), "--mark", "login", "--boots", "3", "--then", "reset", "--json", "--quiet")
    monkeypatch.setattr(sys, "argv", ["bootloop", *words])
    assert bootloop.main() == code
    told = capsys.readouterr()
    seen = json.loads(told.out)
    assert (seen["complete"], len(seen["boots"])) == (boots, boots)
    assert seen["boots"][0]["writes"] == (None if lost == "writes" else {"disk": 3})
    assert told.err == complaint


def test_a_kernel_of_another_suite_has_a_folder_of_its_own():
    """Else every machine would run it from then on."""
    assert "--suite needs a --dir of its own" in usage("kernel", "--suite", "bookworm-backports")


def test_the_demo_of_debian_12_is_not_begun_with_programs_of_a_newer_one(tmp_path):
    """Its first command would end with packages that cannot be installed."""
    (tmp_path / "dpkg-query").write_text("#!/bin/sh\nprintf 2.41-12\n")
    (tmp_path / "dpkg-query").chmod(0o755)
    told = call(QEMU / "demo-debian", tmp_path / "disks", code=1, timeout=60, stdin=subprocess.DEVNULL,
                env={"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}).stderr
    assert "has libc6 2.41-12" in told and "build and start it on a Debian 12" in told
    assert not (tmp_path / "disks").exists()


def test_a_person_at_the_console_of_the_demo_hears_the_machine(tmp_path, monkeypatch):
    """The console copies what comes to who listens: what that cannot take ended the thread, and with it the machine."""
    demo, heard = load("demo"), []

    @contextlib.contextmanager
    def machine(_disk, drives=(), **options):
        yield types.SimpleNamespace(console=Console(**options))

    def interact(vm):
        vm.console.feed(b"login: ")
        heard.append(vm.console.text)

    play = demo.Play(tmp_path, demo.Timeline(False))
    play.broken, play.device = None, types.SimpleNamespace(machine=machine, work=tmp_path)
    monkeypatch.setattr(play, "prepare", lambda: None)
    monkeypatch.setattr(play, "stick", lambda *_: None)
    monkeypatch.setattr(demo, "interact", interact)
    play.manual()
    assert heard == ["login: "]


def test_the_guide_has_the_keys_of_the_desk():
    """Those of qemu/interact.py, each with its row."""
    text = re.search(r'HELP = """\\\n(.*?)"""', (QEMU / "interact.py").read_text(), re.S)[1]
    keys = re.findall(r"(?:^Ctrl-\] and then: |  )([a-z?])  ", text, re.M)
    guide = (QEMU.parent / "docs/INTEGRATE.md").read_text()
    assert len(keys) == 8 and [key for key in keys if f"| `{key}` | " not in guide] == []
    assert "Ctrl-]" in guide


def test_a_root_of_debian_is_made_over_no_folder_of_others(tmp_path):
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "rootfs/mine").write_text("years of work")
    told = call(QEMU / "mkdebianroot", "systemd", tmp_path / "rootfs", code=1, timeout=60).stderr
    assert told == (f"qemu/mkdebianroot: {tmp_path}/rootfs is there, and is no root of Debian; "
                    "remove it, or name another folder\n")
    assert (tmp_path / "rootfs/mine").read_text() == "years of work"


def test_a_stick_that_does_not_fit_leaves_nothing(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files/large").write_bytes(os.urandom(4 << 20))
    words = [QEMU / "mkdisk", tmp_path / "stick.img", "--fs", f"vfat:{tmp_path}/files", "--size"]
    call(*words, "1M", code=None, timeout=60)
    assert [path.name for path in tmp_path.iterdir()] == ["files"]
    call(*words, "8M", timeout=60)
    assert (tmp_path / "stick.img").stat().st_size == 8 << 20


@pytest.mark.parametrize("words", [["--part", "a:1M"], ["--fs", "vfat:", "--size", "1M"]])
def test_no_device_is_replaced_by_an_image_of_a_disk(words, tmp_path):
    """As root, a file took the place of the node; the disk was not written."""
    os.mkfifo(tmp_path / "node")
    told = call(QEMU / "mkdisk", tmp_path / "node", *words, code=1, timeout=60).stderr
    assert told == (f"qemu/mkdisk: {tmp_path}/node: no regular file, and not replaced by one; name a file, and copy "
                    "that onto a device with dd\n")
    assert stat.S_ISFIFO((tmp_path / "node").stat().st_mode) and len(list(tmp_path.iterdir())) == 1


def test_a_kernel_of_another_package_has_a_folder_of_its_own():
    """Else the one that is there would be taken for it."""
    kbkernel.get()
    told = call(QEMU / "kernel", "--package", "linux-image-rt-amd64", "--print", code=1, timeout=60).stderr
    assert "for linux-image-rt-amd64, name another folder: --dir FOLDER" in told
    call(QEMU / "kernel", "--package", "linux-image-amd64", "--print", timeout=60)


@pytest.mark.parametrize("asked, options, said", [
    ("linux-image-amd64 amd64 this system's suite", {}, ""),
    ("linux-image-amd64 amd64 this system's suite", {"arch": "arm64"}, "of amd64; for arm64"),
    ("linux-image-amd64 amd64 this system's suite", {"suite": "trixie"}, "of this system's suite; for trixie"),
    ("linux-image-arm64 arm64 trixie", {"arch": "arm64"}, ""),
    ("linux-image-arm64 arm64 trixie", {}, "of arm64; for amd64"),
    ("linux-image-arm64 arm64 trixie", {"arch": "arm64", "suite": "bookworm"}, "of trixie; for bookworm"),
    ("linux-image-arm64 arm64 trixie", {"arch": "arm64", "suite": "trixie"}, ""),
    ("linux-image-rt-amd64", {"suite": "trixie"}, ""),          # of an older version, which did not write them
    ("linux-image-arm64", {}, "of arm64; for amd64")])
def test_a_folder_has_the_kernel_of_one_processor_and_suite(asked, options, said, tmp_path):
    """Another one would be given, without a word."""
    version = "6.1.0-1"
    for name in (f"{version}/boot/vmlinux-{version}", f"{version}/boot/vmlinuz-{version}",
                 f"{version}/lib/modules/{version}/modules.dep"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "current").write_text(f"{version} package=1\n")
    (tmp_path / "asked").write_text(f"{asked}\n")
    if not said:
        assert kbkernel.get(tmp_path, **options).version == version
        return
    with pytest.raises(kbkernel.KernelError) as caught:
        kbkernel.get(tmp_path, **options)
    assert f"has the kernel {said}, name another folder: --dir FOLDER" in str(caught.value)


def test_a_kernel_that_is_cut_off_is_refused(tmp_path):
    """In the middle of a copy, for example."""
    head = bytearray(0x260)
    head[0x202:0x208] = b"HdrS\x0f\x02"
    head[0x1f1] = 1
    head[0x248:0x250] = (0).to_bytes(4, "little") + (9000).to_bytes(4, "little")
    for size in (0x260, 1024, 1024 + 8999):
        (tmp_path / "vmlinuz").write_bytes(bytes(head).ljust(size, b"\x1f"))
        told = call(QEMU / "kernel", "--extract", tmp_path / "vmlinuz", tmp_path / "vmlinux", code=1, timeout=60).stderr
        assert told == f"qemu/kernel: {tmp_path}/vmlinuz: cut off: {size} bytes of {1024 + 9000}\n"


@pytest.mark.parametrize("word", ["DESTDIR", "PREFIX"])
def test_make_takes_no_name_with_a_blank(word, tmp_path):
    """It would be two names, and the first would be removed."""
    told = call("make", "-C", TOP, "-n", "install-boot", f"{word}={tmp_path}/my root", code=2, timeout=60)
    assert f"{word}={tmp_path}/my root: a name with a blank does not work; use one without" in told.stderr
    assert "rm -rf" not in told.stdout


def test_make_builds_with_musl_for_this_processor_alone():
    told = call("make", "-C", TOP, "-n", "all", "MUSL=1", "CROSS_COMPILE=aarch64-linux-gnu-", code=2, timeout=60).stderr
    assert "MUSL=1 builds for this processor only: leave CROSS_COMPILE out" in told
