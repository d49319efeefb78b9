# SPDX-License-Identifier: Apache-2.0
"""Small machines, of which the Debian kernel takes 60 MiB before init runs: docs/INTEGRATE.md has the figures."""
import pytest

LEAST = ("watchdog", "virtio", "ext4")
PAGE = ("watchdog-server", "watchdog", "pstore", "virtio", "nvme", "usb", "ext4", "vfat")
ALL = (*PAGE, "softdog", "sd", "sata", "exfat", "squashfs", "erofs", "verity")


@pytest.mark.parametrize("modules, memory", [(LEAST, 96), (PAGE, 100), (ALL, 104)], ids=["least", "page", "all"])
def test_boots_and_installs_what_is_staged(bench, modules, memory):
    disk = bench.disk("1.0", data={"2.0.keel": bench.bundle("2.0")})
    image = bench.device.initramfs(name=f"small-{len(modules)}", modules=modules)
    with bench.machine(disk, initrd=image, memory=memory) as vm:
        bench.up(vm, "1.0", "a", fail="Kernel panic")
        bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none")
        vm.send("reboot")
        assert "slot b holds version 2.0 on trial" in bench.up(vm, "2.0", "b")
        assert "Out of memory" not in vm.text and "oom-kill" not in vm.text
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert bench.causes(vm) == ["guest"]
