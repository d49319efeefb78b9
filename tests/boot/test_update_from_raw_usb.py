# SPDX-License-Identifier: Apache-2.0
"""A stick without any file system: the bundle begins at its first byte. The keys are in a folder of the vendor's."""


def test_bundle_on_the_bare_stick_is_installed(bench):
    disk = bench.disk("1.0")
    keys = bench.conf_initramfs("keyring", "[keyring]\npath=/usr/share/acme/update-keys\n")
    with bench.machine(disk, initrd=keys, drives=[bench.raw_stick(bench.bundle("2.0"))]) as vm:
        assert "raw bundle: version 2.0 (sequence 2), signed by dev: to slot b" in bench.up(vm, "2.0", "b")
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert "rawstick" not in vm.writes()
        assert bench.causes(vm) == []
    assert bench.holds_release(disk, "b", "2.0")
