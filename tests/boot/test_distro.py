# SPDX-License-Identifier: Apache-2.0
"""Debian systems in the slots, started by the initramfs of a distribution's own generator. Where nothing else is said,
root= is wrong and panic= is not set: neither may matter."""

import dataclasses
import os
import re
import shutil
import time

import pytest

import distro
import mapped_disk
import mkinitcpio
from distro import BACKPORTS, CONF, DEBIAN_13, MEMORY, MKOSI, REFUSES, SYSVINIT, TARGETS, debian_bench
from kbdevice import run
from kbdisk import write_partition
from mkinitcpio import MKINITCPIO
from test_power_cut import state_of
from test_reset_cause import PANIC, RAMOOPS
from test_slot_stays_what_was_signed import make_dirty

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")
WRONG = "root=/dev/nothing"
PROMPT = r"\(initramfs\)|Press Enter for maintenance|dracut:/#|\[rootfs \S+\]"
SLOW = 240      # seconds that a Debian may take to come up


NEWER = [*DEBIAN_13, *BACKPORTS]
DRACUT_106 = [target for target in DEBIAN_13 if "dracut" in target.name]
HANGS = {**distro.HANGS, **mkinitcpio.HANGS}
MISLEADS = {**distro.MISLEADS, **mkinitcpio.MISLEADS}
SPOILS = {**distro.SPOILS, **mkinitcpio.SPOILS}


def named(target) -> str:
    """What is before the slash is the target in build/report/distro.json."""
    return f"{target.name}/"


def case(target, word: str = ""):
    """A target, and with a word that, too."""
    return pytest.param(target, *([word] if word else []), id=f"{named(target)}{word}",
                        marks=pytest.mark.skipif(bool(target.lacks), reason=target.lacks))


def on_more(*targets):
    """The scenario runs on these as well."""
    return pytest.mark.parametrize("board", map(case, [*TARGETS.values(), *targets]), indirect=True)


def on_each(*words, newer: int = 0, sysvinit: int = 0, arch: int = 0):
    """The scenario runs with each word, as `what`; with so many of the first ones on the newer targets, where sysvinit
    is in the slots, and on mkinitcpio."""
    those = ((len(words), [*TARGETS.values(), MKOSI]), (newer, NEWER), (sysvinit, SYSVINIT), (arch, MKINITCPIO))
    return pytest.mark.parametrize("board, what", [case(target, word) for some, targets in those for target in targets
                                                   for word in words[:some]], indirect=["board"])


@pytest.fixture(params=TARGETS.values(), ids=named)
def board(request, tmp_path):
    target = request.param
    with debian_bench(tmp_path, target.init, target.suite) as bench:
        bench.target = target
        yield bench


def machine(board, disk, append=WRONG, conf="", files=None, **options):
    initrd = board.target.initramfs(board.device, conf=conf, files=files)
    return board.machine(disk, initrd=initrd, append=f"{append} {board.target.append}".strip(), memory=MEMORY,
                         watchdog=True, **options)


def up(board, vm, version, slot):
    said = board.up(vm, version, slot, SLOW)
    assert not re.search(PROMPT, said)
    return said


# ---------------------------------------------------------------- updates

@on_more(*SYSVINIT, *NEWER, MKOSI, *MKINITCPIO)
def test_good_update(board):
    disk = board.disk("1.0", data={"2.keel": board.bundle("2.0")})
    with machine(board, disk) as vm:
        up(board, vm, "1.0", "a")
        board.ask(vm, "mount /dev/disk/by-partlabel/data /data && keelboot stage /data/2.keel && "
                      "umount /data", 120)
        vm.send("reboot")
        up(board, vm, "2.0", "b")
        status = board.status(vm)
        assert status["booted"]["slot"] == "b" and status["slots"][1]["state"] == "good"
        assert board.causes(vm) == ["guest"]


@on_more(*SYSVINIT, MKOSI, *MKINITCPIO)
def test_good_update_from_a_stick(board):
    disk = board.disk("1.0")
    with machine(board, disk, drives=[board.stick(board.bundle("2.0"))]) as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", SLOW)
        up(board, vm, "2.0", "b")
        assert board.status(vm)["slots"][1]["state"] == "good"


@pytest.mark.parametrize("board", [TARGETS["initramfs-tools"], TARGETS["dracut-systemd"]], ids=named, indirect=True)
def test_broken_update_and_then_a_good_one(board):
    """The heart of the matter; in `make check` with initramfs-tools."""
    disk = board.disk("1.0", "2.0 exit", good="a", data={"3.keel": board.bundle("3.0")})
    with machine(board, disk) as vm:
        up(board, vm, "1.0", "a")
        assert len(board.causes(vm)) == 2 and board.status(vm)["slots"][1]["state"] == "bad"
        board.ask(vm, "mount /dev/disk/by-partlabel/data /data && keelboot stage /data/3.keel && umount /data", 120)
        vm.send("reboot")
        up(board, vm, "3.0", "b")
        assert [slot["state"] for slot in board.status(vm)["slots"]] == ["good", "good"]


@on_more(*SYSVINIT, *NEWER, MKOSI, *MKINITCPIO)
def test_broken_update_falls_back(board):
    """Its init ends: the kernel panics, and restarts without panic=."""
    with machine(board, board.disk("1.0", "2.0 exit", good="a")) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect(r"system 2\.0: init ends", SLOW)
        up(board, vm, "1.0", "a")
        status = board.status(vm)
        assert status["slots"][1]["state"] == "bad"
        assert status["booted"]["reason"] == "b: reset before it was marked good"


def test_initramfs_that_only_selects(board):
    """It falls back; what is installed, the running system installs."""
    disk = board.disk("1.0", "2.0 exit", good="a", data={"3.keel": board.bundle("3.0")})
    with machine(board, disk, files={"etc/default/keelboot": "KEELBOOT_APPLY=no\n"}) as vm:
        vm.expect(r"update: this initramfs has no \S*keelboot-helper: it installs nothing", SLOW)
        up(board, vm, "1.0", "a")
        assert board.status(vm)["slots"][1]["state"] == "bad"
        board.ask(vm, "mount /dev/disk/by-partlabel/data /data && keelboot install /data/3.keel && umount /data", 240)
        vm.send("reboot")
        up(board, vm, "3.0", "b")
        assert [slot["state"] for slot in board.status(vm)["slots"]] == ["good", "good"]


@on_more(*SYSVINIT, *MKINITCPIO)
def test_hanging_update_falls_back(board):
    with machine(board, board.disk("1.0", "2.0 hang", good="a")) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect(r"system 2\.0: init hangs", SLOW)
        vm.wait_boot(3, SLOW)
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == ["watchdog"] * 2
        assert board.status(vm)["slots"][1]["state"] == "bad"


@on_more(*SYSVINIT)
def test_twenty_power_cuts_during_an_update(board):
    """Spread over what a whole apply takes here. One that comes too late is none: then the disk is fresh again."""
    disk = board.disk("1.0")
    before, fresh, cuts, tries = board.slots(disk)["a"], board.work / "fresh.img", 0, 0
    shutil.copy(disk, fresh)
    with machine(board, disk, drives=[board.stick(board.bundle("2.0"))], bps=24 << 20) as vm:
        vm.expect(r"update: writing, 0 %", 2 * SLOW)
        began = time.monotonic()
        vm.expect(r"slot b holds version 2\.0 on trial", 2 * SLOW)
        takes = time.monotonic() - began
        vm.power_cut()
        while cuts < 20:
            if state_of(board, disk)["slots"][1]["state"] == "trial":
                shutil.copy(fresh, disk)
            vm.start()
            while "ready" in vm.expect(r"update: writing, 0 %|system 1\.0 is ready", 2 * SLOW, r"system 2\.0")[0]:
                vm.send("reboot")       # after three cuts the source waits for a good boot
            time.sleep(takes * (cuts + 0.5) / 20)
            vm.power_cut()
            assert board.slots(disk)["a"] == before
            if state_of(board, disk)["slots"][1]["state"] == "writing":
                cuts += 1
            else:
                takes, tries = takes * 0.9, tries + 1
                assert tries < 20, f"{cuts} of 20 applies were cut"
        vm.start()
        if vm.expect(r"system (1\.0|2\.0) is ready", 2 * SLOW)[1] == "1.0":
            vm.send("reboot")
            up(board, vm, "2.0", "b")
    assert board.slots(disk)["a"] == before


# ---------------------------------------------------------------- slots that are not well

@on_more(*SYSVINIT, *MKINITCPIO)
def test_slot_that_does_not_mount_is_passed_over(board):
    disk = board.disk("1.0", "2.0", good="a")
    write_partition(disk, "root-b", bytes(1 << 20), 4096)
    with machine(board, disk) as vm:
        up(board, vm, "1.0", "a")
        assert "b: no mount" in board.status(vm)["booted"]["reason"]
        assert board.causes(vm) == []


@on_more(MKOSI, *MKINITCPIO)
def test_slot_that_the_distribution_cannot_mount_is_left(board):
    """Something of the distribution breaks the mount of slot b, behind Keelboot's back."""
    with machine(board, board.disk("1.0", "2.0", good="a"), files=MISLEADS[board.target.name]) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect(r"keelboot: slot b: (initramfs cannot (enter|mount) it|another root was mounted)", SLOW)
        up(board, vm, "1.0", "a")
        assert board.status(vm)["slots"][1]["state"] == "bad"


def test_prompt_for_a_maker_who_asks_for_it(board):
    """The same, with [initramfs] prompt=yes. The watchdog would end a prompt, so it is stopped."""
    conf = f"{CONF}[initramfs]\nprompt=yes\n"
    with machine(board, board.disk("1.0", "2.0", good="a"), conf=conf, files=MISLEADS[board.target.name]) as vm:
        vm.expect(r"\[initramfs\] prompt=yes: no restart", SLOW)
        vm.expect(PROMPT, SLOW)
        before = board.causes(vm)       # a busy host may have had one
        time.sleep(80)
        assert board.causes(vm) == before


@on_each("wrong root=", "no root=", "root=keelboot", newer=1, sysvinit=1, arch=3)
def test_nothing_to_boot_restarts(board, what):
    append = {"no root=": "", "wrong root=": WRONG}.get(what, what)
    disk = board.disk("1.0")
    for slot in "ab":
        write_partition(disk, f"root-{slot}", bytes(board.partition(disk, f"root-{slot}")[1]))
    with machine(board, disk, append=append) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect(r"keelboot: slot a: no file system on /dev/vda3", SLOW)
            vm.expect(r"keelboot: rescue: no slot can be booted", SLOW)
        vm.wait_boot(3, SLOW)
        assert "maintenance" not in vm.text and not re.search(PROMPT, vm.text)


@pytest.mark.parametrize("board", [TARGETS["dracut-systemd"], TARGETS["dracut-shell"], *DRACUT_106], ids=named,
                         indirect=True)
def test_dracut_that_refuses_to_continue_restarts(board):
    with machine(board, board.disk("1.0", good="a"), files=REFUSES) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect("a module of the distribution refuses", SLOW)
        vm.wait_boot(3, SLOW)


# As `keelboot doctor` advises for the system in the slot; systemd is not to feed the watchdog in the initramfs.
FEEDS = {f"{folder}etc/systemd/system.conf.d/watchdog.conf": "[Manager]\nRuntimeWatchdogSec=10s\n"
         for folder in ("", "etc/mkosi-initrd/mkosi.extra/")}
FEEDS["etc/dracut.conf.d/watchdog.conf"] = 'install_items+=" /etc/systemd/system.conf.d/watchdog.conf "\n'


@on_more(*SYSVINIT, MKOSI, *MKINITCPIO)
def test_hook_that_hangs_is_reset(board):
    with machine(board, board.disk("1.0", "2.0", good="a"), files={**HANGS[board.target.kind], **FEEDS},
                 conf=CONF.replace("timeout=60", "timeout=25")) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            vm.expect(r"a hook of the distribution hangs", SLOW)
            vm.wait_boot(number + 1, SLOW)
            vm.expect(r"keelboot: state: slot b ended before it was marked good; the reset: crash", SLOW)
        vm.expect(r"keelboot: slot b is rejected: crashed or hung", SLOW)
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == ["watchdog"] * 2 and board.status(vm)["slots"][1]["state"] == "bad"


# ---------------------------------------------------------------- what is packed

def asked(board, *options):
    """The generator, with more options."""
    words = board.target.command.replace("--no-hostonly ", "").replace("dracut ", f"dracut {' '.join(options)} ")
    return dataclasses.replace(board.target, command=words, name="asked")


on_dracut = pytest.mark.parametrize("board", [TARGETS["dracut-systemd"]], ids=named, indirect=True)


@on_dracut
def test_dracuts_module_watchdog_is_refused(board):
    """Its emergency script stops the watchdog. Somebody else has taken our default away."""
    with pytest.raises(RuntimeError, match="leave it out"):
        asked(board, "--no-hostonly", "--add watchdog").initramfs(board.device, files={
            "etc/dracut.conf.d/99-all.conf": 'omit_dracutmodules=""\n'})


@on_dracut
def test_initramfs_for_this_host_has_the_drivers_of_sticks(board):
    image = asked(board, "--hostonly").initramfs(board.device)
    tree = board.target.tree()
    shutil.copy(image, tree / "image")
    said = run("chroot", tree, "lsinitrd", "/image")
    (tree / "image").unlink()
    for name in ("usb-storage.ko", "xhci-pci.ko", "vfat.ko", "i6300esb.ko"):
        assert f"/{name}" in said, name


@pytest.mark.parametrize("what", ["LUKS", "LVM"])
@on_dracut
def test_initramfs_for_this_host_opens_each_slot(board, what):
    """Where it is made, no slot is open; dracut's own modules would open what runs there."""
    kind = mapped_disk.KINDS[what]
    disk = mapped_disk.make(board, TARGETS["initramfs-tools"], kind, "1.0")
    board.target = asked(board, "--hostonly", '--add-drivers "virtio_blk virtio_pci ext4"')
    with machine(board, disk, conf=mapped_disk.conf(kind, CONF), files=mapped_disk.files(kind, "dracut-systemd"),
                 drives=[board.stick(board.bundle("2.0"))]) as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", 2 * SLOW)
        up(board, vm, "2.0", "b")


# ---------------------------------------------------------------- healthy boots

@on_more(*SYSVINIT, MKOSI, *MKINITCPIO)
def test_healthy_boot_writes_nothing(board):
    """The watchdog's driver reports its resets, without announcing it: count=never."""
    disk = board.disk("1.0", "2.0", good="ab")
    with machine(board, disk, conf=CONF.replace("tries=2", "tries=2\ncount=never")) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
            up(board, vm, "2.0", "b")
            assert vm.writes() == {}, vm.stats()
            vm.send("reboot")
        vm.wait_boot(3, SLOW)
        assert vm.writes() == {}, vm.stats()


# ---------------------------------------------------------------- systems that are less polite

def test_quiet_boot_with_a_swap_that_is_gone(board):
    """resume= is left over from the installation."""
    gone = "quiet splash resume=UUID=5a1ad5d0-1f5b-4c4f-8b3f-0d7d1e0c9b11"
    with machine(board, board.disk("1.0"), append=f"{WRONG} {gone}") as vm:
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


@on_each("a journal that is not empty", "a wrong type and options", arch=2)
def test_slot_mounts_otherwise_than_the_command_line_says(board, what):
    """An adopted system that lost its power while it ran; an installer's rootflags=. Keelboot found out how slot a
    mounts; that is how the distribution has to mount it."""
    disk, append = board.disk("1.0", good="a"), WRONG
    if "journal" in what:
        make_dirty(board, disk, "a")
    else:
        append = f"{WRONG} rootfstype=xfs rootflags=subvol=@"
    with machine(board, disk, append=append) as vm:
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []
        assert board.status(vm)["slots"][0]["state"] == "good"


def crypttab(name: str) -> dict:
    """The distribution opens that partition, with a passphrase."""
    return {"etc/crypttab": f"{name} PARTLABEL={name} none luks,initramfs,x-initrd.attach\n",
            "etc/dracut.conf.d/luks.conf": 'install_items+=" /etc/crypttab "\n'}


@on_more(MKOSI)
def test_container_that_is_gone_costs_no_boot(board):
    with machine(board, board.disk("1.0"), files=crypttab("gone")) as vm:
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


@pytest.mark.parametrize("board", [TARGETS["dracut-systemd"], MKOSI], ids=named, indirect=True)
def test_container_that_is_gone_and_a_udev_that_hangs_cost_no_boot(board):
    """A disk that dies slowly. Together, systemd's wait and udev's are longer than the watchdog counts; nobody is asked
    for a passphrase, so nothing feeds it. Before the root is entered, systemd waits for what udev does."""
    rule, extra = "etc/udev/rules.d/10-hangs.rules", "etc/mkosi-initrd/mkosi.extra"
    hangs = 'ACTION=="add", SUBSYSTEM=="tty", KERNEL=="ttyS1", PROGRAM="/usr/bin/sleep 60"\n'
    packed = f"/etc/crypttab /etc/slot.key /{rule} /usr/bin/sleep"
    files = {"etc/crypttab": "gone PARTLABEL=gone /etc/slot.key luks,initramfs,x-initrd.attach\n",
             "etc/slot.key": "key", f"{extra}/etc/slot.key": "key", rule: hangs, f"{extra}/{rule}": hangs,
             "etc/dracut.conf.d/luks.conf": f'install_items+=" {packed} "\n'}
    with machine(board, board.disk("1.0"), conf=CONF.replace("timeout=60", "timeout=45"), files=files) as vm:
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


def asking_machine(board, conf=""):
    """Its console asks for the passphrase of another partition, "somebody knows"."""
    secret = board.work / "secret.luks"
    with open(secret, "wb") as file:
        file.truncate(32 << 20)
    run("/usr/sbin/cryptsetup", "luksFormat", "-q", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--key-file=-",
        secret, input="somebody knows")
    return machine(board, board.disk("1.0", extra=[("secret", "32M", secret)]), files=crypttab("secret"),
                   append=f"{WRONG} rd.auto=1", conf=CONF.replace("timeout=60", "timeout=25") + conf)


on_those_that_ask = pytest.mark.parametrize("board", [TARGETS["initramfs-tools"], TARGETS["dracut-systemd"], MKOSI],
                                            ids=named, indirect=True)


@on_those_that_ask
def test_passphrase_that_nobody_types_restarts(board):
    """dracut without systemd does not ask, when the slots are there."""
    with asking_machine(board, "[initramfs]\nunlock-timeout=60\n") as vm:
        vm.expect(r"(?i)passphrase|unlock disk", SLOW)
        vm.expect(r"watchdog: \[initramfs\] unlock-timeout=60 has passed", SLOW)
        vm.wait_boot(2, SLOW)
        assert board.causes(vm) == ["watchdog"] and "is up on slot" not in vm.text


@on_those_that_ask
def test_passphrase_may_be_typed_slowly(board):
    """For three times as long as the watchdog counts."""
    with asking_machine(board) as vm:
        vm.expect(r"(?i)passphrase|unlock disk", SLOW)
        time.sleep(75)
        vm.send("somebody knows")
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


@pytest.mark.parametrize("board", [TARGETS["initramfs-tools"]], ids=named, indirect=True)
def test_sleep_of_the_initramfs_may_be_longer_than_the_watchdog_counts(board):
    """It comes before a slot is chosen."""
    with machine(board, board.disk("1.0"), append=f"{WRONG} rootdelay=70",
                 conf=CONF.replace("timeout=60", "timeout=25")) as vm:
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


def test_fstab_of_an_installed_system_leaves_the_slot_as_it_is(board):
    """Its line of the root asks for fsck, and to be written to."""
    disk = board.disk("1.0 fstab")
    with board.untouched(disk), machine(board, disk) as vm:
        up(board, vm, "1.0", "a")
        vm.send("reboot")
        vm.wait_boot(2, SLOW)
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == ["guest"]
        assert board.ask(vm, "findmnt -no TARGET /data").strip() == "/data"


@pytest.mark.parametrize("board", [MKOSI], ids=named, indirect=True)
def test_record_of_a_panic_is_read_before_systemd_moves_it_away(board):
    """What moves it waits for the driver that keeps it, in the initramfs, too."""
    late = {"etc/mkosi-initrd/mkosi.extra/etc/modprobe.d/late.conf": "install efi_pstore /sbin/modprobe ramoops\n"}
    with machine(board, board.disk("1.0"), append=f"{WRONG} {RAMOOPS} rd.modules_load=ramoops", files=late) as vm:
        up(board, vm, "1.0", "a")
        vm.shell(PANIC)
        vm.expect(r"sysrq triggered crash", SLOW)
        vm.wait_boot(2, SLOW)
        vm.expect(r"keelboot: pstore: the kernel panicked \(dmesg-ramoops-0\)", SLOW)
        up(board, vm, "1.0", "a")


# The distribution does not know that the overlay wants it.
OVERLAY = {"usr/share/initramfs-tools/modules.d/overlay": "overlay\n",
           "etc/dracut.conf.d/overlay.conf": 'force_drivers+=" overlay "\n',
           "etc/mkosi-initrd/mkosi.extra/etc/modules-load.d/overlay.conf": "overlay\n"}


@on_more(MKOSI, *DRACUT_106)
def test_overlay_above_the_slot(board):
    """Whatever init= says."""
    with machine(board, board.disk("1.0"), append=f"{WRONG} init=/sbin/init", files=OVERLAY,
                 conf=CONF.replace("tries=2", "tries=2\nroot-overlay=tmpfs")) as vm:
        up(board, vm, "1.0", "a")
        assert board.ask(vm, "findmnt -no FSTYPE / && touch /etc/written").strip() == "overlay"


def test_fallback_of_an_adopted_system_comes_up(board):
    """Slot a is what was installed: with its own line of the root in fstab, below an overlay."""
    disk = board.disk("1.0 fstab", "2.0 exit", good="a")
    with board.untouched(disk), machine(board, disk, files=OVERLAY,
                                        conf=CONF.replace("tries=2", "tries=2\nroot-overlay=tmpfs")) as vm:
        for number in (1, 2):
            vm.wait_boot(number, SLOW)
        up(board, vm, "1.0", "a")
        said = board.ask(vm, "findmnt -no FSTYPE / && touch /etc/written && "
                             "systemctl list-units --failed --no-legend '*.service' '*.mount'")
        assert said.strip() == "overlay"
        assert board.status(vm)["slots"][1]["state"] == "bad"


# ---------------------------------------------------------------- without Keelboot

@on_each("keelboot.enable=0", "no state", "no slot", "no configuration", arch=4)
def test_goes_on_without_keelboot(board, what):
    disk = board.disk("1.0", "2.0", good="ab")
    append, conf, files = "root=PARTLABEL=root-b rw", "", {}
    if what == "keelboot.enable=0":
        append, said = f"{append} {what}", what
    elif what == "no state":
        conf, said = CONF + "[state]\npartition=PARTLABEL=lost\n[system]\ntimeout=5\n", "no usable state"
    elif what == "no slot":
        conf, said = CONF + "[system]\ntimeout=5\n[slot.a]\nroot=PARTLABEL=lost\n", "no slot of system.conf is there"
    else:
        files, said = {"etc/keelboot/system.conf": None}, "there is no /etc/keelboot/system.conf"
    with machine(board, disk, append=append, conf=conf, files=files) as vm:
        vm.expect(rf"keelboot: {re.escape(said)}: this boot goes on without Keelboot", SLOW)
        vm.expect(r"system 2\.0 is up on slot", SLOW)
        # Nobody feeds a watchdog that was armed before.
        vm.expect(r"system 2\.0 is ready", SLOW)
        board.ask(vm, "sleep 70", 100)
        assert board.causes(vm) == []


def test_slot_comes_up_where_keelboot_enable_0_is_forbidden(board):
    """The root= of the boot loader names nothing any more: an update gave the slot another UUID."""
    gone = "root=UUID=5a1ad5d0-1f5b-4c4f-8b3f-0d7d1e0c9b11"
    with machine(board, board.disk("1.0"), append=f"{gone} keelboot.enable=0",
                 conf=CONF.replace("tries=2", "tries=2\ncommand-line=quiet")) as vm:
        vm.expect(r"keelboot\.enable: ignored: \[system\] command-line= does not name it", SLOW)
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


# As boot=nfs does.
ELSEWHERE = """\
mountroot() {
    wait_for_udev 10
    mount -t ext4 -o ro /dev/disk/by-partlabel/root-b "$rootmnt"
}
"""


@pytest.mark.parametrize("board", [TARGETS["initramfs-tools"]], ids=named, indirect=True)
def test_root_that_is_mounted_by_other_means_is_left_alone(board):
    """Keelboot was never asked for one."""
    files = {"etc/initramfs-tools/scripts/elsewhere": ELSEWHERE}
    with machine(board, board.disk("1.0", "2.0", good="ab"), append="boot=elsewhere root=any", files=files) as vm:
        vm.expect(r"keelboot: the root was mounted without a slot being asked for: this boot goes on without Keelboot",
                  SLOW)
        vm.expect(r"system 2\.0 is ready", SLOW)
        board.ask(vm, "sleep 70", 100)
        assert board.causes(vm) == []


@on_more(MKOSI, *MKINITCPIO)
def test_program_that_cannot_run_leaves_the_boot_to_root(board):
    """Under systemd it is the generator, too, which says so."""
    with machine(board, board.disk("1.0"), append="root=PARTLABEL=root-a", files=SPOILS[board.target.kind]) as vm:
        vm.expect(r"keelboot-select cannot run \(exit 12[67]\): this boot goes on without Keelboot|"
                  r"keelboot-generator.* failed", SLOW)
        vm.expect(r"system 1\.0 is up on slot", SLOW)
        assert board.causes(vm) == []


@on_more(MKOSI, *MKINITCPIO)
def test_program_that_cannot_run_and_is_required_restarts(board):
    conf = CONF + "[initramfs]\nrequired=yes\n"
    with machine(board, board.disk("1.0"), append="root=PARTLABEL=root-a", conf=conf,
                 files=SPOILS[board.target.kind]) as vm:
        vm.expect(r"keelboot-select cannot run \(exit 12[67]\), and system\.conf wants no boot without it", SLOW)
        vm.wait_boot(2, SLOW)
        assert not re.search(rf"is up on slot|{PROMPT}", vm.text)


@pytest.mark.parametrize("board", [case(MKINITCPIO[1])], indirect=True)
def test_program_that_cannot_run_restarts_without_the_shell_of_base(board):
    files = {**SPOILS[board.target.kind],
             "etc/mkinitcpio.conf.d/alone.conf": "HOOKS=(systemd modconf block keelboot)\n"}
    with machine(board, board.disk("1.0"), conf=CONF + "[initramfs]\nrequired=yes\n", files=files) as vm:
        vm.expect(r"keelboot-select cannot run \(exit 12[67]\), and system\.conf wants no boot without it", SLOW)
        vm.wait_boot(2, SLOW)


@pytest.mark.parametrize("board", [case(MKINITCPIO[0])], indirect=True)
def test_disablehooks_does_not_count_where_keelboot_enable_does_not(board):
    conf = CONF + "[system]\ncommand-line=init\n[initramfs]\nrequired=yes\n"
    with machine(board, board.disk("1.0"), append=f"{WRONG} disablehooks=keelboot", conf=conf) as vm:
        vm.expect(r"keelboot: disablehooks= does not count", SLOW)
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


@pytest.mark.parametrize("board", [case(MKINITCPIO[0])], indirect=True)
def test_fsck_leaves_the_slots_alone(board):
    """As in Arch's own HOOKS. It would take what root= names."""
    with machine(board, board.disk("1.0", "2.0", good="ab"), append="root=PARTLABEL=root-a",
                 files={"etc/mkinitcpio.conf.d/fsck.conf": "HOOKS+=(fsck)\n"}) as vm:
        up(board, vm, "2.0", "b")
        assert "performing fsck" not in vm.text and board.causes(vm) == []


@on_more(MKOSI, *MKINITCPIO)
def test_broken_configuration_boots(board):
    """What can be read of it counts, and the defaults."""
    disk = board.disk("1.0", "2.0", good="ab")
    with machine(board, disk, conf="[system\ntries=many\n[watchdog]\ntimeout=soon\n\0\xff=\n") as vm:
        vm.expect(r"keelboot: /etc/keelboot/system\.conf", SLOW)
        up(board, vm, "2.0", "b")
        assert board.causes(vm) == []


@on_more(MKOSI, *MKINITCPIO)
def test_key_that_does_not_parse_costs_no_boot(board):
    """Nothing signed by it is installed; that is all."""
    torn = {"etc/keelboot/keys/torn.pem": "-----BEGIN PUBLIC KEY-----\nMCow\n"}
    with machine(board, board.disk("1.0"), files=torn) as vm:
        vm.expect(r"keelboot: keyring: torn\.pem is not one PEM", SLOW)
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


@on_more(MKOSI, *MKINITCPIO)
def test_required_keelboot_restarts(board):
    conf = CONF + "[system]\ntimeout=5\ndisk=nothing\n[initramfs]\nrequired=yes\n"
    with machine(board, board.disk("1.0"), append="root=PARTLABEL=root-a", conf=conf) as vm:
        vm.expect(r"keelboot: no disk found", SLOW)
        vm.wait_boot(2, SLOW)
        assert not re.search(rf"is up on slot|{PROMPT}", vm.text)


# ---------------------------------------------------------------- slots that are no partitions

@on_each(*mapped_disk.KINDS, newer=3, sysvinit=2)
def test_slots_on(board, what):
    kind = mapped_disk.KINDS[what]
    disk = mapped_disk.make(board, TARGETS["initramfs-tools"], kind, "1.0")
    with machine(board, disk, append=f"{WRONG} {mapped_disk.append(kind, board.target.name)}",
                 conf=mapped_disk.conf(kind, CONF), files=mapped_disk.files(kind, board.target.name),
                 drives=[board.stick(board.bundle("2.0")), *([mapped_disk.second(board)] if kind == "md" else [])]) \
            as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", 2 * SLOW)
        up(board, vm, "2.0", "b")
        status = board.status(vm)
        assert status["booted"]["slot"] == "b" and status["slots"][1]["state"] == "good"
        root = board.ask(vm, "sed -n \"s/^KEELBOOT_ROOT='\\(.*\\)'/\\1/p\" /run/keelboot/root.env").strip()
        assert re.match(r"/dev/(dm-\d+|md\d+)$", root)
        assert board.ask(vm, "grep ^KEELBOOT_NAME= /run/keelboot/root.env").strip() == \
            f"KEELBOOT_NAME='{mapped_disk.NAMES[kind]['b']}'"
        assert board.ask(vm, "findmnt -no SOURCE /").strip() in (
            root, mapped_disk.NODES[kind]["b"], board.ask(vm, f"readlink -f {root}").strip())


@on_dracut
def test_container_with_a_key_file_that_is_gone_costs_no_boot(board):
    """Nobody may be asked, so nobody feeds a watchdog that counts less than the 40 s that systemd would wait."""
    disk = mapped_disk.make(board, TARGETS["initramfs-tools"], "luks", "1.0", "2.0")
    files = mapped_disk.files("luks", board.target.name)
    gone = {"etc/crypttab": files["etc/crypttab"].replace("PARTLABEL=root-b", "PARTLABEL=gone")}
    with machine(board, disk, conf=mapped_disk.conf("luks", CONF.replace("timeout=60", "timeout=36")),
                 files={**files, **gone}) as vm:
        up(board, vm, "1.0", "a")
        assert board.causes(vm) == []


@pytest.mark.parametrize("board", [TARGETS["initramfs-tools"]], ids=named, indirect=True)
def test_container_whose_header_is_lost_leaves_the_other_slot(board):
    """cryptroot's script ends at the first one that it cannot open."""
    disk = mapped_disk.make(board, board.target, "luks", "1.0", "2.0")
    write_partition(disk, "root-a", bytes(16 << 20))
    with machine(board, disk, conf=mapped_disk.conf("luks", CONF),
                 files=mapped_disk.files("luks", board.target.name)) as vm:
        up(board, vm, "2.0", "b")
        assert board.causes(vm) == [] and "root-a: maximum number of tries exceeded" in vm.text


@pytest.mark.parametrize("board", [TARGETS["initramfs-tools"]], ids=named, indirect=True)
def test_running_system_installs_into_a_volume(board):
    disk = mapped_disk.make(board, board.target, "lvm", "1.0", data=[board.bundle("2.0")])
    with machine(board, disk, conf=mapped_disk.conf("lvm", CONF),
                 files={"etc/default/keelboot": "KEELBOOT_APPLY=no\n"}) as vm:
        up(board, vm, "1.0", "a")
        board.ask(vm, "mount /dev/disk/by-partlabel/data /data && keelboot install /data/*.keel && umount /data", 240)
        vm.send("reboot")
        up(board, vm, "2.0", "b")
        assert [slot["state"] for slot in board.status(vm)["slots"]] == ["good", "good"]


@on_more(MKOSI)
def test_array_that_lacks_a_disk_is_started(board):
    """No other disk would have a copy: without it, there is no system. Nor is it started before its disk may come."""
    disk = mapped_disk.make(board, TARGETS["initramfs-tools"], "md", "1.0")
    with machine(board, disk, append=f"{WRONG} {mapped_disk.append('md', board.target.name)}",
                 conf=mapped_disk.conf("md", CONF), files=mapped_disk.files("md", board.target.name)) as vm:
        up(board, vm, "1.0", "a")
        started = re.findall(r"\[ *(\d+)\S*\] md/raid1:md\d+: active with 1 out of 2 mirrors", vm.text)
        assert len(started) == 2 and min(map(int, started)) > 15 and board.causes(vm) == []


def test_slots_that_nobody_opens_restart(board):
    conf = mapped_disk.conf("lvm", CONF) + "[system]\ntimeout=5\n"
    with machine(board, board.disk("1.0"), append="", conf=conf) as vm:
        vm.expect(r"keelboot: devices: slot b: /dev/kb/root-b not found", SLOW)
        vm.expect(r"keelboot: rescue: no slot can be booted", SLOW)
        vm.wait_boot(2, SLOW)
