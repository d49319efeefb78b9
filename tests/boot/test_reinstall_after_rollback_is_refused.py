# SPDX-License-Identifier: Apache-2.0
"""A release that failed here (ZaparooProject/zaparoo-core#1334: three installs) is not installed again
by itself, though the stick stays in; a newer one is."""


def test_release_that_failed_is_not_installed_again(bench):
    disk = bench.disk("1.0")
    stick = bench.stick(bench.bundle("2.0 exit"))
    newer = bench.stick(bench.bundle("3.0"), name="newer", plugged=False)
    with bench.machine(disk, drives=[stick, newer], append="panic=1") as vm:
        assert "this release failed on this device before" in bench.up(vm, "1.0", "a", timeout=200)
        installs = [e for e in bench.history(vm) if e["kind"] == "install"]
        assert [e["version"] for e in installs] == ["2.0"], "installed once"
        vm.plug("newer")
        bench.ask(vm, "until [ -e /sys/block/sdb ]; do sleep 1; done")
        vm.send("reboot")
        bench.up(vm, "3.0", "b")
