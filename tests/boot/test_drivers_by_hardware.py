# SPDX-License-Identifier: Apache-2.0
"""Everything is packed; each boot loads what its hardware asks for, or all of it where that is wrong."""
import pytest

import kbaliases

from drives import Drive

SETS = ("watchdog-server", "watchdog", "pstore", "virtio", "nvme", "sd", "usb", "sata", "ext4", "vfat", "exfat",
        "squashfs", "erofs", "verity")
CONF = "[system]\nusb-disk=yes\n"
# By bus: some of what it needs, and nothing else of these.
NEEDS = {"virtio": {"virtio_blk"}, "nvme": {"nvme"}, "sd": {"mmc_block", "sdhci_pci"},
         "usb": {"usb_storage", "xhci_pci", "sd_mod"}}
NEVER = {"vfat", "squashfs", "erofs", "dm_verity", "ahci", "it87_wdt", "w83627hf_wdt", "ipmi_si", "iTCO_wdt", "hpwdt"}


@pytest.fixture(scope="module")
def own_modules(device):
    """A system that has modules for its kernel, so that the boot need not load all for it."""
    with device.lock():
        return device.system("61.0", files={f"lib/modules/{device.kernel.modules.name}/modules.dep": "",
                                            f"lib/modules/{device.kernel.modules.name}/modules.builtin": ""})


def loaded(bench, vm) -> set:
    """Modules that the machine has; not what is built into its kernel."""
    return set(bench.ask(vm, "for m in /sys/module/*/initstate; do m=${m%/initstate}; echo ${m##*/}; done").split())


@pytest.mark.parametrize("bus", NEEDS)
def test_root_on_each_bus_loads_its_drivers_and_no_others(bench, own_modules, bus):
    initrd = bench.conf_initramfs(f"hardware-{bus}", CONF, modules=SETS)
    disk = bench.disk(slots=(own_modules, ...), size="256M")      # an SD card has a power of two
    with bench.machine(disk, bus=bus, initrd=initrd, append="keelboot.log=info") as vm:
        vm.expect("system 61.0 is ready", 90)
        assert "all others are loaded" not in vm.boot_text()
        names = loaded(bench, vm)
    assert {"ext4", "i6300esb", *NEEDS[bus]} <= names
    assert not names & {*NEVER, *(set().union(*(NEEDS[other] for other in NEEDS if other != bus)) - NEEDS[bus])}


def test_root_without_modules_gets_all(bench):
    """Its data and the sticks that come later need them."""
    initrd = bench.conf_initramfs("hardware-all", CONF, modules=SETS)
    with bench.machine(bench.disk("1.0"), initrd=initrd, append="keelboot.log=info") as vm:
        vm.expect(r"keelboot: modules: the root has none for \S+, so it gets all that are packed", 60)
        vm.expect("system 1.0 is ready", 90)
        assert {"usb_storage", "nvme", "vfat", "erofs"} <= loaded(bench, vm)


def test_damaged_table_boots_and_says_so(bench, own_modules):
    damaged = bench.work / "aliases"
    damaged.write_text("fs-ext4 ext4\npci:v0000")
    initrd = bench.initramfs("--load-all", "--add", f"{damaged}:/etc/keelboot/aliases", name="damaged-table")
    with bench.machine(bench.disk(slots=(own_modules, ...)), initrd=initrd) as vm:
        vm.expect("keelboot: modules: /etc/keelboot/aliases is damaged in line 2: it is cut off; "
                  "all packed modules are loaded")
        vm.expect("system 61.0 is ready", 90)


def test_table_without_the_disk_boots_with_all(bench, own_modules):
    """Like a driver that names no alias of its hardware."""
    table = bench.work / "aliases"
    lines = b"fs-ext4 ext4\nneeds:ext4 crc32c_generic crc16 mbcache jbd2\n"
    table.write_bytes(lines + b"end 2 %08x\n" % kbaliases.crc32c(lines))
    initrd = bench.initramfs("--load-all", "--add", f"{table}:/etc/keelboot/aliases", name="poor-table")
    with bench.machine(bench.disk(slots=(own_modules, ...)), initrd=initrd) as vm:
        vm.expect("keelboot: modules: no disk has the state and all slots: the hardware asked for 0 of "
                  r"\d+; all others are loaded, too")
        vm.expect("system 61.0 is ready", 90)


def test_driver_whose_init_does_not_end_is_named_and_the_boot_goes_on(bench, own_modules):
    """test_bpf stands for it: its init runs for a minute here."""
    initrd = bench.initramfs("--module", "test_bpf", name="slow-driver")
    with bench.machine(bench.disk(slots=(own_modules, ...)), initrd=initrd) as vm:
        vm.expect("keelboot: module /lib/modules/test_bpf.ko: its init does not end; the boot goes on without it", 90)
        vm.expect("system 61.0 is ready", 120)


@pytest.mark.parametrize("processors", (2, 4))
def test_with_more_processors_it_holds_up_no_other_driver(bench, own_modules, processors):
    """scsi_debug stands for it: it answers no command here, and its init sleeps for as long as Linux waits for it."""
    hangs = "keelboot: module /lib/modules/scsi_debug.ko: its init does not end; the boot goes on without it"
    initrd = bench.initramfs("--module", "scsi_debug", name="sleeping-driver")
    with bench.machine(bench.disk(slots=(own_modules, ...)), initrd=initrd, smp=processors,
                       append="keelboot.log=info scsi_mod.scan=sync scsi_debug.every_nth=1 scsi_debug.opts=4") as vm:
        vm.expect("system 61.0 is ready", 180)
        text = vm.boot_text()
        assert {"ext4", "i6300esb", *NEEDS["virtio"]} <= loaded(bench, vm)
    begun, other, left = map(text.find, ("modules: loading scsi_debug", "modules: loading virtio_pci", hangs))
    assert 0 <= begun < other < left < text.find("system 61.0 is up")
    assert text.count(hangs) == 1 and "Unknown symbol" not in text


def test_stick_brings_its_drivers_and_file_system(bench, own_modules):
    initrd = bench.conf_initramfs("hardware-stick", "[source.media]\nsettle=2\n", modules=SETS)
    stick = bench.stick(bench.bundle("2.0"))
    assert isinstance(stick, Drive)
    with bench.machine(bench.disk(slots=(own_modules, ...)), initrd=initrd, drives=[stick],
                       append="keelboot.log=info") as vm:
        vm.expect("keelboot: modules: loading vfat", 90)
        vm.expect("system 2.0 is up on slot b", 120)
