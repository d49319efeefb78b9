# SPDX-License-Identifier: Apache-2.0
"""U-Boot's environment is on another disk than the slots, and that disk comes later, or not at all. The kernel's
command line says what U-Boot would have said."""

import kbloader
import kbuboot
import pytest

from drives import Drive

CONF = """\
[system]
timeout=20
[slot.a]
boot=PARTLABEL=boot-a
[slot.b]
boot=PARTLABEL=boot-b
[loader]
kind=u-boot
"""
COPIES = "".join(f"/dev/sda {offset:#x} {kbuboot.SIZE:#x}\n" for offset in kbuboot.OFFSETS)
WAITS = "boot loader: waiting up to 20 s for a device with its store: keelboot-loader: boot loader: /dev/sda: " \
    "not found"


@pytest.fixture(name="parts")
def make_parts(bench):
    """The machine, switched off; and the disk of the environment, not plugged in."""
    config, own = bench.work / "fw_env.config", bench.work / "environment.img"
    config.write_text(COPIES)
    with open(own, "wb") as file:
        file.truncate(16 << 20)
    kbuboot.put(own, *(kbloader.uboot_environment(flags, keelboot_default="a", keelboot_starts="1")
                       for flags in (2, 1)))
    initrd = bench.conf_initramfs("late-environment", CONF, "--add", f"{config}:/etc/fw_env.config")
    disk = bench.disk("1.0", extra=[("boot-a", "1M", None), ("boot-b", "1M", None)])
    drive = Drive(own, bus="usb", name="own", plugged=False)
    return bench.machine(disk, initrd=initrd, append="keelboot.pair=a,counted", drives=[drive], usb=True), own


def test_disk_with_the_environment_that_comes_late_is_waited_for(bench, parts):
    vm, own = parts
    with vm:
        vm.expect(WAITS, 90)
        vm.plug("own")
        bench.up(vm, "1.0", "a")
        assert "boot loader: came-up" not in vm.text and not bench.boot_warnings(vm)
    assert kbuboot.copies(own) == [(3, {"keelboot_default": "a"}),
                                   (2, {"keelboot_default": "a", "keelboot_starts": "1"})]


def test_disk_with_the_environment_that_never_comes_costs_its_time_and_is_told(bench, parts):
    vm, _ = parts
    told = "does not hear that it came up: after some, it starts another one; a device with its store did not come " \
        "within 20 s"
    with vm:
        vm.expect(WAITS, 90)
        bench.up(vm, "1.0", "a")
        assert "boot loader: came-up: keelboot-loader: boot loader: /dev/sda: not found" in vm.text
        assert any(told in text for text in bench.boot_warnings(vm))
        assert told in bench.ask(vm, "keelboot status") and vm.text.count(WAITS) == 1
