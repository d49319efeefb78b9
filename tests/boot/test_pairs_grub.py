# SPDX-License-Identifier: Apache-2.0
"""Each slot has a kernel of its own, which GRUB starts: a release brings both, and is left with both."""

import shutil

import kbdisk
import kbloader
import pair_device
import pytest
from boards import TCG_WORDS
from cut_disk import CUTS, CutDisk
from drives import Drive
from kbdisk import Vfat, mkvfat
from machine import Machine
from pair_device import PairDevice

PARTS = {"a": "gpt6", "b": "gpt7", "block": "gpt8"}
WORDS = f"console=ttyS0 gpt panic=1 loglevel=4 {TCG_WORDS}"
CONF = """\
[system]
tries={tries}
[slot.a]
boot=PARTLABEL=boot-a
[slot.b]
boot=PARTLABEL=boot-b
[loader]
kind=grub
environment=PARTLABEL=grubenv
"""

pytestmark = pytest.mark.skipif(not shutil.which("grub-mkimage"), reason="package grub-common is not installed")


class Pairs(PairDevice):
    """The pairs are on the disk, and GRUB starts that of slot a."""

    STORED, MEMORY = {"keelboot_once": ""}, 512

    def __init__(self, bench, *, tries=3, block=None, platform="i386-pc", words=WORDS, staged=False, **disk):
        """staged: the release 2.0 is in the data partition."""
        super().__init__(bench)
        self.tries, self.extra = tries, []
        self.kernel, self.initrd = bench.device.kernel.bzimage, self.initramfs()
        core = kbloader.grub_image(bench.work / "grub", platform, kbloader.grub_config(words, **PARTS))
        first = ("bios", "1M", core, kbloader.BIOS_BOOT)
        if platform != "i386-pc":
            first = ("esp", "48M", Vfat({kbloader.UEFI[bench.device.arch].boot: core}), "esp")
        block = kbloader.grub_block(keelboot_default="a") if block is None else block
        if staged:
            disk["data"] = {"2.0.keel": self.bundle("2.0")}
        self.disk = bench.disk("1.0", **disk, extra=[
            first, *self.parts("b" in disk), ("grubenv", "1M", kbloader.grub_environment(block))])
        if platform == "i386-pc":
            kbloader.grub_into_mbr(self.disk, "bios")
        else:
            self.extra = kbloader.firmware(bench.work / "variables.fd", bench.device.arch)

    def machine(self, *sticks, disk=None, **options):
        """With UEFI there is a controller of USB without sticks, too. Else the disk is at another place of PCI than it
        was with one, and the firmware makes a new entry for it, behind that of its shell."""
        return Machine(None, drives=[Drive(disk or self.disk, name="disk", **options), *sticks], memory=self.MEMORY,
                       usb=bool(self.extra), firmware="", watchdog=True, extra=self.extra,
                       arch=self.bench.device.arch, log=str(self.bench.work / "console.log"))

    def initramfs(self, name="", *options):
        return self.bench.conf_initramfs(f"pairs-{self.tries}{name}", CONF.format(tries=self.tries), *options,
                                         packed=True)

    def variables(self, disk=None) -> dict:
        return kbloader.grub_variables(disk or self.disk, "grubenv")


SLOW = Pairs.SLOW
# Those stories whose firmware matters. With a BIOS, the names of the scenarios are those without a parameter.
platforms = pytest.mark.parametrize("platform", [pytest.param("i386-pc", id=""), "x86_64-efi"])


@pytest.mark.parametrize("platform", kbloader.GRUB_DISKS)
def test_release_brings_its_kernel_and_is_committed_with_it(bench, platform):
    """For UEFI, the stick is GRUB's first disk."""
    pair_device.is_committed(Pairs(bench, platform=platform))


@platforms
def test_release_whose_kernel_panics_is_left_and_says_why(bench, platform):
    pair_device.is_left_after_a_panic(Pairs(bench, tries=1, platform=platform))


def test_release_whose_kernel_is_for_another_processor_is_left_and_says_why(bench):
    pair_device.is_left_as_another_processors(Pairs(bench, tries=1))


@pytest.mark.parametrize("point, tries", [("slot b: it has a kernel of its own", 1), ("", 1),
                                          ("slot b: its own kernel", 2)])
def test_power_cut_in_a_handover_costs_at_most_a_try(bench, point, tries):
    """At the last word of the old kernel, in the loader, and at the first word of the new one: there, nothing tells it
    from a crash."""
    pairs = Pairs(bench, tries=tries)
    with pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        if point:
            vm.expect(point, SLOW)
        else:
            vm.wait_reset(SLOW)
        vm.power_cut()
    with pairs.machine() as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert pairs.pair(vm) == "b"


def test_next_release_overwrites_the_other_kernel_and_never_the_one_that_runs(bench):
    pairs = Pairs(bench)
    with pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
    with pairs.machine(bench.stick(pairs.bundle("3.0"), name="second")) as vm:
        text = bench.up(vm, "3.0", "a", SLOW)
        assert "slot a: its own kernel has come up" in text and pairs.pair(vm) == "a"
        assert pairs.variables()["keelboot_default"] == "a"


def test_loader_whose_variables_are_gone_installs_nothing_and_says_so(bench):
    pairs = Pairs(bench, block=b"\xff" * 1024)
    with bench.untouched(pairs.disk), pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        told = "boot loader: it cannot write its store"
        assert told in text and told in bench.ask(vm, "keelboot status")
        assert "update: skipped: the boot loader cannot write its store" in text


def committed(bench, **options) -> Pairs:
    """A device whose release 2.0, in slot b, is good, and 1.0 in slot a as well."""
    pairs = Pairs(bench, **options)
    with pairs.machine(bench.stick(pairs.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "good"
    return pairs


@platforms
def test_committed_kernel_that_stops_starting_is_left(bench, platform):
    pair_device.is_left_after_three_starts(committed(bench, platform=platform))


def test_three_power_cuts_before_init_leave_the_release_where_it_is(bench):
    """They look like a kernel that does not come up. The other one asks for it once, and there it is."""
    pairs = committed(bench, words=WORDS.replace("loglevel=4", "loglevel=6"))
    for _ in range(3):
        with pairs.machine() as vm:
            vm.expect("Linux version", SLOW)
            vm.power_cut()
    with pairs.machine() as vm:
        text = bench.up(vm, "2.0", "b", SLOW)
        assert "slot b: its own kernel has come up" in text and len(vm.boots) == 2
        assert "the kernel that it starts by default did not come up" in vm.boot_text(1)
        assert pairs.variables() == {"keelboot_default": "b", "keelboot_once": ""}
        assert bench.status(vm)["slots"][1]["state"] == "good"


def test_without_a_limit_a_start_writes_nothing(bench, monkeypatch):
    monkeypatch.setitem(PARTS, "limit", "")
    pairs = Pairs(bench)
    before = kbdisk.read_partition(pairs.disk, "grubenv")
    with pairs.machine() as vm:
        bench.up(vm, "1.0", "a", SLOW)
        assert "keelboot.pair=a" in bench.ask(vm, "cat /proc/cmdline").split()
    assert kbdisk.read_partition(pairs.disk, "grubenv") == before


@platforms
def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench, platform):
    """GRUB arms no watchdog, and nobody else before init."""
    pairs = Pairs(bench, tries=1, platform=platform, words=WORDS.replace("panic=1", "panic=0"))
    pair_device.is_left_after_a_panic(pairs, resets=True)


@platforms
def test_kernel_that_hangs_in_the_initramfs_is_ended_by_the_watchdog(bench, platform):
    pairs = Pairs(bench, tries=1, platform=platform, words=WORDS.replace("panic=1", "panic=0"))
    pair_device.is_left_after_a_hang_in_its_initramfs(pairs)


@platforms
def test_pair_that_is_larger_than_its_partition_is_refused_before_anything_is_written(bench, platform):
    pair_device.is_refused_for_its_size(Pairs(bench, platform=platform), "40M")


def leads_to_the_release_wherever_cut(pairs) -> None:
    """Power is cut in the copy and in GRUB's block, from the first write to the commitment. 2.0 is in the data
    partition."""
    bench = pairs.bench
    with pairs.machine() as vm:
        bench.up(vm, "1.0", "a", pairs.SLOW)
        bench.ask(vm, "keelboot stage /data/2.0.keel --progress=none")
    cuts = CutDisk(pairs.disk, bench.work, "boot-b", "grubenv")
    with pairs.machine(log=cuts.log) as vm:
        bench.up(vm, "2.0", "b", 2 * pairs.SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        vm.power_cut()
    entries = cuts.entries()
    last = ((one, entries[one].length) for one in cuts.written()[-CUTS:])
    pair_device.leads_to_the_release_wherever_cut(pairs, cuts, {*cuts.points(), *last}, [])


@platforms
def test_power_cut_at_any_write_leaves_a_pair_that_starts_and_leads_to_the_release(bench, platform):
    leads_to_the_release_wherever_cut(Pairs(bench, tries=2, platform=platform, staged=True))


def both_good(bench, **options) -> Pairs:
    """As committed(), from the factory."""
    return Pairs(bench, b="2.0", block=kbloader.grub_block(keelboot_default="b"), **options)


@platforms
def test_both_kernels_bad_are_tried_every_ten_seconds_until_a_file_is_put_back(bench, platform):
    pairs = both_good(bench, platform=platform)
    pair_device.come_up_once_a_kernel_is_put_back(pairs, "no pair can be loaded; next try in 10 seconds")


@platforms
def test_both_pairs_panic_and_take_turns_until_a_file_is_put_back(bench, platform):
    pair_device.take_turns_until_a_file_is_put_back(both_good(bench, platform=platform))


DAMAGES = {
    "zeroes": lambda: kbloader.grub_environment(bytes(1024)),
    "cut short": lambda: kbloader.grub_environment(kbloader.grub_block(keelboot_default="b")[:40]),
    "no file": lambda: Vfat({"other": b""}),
    "no file system": lambda: None,
}


def damage(pairs, content) -> None:
    """Another content of the block's partition."""
    size = kbdisk.partition(pairs.disk, "grubenv")[1]
    image = pairs.bench.work / "grubenv.img"
    if isinstance(content, Vfat):
        mkvfat(image, size, content.files)
    kbdisk.write_partition(pairs.disk, "grubenv", image.read_bytes() if content else b"\xff" * size)


@pytest.mark.parametrize("how", DAMAGES)
def test_block_that_decays_starts_the_first_pair_and_one_that_is_made_anew_the_preferred(bench, how):
    """The slot of the kernel that runs boots, the other stays good, and nothing is installed."""
    pairs = both_good(bench, data={"3.0.keel": bench.bundle("3.0")})
    damage(pairs, DAMAGES[how]())
    with pairs.machine() as vm:
        text = bench.up(vm, "1.0", "a", SLOW)
        assert pairs.pair(vm) == "a" and len(vm.boots) == 1
        assert [slot["state"] for slot in bench.status(vm)["slots"]] == ["good", "good"]
        told = bench.ask(vm, "keelboot install /data/3.0.keel --progress=none; echo code $?", SLOW)
        assert "code 0" not in told and "boot loader" in told + text, told + text
    damage(pairs, kbloader.grub_environment(kbloader.grub_block(keelboot_default="a")))
    with pairs.machine() as vm:
        bench.up(vm, "2.0", "b", SLOW)
        assert pairs.pair(vm) == "b"


@pytest.mark.parametrize("block", ({"keelboot_default": "zz"}, {"keelboot_default": "b", "keelboot_once": "/"},
                                   {"keelboot_default": "b", "keelboot_starts": "many"}),
                         ids=("default", "once", "starts"))
def test_nonsense_in_the_block_leads_to_the_preferred_pair(bench, block):
    pairs = both_good(bench)
    damage(pairs, kbloader.grub_environment(kbloader.grub_block(**block)))
    with pairs.machine() as vm:
        bench.up(vm, "2.0", "b", 2 * SLOW)
        assert pairs.pair(vm) == "b"
        vm.send("reboot -f")
        vm.wait_reset()
        bench.up(vm, "2.0", "b", 2 * SLOW)
        assert pairs.pair(vm) == "b"
