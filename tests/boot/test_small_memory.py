# SPDX-License-Identifier: Apache-2.0
"""A machine with 96 MiB, of which the Debian kernel takes 60 before init runs."""


def test_boots_and_installs_what_is_staged(bench):
    disk = bench.disk("1.0", data={"2.0.keel": bench.bundle("2.0")})
    image = bench.device.initramfs(name="small", modules=("watchdog", "virtio", "ext4"))
    with bench.machine(disk, initrd=image, memory=96) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none")
        vm.send("reboot")
        text = bench.up(vm, "2.0", "b")
        assert "slot b holds version 2.0 on trial" in text
        assert "Out of memory" not in vm.text and "oom-kill" not in vm.text
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert bench.causes(vm) == ["guest"]
