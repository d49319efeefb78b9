# SPDX-License-Identifier: Apache-2.0
"""A person chooses the slot: for one boot, and for good. And the doctor looks at a real machine."""

import json


def test_a_slot_is_chosen_once_and_then_for_good(bench):
    disk = bench.disk("1.0", "2.0")
    with bench.untouched(disk), bench.machine(disk) as vm:
        vm.expect(r"keelboot: slot b: 2\.0, good")
        bench.up(vm, "2.0", "b")
        vm.shell("keelboot switch --once")
        vm.send("reboot")
        vm.expect(r"keelboot: slot a: 1\.0, good")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["tier"] == "oneshot"
        vm.send("reboot")
        vm.expect(r"keelboot: slot b: 2\.0, good")
        bench.up(vm, "2.0", "b")
        assert bench.boot_json(vm)["tier"] == "normal"
        vm.shell("keelboot switch a")
        vm.send("reboot")
        vm.expect(r"keelboot: slot a: 1\.0, good")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["tier"] == "normal"
        assert bench.status(vm)["next"] == "a"
        findings = json.loads(bench.ask(vm, "keelboot doctor --json || true"))["findings"]
        kinds = {f["id"] for f in findings}
        # Of the file systems the lean initramfs lacks one, which the configuration has for media.
        assert [f["text"] for f in findings if f["id"] == "kernel-filesystem"] == [
            "[source.media] filesystems=: the kernel has no exfat: "
            "such media are ignored"]
        # This system has a key named dev, and a kernel whose options nobody can read.
        assert {"key-development", "kernel-options-unknown"} <= kinds
        assert not kinds & {"state-missing", "slot-partition", "not-booted", "watchdog-none", "panic-hangs",
                            "conf-missing", "keys-none", "nobody-marks-good", "slots-no-fallback"}
