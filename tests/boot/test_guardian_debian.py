# SPDX-License-Identifier: Apache-2.0
"""The guardian beside real init systems: Debian's systemd and sysvinit, from its own packages.
Slot b holds Debian on trial, slot a a good tiny system."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kbdevice import run
from kbdisk import Disk, Ext4, mkext4
from kbroot import add_file

TOP = Path(__file__).resolve().parents[2]
DEADLINE = 45          # the systems have to be up by then
LATE = "keelboot.watchdog=/dev/watchdog0,300"
GIVEN_UP = rf"keelboot-guardian: slot b was not marked good within {DEADLINE} s: it is bad; rebooting"
FORCED = r"keelboot-guardian: the shutdown did not come to its end; forcing the reboot"
UP = "[Unit]\nAfter=basic.target\n[Service]\nType=oneshot\nStandardOutput=tty\nTTYPath=/dev/console\n" \
     "ExecStart=/bin/echo debian is up\n[Install]\nWantedBy=multi-user.target\n"
# What a test turns on by systemd.wants= of the kernel command line.
HANG = "[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStopSec=infinity\nExecStart=/bin/true\n" \
       "ExecStop=/bin/sh -c 'echo the shutdown hangs >/dev/console; sleep 10000'\n"
# What systemd itself says of the watchdog, and whether it has it open.
ASK = "[Unit]\nAfter=basic.target\n[Service]\nType=oneshot\nStandardOutput=tty\nTTYPath=/dev/console\n" \
      "ExecStart=/bin/sh -c 'systemctl show -p WatchdogDevice -p RuntimeWatchdogUSec -p RebootWatchdogUSec; " \
      "systemd-analyze cat-config systemd/system.conf | grep -x \"# /.*/00-keelboot.conf\"; " \
      "ls -l /proc/1/fd | grep -o watchdog0; cat /sys/class/watchdog/watchdog0/state; echo that was systemd'\n"
SAY_UP = "#!/bin/sh\necho 'debian is up' >/dev/console\n"
SAY_DOWN = "#!/bin/sh\ngrep -q kbhang /proc/cmdline || exit 0\necho 'the shutdown hangs' >/dev/console\n" \
           "sleep 10000\n"
FILES = {
    "systemd": {"etc/systemd/system/up.service": UP, "etc/systemd/system/hang.service": HANG,
                "etc/systemd/system/ask.service": ASK},
    "sysvinit": {"etc/up": SAY_UP, "etc/down": SAY_DOWN},
}
# Before and behind what Debian has in /etc/inittab.
INITTAB = ("dn:06:wait:/etc/down\n", "up:2:once:/etc/up\n")
LINKS = {"systemd": {"etc/systemd/system/multi-user.target.wants/up.service": "../up.service"}, "sysvinit": {}}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


@pytest.fixture
def debian(bench):
    """debian(kind): a disk with that system in slot b, on trial."""
    def make(kind: str) -> Path:
        name = hashlib.sha256(repr((FILES, INITTAB)).encode()).hexdigest()[:8]
        device, image = bench.device, bench.device.work / f"debian-{kind}-{name}.img"
        with device.lock():
            if not image.exists():
                run(TOP / "qemu/mkdebianroot", kind, TOP / "build/debian" / kind)
                tree = device.work / f"debian-{kind}"
                shutil.rmtree(tree, ignore_errors=True)
                subprocess.run(["cp", "-a", TOP / "build/debian" / kind, tree], check=True)
                files = {"usr/bin/keelboot": device.stripped("keelboot"),
                         "etc/keelboot/system.conf": device.conf, "etc/fstab": "", **FILES[kind]}
                for path, source in files.items():
                    add_file(tree, path, source)
                if kind == "sysvinit":
                    inittab = tree / "etc/inittab"
                    inittab.write_text(inittab.read_text().join(INITTAB))
                for path, target in LINKS[kind].items():
                    (tree / path).symlink_to(target)
                mkext4(image.with_suffix(".new"), "280M", tree, label="root", seed=kind)
                shutil.rmtree(tree)
                image.with_suffix(".new").rename(image)
            system = device.system("1.0")
        (bench.work / "data").mkdir()
        state = bench.work / "state.img"
        run(device.keelboot, "state", "init", state, "--slots", 2, "--good", "a", "--trial", "b")
        run(device.keelboot, "switch", "b", "--state", state)
        disk = Disk(seed=kind)
        disk.add("keelboot-state", "16M", state)
        disk.add("data", "32M", Ext4(bench.work / "data", label="data"))
        disk.add("root-a", "40M", system)
        disk.add("root-b", "280M", image)
        disk.build(bench.work / "disk.img")
        return bench.work / "disk.img"
    return make


@pytest.fixture
def machine(bench, debian):
    def make(kind: str, append="", late=LATE):
        dropins = bench.work / "dropins"
        dropins.mkdir()
        (dropins / "guardian.conf").write_text(f"[system]\ncommit-deadline={DEADLINE}\n")
        initrd = bench.initramfs("--conf-dir", dropins, name="guardian-debian")
        return bench.machine(debian(kind), initrd=initrd, append=f"{late} {append}", memory=512)
    return make


def assert_given_up(bench, vm):
    bench.up(vm, "1.0", "a", timeout=240)
    b = bench.status(vm)["slots"][1]
    assert (b["state"], b["reason"]) == ("bad", "deadline")
    assert bench.causes(vm) == ["guest"], "the watchdog was not needed"


@pytest.mark.parametrize("kind", ["systemd", "sysvinit"])
def test_trial_is_rebooted_in_order(bench, machine, kind):
    with machine(kind) as vm:
        vm.expect(r"debian is up", 240)
        vm.expect(GIVEN_UP, 240)
        assert_given_up(bench, vm)
        assert FORCED not in vm.text


@pytest.mark.parametrize("kind, append", [("systemd", "systemd.unit=emergency.target"), ("sysvinit", "emergency")])
def test_emergency_mode_is_left(bench, machine, kind, append):
    with machine(kind, append) as vm:
        vm.expect(GIVEN_UP, 240)
        assert "debian is up" not in vm.text
        assert_given_up(bench, vm)


@pytest.mark.parametrize("kind, append", [("systemd", "systemd.wants=hang.service"), ("sysvinit", "kbhang")])
def test_shutdown_that_hangs_is_ended_by_force(bench, machine, kind, append):
    with machine(kind, append) as vm:
        vm.expect(r"debian is up", 240)
        vm.expect(GIVEN_UP, 240)
        vm.expect(r"the shutdown hangs", 60)
        vm.expect(FORCED, 90)
        assert_given_up(bench, vm)


def test_systemd_takes_the_watchdog_as_the_drop_in_says(bench, machine):
    """handover=system: the time that the hardware counts already is systemd's, and systemd feeds it."""
    with machine("systemd", "systemd.wants=ask.service", late="") as vm:
        vm.expect(r"that was systemd", 240)
        said = vm.boot_text()
        assert re.search(r"^# /run/systemd/system\.conf\.d/00-keelboot\.conf\r?$", said, re.M)
        for line in ("WatchdogDevice=/dev/watchdog0", f"RuntimeWatchdogUSec={bench.device.watchdog}s",
                     "RebootWatchdogUSec=5min", "watchdog0", "active"):
            assert re.search(rf"^{line}\r?$", said, re.M), line
        # Longer than the watchdog's time, and it was not what ended it.
        assert bench.device.watchdog < DEADLINE
        vm.expect(GIVEN_UP, 240)
        assert_given_up(bench, vm)
