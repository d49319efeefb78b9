# SPDX-License-Identifier: Apache-2.0
"""Each root has a kernel of its own, which the kernel that the boot loader starts loads by kexec: a release brings it, and
is left with it."""

import kbkernel
import pytest
from kbdisk import mkvfat

CONF = "[system]\ntries={tries}\n[loader]\nkind=kexec\n"
SIZE = "36M"
SLOW = 120      # seconds: a kernel unpacks itself in the emulated processor
GARBAGE = b"no initramfs " * 1000
STARTS = "slot {}: starting its kernel"
RUNS = "slot {}: this is its own kernel"


class Releases:
    """A device whose first kernel no release has, and releases with a kernel each. Its words name the release."""

    def __init__(self, bench, *, tries=3, conf="", name="kexec"):
        self.bench = bench
        self.kernel = kbkernel.get().bzimage
        self.initrd = bench.conf_initramfs(f"{name}-{tries}", CONF.format(tries=tries) + conf)

    def system(self, version, *, words="", **files):
        """A root with its kernel; a file of None is left out."""
        files = {"vmlinuz": self.kernel, "initramfs.img": self.initrd, "kernel-words": f"release={version} {words}\n",
                 **{name.replace("_", "."): content for name, content in files.items()}}
        return self.bench.device.system(version, size=SIZE, files={f"boot/{name}": content for name, content in
                                                                   files.items() if content is not None})

    def machine(self, disk, *sticks, **options):
        return self.bench.device.machine(disk, drives=sticks, initrd=self.initrd, memory=384, append="panic=1",
                                         log=str(self.bench.work / "console.log"), **options)


def words_of_kernel(bench, vm) -> list:
    return bench.ask(vm, "cat /proc/cmdline").split()


def test_release_is_started_by_its_own_kernel_and_becomes_good(bench):
    releases = Releases(bench)
    releases.system("1.70")
    releases.system("2.70")
    with releases.machine(bench.disk("1.70"), bench.stick(bench.bundle("2.70"))) as vm:
        text = bench.up(vm, "2.70", "b", SLOW)
        for line in (STARTS.format("b"), RUNS.format("b"), "slot b: its own kernel has come up"):
            assert line in text, text
        words = words_of_kernel(bench, vm)
        assert words.count("keelboot.pair=b") == 1 and "release=2.70" in words and "panic=1" in words
        assert bench.boot_json(vm)["pair"] == "b" and len(vm.boots) == 1
        assert bench.status(vm)["slots"][1]["state"] == "good"
