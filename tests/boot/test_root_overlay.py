# SPDX-License-Identifier: Apache-2.0
"""[system] root-overlay=: what the system writes to its root lies above the slot, in memory or on a partition with a
folder for each release. Whatever is wrong with it, the slot boots, and says why its root is read-only."""

import json
import subprocess
from pathlib import Path

import pytest

from kbdevice import run
from kbdisk import Ext4, read_partition, write_partition

OVERLAY = ("virtio", "usb", "ext4", "vfat", "overlay")
PARTITION = "PARTLABEL=overlay"
PLAIN = "root: read-only, without its overlay: "
INSIDE = "mkdir -p /tmp/o && mount -t ext4 /dev/vda5 /tmp/o && {}; umount /tmp/o"
FOLDERS = INSIDE.format("ls /tmp/o/keelboot-overlay")


# An init that tells what it was given.
SAYS = "#!/bin/sh\necho started as $0 $*, $x >/dev/console\nexec /bin/busybox init\n"


@pytest.fixture
def image(bench):
    """An initramfs with this root-overlay=."""
    def make(name, overlay, more="", modules=OVERLAY):
        return bench.conf_initramfs(f"root-overlay-{name}", f"[system]\nroot-overlay={overlay}\n{more}",
                                    modules=modules)
    return make


@pytest.fixture
def stored(image):
    return image("partition", PARTITION)


def disk_with_overlay(bench, *releases, size="16M", content=..., **options) -> Path:
    """A disk with a partition for it, vda5. content: of the partition; else an empty ext4."""
    empty = bench.work / "empty"
    empty.mkdir(exist_ok=True)
    part = Ext4(empty, label="overlay") if content is ... else content
    return bench.disk(*releases, extra=(("overlay", size, part),), **options)


def root_type(bench, vm) -> str:
    line = [line.split() for line in bench.ask(vm, "cat /proc/mounts").splitlines() if line.split()[1] == "/"][-1]
    return f"{line[2]} {line[3].split(',')[0]}"


def warnings(bench, vm) -> list:
    return [one["text"] for one in bench.boot_json(vm)["warnings"] if one["id"] == "root-overlay"]


def is_plain(bench, vm, why: str) -> None:
    """The root is the slot, read-only; the console, boot.json, status and doctor say why."""
    assert root_type(bench, vm) == "ext4 ro"
    text, = warnings(bench, vm)
    assert why in text
    assert text in [one["text"] if isinstance(one, dict) else one for one in bench.status(vm)["warnings"]]
    assert text in bench.ask(vm, "keelboot doctor || true")


def again(bench, vm, version="1.0", slot="a") -> None:
    vm.send("reboot")
    bench.up(vm, version, slot)


# ---------------------------------------------------------------- in memory


def test_what_is_written_to_a_root_in_memory_is_gone_at_the_next_boot(bench, image):
    disk = bench.disk()
    with bench.untouched(disk), bench.machine(disk, initrd=image("tmpfs", "tmpfs", "root-overlay-size=8M\n")) as vm:
        vm.expect(r"keelboot: root: an overlay on tmpfs, above the slot")
        bench.up(vm, "1.0", "a")
        assert root_type(bench, vm) == "overlay rw" and warnings(bench, vm) == []
        # A file that nobody may write to, one that the slot has, a folder that goes and comes back, a program.
        bench.ask(vm, "echo mine >/etc/hostname && echo new >/usr/new && chmod 444 /usr/new && echo newer >/usr/new && "
                      "rm -rf /etc/init.d && mkdir /etc/init.d && rm /usr/bin/keelboot && sync")
        assert bench.ask(vm, "cat /etc/hostname; ls -A /etc/init.d").split() == ["mine"]
        assert int(bench.ask(vm, "df -k / | tail -n 1").split()[1]) == 8 << 10
        status, _ = vm.shell("dd if=/dev/zero of=/big bs=1M count=9")
        assert status != 0
        # Its own programs for the way out: what starts them is gone.
        vm.send("reboot -f")
        bench.up(vm, "1.0", "a")
        assert bench.ask(vm, "cat /etc/hostname; ls /usr/new /big 2>/dev/null || true").split() == ["device"]
        assert "overlay" not in bench.ask(vm, "keelboot doctor || true")
        # All that the boot handed over moved on: a guardian, /run, /dev.
        assert bench.boot_json(vm)["slot"] == "a" and "a" in bench.ask(vm, "cat /run/keelboot/slot")
        assert bench.ask(vm, "ls /run/keelboot/upper").strip() == ""


def test_slot_of_squashfs_has_a_root_to_write_to(bench, device, image):
    """As Yocto and Buildroot make them: a file system that nobody could write to at all."""
    with device.lock():
        device.system("1.0")
        squashed = bench.work / "root.squashfs"
        run("mksquashfs", device.work / "root-1.0-ok", squashed, "-all-root", "-noappend", "-quiet", "-comp", "xz",
            "-root-mode", "0751")
    disk = bench.disk(slots=(squashed, ...), data={"update.keel": bench.bundle("2.0")})
    initrd = image("squashfs", "tmpfs", modules=(*OVERLAY, "squashfs"))
    with bench.untouched(disk, "a"), bench.machine(disk, initrd=initrd) as vm:
        bench.up(vm, "1.0", "a")
        assert root_type(bench, vm) == "overlay rw" and warnings(bench, vm) == []
        assert bench.ask(vm, "ls -ld /").startswith("drwxr-x--x"), "the mode of the slot's own root"
        bench.ask(vm, "echo x >>/etc/os-release && mv /etc/init.d /etc/moved && rm -r /var && mkdir /var && sync")
        assert "x" in bench.ask(vm, "cat /etc/os-release; ls -A /var /etc/moved").split()
        # The slot that runs is nowhere in /proc/mounts; an install takes the other one all the same.
        bench.ask(vm, "keelboot install /data/update.keel --progress=none", 120)
        assert [slot["state"] for slot in bench.status(vm)["slots"]] == ["good", "trial"]


# ---------------------------------------------------------------- on a partition


def test_each_release_has_a_root_of_its_own_that_goes_with_it(bench, stored):
    sticks = [bench.stick(bench.bundle(f"{version}.0"), name=f"stick{version}", plugged=False) for version in (2, 3)]
    disk = disk_with_overlay(bench)
    with bench.machine(disk, initrd=stored, drives=sticks) as vm:
        vm.expect(r"keelboot: root: an overlay on /dev/vda5, above the slot")
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "echo one >/etc/written && rm /etc/hostname && sync")
        again(bench, vm)
        assert bench.ask(vm, "cat /etc/written; ls /etc/hostname 2>/dev/null || true").split() == ["one"]
        first, = bench.ask(vm, FOLDERS).split()
        # 2.0 in slot b begins with nothing; 1.0, which a device may fall back to, keeps what it has.
        vm.plug("stick2")
        again(bench, vm, "2.0", "b")
        assert bench.ask(vm, "cat /etc/hostname; ls /etc/written 2>/dev/null || true").split() == ["device"]
        bench.ask(vm, "echo two >/etc/written && sync")
        kept = bench.ask(vm, FOLDERS).split()
        assert len(kept) == 2 and first in kept
        bench.ask(vm, "keelboot switch a")
        again(bench, vm)
        assert bench.ask(vm, "cat /etc/written").strip() == "one"
        # 3.0 replaces a release: what was written above it goes.
        bench.ask(vm, "keelboot switch b")
        again(bench, vm, "2.0", "b")
        vm.unplug("stick2")
        vm.plug("stick3")
        vm.send("reboot")
        vm.expect(rf"keelboot: root: what was written above release {first} goes with it")
        bench.up(vm, "3.0", "a")
        left = bench.ask(vm, FOLDERS).split()
        assert len(left) == 2 and first not in left
        assert warnings(bench, vm) == []


def test_slot_stays_what_was_signed_below_a_root_that_is_written_to(bench, stored):
    disk = disk_with_overlay(bench)
    with bench.untouched(disk), bench.machine(disk, initrd=stored) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, "echo x >>/etc/os-release && chmod 700 /etc && chown 7:7 /usr && "
                      "ln -f /etc/passwd /etc/other && sync")
        again(bench, vm)
        said = bench.ask(vm, "stat -c '%a %u' /etc /usr; stat -c %h /etc/passwd")
        assert said.split() == ["700", "0", "755", "7", "2"]


# ---------------------------------------------------------------- power cuts


def prepared(bench, script: str, name: str) -> Path:
    """An ext4 with what the script makes, as root of it."""
    tree = bench.work / f"{name}-tree"
    tree.mkdir()
    subprocess.run(["sh", "-euc", script], cwd=tree, check=True)
    return Ext4(tree, label="overlay")


OLD = "r-" + 32 * "0"
# What a cut leaves: of the folder of a new release (its name is put in for NEW), and of one that is being deleted.
HALVES = {
    "nothing": "true",
    "folder": "mkdir keelboot-overlay",
    "release": "mkdir -p keelboot-overlay/NEW",
    "upper": "mkdir -p keelboot-overlay/NEW/upper",
    "work": "mkdir -p keelboot-overlay/NEW/upper keelboot-overlay/NEW/work/work; "
            "echo x >keelboot-overlay/NEW/work/work/#1",
    "before the rename": f"mkdir -p keelboot-overlay/{OLD}/upper/etc; echo x >keelboot-overlay/{OLD}/upper/etc/x",
    "half deleted": f"mkdir -p keelboot-overlay/{OLD}.gone/upper/etc; echo x >keelboot-overlay/{OLD}.gone/upper/etc/x",
    "and it came back": f"mkdir -p keelboot-overlay/{OLD}/upper keelboot-overlay/{OLD}.gone/upper/a/b/c",
}


@pytest.fixture(scope="module", name="release")
def name_of_the_release(device):
    """The folder of release 1.0."""
    told = json.loads(run(device.keelboot, "bundle", "inspect", "--json", device.bundle("1.0")))
    return "r-" + told["release"][:32]


@pytest.mark.parametrize("half", HALVES)
def test_what_a_cut_leaves_on_the_partition_boots_with_its_overlay(bench, stored, release, half):
    script = HALVES[half].replace("NEW", release)
    disk = disk_with_overlay(bench, content=prepared(bench, script, "half"))
    with bench.machine(disk, initrd=stored) as vm:
        bench.up(vm, "1.0", "a")
        assert root_type(bench, vm) == "overlay rw" and warnings(bench, vm) == []
        bench.ask(vm, "echo kept >/etc/written && sync")
        assert "x" not in bench.ask(vm, "ls /etc").split()
        again(bench, vm)
        assert bench.ask(vm, "cat /etc/written").strip() == "kept"
        assert bench.ask(vm, FOLDERS).split() == [release]


def test_power_cuts_while_an_old_release_is_thrown_away(bench, stored, release):
    script = f"mkdir -p keelboot-overlay/{OLD}/upper keelboot-overlay/{release}/upper/etc && " \
             f"echo kept >keelboot-overlay/{release}/upper/etc/written && cd keelboot-overlay/{OLD}/upper && " \
             "for d in $(seq 40); do mkdir -p $d/deep/er; touch $d/$(seq -s \" $d/\" 60); done"
    disk = disk_with_overlay(bench, content=prepared(bench, script, "many"))
    with bench.machine(disk, initrd=stored) as vm:
        for _ in range(3):
            vm.expect(rf"what was written above release {OLD} goes with it|an overlay on /dev/vda5")
            vm.power_cut()
            vm.start()
        bench.up(vm, "1.0", "a")
        assert root_type(bench, vm) == "overlay rw" and warnings(bench, vm) == []
        assert bench.ask(vm, "cat /etc/written").strip() == "kept"
        assert bench.ask(vm, FOLDERS).split() == [release]
    assert subprocess.run(["e2fsck", "-fn", partition_file(bench, disk)], check=False).returncode in (0, 4)


def partition_file(bench, disk) -> Path:
    path = bench.work / "partition.img"
    path.write_bytes(read_partition(disk, "overlay"))
    return path


# ---------------------------------------------------------------- what is wrong with it


def test_partition_that_is_missing_leaves_a_read_only_root(bench, stored):
    with bench.machine(bench.disk(), initrd=stored) as vm:
        vm.expect(rf"keelboot: {PLAIN}{PARTITION} not found on /dev/vda")
        bench.up(vm, "1.0", "a")
        is_plain(bench, vm, f"{PARTITION} not found on /dev/vda")


def test_kernel_without_overlayfs_leaves_a_read_only_root(bench, image):
    lean = image("lean", "tmpfs", modules=("virtio", "usb", "ext4", "vfat"))
    with bench.machine(bench.disk(), initrd=lean) as vm:
        vm.expect(rf"keelboot: {PLAIN}this kernel has no overlayfs: .*--module-set overlay")
        bench.up(vm, "1.0", "a")
        is_plain(bench, vm, "this kernel has no overlayfs")
        assert '"kernel-filesystem"' in bench.ask(vm, "keelboot doctor --json || true") or \
            "root-overlay" in bench.ask(vm, "keelboot doctor || true")
        assert bench.ask(vm, "cat /sys/class/watchdog/watchdog0/state").strip() == "active"


@pytest.mark.parametrize("content, why", [(None, "no file system on /dev/vda5: make one"),
                                          ("damaged", r"unable to mount /dev/vda5 \(ext4\)")], ids=["none", "damaged"])
def test_partition_without_a_file_system_that_mounts_leaves_a_read_only_root(bench, stored, content, why):
    disk = disk_with_overlay(bench, content=None if content is None else ...)
    if content == "damaged":
        # Behind the superblock: group descriptors, bitmaps, inodes.
        write_partition(disk, "overlay", b"\xff" * 65536, 4096)
    with bench.machine(disk, initrd=stored) as vm:
        vm.expect(rf"keelboot: {PLAIN}{why}")
        bench.up(vm, "1.0", "a")
        is_plain(bench, vm, why.replace("\\", ""))


def test_partition_of_something_else_is_left_alone(bench, image):
    disk = bench.disk()
    with bench.untouched(disk), bench.machine(disk, initrd=image("data", "PARTLABEL=data")) as vm:
        bench.up(vm, "1.0", "a")
        is_plain(bench, vm, "PARTLABEL=data is also the partition of data")


def test_full_partition_boots_and_says_so_and_makes_room(bench, stored):
    disk = disk_with_overlay(bench)
    with bench.machine(disk, initrd=stored) as vm:
        bench.up(vm, "1.0", "a")
        vm.shell("dd if=/dev/zero of=/fill bs=64k; sync", 120)
        again(bench, vm)
        text, = warnings(bench, vm)
        assert text.startswith("the overlay on /dev/vda5 is full: ")
        assert '"overlay-full"' in bench.ask(vm, "keelboot doctor --json || true")
        bench.ask(vm, "rm /fill && sync")
        again(bench, vm)
        assert root_type(bench, vm) == "overlay rw" and warnings(bench, vm) == []


def test_last_resort_does_not_use_what_may_be_to_blame(bench, stored):
    """Both slots are bad, as an overlay that breaks its system makes them."""
    disk = disk_with_overlay(bench, "1.0", "2.0", bad="ab")
    with bench.machine(disk, initrd=stored) as vm:
        vm.expect(r"root: booted as a last resort: what is written to the root stays in memory", 120)
        vm.expect(r"keelboot: root: an overlay on tmpfs, above the slot")
        vm.expect(r"system \d.0 is ready", 90)
        assert root_type(bench, vm) == "overlay rw"
        assert bench.ask(vm, INSIDE.format("ls -A /tmp/o")).split() == ["lost+found"]


# ---------------------------------------------------------------- as init= of a distribution


def test_the_program_does_the_same_as_init(bench, device, stored):
    """As a distribution's initramfs starts it, which has mounted the slot and hands over /run/keelboot."""
    with device.lock():
        program = {"usr/lib/keelboot/keelboot-overlay": device.stripped("keelboot-overlay"), "sbin/init": SAYS}
        system = device.system("7.8", files=program)
    disk = disk_with_overlay(bench, slots=(system, ...))
    with bench.untouched(disk), \
            bench.machine(disk, initrd=stored, append="init=/usr/lib/keelboot/keelboot-overlay word x=y") as vm:
        vm.expect(r"keelboot-overlay: root: an overlay on /dev/vda5, above the slot")
        vm.expect(r"started as /sbin/init word, y\b")
        bench.up(vm, "7.8", "a")
        assert root_type(bench, vm) == "overlay rw"
        bench.ask(vm, "echo kept >/etc/written && sync")
        assert "x=y" in bench.ask(vm, "tr '\\0' '\\n' </proc/1/environ").split()
        again(bench, vm, "7.8", "a")
        assert bench.ask(vm, "cat /etc/written").strip() == "kept"


def test_the_program_without_a_plan_starts_the_real_init(bench, device, image):
    """The distribution's boot goes on as it would have gone without Keelboot."""
    with device.lock():
        program = {"usr/lib/keelboot/keelboot-overlay": device.stripped("keelboot-overlay")}
        system = device.system("7.7", files=program)
    with bench.machine(bench.disk(slots=(system, ...)), initrd=image("off", "off"),
                       append="init=/usr/lib/keelboot/keelboot-overlay") as vm:
        vm.expect(r"keelboot-overlay: root: no overlay: /run/keelboot/overlay: not found")
        bench.up(vm, "7.7", "a")
        assert root_type(bench, vm) == "ext4 ro"
