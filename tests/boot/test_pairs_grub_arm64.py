# SPDX-License-Identifier: Apache-2.0
"""Each slot has a kernel of AArch64, which GRUB starts there, from UEFI (AAVMF); and a device tree, if a release brings
one."""

import kbloader
import pair_device
import pytest
import test_pairs_grub
from kbdevice import run
from pair_device import GARBAGE
from uki_device import ARM64_NEEDS

# As a kernel of x86 begins. GRUB takes it, and UEFI does not.
X86 = pair_device.AARCH64.replace(b"ARM\x64", bytes(4)).replace(b"PE\0\0\x64\xaa", b"PE\0\0\x64\x86")
PROPERTY = "acme,release"       # of a tree's root; the machine's own has none

pytestmark = [*ARM64_NEEDS, pytest.mark.skipif(not (kbloader.GRUB_ARM64 / "arm64-efi").is_dir(),
                                               reason="no grub-efi-arm64-bin: run qemu/sysroot")]


class Pairs(test_pairs_grub.Pairs):
    SIZE, SLOW, MEMORY, FOREIGN = "64M", 300, 1024, X86

    def __init__(self, bench, *, panic=1, **options):
        words = f"console=ttyAMA0 gpt panic={panic} loglevel=4 {bench.device.board.words}"
        super().__init__(bench, platform="arm64-efi", words=words, **options)


class Board(Pairs):
    """Its firmware describes it by a device tree, and not by ACPI; the next pair brings this one."""

    tree = None

    def __init__(self, bench, **options):
        super().__init__(bench, **options)
        self.extra += ["-machine", "acpi=off"]

    def files(self, kernel=None, initrd=None) -> dict:
        return {**super().files(kernel, initrd), **({"dtb/board.dtb": self.tree} if self.tree else {})}

    def described(self, release: str) -> bytes:
        """The machine's own tree, with a property more."""
        board, out = self.bench.device.board, self.bench.work / "machine.dtb"
        run(board.qemu, *board.argv, "-machine", f"acpi=off,dumpdtb={out}", "-m", self.MEMORY, "-nodefaults",
            "-display", "none")
        run("fdtput", "-t", "s", out, "/", PROPERTY, release)
        return out.read_bytes()

    def release(self, vm) -> str:
        """What the tree that the kernel has says; "none": it is the firmware's."""
        return self.bench.ask(vm, f"cd /proc/device-tree && cat compatible >/dev/null && "
                                  f"if [ -e {PROPERTY} ]; then tr '\\0' '\\n' <{PROPERTY}; else echo none; fi").strip()


def test_release_brings_its_kernel_and_is_committed_with_it(bench):
    pair_device.is_committed(Pairs(bench))


def test_release_whose_kernel_panics_is_left_and_says_why(bench):
    pair_device.is_left_after_a_panic(Pairs(bench, tries=1))


def test_release_whose_kernel_is_for_another_processor_is_left_and_says_why(bench):
    """GRUB crashes if it loads the other pair's kernel then."""
    pair_device.is_left_as_another_processors(Pairs(bench, tries=1))


def test_kernel_that_hangs_waits_for_a_reset_and_then_the_old_one_starts(bench):
    pair_device.is_left_after_a_panic(Pairs(bench, tries=1, panic=0), resets=True)


def test_kernel_that_hangs_in_the_initramfs_is_ended_by_the_watchdog(bench):
    pair_device.is_left_after_a_hang_in_its_initramfs(Pairs(bench, tries=1, panic=0))


def test_pair_that_is_larger_than_its_partition_is_refused_before_anything_is_written(bench):
    pair_device.is_refused_for_its_size(Pairs(bench), "72M")


def test_power_cut_at_any_write_leaves_a_pair_that_starts_and_leads_to_the_release(bench):
    test_pairs_grub.leads_to_the_release_wherever_cut(Pairs(bench, tries=2, staged=True))


def both_good(bench) -> Pairs:
    return Pairs(bench, b="2.0", block=kbloader.grub_block(keelboot_default="b"))


def test_preset_that_uefi_refuses_is_left_after_three_starts(bench):
    pairs = both_good(bench)
    pairs.put("b", kernel=X86)
    with pairs.machine() as vm:
        for _ in range(3):
            vm.expect("the pair of slot b cannot be loaded", pairs.SLOW)
            vm.wait_reset(pairs.SLOW)
        vm.expect("the pair of slot b did not come up: another one is started", pairs.SLOW)
        vm.expect("EFI stub: Exiting boot services", pairs.SLOW)
        assert len(vm.boots) == 4


def test_both_kernels_bad_are_tried_every_ten_seconds_until_a_file_is_put_back(bench):
    pairs = both_good(bench)
    pair_device.come_up_once_a_kernel_is_put_back(pairs, "no pair can be loaded; next try in 10 seconds")


def test_device_tree_of_a_pair_is_its_own_and_never_that_of_the_next(bench):
    board = Board(bench)
    board.tree = board.described("2")
    with board.machine(bench.stick(board.bundle("2.0"))) as vm:
        bench.up(vm, "2.0", "b", 2 * board.SLOW)
        assert board.pair(vm) == "b" and board.release(vm) == "2" and len(vm.boots) == 2
        assert bench.status(vm)["slots"][1]["state"] == "good"
    board.put("b", kernel=GARBAGE)      # GRUB has read the tree by then
    with board.machine() as vm:
        vm.expect("the pair of slot b cannot be loaded", board.SLOW)
        vm.expect("system 1.0 is ready", 8 * board.SLOW)
        assert board.pair(vm) == "a" and board.release(vm) == "none"


@pytest.mark.parametrize("how", ("garbage", "cut short"))
def test_device_tree_that_cannot_be_read_is_as_a_kernel_that_cannot_be_loaded(bench, how):
    board = Board(bench, tries=1)
    tree = board.described("2")
    board.tree = GARBAGE if how == "garbage" else tree[:len(tree) // 2]
    with board.machine(bench.stick(board.bundle("2.0"))) as vm:
        vm.expect("restarting with that", board.SLOW)
        vm.expect("the pair of slot b cannot be loaded", board.SLOW)
        board.rejected(vm)
        assert board.release(vm) == "none"
