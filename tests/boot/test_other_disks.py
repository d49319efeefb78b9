# SPDX-License-Identifier: Apache-2.0
"""The system disk is not always virtio."""

import pytest


@pytest.mark.parametrize("bus, name", [("nvme", "/dev/nvme0n1"), ("sd", "/dev/mmcblk0")])
def test_system_disk_on_another_bus(bench, bus, name):
    disk = bench.disk("1.0", "2.0", good="a", size="256M")
    with bench.machine(disk, bus=bus, initrd=bench.device.initramfs()) as vm:
        vm.expect(r"keelboot: slot b: 2\.0, trial, tries left: 2")
        bench.up(vm, "2.0", "b")
        devices = bench.ask(vm, "cat /run/keelboot/devices")
        assert f"disk {name}" in devices and f"state {name}p1" in devices
        status = bench.status(vm)
        assert status["slots"][1]["state"] == "good" and status["booted"]["counted"]
        assert bench.causes(vm) == []
