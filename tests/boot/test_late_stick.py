# SPDX-License-Identifier: Apache-2.0
"""A stick that is not there when the machine is switched on."""

from drives import Drive


def test_stick_that_comes_while_modules_load_is_taken(bench):
    with bench.machine(bench.disk("1.0"), drives=[bench.stick(bench.bundle("2.0"), plugged=False)]) as vm:
        vm.expect(r"keelboot: Keelboot")
        vm.plug("stick")
        assert "slot b holds version 2.0 on trial" in bench.up(vm, "2.0", "b")


def test_stick_that_comes_later_belongs_to_the_running_system(bench):
    disk = bench.disk("1.0")
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"), plugged=False)]) as vm:
        bench.up(vm, "1.0", "a")
        before = bench.slots(disk)
        vm.plug("stick")
        vm.expect(r"\[sda\] Attached SCSI")
        bench.ask(vm, "sleep 8")        # more than anything in a boot would need to look at it
        assert bench.slots(disk) == before and "vfat" not in bench.ask(vm, "cat /proc/mounts")
        assert bench.status(vm)["next"] == "a"
        vm.send("reboot")
        bench.up(vm, "2.0", "b")
        assert bench.causes(vm) == ["guest"]


def test_stick_with_the_devices_own_labels_is_not_mistaken_for_it(bench):
    disk = bench.disk("1.0")
    copy = bench.work / "copy.img"
    copy.write_bytes(disk.read_bytes())
    with bench.machine(disk, drives=[Drive(copy, bus="usb", name="copy")]) as vm:
        bench.up(vm, "1.0", "a")
        devices = bench.ask(vm, "cat /run/keelboot/devices")
        assert "state /dev/vda1" in devices and "sd" not in devices
        assert "copy" not in vm.writes()
