# SPDX-License-Identifier: Apache-2.0
"""Slots whose manifest is verified again, and roots behind dm-verity."""

import subprocess

import pytest

import kbkernel
from kbdevice import run
from kbdisk import read_partition, write_partition

DOCTOR = "keelboot doctor --json || true"
VERITY = ("virtio", "usb", "ext4", "squashfs", "erofs", "vfat", "verity")


@pytest.fixture
def image(bench):
    """An initramfs with dm-verity, and these lines of system.conf."""
    def make(name, text="", *options):
        text = text or "[system]\nverify-slot=boot\n"
        return bench.conf_initramfs(f"verity-{name}", text, *options, modules=VERITY)
    return make


def verity_bundle(bench, version: str, filesystem: str = "ext4"):
    """The path of a bundle with a hash tree."""
    with bench.device.lock():
        system = bench.device.system(version)
        tree = bench.device.work / f"root-{version}-ok"
        packed = bench.device.work / f"root-{version}.{filesystem}"
        if filesystem == "squashfs" and not packed.exists():
            subprocess.run(["mksquashfs", tree, packed, "-all-root", "-noappend", "-quiet",
                            "-comp", "xz"], check=True, capture_output=True)
        if filesystem == "erofs" and not packed.exists():
            subprocess.run(["mkfs.erofs", "--all-root", packed, tree], check=True, capture_output=True)
    return bench.device.bundle(version, image=packed if filesystem != "ext4" else system, options=("--verity",))


def root_of(bench, vm) -> str:
    """What is mounted on / in the device: source and type."""
    line = next(line for line in bench.ask(vm, "cat /proc/mounts").splitlines()
                if line.split()[1] == "/" and not line.startswith("rootfs"))
    return " ".join((line.split()[0], line.split()[2]))


def test_slot_with_a_root_hash_boots_through_verity_on_trial_and_when_it_is_good(bench, image):
    with bench.machine(bench.disk("1.0", verity_bundle(bench, "5.0"), good="a"), initrd=image("plain")) as vm:
        vm.expect(r"keelboot: slot b: dm-verity on /dev/vda4, root hash [0-9a-f]{16}")
        bench.up(vm, "5.0", "b")
        assert root_of(bench, vm) == "/dev/dm-0 ext4"
        assert bench.ask(vm, "cat /sys/block/dm-0/dm/name").strip() == "keelboot-root-b"
        assert bench.ask(vm, "cat /sys/class/block/vda4/ro").strip() == "1"
        status, output = vm.shell("dd if=/dev/vda4 of=/dev/vda4 bs=4096 count=1 conv=notrunc,fsync")
        assert status != 0 and "not permitted" in output, (status, output)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        vm.send("reboot")
        vm.expect(r"keelboot: slot b: dm-verity on /dev/vda4")
        bench.up(vm, "5.0", "b")
        assert root_of(bench, vm) == "/dev/dm-0 ext4"
        assert "kernel-dm-verity" not in bench.ask(vm, DOCTOR)


def test_slot_with_a_root_hash_is_skipped_without_dm_verity(bench):
    """The lean initramfs has no module for it."""
    with bench.machine(bench.disk("1.0", verity_bundle(bench, "5.0"), good="a")) as vm:
        vm.expect(r"keelboot: slot b: this kernel has no dm-verity: .*\(keelboot image build --module-set verity\)")
        bench.up(vm, "1.0", "a")
        status = bench.status(vm)
        assert status["booted"]["reason"] == "b: no dm-verity in this kernel"
        assert status["slots"][1]["state"] == "trial" and status["slots"][1]["tries"] == 3
        assert '"kernel-dm-verity"' in bench.ask(vm, DOCTOR)


def test_tree_of_a_hash_that_the_kernel_lacks_costs_nothing(bench):
    """Debian 12 has dm-verity and this hash as modules, and none names the other."""
    if "/sha512_generic.ko" in (kbkernel.get().modules / "modules.builtin").read_text():
        pytest.skip("this kernel has sha512 built in")
    disk = bench.disk("1.0", bench.tree_bundle("8.0", "sha512"), good="a")
    with bench.machine(disk, initrd=bench.initramfs("--module", "dm-verity", name="dm-verity-alone")) as vm:
        vm.expect(r"keelboot: slot b: this kernel has no sha512: .*\(keelboot image build --module-set verity\)")
        bench.up(vm, "1.0", "a")
        slot = bench.status(vm)["slots"][1]
        assert slot["state"] == "trial" and slot["tries"] == 3
        assert "no sha512" in bench.ask(vm, DOCTOR)


def test_tree_of_sha512_boots_with_the_module_set(bench, image):
    with bench.machine(bench.disk("1.0", bench.tree_bundle("8.0", "sha512"), good="a"), initrd=image("plain")) as vm:
        vm.expect(r"keelboot: slot b: dm-verity on /dev/vda4, root hash [0-9a-f]{16}")
        bench.up(vm, "8.0", "b")
        assert root_of(bench, vm) == "/dev/dm-0 ext4"
        assert "kernel-dm-verity" not in bench.ask(vm, DOCTOR)


@pytest.mark.parametrize("version, filesystem", [("6.0", "squashfs"), ("7.0", "erofs")])
def test_other_file_systems_boot_through_verity(bench, image, version, filesystem):
    disk = bench.disk("1.0", verity_bundle(bench, version, filesystem), good="a")
    with bench.machine(disk, initrd=image("plain")) as vm:
        bench.up(vm, version, "b")
        assert root_of(bench, vm) == f"/dev/dm-0 {filesystem}"


def test_damaged_block_of_a_good_slot_leads_to_the_other_slot(bench, image):
    """Each read of it is a panic. Good slots are counted, and this machine tells nothing of its resets: six end it."""
    disk = bench.disk("1.0", verity_bundle(bench, "5.0"))
    busybox = (bench.device.work / "root-5.0-ok/bin/busybox").read_bytes()
    at = read_partition(disk, "root-b").index(busybox[:4096])
    write_partition(disk, "root-b", b"\0" * 512, at + 512)
    with bench.machine(disk, initrd=image("count", "[system]\ncount=auto\n"), append="panic=1") as vm:
        for number in range(6):
            vm.expect(r"keelboot: slot b: dm-verity on /dev/vda4")
            vm.expect(r"Kernel panic - not syncing: dm-verity device corrupted")
            vm.wait_boot(number + 1)
        bench.up(vm, "1.0", "a")
        assert len(bench.causes(vm)) == 6
        assert root_of(bench, vm) == "/dev/vda3 ext4"


def test_trial_whose_manifest_no_trusted_key_signed_is_rejected(bench, image):
    disk = bench.disk("1.0", "2.0", good="a")
    keys = bench.work / "keys"
    keys.mkdir()
    run(bench.device.keelboot, "key", "generate", "-o", bench.work / "other")
    (bench.work / "other.pem").rename(keys / "other.pem")
    with bench.machine(disk, initrd=image("foreign", "", "--keys", keys)) as vm:
        vm.expect(r"keelboot-verify: manifest of slot b: not signed by the one trusted key")
        vm.expect(r"keelboot: slot b: manifest not verified")
        bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["reason"] == "b: manifest not verified"
        assert bench.status(vm)["slots"][1]["tries"] == 2
        assert bench.causes(vm) == []
