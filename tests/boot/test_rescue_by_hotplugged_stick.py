# SPDX-License-Identifier: Apache-2.0
"""Nothing mounts; a stick that is plugged in while the device waits repairs it, without help."""

from kbdisk import write_partition


def test_stick_repairs_the_device_at_once(bench):
    disk = bench.disk("1.0", "2.0", state=bench.factory("1.0", "2.0")[0], slots=(None, None))
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"), plugged=False)]) as vm:
        vm.expect(r"rescue: waiting for a USB stick or an SD card with a good bundle", 90)
        vm.plug("stick")
        vm.expect(r"rescue: a medium has appeared", 60)
        slot = vm.expect(r"slot (\w) holds version 2\.0 on trial", 60)[1]
        assert "uid=" not in bench.up(vm, "2.0", slot)
        assert bench.causes(vm) == [], "no restart in between"
        assert bench.status(vm)["booted"]["slot"] == slot


def test_bad_stick_does_not_help_and_a_good_one_does(bench):
    disk = bench.disk("1.0", "2.0", state=bench.factory("1.0", "2.0")[0], slots=(None, None))
    bad = bench.stick(bench.damaged(bench.bundle("3.0"), "bad.keel"), name="bad")
    good = bench.stick(bench.bundle("3.0"), name="good", plugged=False)
    with bench.machine(disk, drives=[bad, good]) as vm:
        vm.expect(r"keelboot/bad\.keel: version 3\.0: not installed: ", 90)
        vm.expect(r"rescue: waiting for ", 90)
        vm.unplug("bad")
        vm.plug("good")
        slot = vm.expect(r"slot (\w) holds version 3\.0 on trial", 90)[1]
        bench.up(vm, "3.0", slot)
        assert bench.causes(vm) == []


def test_stick_repairs_the_only_slot_though_its_superblock_is_whole(bench):
    state = bench.work / "one-slot.img"
    bench.command("state", "init", state, "--slots", "1", "--good", "a", "--bundle", bench.bundle("1.0"))
    disk = bench.disk("1.0", state=state)
    write_partition(disk, "root-a", bytes(1 << 20), 4096)
    conf = bench.device.conf.replace("[slot.b]\nroot=PARTLABEL=root-b\n", "")
    initrd = bench.initramfs_with(name="one-slot", conf=conf)
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"))], initrd=initrd) as vm:
        vm.expect(r"keelboot: root: unable to mount /dev/vda3 \(ext4\)")
        vm.expect(r"slot a holds version 2\.0 on trial", 90)
        bench.up(vm, "2.0", "a")
        assert bench.causes(vm) == [], "no restart in between"
        assert [slot["state"] for slot in bench.status(vm)["slots"]] == ["good"]
