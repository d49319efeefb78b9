# SPDX-License-Identifier: Apache-2.0
"""U-Boot starts the pair of keelboot_default, and that of keelboot_once once, by kernel-cmdline/loaders/boot.cmd.

Debian's U-Boot cannot save its environment in QEMU's flash ("Flash buffer write timeout"). So the two variables are
in a file of the ESP here. What Keelboot writes to the two copies of an environment, unit/loader_uboot_test has."""

import functools
import subprocess
from pathlib import Path

import kbloader
import pytest
from drives import Drive
from kbdisk import Vfat, extract_partition
from machine import Machine

UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
WORDS = "console=ttyAMA0 gpt panic=1 loglevel=4 norandmaps"
KEPT = """\
setenv keelboot_vars keelboot_default keelboot_once keelboot_starts
setenv keelboot_load 'load virtio 0:5 0x40300000 env && env import -c 0x40300000 0x1000 ${keelboot_vars}'
setenv keelboot_save 'env export -c -s 0x1000 0x40300000 ${keelboot_vars} && run keelboot_put'
setenv keelboot_put 'fatwrite virtio 0:5 0x40300000 env 0x1000'
"""
TREE = "acme/gateway.dtb"
# What a board of its own has set. The second is above all that is loaded.
NAMES = f"setenv fdtfile {TREE}\nsetenv fdt_addr_r 0x60000000\n"
BOARD = {"memory": 1024, "watchdog": True, "arch": "arm64", "firmware": str(UBOOT)}
SLOW = 300      # seconds: the firmware is emulated, too
MODEL = b"linux,dummy-virt"
GARBAGE = b"no kernel " * 1000

pytestmark = pytest.mark.skipif(not UBOOT.is_file(), reason="package u-boot-qemu is not installed")


def machine(bench, *, kernel_b=None, initrd_b=None, tree_b=b"", before=KEPT + NAMES, board=None, words=WORDS,
            **variables) -> tuple:
    """The machine, switched off, and its disk: b is to be started once. before: what U-Boot runs before its script."""
    kernel, initrd = bench.device.kernel.bzimage, bench.initramfs(name="packed", packed=True)
    files_b = kbloader.pair(kernel_b or kernel, initrd_b or initrd, "Image")
    esp = {"boot.scr": kbloader.uboot_script(words, before),
           "env": kbloader.uboot_copy(**{"keelboot_default": "a", **(variables or {"keelboot_once": "b"})})}
    disk = bench.disk("1.0", extra=[
        ("esp", "64M", Vfat(esp), "esp"), ("boot-a", "128M", Vfat(kbloader.pair(kernel, initrd, "Image"))),
        ("boot-b", "128M", Vfat({**files_b, **({f"dtb/{TREE}": tree_b} if tree_b else {})}))])
    return Machine(None, drives=[Drive(disk, name="disk")], log=str(bench.work / "console.log"),
                   **(board or BOARD)), disk


def kept(bench, disk) -> bytes:
    """The file of the variables."""
    esp = extract_partition(disk, "esp", bench.work / "esp.img")
    return subprocess.run(["mtype", "-i", esp, "::env"], check=True, capture_output=True).stdout


def pair_of(bench, vm) -> str:
    """Whose pair runs, by the kernel's command line, and how it was started."""
    bench.up(vm, "1.0", "a", SLOW)
    words = bench.ask(vm, "cat /proc/cmdline").split()
    return next(word.partition("=")[2] for word in words if word.startswith("keelboot.pair="))


@pytest.fixture(name="start")
def make_start(bench):
    """machine() of this board; test_loader_uboot_x86.py plays the same stories with its own."""
    return functools.partial(machine, bench)


def test_once_is_started_once_and_then_the_default(bench, start):
    vm, disk = start()
    with vm:
        assert pair_of(bench, vm) == "b,once"
        assert kept(bench, disk) == kbloader.uboot_copy(keelboot_default="a")
        vm.send("reboot -f")
        vm.wait_reset()
        assert pair_of(bench, vm) == "a,counted"


def test_kernel_that_cannot_be_loaded_falls_back_at_once(bench, start):
    vm, disk = start(kernel_b=GARBAGE)
    with vm:
        vm.expect("the pair of slot b cannot be loaded", SLOW)
        assert pair_of(bench, vm) == "a,counted" and len(vm.boots) == 1
        assert kept(bench, disk) == kbloader.uboot_copy(keelboot_default="a", keelboot_starts="1")


def test_once_that_cannot_be_forgotten_starts_the_default_and_says_so(bench):
    vm, disk = machine(bench, before=f"{KEPT}{NAMES}setenv keelboot_save false\n")
    with vm:
        assert pair_of(bench, vm) == "a,unsaved" and len(vm.boots) == 1
        assert kept(bench, disk) == kbloader.uboot_copy(keelboot_default="a", keelboot_once="b")


def test_kernel_that_panics_falls_back_by_a_reset(bench, start):
    vm, _ = start(initrd_b=GARBAGE)
    with vm:
        vm.expect("Kernel panic", SLOW)
        vm.wait_reset()
        assert pair_of(bench, vm) == "a,counted"


def test_default_that_nobody_answers_is_left_after_its_starts(bench):
    vm, disk = machine(bench, keelboot_starts="11")
    with vm:
        assert pair_of(bench, vm) == "a,counted"
        assert kept(bench, disk) == kbloader.uboot_copy(keelboot_default="a", keelboot_starts="111")
        vm.send("reboot -f")
        vm.expect("the pair of slot a did not come up: another one is started", SLOW)
        assert pair_of(bench, vm) == "b,instead"
        assert kept(bench, disk) == kbloader.uboot_copy(keelboot_default="a")


def tree_of(bench, model: bytes) -> bytes:
    """The device tree that QEMU makes for this board, of another model with as many letters."""
    argv, path = Machine(None, **BOARD).argv(), bench.work / "tree.dtb"
    at = argv.index("-machine") + 1
    subprocess.run([*argv[:at], f"{argv[at]},dumpdtb={path}", *argv[at + 1:]], check=True, capture_output=True)
    tree = path.read_bytes()
    assert MODEL in tree and len(model) == len(MODEL)
    return tree.replace(MODEL, model)


def model_of(bench, vm) -> str:
    return bench.ask(vm, "tr '\\0' '\\n' </proc/device-tree/model").strip()


def test_pair_brings_its_device_tree_and_another_pair_does_not_get_it(bench):
    vm, _ = machine(bench, tree_b=tree_of(bench, b"linux,acme-model"))
    with vm:
        assert pair_of(bench, vm) == "b,once" and model_of(bench, vm) == "linux,acme-model"
        vm.send("reboot -f")
        vm.wait_reset()
        assert pair_of(bench, vm) == "a,counted" and model_of(bench, vm) == MODEL.decode()


def test_damaged_device_tree_falls_back_at_once(bench):
    vm, _ = machine(bench, tree_b=GARBAGE)
    with vm:
        vm.expect("the pair of slot b cannot be loaded", SLOW)
        assert pair_of(bench, vm) == "a,counted" and len(vm.boots) == 1


def test_damaged_device_tree_of_a_pair_is_no_fault_of_the_next(bench):
    """Where U-Boot has none to give instead: what the kernel does without one is its affair."""
    vm, _ = machine(bench, tree_b=GARBAGE, before=f"{KEPT}{NAMES}setenv fdtcontroladdr\n")
    with vm:
        vm.expect("the pair of slot b cannot be loaded", SLOW)
        vm.expect("Loading Ramdisk to", SLOW, fail="the pair of slot a cannot be loaded")
