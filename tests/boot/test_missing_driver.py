# SPDX-License-Identifier: Apache-2.0
"""An initramfs that lacks a driver: of the disk, or of the file system in a slot."""
import subprocess

LACKS_DISK = ("usb", "ext4", "vfat")


def test_without_the_driver_of_the_disk_no_disk_is_seen(bench):
    initrd = bench.initramfs(name="no-virtio", modules=LACKS_DISK)
    with bench.machine(bench.disk("1.0"), initrd=initrd, append="keelboot.timeout=2") as vm:
        vm.expect(r"keelboot: devices: the kernel sees no disk; check its power and cable, and pack its driver "
                  r"\(keelboot image build --module-set nvme, sata, sd, usb or virtio, or --module NAME\)")
        vm.expect(r"keelboot: devices: 0000:00:0\d\.0 has no driver: none that is packed fits "
                  r"pci:v00001AF4d\w+bc01sc00i00, or it did not load")
        vm.expect(r"no disk found: nothing can boot, and no stick can help; restarting in 30 s")
        assert "its cable, and disk=" not in vm.boot_text()


def test_slot_without_the_driver_of_its_file_system_costs_no_try(bench):
    """Boot after boot, until an initramfs has it. busybox has a modprobe, which would find no module here."""
    tree, image = bench.work / "tree", bench.work / "root.squashfs"
    tree.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {tree}", bench.device.system("2.0")], check=True, capture_output=True)
    subprocess.run(["mksquashfs", tree, image, "-all-root", "-noappend", "-quiet", "-no-progress"], check=True)
    disk = bench.disk("1.0", bench.bundle("2.0", image=image), good="a")
    initrd = bench.initramfs("--busybox", "/bin/busybox", name="busybox")
    with bench.machine(disk, initrd=initrd) as vm:
        for number in range(1, 6):
            vm.wait_boot(number)
            vm.expect(r"keelboot: slot b: this kernel has no squashfs: its module is not in the initramfs, or did not "
                      r"load \(keelboot image build --module squashfs\)")
            bench.up(vm, "1.0", "a")
            if number < 5:
                vm.send("reboot")
        status = bench.status(vm)
        assert status["booted"]["reason"] == "b: no squashfs in this kernel"
        assert status["slots"][1]["state"] == "trial" and status["slots"][1]["tries"] == 3
        assert bench.causes(vm) == ["guest"] * 4
    initrd = bench.initramfs(name="squashfs", modules=("virtio", "usb", "ext4", "squashfs", "vfat"))
    with bench.machine(disk, initrd=initrd) as vm:
        bench.up(vm, "2.0", "b")
