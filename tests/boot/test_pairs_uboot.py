# SPDX-License-Identifier: Apache-2.0
"""Each slot has a kernel of its own, which a U-Boot with a redundant environment on the device's card starts: a release
brings both, and is left with both. qemu/u-boot makes it, of Debian's sources."""

import time

import kbloader
import kbuboot
import pair_device
import pytest
from conftest import LEAN
from cut_disk import CutDisk
from drives import Drive
from kbdisk import Vfat
from machine import Machine
from pair_device import PairDevice

CONF = """\
[system]
disk={card}
tries={tries}
[slot.a]
boot=PARTLABEL=boot-a
[slot.b]
boot=PARTLABEL=boot-b
[loader]
kind=u-boot
counter=u-boot
"""
LOADER = CONF[CONF.index("[loader]"):]
COPIES = "".join(f"/dev/mmcblk0 {offset:#x} {kbuboot.SIZE:#x}\n" for offset in kbuboot.OFFSETS)
FILES = {"etc/fw_env.config": COPIES, "etc/keelboot/system.conf.d/loader.conf": LOADER}

pytestmark = pytest.mark.skipif(not kbuboot.ARM64.image.is_file(),
                                reason="no U-Boot with an environment: run qemu/u-boot")


class Pairs(PairDevice):
    """The pairs are on the device's card, and U-Boot starts that of slot a. BEFORE: commands ahead of its script."""

    UBOOT, ARCH, BEFORE = kbuboot.ARM64, "arm64", ""
    CARD = "/devices/platform/4010000000.pcie/*"
    WORDS = "console=ttyAMA0 gpt panic=1 loglevel=4 norandmaps watchdog.stop_on_reboot=0"
    KERNEL, SIZE, SLOW = "Image", "64M", 300
    FIRST, SECOND = "1.7", "2.7"        # with the files that a root needs for this loader
    OURS = ("keelboot_default", "keelboot_once", "keelboot_starts")

    def __init__(self, bench, *, tries=3, copies=(), panic=1, **disk):
        """copies: of the environment. Without any it is as on a board from the factory, where U-Boot takes its own."""
        super().__init__(bench)
        for version in (self.FIRST, self.SECOND):
            bench.device.system(version, links={"var/lock": "/run"}, files=FILES)
        self.kernel = bench.device.kernel.bzimage
        config = bench.work / "fw_env.config"
        config.write_text(COPIES)
        self.initrd = bench.conf_initramfs(f"pairs-uboot-{tries}", CONF.format(card=self.CARD, tries=tries), "--add",
                                           f"{config}:/etc/fw_env.config", packed=True, modules=(*LEAN, "sd"))
        words = self.WORDS.replace("panic=1", f"panic={panic}")
        script = Vfat({"boot.scr": kbloader.uboot_script(words, self.BEFORE)})
        self.disk = bench.disk(self.FIRST, size="512M", **disk,
                               extra=[("script", "8M", script, "esp"), *self.parts("b" in disk)])
        kbuboot.put(self.disk, *copies)

    def machine(self, *sticks, disk=None, **options):
        return Machine(None, drives=[Drive(disk or self.disk, name="disk", bus="sd", **options), *sticks], memory=1024,
                       arch=self.ARCH, firmware=str(self.UBOOT.image), watchdog=True,
                       log=str(self.bench.work / "console.log"))

    def variables(self, disk=None) -> dict:
        """In the newer copy."""
        newest = kbuboot.copies(disk or self.disk)[0][1]
        return {name: newest[name] for name in self.OURS if name in newest}


    @classmethod
    def installed(cls, bench, **options):
        """1.7 in slot a, whose pair is the preset in both copies."""
        return cls(bench, copies=[cls.UBOOT.copy(one, keelboot_default="a") for one in (2, 1)], **options)

    @classmethod
    def both_good(cls, bench, **variables):
        """2.7 in slot b is preferred, and 1.7 in slot a is good, too. variables: more of U-Boot's."""
        copies = [cls.UBOOT.copy(one, keelboot_default="b", **variables) for one in (2, 1)]
        return cls(bench, b=cls.SECOND, copies=copies)


class Board(Pairs):
    """One that names its device tree, which the next bundle brings."""

    BEFORE = "setenv fdtfile acme/gateway.dtb\nsetenv fdt_addr_r 0x60000000\n"
    TREE, tree = "dtb/acme/gateway.dtb", None

    def files(self, kernel=None, initrd=None) -> dict:
        return {**super().files(kernel, initrd), **({self.TREE: self.tree} if self.tree else {})}


class Described(Pairs):
    """Pairs that say what they are made of, as an extlinux.conf does."""

    LINUX = "Image"

    def files(self, kernel=None, initrd=None) -> dict:
        conf = f"label pair\n  linux /{self.LINUX}\n  initrd /initramfs.img\n  append ${{bootargs}} acme.words=2\n"
        return {**super().files(kernel, initrd), "keelboot.conf": conf.encode()}


SLOW, SECOND = Pairs.SLOW, Pairs.SECOND


# --- stories that are the same with each processor -----------------------------------------------

def leads_to_the_release_wherever_cut(pairs) -> None:
    """Power is cut in the copy and in both environments, from the first write to the commitment."""
    bench, bundle = pairs.bench, pairs.bundle(SECOND)
    cuts = CutDisk(pairs.disk, bench.work, "boot-b")
    cuts.places += [(offset, kbuboot.SIZE) for offset in kbuboot.OFFSETS]
    with pairs.machine(bench.stick(bundle), log=cuts.log) as vm:
        bench.up(vm, SECOND, "b", 2 * pairs.SLOW)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        vm.power_cut()
    entries, ends = cuts.entries(), {offset + kbuboot.SIZE for offset in kbuboot.OFFSETS}
    # A card takes sector by sector: in the middle of each environment, and behind it.
    last = [one for one in cuts.written() if entries[one].offset + entries[one].length in ends]
    more = ((one - less, entries[one].length) for one in last for less in (16, 0))
    pair_device.leads_to_the_release_wherever_cut(pairs, cuts, {*cuts.points(), *more},
                                                  [bench.stick(bundle, name="again")])


def counts_on_behind_its_end(of, bench, flags) -> None:
    """One byte says which copy is newer: U-Boot and Keelboot agree behind 255, too. of: Pairs."""
    copies = [of.UBOOT.copy(one, keelboot_default="a" if one == (0 if 0 in flags else 255) else "b") for one in flags]
    pairs = of(bench, copies=copies)
    with pairs.machine(bench.stick(pairs.bundle(SECOND))) as vm:
        vm.expect("restarting with that", pairs.SLOW)
        bench.up(vm, SECOND, "b", pairs.SLOW)
        assert pairs.pair(vm) == "b" and len(vm.boots) == 2
    (newer, variables), (older, _) = kbuboot.copies(pairs.disk)
    assert variables["keelboot_default"] == "b" and newer < 20 and (newer - older) % 256 == 1


def starts_its_alternative_unless_marked_good(of, bench) -> None:
    """CONFIG_BOOTCOUNT_LIMIT: above bootlimit, U-Boot runs altbootcmd."""
    own = {"upgrade_available": "1", "bootlimit": "2", "altbootcmd": "echo this is the alternative; run bootcmd"}
    pairs = of.both_good(bench, **own)
    with pairs.machine() as vm:
        for boots in range(1, 4):
            bench.up(vm, SECOND, "b", pairs.SLOW)
            assert len(vm.boots) == boots
            assert kbuboot.copies(pairs.disk)[0][1]["bootcount"] == "0"
            vm.send("reboot -f")
            vm.wait_reset()
        assert "this is the alternative" not in vm.text
        for _ in range(2):      # before anything is marked
            vm.expect("Starting kernel", pairs.SLOW)
            vm.reset()
        vm.expect("this is the alternative", pairs.SLOW)
        bench.up(vm, SECOND, "b", pairs.SLOW)


# --- those of AArch64 ----------------------------------------------------------------------------

def test_release_brings_its_kernel_and_is_committed_with_it(bench):
    """Beginning with the environment of a factory: none."""
    pairs = Pairs(bench)
    pair_device.is_committed(pairs)
    assert "using default environment" in (bench.work / "console.log").read_text()


def test_pair_that_says_what_it_is_made_of_is_committed_with_words_of_its_own(bench):
    pairs = Described(bench)
    with pairs.machine(bench.stick(pairs.bundle(SECOND))) as vm:
        bench.up(vm, SECOND, "b", 2 * SLOW)
        words = bench.ask(vm, "cat /proc/cmdline").split()
        assert "keelboot.pair=b,once" in words and "panic=1" in words and words[-1] == "acme.words=2"
        assert bench.status(vm)["slots"][1]["state"] == "good" and len(vm.boots) == 2
    assert pairs.variables()["keelboot_default"] == "b"


def test_pair_that_names_a_file_that_it_lacks_is_left_and_says_why(bench):
    pairs = Described(bench, tries=1)
    pairs.LINUX = "vmlinuz"
    with pairs.machine(bench.stick(pairs.bundle(SECOND))) as vm:
        vm.expect("Keelboot: the pair of slot b cannot be loaded", SLOW)
        pairs.rejected(vm)


def test_script_that_does_not_know_its_disk_says_so(bench):
    pairs = Pairs(bench)
    script = Vfat({"boot.scr": kbloader.uboot_script(pairs.WORDS, "setenv devtype\n")})
    disk = bench.disk(pairs.FIRST, name="unnamed", size="512M",
                      extra=[("script", "8M", script, "esp"), *pairs.parts(False)])
    with pairs.machine(disk=disk) as vm:
        vm.expect("Keelboot: devtype and devnum must name the disk of the pairs, such as mmc and 0", SLOW)


def test_root_without_a_place_for_the_lock_says_what_to_do(bench):
    """Such a release is good all the same: the other slot's kernel asks for it in each boot."""
    bench.device.system("2.8", files=FILES)
    pairs = Pairs(bench)
    with pairs.machine(bench.stick(pairs.bundle("2.8"))) as vm:
        text = bench.up(vm, "2.8", "b", 2 * SLOW)
        assert "/var/lock: cannot make the folder: Read-only file system; libubootenv wants its lock there: make it " \
               "a link to /run/lock" in text
        assert pairs.variables()["keelboot_default"] == "a"
        vm.send("reboot -f")
        vm.wait_reset()
        bench.up(vm, "2.8", "b", 2 * SLOW)
        assert len(vm.boots) == 4


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    pair_device.is_left_after_a_panic(Pairs(bench, tries=1))


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    """This board has no watchdog that U-Boot can arm."""
    pairs = Pairs(bench, tries=1, panic=0)
    pair_device.is_left_after_a_panic(pairs, resets=True)


def test_sound_device_tree_of_another_board_is_left_and_says_why(bench):
    """U-Boot takes it. Linux finds neither its console there nor what restarts the machine: a person resets it, or a
    watchdog that U-Boot arms."""
    board = Board(bench, tries=1)
    board.tree = bench.device.kernel.dtb("broadcom/bcm2837-rpi-3-b.dtb").read_bytes()
    with board.machine(bench.stick(board.bundle(SECOND))) as vm:
        vm.expect("restarting with that", SLOW)
        vm.expect("Starting kernel ...", SLOW, fail="the pair of slot b cannot be loaded")
        said = len(vm.text)
        time.sleep(vm.boots[1].at - vm.boots[0].at)     # that boot installed, too
        assert vm.text[said:].strip() == "" and len(vm.boots) == 2
        vm.reset()
        board.rejected(vm)


def test_power_cut_at_any_write_leaves_a_pair_that_starts_and_leads_to_the_release(bench):
    leads_to_the_release_wherever_cut(Pairs.installed(bench, tries=2))


def test_pair_that_is_larger_than_its_partition_is_refused_before_anything_is_written(bench):
    pair_device.is_refused_for_its_size(Pairs.installed(bench), "72M")


@pytest.mark.parametrize("flags", [(255, 254), (254, 255), (0, 255)], ids=str)
def test_count_of_the_copies_wraps(bench, flags):
    counts_on_behind_its_end(Pairs, bench, flags)


def test_of_copies_with_one_count_the_first_counts(bench):
    """Nothing says which is newer. U-Boot takes the first, and writes its count of starts to the second."""
    copies = [Pairs.UBOOT.copy(255, keelboot_default=default) for default in "ba"]
    pairs = Pairs(bench, b=SECOND, copies=copies)
    with pairs.machine() as vm:
        bench.up(vm, SECOND, "b", 2 * SLOW)
        assert pairs.pair(vm) == "b" and len(vm.boots) == 1
        assert "loader-copies" not in bench.ask(vm, "keelboot doctor")
    (_, newer), (_, older) = kbuboot.copies(pairs.disk)
    assert newer["keelboot_default"] == older["keelboot_default"] == "b" and "keelboot_starts" not in newer


@pytest.mark.parametrize("damaged", [(0,), (1,), (0, 1)], ids=str)
def test_damaged_copies_lead_to_the_preferred_pair(bench, damaged):
    """One: nothing is lost. Both: U-Boot starts pair a by its own variables, and its init asks for b. Each of these
    boots says that the preset was lost."""
    pairs = Pairs.both_good(bench)
    with open(pairs.disk, "r+b") as file:
        for number in damaged:
            file.seek(kbuboot.OFFSETS[number] + 100)
            file.write(b"\xff" * 64)
    with pairs.machine() as vm:
        bench.up(vm, SECOND, "b", 2 * SLOW)
        assert pairs.pair(vm) == "b" and len(vm.boots) == len(damaged)
        both = len(damaged) == 2
        assert ("using default environment" in vm.text) == both
        assert ("boot loader: its store names no kernel that it starts by default" in vm.boot_text(1)) == both
        told = "it was lost, or never written. From now on it starts that of slot b"
        assert (told in bench.ask(vm, "keelboot status")) == both
        assert any(told in text for text in bench.boot_warnings(vm)) == both
    assert pairs.variables()["keelboot_default"] == "b" and len(kbuboot.copies(pairs.disk)) == 2


def test_committed_kernel_that_stops_starting_is_left(bench):
    pair_device.is_left_after_three_starts(Pairs.both_good(bench))


def test_both_kernels_bad_are_tried_every_ten_seconds_until_a_file_is_put_back(bench):
    pair_device.come_up_once_a_kernel_is_put_back(Pairs.both_good(bench))


def test_both_pairs_panic_and_take_turns_until_a_file_is_put_back(bench):
    pair_device.take_turns_until_a_file_is_put_back(Pairs.both_good(bench))


def test_own_count_of_u_boot_is_reset_by_a_good_mark_and_else_starts_its_alternative(bench):
    starts_its_alternative_unless_marked_good(Pairs, bench)
