# SPDX-License-Identifier: Apache-2.0
"""The module sets `watchdog` and `watchdog-server` on the machines that QEMU has for them, beside the i6300esb of all
other tests: Intel's chipset, whose device another driver makes, and a server's BMC."""
import json

import pytest

Q35 = ("-machine", "q35", "-global", "ICH9-LPC.noreboot=false")
BMC = ("-device", "ipmi-bmc-sim,id=bmc0", "-device", "isa-ipmi-kcs,bmc=bmc0")
QBOOT = "qboot.rom"
MODULES = ("virtio", "ext4", "watchdog", "watchdog-server")


def machine(bench, disk, extra, firmware, modules=MODULES):
    initrd = bench.initramfs(name="-".join(("boards", *modules[len(MODULES):])), modules=modules)
    return bench.machine(disk, initrd=initrd, watchdog=False, extra=list(extra), firmware=firmware, append="loglevel=7")


@pytest.mark.parametrize("extra, firmware, identity", [(Q35, "", "iTCO_wdt"), (BMC, QBOOT, "IPMI")])
def test_a_hang_ends_by_the_watchdog_of_the_board(bench, extra, firmware, identity):
    """SeaBIOS sets up Intel's chipset; qboot, with which all other tests start, leaves its ports without an address."""
    with machine(bench, bench.disk("1.0", "3.0 hang", good="a"), extra, firmware) as vm:
        vm.expect(rf"keelboot: watchdog: /dev/watchdog0? \({identity}\), {bench.device.watchdog} s", 120)
        vm.expect(r"keelboot: slot b: 3\.0, trial, tries left: 2")
        vm.expect(r"system 3\.0: init hangs", 90)
        vm.wait_reset(120)
        vm.expect(r"keelboot: slot b: 3\.0, trial, tries left: 1", 200)


@pytest.mark.parametrize("extra, firmware, modules", [
    (BMC, QBOOT, MODULES), (BMC, QBOOT, (*MODULES, "softdog")), ((*Q35, *BMC), "", MODULES),
], ids=["alone", "softdog", "chipset"])
def test_a_bmc_is_taken_before_all_others(bench, extra, firmware, modules):
    """Its driver makes no /dev/watchdogN, and nothing in /sys/class/watchdog."""
    with machine(bench, bench.disk("1.0", good="a"), extra, firmware, modules) as vm:
        vm.expect(rf"keelboot: watchdog: /dev/watchdog \(IPMI\), {bench.device.watchdog} s", 120)
        bench.up(vm, "1.0", "a")
        told = bench.boot_json(vm)
        assert told["watchdog"]["device"] == "/dev/watchdog" and told["warnings"] == [], told
        findings = json.loads(bench.ask(vm, "keelboot doctor --json || true"))["findings"]
        assert [f["id"] for f in findings if "watchdog" in f["id"]] == ["watchdog-unseen"], findings


def test_a_chipset_that_no_driver_finds_is_told(bench):
    with machine(bench, bench.disk("1.0", good="a"), Q35, QBOOT) as vm:
        vm.expect(r"keelboot: watchdog: \d+ packed drivers found no hardware")
        bench.up(vm, "1.0", "a")
        warnings = bench.boot_warnings(vm)
        assert "watchdog: none; a hang does not end in a restart" in warnings
        assert any("packed drivers found no hardware" in text for text in warnings)
