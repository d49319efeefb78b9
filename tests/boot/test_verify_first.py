# SPDX-License-Identifier: Apache-2.0
"""verify-first= decides what a damaged bundle costs: nothing, or the slot that is not in use."""

import os
import re

import pytest


@pytest.mark.parametrize("first", ["yes", "no"])
def test_damaged_stick(bench, first):
    disk = bench.disk("1.0")
    before = bench.slots(disk)
    stick = bench.stick(bench.damaged(bench.bundle("3.0"), "bad.keel"))
    initrd = bench.conf_initramfs("no-verify", "[source.media]\nverify-first=no\n")
    with bench.machine(disk, drives=[stick], initrd=initrd if first == "no" else None) as vm:
        assert "keelboot/bad.keel: version 3.0: not installed: " in bench.up(vm, "1.0", "a")
        assert bench.status(vm)["slots"][1]["state"] == ("empty" if first == "yes" else "writing")
        assert bench.causes(vm) == []
    after = bench.slots(disk)
    assert after["a"] == before["a"]
    assert (after["b"] == before["b"]) == (first == "yes")


@pytest.mark.parametrize("first", ["yes", "no"])
def test_staged_copy_that_decayed(bench, first):
    """2.0 runs from b, 1.0 in a is good and what the device would fall back to."""
    disk = bench.disk("1.0", "2.0", data={"3.0.keel": bench.bundle("3.0")})
    initrd = bench.conf_initramfs("no-verify-data", "[source.data]\nverify-first=no\n")
    before = bench.slots(disk)
    size = bench.bundle("3.0").stat().st_size
    with bench.machine(disk, initrd=initrd if first == "no" else None) as vm:
        bench.up(vm, "2.0", "b")
        bench.ask(vm, "keelboot stage /data/3.0.keel --progress=none")
        bench.ask(vm, f"f=$(ls /data/keelboot/stage/*.keel); printf DAMAGED | dd of=$f bs=1 "
                      f"seek={size - 20} conv=notrunc 2>/dev/null; sync")
        vm.send("reboot")
        vm.expect(r"keelboot-apply: staged update: .*failure 1 of 3 of this copy")
        bench.up(vm, "2.0", "b")
        assert bench.status(vm)["slots"][0]["state"] == ("good" if first == "yes" else "writing")
    after = bench.slots(disk)
    assert after["b"] == before["b"]
    assert (after["a"] == before["a"]) == (first == "yes")


def test_what_fits_into_memory_is_read_once(bench):
    """It is verified first, and the second time it comes from the kernel's cache."""
    image = bench.device.system("3.0", "once")
    with open(image, "r+b") as file:        # bytes that do not shrink, behind the file system
        file.seek(0, os.SEEK_END)
        file.write(os.urandom(8 << 20))
    bundle = bench.device.bundle("3.0", "once", image=image)
    with bench.machine(bench.disk("1.0"), drives=[bench.stick(bundle)]) as vm:
        said = bench.up(vm, "3.0", "b")
        assert re.search(r"install: verified first, and read once: \d+ MiB fit into memory", said)
        assert vm.stats()["stick"].read_bytes < 1.2 * bundle.stat().st_size


def test_what_does_not_fit_is_read_twice_and_that_is_said(bench):
    image = bench.work / "noise.img"
    image.write_bytes(os.urandom(38 << 20))
    stick = bench.stick(bench.device.bundle("3.0", "noise", image=image), folder="elsewhere")
    with bench.machine(bench.disk("1.0"), drives=[stick]) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "mkdir -p /run/hog /run/stick; mount -t tmpfs -o size=90% hog /run/hog; "
                      "mount /dev/sda /run/stick; have=$(awk '/^MemAvail/ { print int($2 / 1024) }' /proc/meminfo); "
                      "dd if=/dev/zero of=/run/hog/hog bs=1M count=$((have - 40)) 2>/dev/null")
        before = vm.stats()["stick"].read_bytes
        said = bench.ask(vm, "keelboot install /run/stick/elsewhere/*.keel --progress=none 2>&1", 120)
        assert re.search(r"read twice: \d+ MiB do not fit beside the install into the \d+ MiB of free", said), said
        assert vm.stats()["stick"].read_bytes - before > 1.3 * (38 << 20), said
