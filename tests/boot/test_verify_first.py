# SPDX-License-Identifier: Apache-2.0
"""verify-first= decides what a damaged stick costs: nothing, or the slot that is not in use."""

import pytest


@pytest.mark.parametrize("first", ["yes", "no"])
def test_damaged_stick(bench, first):
    disk = bench.disk("1.0")
    before = bench.slots(disk)
    stick = bench.stick(bench.damaged(bench.bundle("3.0"), "bad.keel"))
    initrd = bench.conf_initramfs("no-verify", "[source.usb]\nverify-first=no\n")
    with bench.machine(disk, drives=[stick], initrd=initrd if first == "no" else None) as vm:
        text = bench.up(vm, "1.0", "a")
        assert "keelboot/bad.keel: version 3.0: not installed: " in text
        state = bench.status(vm)["slots"][1]["state"]
        assert state == ("empty" if first == "yes" else "writing")
        assert bench.causes(vm) == []
    after = bench.slots(disk)
    assert after["a"] == before["a"]
    assert (after["b"] == before["b"]) == (first == "yes")
