# SPDX-License-Identifier: Apache-2.0
"""A stick that is pulled in the middle of an install, and again, and then left in."""


def test_pulled_twice_then_finished(bench):
    disk = bench.disk("1.0")
    stick = bench.stick(bench.bundle("2.0"))
    initrd = bench.conf_initramfs("no-verify", "[source.media]\nverify-first=no\n")
    # Slow enough that there is a middle; nothing is verified before the first write.
    with bench.untouched(disk, "a"), bench.machine(disk, initrd=initrd, drives=[stick], bps=3 << 20) as vm:
        for number in (1, 2):
            vm.expect(r"update: writing, [2-9]\d %")
            vm.unplug("stick")
            text = bench.up(vm, "1.0", "a")
            assert "not installed: " in text and "holds version" not in text
            slot = bench.status(vm)["slots"][1]
            assert slot["state"] in ("writing", "empty"), slot
            vm.plug("stick")
            vm.send("reboot")
            vm.wait_boot(number + 1)
        bench.up(vm, "2.0", "b", timeout=150)
        assert set(bench.causes(vm)) == {"guest"}
    assert bench.holds_release(disk, "b", "2.0")
