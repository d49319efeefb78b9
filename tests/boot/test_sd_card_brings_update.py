# SPDX-License-Identifier: Apache-2.0
"""An SD card in a reader of its own brings an update like a stick does, and is only read."""

from conftest import LEAN


def test_card_brings_an_update(bench):
    disk = bench.disk("1.0")
    card = bench.sd_card(bench.bundle("2.0"))
    with bench.machine(disk, initrd=bench.initramfs(name="sd", modules=(*LEAN, "sd")), drives=[card]) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "update: looking at source sd" in text
        assert "slot b holds version 2.0 on trial" in text
        assert ("install", "sd") in [(event["kind"], event["detail"]) for event in bench.history(vm)]
        assert bench.causes(vm) == []
    assert bench.holds_release(disk, "b", "2.0")


def test_card_is_not_looked_at_when_the_command_line_says_so(bench):
    disk = bench.disk("1.0")
    card = bench.sd_card(bench.bundle("2.0"))
    initrd = bench.initramfs(name="sd", modules=(*LEAN, "sd"))
    with bench.machine(disk, initrd=initrd, drives=[card], append="keelboot.sources=usb,data") as vm:
        assert "looking at source" not in bench.up(vm, "1.0", "a")
