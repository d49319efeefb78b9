# SPDX-License-Identifier: Apache-2.0
"""Options of mount(8) in system.conf: the kernel takes some as flags only, and the rest is for the file system."""

# The superblock of the system says errors=continue.
OPTIONS = "mount-options=noatime,errors=panic,nosuid"


def options_of_root(bench, vm) -> list:
    line = next(line for line in bench.ask(vm, "cat /proc/mounts").splitlines()
                if line.split()[1] == "/" and not line.startswith("rootfs"))
    return line.split()[3].split(",")


def test_root_has_flags_and_data_of_system_conf(bench):
    with bench.machine(bench.disk(), initrd=bench.initramfs_with(OPTIONS, name="mount-options")) as vm:
        text = bench.up(vm, "1.0", "a")
        assert "unable to mount" not in text and "trying /dev" not in text
        assert {"ro", "noatime", "nosuid", "errors=panic"} <= set(options_of_root(bench, vm))


def test_wrong_word_costs_no_flag(bench):
    initrd = bench.initramfs_with(OPTIONS.replace("panic", "bogus"), name="mount-options-bogus")
    with bench.machine(bench.disk(), initrd=initrd) as vm:
        vm.expect(r"keelboot: root: trying /dev/vda\d as ext4 with noatime,nosuid \(rootfstype=, rootflags=, ")
        bench.up(vm, "1.0", "a")
        assert {"ro", "noatime", "nosuid"} <= set(options_of_root(bench, vm))
