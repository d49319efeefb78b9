# SPDX-License-Identifier: Apache-2.0
"""A device with two slots, each with kernel and initramfs in a partition of its own, boot-a and boot-b, which a boot
loader on the disk starts."""

import kbdisk
import kbloader
from conftest import CRASHES
from cut_disk import CUTS
from kbdisk import Vfat, mkvfat

GARBAGE = b"no initramfs " * 1000
# The head of a kernel for AArch64 (Documentation/arm64/booting.rst), which is a program of UEFI as well.
AARCH64 = (b"MZ".ljust(56, b"\0") + b"ARM\x64" + (64).to_bytes(4, "little") + b"PE\0\0\x64\xaa").ljust(64 << 10, b"\0")


class PairDevice:
    """What differs from one loader to another:

    KERNEL         the kernel's name in those partitions, and SIZE theirs
    FIRST, SECOND  the releases in slots a and b
    STORED         {variable of the loader: what it holds for no slot}, beside keelboot_default
    SLOW           seconds for a boot: the firmware is emulated, too
    FOREIGN        a kernel for another processor
    variables()    Keelboot's, in the loader's store
    initramfs()    the device's; a name and options: another one
    self.kernel, self.initrd, self.disk
    """
    KERNEL, SIZE = "vmlinuz", "32M"
    FIRST, SECOND = "1.0", "2.0"
    STORED = {}
    SLOW = 180
    FOREIGN = AARCH64

    def __init__(self, bench):
        self.bench = bench

    def files(self, kernel=None, initrd=None) -> dict:
        """Of a pair."""
        return kbloader.pair(kernel or self.kernel, initrd or self.initrd, self.KERNEL)

    def parts(self, both: bool) -> list:
        """The partitions of the pairs. both: slot b has one, too."""
        files = Vfat(self.files())
        return [("boot-a", self.SIZE, files), ("boot-b", self.SIZE, files if both else None)]

    def bundle(self, version, *, kernel=None, initrd=None, size=None):
        """A release with its kernel."""
        image = self.bench.work / f"boot-{version}-{size or self.SIZE}.img"
        mkvfat(image, size or self.SIZE, self.files(kernel, initrd))
        return self.bench.bundle(version, options=("--image", f"boot={image}"))

    def put(self, slot, *, kernel=None, initrd=None) -> None:
        """Another pair for a slot, by hand; its whole partition is made anew."""
        image = self.bench.work / f"put-{slot}.img"
        mkvfat(image, self.SIZE, self.files(kernel, initrd))
        kbdisk.write_partition(self.disk, f"boot-{slot}", image.read_bytes())

    def content(self, slot, disk=None) -> bytes:
        """Of a pair's partition."""
        return kbdisk.read_partition(disk or self.disk, f"boot-{slot}")

    def pair(self, vm) -> str:
        """Whose kernel runs, as the boot says it."""
        return self.bench.boot_json(vm)["pair"]

    def variables(self, disk=None) -> dict:
        raise NotImplementedError

    def initramfs(self, name="", *options):
        raise NotImplementedError

    def rests(self, slot) -> bool:
        """The loader starts this slot's pair, and is asked for nothing."""
        return self.variables() == {"keelboot_default": slot, **self.STORED}

    def rejected(self, vm, why="its kernel did not come up") -> None:
        """The release in slot b is left, and slot a says why."""
        text = self.bench.up(vm, self.FIRST, "a", self.SLOW)
        assert f"slot b is rejected: {why}" in text and self.pair(vm) == "a"
        slot = self.bench.status(vm)["slots"][1]
        assert slot["state"] == "bad" and slot["reason"] == why
        assert self.rests("a")


# --- stories that are the same with each ---------------------------------------------------------

def is_committed(pairs) -> None:
    """A release brings its kernel, which runs then, and is what the loader starts."""
    bench, version = pairs.bench, pairs.SECOND
    with pairs.machine(bench.stick(pairs.bundle(version))) as vm:
        bench.up(vm, version, "b", 2 * pairs.SLOW)
        for line in ("slot b: it has a kernel of its own; restarting with that", "slot b: its own kernel has come up"):
            assert line in vm.text, vm.text
        assert pairs.pair(vm) == "b" and len(vm.boots) == 2
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert pairs.rests("b")
        vm.send("reboot -f")
        vm.wait_reset()
        text = bench.up(vm, version, "b", pairs.SLOW)
        assert "kernel of its own" not in text and pairs.pair(vm) == "b" and len(vm.boots) == 3
        assert bench.causes(vm) == ["guest", "guest"]


def is_left_after_a_panic(pairs, *, resets: bool = False) -> None:
    """resets: the kernel stays in its panic, and a person, or what stands for one, resets the machine."""
    with pairs.machine(pairs.bench.stick(pairs.bundle(pairs.SECOND, initrd=GARBAGE))) as vm:
        vm.expect("restarting with that", pairs.SLOW)
        vm.expect("Kernel panic", pairs.SLOW)
        if resets:
            vm.reset()
        pairs.rejected(vm)


def is_left_after_a_hang_in_its_initramfs(pairs) -> None:
    """With panic=0, its kernel crashes once its init has armed the watchdog of the hardware, and stays there."""
    bench = pairs.bench
    crashes = pairs.initramfs("-crashes", *bench.hooks(post_mount=CRASHES))
    with pairs.machine(bench.stick(pairs.bundle(pairs.SECOND, initrd=crashes))) as vm:
        vm.expect("restarting with that", pairs.SLOW)
        vm.expect("sysrq triggered crash", pairs.SLOW)
        pairs.rejected(vm, "crashed or hung")
        assert bench.causes(vm) == ["guest", "watchdog"]


def is_left_as_another_processors(pairs) -> None:
    """Keelboot does not look into the pair's file system: the loader finds out, and the status says it."""
    with pairs.machine(pairs.bench.stick(pairs.bundle(pairs.SECOND, kernel=pairs.FOREIGN))) as vm:
        vm.expect("restarting with that", pairs.SLOW)
        vm.expect("the pair of slot b cannot be loaded", pairs.SLOW)
        pairs.rejected(vm)


def is_left_after_three_starts(pairs) -> None:
    """A committed kernel stops starting, as where its flash decays. The loader counts; then slot a's kernel asks for
    it, in vain, and goes on."""
    pairs.put("b", initrd=GARBAGE)
    with pairs.machine() as vm:
        vm.expect("the pair of slot b did not come up: another one is started", 3 * pairs.SLOW)
        assert len(vm.boots) == 4
        text = pairs.bench.up(vm, pairs.FIRST, "a", 6 * pairs.SLOW)
        assert "slot b is preferred, but skipped: its kernel did not come up" in text and pairs.pair(vm) == "a"
        told = [boot for boot in range(1, len(vm.boots) + 1) if "did not come up: it started that of slot a instead" in
                vm.boot_text(boot)]
        assert len(told) == 1
        assert pairs.rests("a")
        vm.send("reboot -f")    # b is tried again, once
        vm.wait_reset()
        pairs.bench.up(vm, pairs.FIRST, "a", 3 * pairs.SLOW)
        assert pairs.rests("a")


def is_refused_for_its_size(pairs, size: str) -> None:
    """A pair that is larger than its partition: before anything is written."""
    before = pairs.content("b")
    stick = pairs.bench.stick(pairs.bundle(pairs.SECOND, size=size))
    with pairs.bench.untouched(pairs.disk), pairs.machine(stick) as vm:
        text = pairs.bench.up(vm, pairs.FIRST, "a", pairs.SLOW)
        assert "made for larger slots" in text and "restarting with that" not in text
        assert pairs.bench.status(vm)["slots"][1]["state"] == "empty"
    assert pairs.content("b") == before and pairs.variables()["keelboot_default"] == "a"


def leads_to_the_release_wherever_cut(pairs, cuts, points, again) -> None:
    """What a machine that wrote the release to the disk left behind each of these points. Three are booted: in the
    copy, behind it, and in the commitment. again: sticks of those boots."""
    whole, stores = {slot: pairs.content(slot) for slot in "ab"}, {}
    for point in sorted(points):
        found = pairs.variables(cuts.cut(*point))
        starts = found.get("keelboot_once") or found["keelboot_default"]
        stores[found["keelboot_default"], found.get("keelboot_once", "")] = point
        assert pairs.content("a", cuts.image) == whole["a"], point
        assert pairs.content(starts, cuts.image) == whole[starts], (point, found)
    assert set(stores) == {("a", ""), ("a", "b"), ("b", "")}
    for point in (cuts.points()[CUTS // 4], stores["a", "b"], stores["b", ""]):
        with pairs.machine(*again, disk=cuts.cut(*point)) as vm:
            pairs.bench.up(vm, pairs.SECOND, "b", 2 * pairs.SLOW)
            assert pairs.pair(vm) == "b" and pairs.variables(cuts.image)["keelboot_default"] == "b"


def come_up_once_a_kernel_is_put_back(pairs, says: str = "") -> None:
    """Both kernels are bad: the loader tries them every ten seconds. says: what it says then."""
    for slot in "ab":
        pairs.put(slot, kernel=GARBAGE)
    with pairs.machine() as vm:
        for _ in range(2):
            for slot in "ba":
                vm.expect(f"the pair of slot {slot} cannot be loaded", pairs.SLOW)
            if says:
                vm.expect(says, pairs.SLOW)
            vm.wait_reset(pairs.SLOW)
        assert vm.boots[2].at - vm.boots[1].at >= 10
    pairs.put("b")
    with pairs.machine() as vm:
        pairs.bench.up(vm, pairs.SECOND, "b", pairs.SLOW)
        assert pairs.pair(vm) == "b" and pairs.rests("b")


def take_turns_until_a_file_is_put_back(pairs) -> None:
    """Both kernels panic: three starts of the preset, one of the other. Whichever is repaired comes up."""
    for slot in "ab":
        pairs.put(slot, initrd=GARBAGE)
    with pairs.machine() as vm:
        for _ in range(2):
            vm.expect("the pair of slot b did not come up: another one is started", 4 * pairs.SLOW)
        assert len(vm.boots) == 8
    pairs.put("a")
    with pairs.machine() as vm:
        pairs.bench.up(vm, pairs.FIRST, "a", 8 * pairs.SLOW)
        assert pairs.pair(vm) == "a"
