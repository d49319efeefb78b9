# SPDX-License-Identifier: Apache-2.0
"""Nobody pulls the stick out (gtxaspec/ingenic-u-boot-xburst1#3, lxc/incus-os#1251)."""


def test_five_boots_install_once_and_hardly_write(bench):
    disk = bench.disk("1.0", b=None)
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0 still"))]) as vm:
        bench.up(vm, "2.0", "b")
        assert "slot b holds version 2.0 on trial" in vm.boot_text()
        slots = bench.slots(disk)
        for number in range(2, 6):
            written = vm.stats()["disk"].written_bytes
            vm.send("reboot -f")
            vm.wait_boot(number)
            text = bench.up(vm, "2.0", "b")
            assert "version 2.0: skipped: this release is installed" in text
            assert "holds version" not in text
            # The attempt is counted before the stick is opened, and given back: two records,
            # and what mark good has to say.
            assert vm.stats()["disk"].written_bytes - written <= 5 * 4096
            assert bench.slots(disk) == slots
        assert [e["version"] for e in bench.history(vm) if e["kind"] == "install"] == ["2.0"]
        assert vm.stats()["stick"].writes == 0
        assert bench.causes(vm) == ["guest"] * 4
