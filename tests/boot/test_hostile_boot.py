# SPDX-License-Identifier: Apache-2.0
"""What a stranger can hand to a boot: a command line, odd devices on USB, files that look like hooks,
a state partition full of lies. It boots its own slot, and runs nothing of theirs."""

import random
import shutil
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli_device import edit
from keelreader import crc32c

LOCKED = "command-line=panic,keelboot.log"
EVIL_LINE = ("keelboot.enable=0 root=/dev/sda init=/bin/sh keelboot.slot=b keelboot.watchdog=off "
             "keelboot.shell=1 rootflags=evil single LD_PRELOAD=/evil.so")
HOOK = "#!/bin/sh\necho EVIL-HOOK-RAN >/dev/console\nexit 1\n"
# Where Keelboot's own hooks and settings lie in its initramfs, and where people may look for a folder of them.
PLACES = ("usr/lib/keelboot/hooks/post-mount.d", "etc/keelboot/hooks/post-mount.d", "keelboot/hooks/post-mount.d",
          "keelboot/post-mount.d", "keelboot/pre-update.d")


def test_t39_t41_command_line_and_hooks_of_strangers_do_nothing(bench):
    hook = bench.work / "10-evil"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    files = {f"{place}/{hook.name}": hook for place in PLACES}
    disk = bench.disk("1.0", "2.0", data=files)
    stick = bench.stick(files={**files, "keelboot/system.conf": hook})
    initrd = bench.initramfs_with(LOCKED, name="locked")
    with bench.machine(disk, initrd=initrd, drives=[stick], append=EVIL_LINE) as vm:
        text = bench.up(vm, "2.0", "b")
        assert "init: ignored: [system] command-line= does not name it" in text
        assert "EVIL-HOOK-RAN" not in text
        assert bench.ask(vm, "tr '\\0' ' ' </proc/1/cmdline").split()[1:] in ([], ["init"])
        assert "LD_PRELOAD" not in bench.ask(vm, "tr '\\0' ' ' </proc/1/environ")
        assert bench.status(vm)["booted"]["tier"] == "normal"
        assert bench.boot_json(vm)["watchdog"]["device"] == "/dev/watchdog0"


def test_t28_what_is_packed_drives_only_mass_storage_on_usb(bench):
    """A keyboard and a network card that a stick pretends to be find no driver."""
    disk = bench.disk("1.0")
    bad_usb = ["-device", "usb-kbd,bus=xhci.0", "-device", "usb-mouse,bus=xhci.0",
               "-netdev", "user,id=evil,restrict=on", "-device", "usb-net,netdev=evil,bus=xhci.0"]
    with bench.machine(disk, drives=[bench.stick(bench.bundle("2.0"))], extra=bad_usb) as vm:
        bench.up(vm, "2.0", "b")
        assert bench.ask(vm, "cat /sys/bus/usb/devices/*/bInterfaceClass").split().count("03") == 2
        drivers = bench.ask(vm, "ls /sys/bus/usb/drivers").split()
        assert sorted(set(drivers) - {"hub", "usb", "usbfs", "uas", "usb-storage"}) == []
        assert bench.ask(vm, "ls /sys/class/net").split() in ([], ["lo"])
        assert "USB" not in bench.ask(vm, "cat /proc/bus/input/devices")


def garbage(state: Path) -> None:
    state.write_bytes(random.Random(34).randbytes(state.stat().st_size))


def forged(state: Path) -> None:
    """A record with a good checksum, whose every word is a lie."""
    huge = 2 ** 64 - 1
    edit(SimpleNamespace(state=state), seq=huge, sequence=huge, floor=huge, installs=huge, pref="z", open="h",
         oneshot="q", a_tries=huge, a_streak=-1, b_st="good", b_release="../../etc/shadow", disk="/dev/sda",
         root="/dev/sda", keyring="/evil", staged="usb:/dev/sda", staged_release="f" * 64,
         a_reason="\x1b[2J\x1b]0;evil\x07" + "A" * 900)


def silent(state: Path) -> None:
    """Well formed, and forged so that the slot that works is never to be booted again, and nothing to be counted."""
    edit(SimpleNamespace(state=state), seq=2 ** 64 - 1, a_st="bad", a_reason="x", b_st="good", b_version="9.9",
         pref="b", b_tries=9)


def nothing(state: Path) -> None:
    """Neither slot is whole, and nothing may be installed either."""
    edit(SimpleNamespace(state=state), a_st="writing", b_st="empty", floor=2 ** 64 - 2, apply_usb="3,0,0",
         apply_sd="3,0,0")


def held_back(state: Path) -> None:
    """The slot that works is under install, and the one that is empty may boot."""
    edit(SimpleNamespace(state=state), a_st="writing", b_st="bad", b_streak=3, pref="b")


def newer(state: Path) -> None:
    edit(SimpleNamespace(state=state), min_reader=99, a_st="empty", b_st="writing", floor=2 ** 64 - 2)


def root_hash(state: Path) -> None:
    """The manifests that tell what a slot is name a root hash, and nobody signed them."""
    edit(SimpleNamespace(state=state), a_st="bad", a_streak=3)
    image, forged_cells = bytearray(state.read_bytes()), 0
    at = image.find(b"KEELSLOT")
    while at >= 0:
        page, length = image[at:at + 4096], int.from_bytes(image[at + 12:at + 16], "little")
        blob = bytes(image[at + 4096:at + 4096 + length]).replace(b"\n[", b"\nverity-root-hash=00\n[", 1)
        struct.pack_into("<I", page, 12, len(blob))
        struct.pack_into("<I", page, 32, 0)
        struct.pack_into("<I", page, 32, crc32c(page + blob))
        image[at:at + 4096 + len(blob)] = page + blob
        at, forged_cells = image.find(b"KEELSLOT", at + 1), forged_cells + 1
    assert forged_cells == 2 and b"verity-root-hash=00" in image
    state.write_bytes(image)


LONG = {forged, held_back, newer, root_hash}


@pytest.mark.parametrize("lie", [pytest.param(lie, marks=pytest.mark.long) if lie in LONG else lie for lie in
                                 (garbage, forged, silent, nothing, held_back, newer, root_hash)])
def test_t34_state_of_a_stranger_boots_what_is_there(bench, lie):
    state = bench.work / "state.img"
    shutil.copy(bench.factory("1.0")[0], state)
    lie(state)
    disk = bench.disk("1.0", state=state)
    with bench.untouched(disk), bench.machine(disk) as vm:
        vm.expect(r"Keelboot 0")
        text = bench.up(vm, "1.0", "a", timeout=150)
        assert "\x1b" not in text.split("Keelboot 0")[1].split("system 1.0")[0], "nothing escapes to a terminal"
        bench.ask(vm, "keelboot status; keelboot history; keelboot doctor || true")
        assert bench.causes(vm) == []
        assert "unable to write" not in text


@pytest.mark.long
@pytest.mark.parametrize("clock", ("1970-01-01T00:00:00", "2038-01-19T03:14:06"), ids=("1970", "2038"))
def test_t20_a_wrong_clock_changes_nothing(bench, clock):
    """Installed, tried, committed and, from the same stick, not once more: whatever the clock says. 2038 passes the
    end of 31 bits while the machine boots. (Later than 2069 the kernel does not believe this machine's clock; and by
    the host's clock, QEMU gets no further than 68 years from today.)"""
    disk, stick = bench.disk("1.0", b=None), bench.stick(bench.bundle("2.0"))
    with bench.machine(disk, drives=[stick], extra=["-rtc", f"base={clock},clock=vm"]) as vm:
        bench.up(vm, "2.0", "b")
        assert bench.ask(vm, "date +%Y").strip() == clock[:4]
        vm.send("reboot -f")
        vm.wait_boot(2)
        assert "keelboot: slot b: 2.0, good" in bench.up(vm, "2.0", "b")
        kinds = [event["kind"] for event in bench.history(vm)]
        assert kinds.count("install") == 1 and kinds.count("good") == 1
