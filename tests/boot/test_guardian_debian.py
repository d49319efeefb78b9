# SPDX-License-Identifier: Apache-2.0
"""The guardian beside real init systems: Debian's systemd and sysvinit, from its own packages.
Slot b holds Debian on trial, slot a a good tiny system."""

import hashlib
import os
import re
from pathlib import Path

import pytest

import debian_slot
from debian_slot import TOP
from kbroot import add_file

DEADLINE = 45          # the systems have to be up by then
LATE = "keelboot.watchdog=/dev/watchdog0,300"
GIVEN_UP = r"keelboot-guardian: slot b was not marked good within \d+ s; marked bad; rebooting"
FORCED = r"keelboot-guardian: the shutdown did not finish; forcing the reboot"
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
PATIENT = 90           # where something has to happen before the deadline, and the host may be busy
# A shutdown that is at work until the deadline is past, which is far from its limit.
WORK = "#!/bin/sh\necho 'the shutdown works' >/dev/console\n" \
       "due=$(sed -n 's/.*\"due\":\\([0-9]*\\).*/\\1/p' /run/keelboot/boot.json)\n" \
       "while [ $(cut -d. -f1 /proc/uptime) -lt $((due + 10)) ]; do sleep 1; done\n" \
       "echo 'the shutdown is done' >/dev/console\n"
SLOW = "[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStopSec=infinity\nExecStart=/bin/true\n" \
       "ExecStop=/etc/work\n"


def once_up(command: str) -> str:
    """A unit that does something when the system is up."""
    return "[Unit]\nAfter=basic.target up.service keelboot-clean.service slow.service\n[Service]\nType=oneshot\n" \
           f"ExecStart=/bin/sh -c '{command}'\n"


UNITS = {
    "up": UP, "hang": HANG, "ask": ASK, "slow": SLOW,
    "reboot-now": once_up("systemctl --no-block reboot"),
    "isolate": once_up("echo now rescue >/dev/console; systemctl --no-block isolate rescue.target"),
    # The root has to be writable for anybody to wait for it.
    "freeze": once_up("mount -o remount,rw / && echo dirty >/dirty && fsfreeze -f / && "
                      "echo the root is frozen >/dev/console; (echo more >/dirtier &)"),
    # systemd "freezes execution" when it crashes: process 1 is there, and does nothing. It tells the journal only.
    "crash": once_up("echo process 1 crashes >/dev/console; kill -SEGV 1"),
    "stuck": "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n"
             "TimeoutStartSec=infinity\nExecStart=/bin/sh -c 'echo the start hangs >/dev/console; sleep 10000'\n",
}
SAY_UP = "#!/bin/sh\necho 'debian is up' >/dev/console\nfor n in 0 6; do\n" \
         "grep -q kbgo$n /proc/cmdline && init $n\ndone\n"
# As docs/GUARDIAN.md says: the first line of the first stop script.
SAY_DOWN = "#!/bin/sh\nkeelboot mark clean\n" \
           "grep -q kbslow /proc/cmdline && /etc/work\n" \
           "grep -q kbhang /proc/cmdline || exit 0\necho 'the shutdown hangs' >/dev/console\nsleep 10000\n"
# Before everything else that sysvinit starts.
SAY_STUCK = "#!/bin/sh\ngrep -q kbstuck /proc/cmdline || exit 0\necho 'the start hangs' >/dev/console\nsleep 10000\n"


FILES = {
    "systemd": {**{f"etc/systemd/system/{name}.service": text for name, text in UNITS.items()},
                "etc/systemd/system/keelboot-clean.service": TOP / "hooks/system/keelboot-clean.service",
                "etc/work": WORK},
    "sysvinit": {"etc/up": SAY_UP, "etc/down": SAY_DOWN, "etc/stuck": SAY_STUCK, "etc/work": WORK},
}
# Before and behind what Debian has in /etc/inittab.
INITTAB = ("dn:06:wait:/etc/down\nst::sysinit:/etc/stuck\n", "up:2:once:/etc/up\n")
WANTS = "etc/systemd/system/multi-user.target.wants"
LINKS = {"systemd": {f"{WANTS}/{name}.service": f"../{name}.service" for name in ("up", "keelboot-clean")},
         "sysvinit": {}}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


@pytest.fixture
def debian(bench):
    """debian(kind): a disk with that system in slot b, on trial."""
    def make(kind: str) -> Path:
        def fill(tree: Path) -> None:
            for path, source in FILES[kind].items():
                add_file(tree, path, source)
            if kind == "sysvinit":
                inittab = tree / "etc/inittab"
                inittab.write_text(inittab.read_text().join(INITTAB))
            for path, target in LINKS[kind].items():
                (tree / path).symlink_to(target)
        name = hashlib.sha256(repr((FILES, INITTAB, LINKS)).encode()).hexdigest()[:8]
        return debian_slot.make(bench, kind, name, fill)
    return make


@pytest.fixture
def machine(bench, debian):
    def make(kind: str, append="", late=LATE, deadline=DEADLINE, conf="", **options):
        text = f"[system]\ncommit-deadline={deadline}\n{conf}"
        name = f"guardian-debian-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        initrd = bench.conf_initramfs(name, text)
        return bench.machine(debian(kind), initrd=initrd, append=f"{late} {append}", memory=512, **options)
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


# ---------------------------------------------------------------- shutdowns that were announced


@pytest.mark.parametrize("kind, append", [("systemd", "systemd.wants=slow.service systemd.wants=reboot-now.service"),
                                          ("sysvinit", "kbslow kbgo6")])
def test_shutdown_across_the_deadline_is_not_held_against_the_slot(bench, machine, kind, append):
    """A reboot that began in time, with units that take longer to stop than the deadline allows."""
    with machine(kind, append, deadline=120) as vm:
        vm.expect(r"slot b: version unknown, trial, tries left: 2", 240)
        vm.expect(r"debian is up", 240)
        vm.expect(r"the shutdown works", 240)
        vm.expect(r"the shutdown is done", 240)
        vm.wait_reset(240)
        vm.expect(r"slot b: version unknown, trial, tries left: 2", 240)     # the same one again
        assert "was not marked good" not in vm.text and FORCED not in vm.text
        assert bench.causes(vm) == ["guest"]


def test_power_off_that_hangs_is_forced_and_stays_one(bench, machine):
    with machine("sysvinit", "kbhang kbgo0", deadline=3600, conf="shutdown-deadline=30\n") as vm:
        vm.expect(r"debian is up", 240)
        vm.expect(r"the shutdown hangs", 240)
        vm.expect(FORCED, 240)
        assert vm.wait_shutdown(120) == "guest-shutdown"


def test_maintainer_who_isolates_rescue_target_announces_no_shutdown(bench, machine):
    """The deadline still holds, as for anybody who looks at a trial."""
    with machine("systemd", "systemd.wants=isolate.service", deadline=PATIENT) as vm:
        vm.expect(r"now rescue", 240)
        vm.expect(GIVEN_UP, 240)
        assert FORCED not in vm.text


# ---------------------------------------------------------------- what hangs on such a root


@pytest.mark.parametrize("kind, append", [("systemd", "systemd.wants=stuck.service"), ("sysvinit", "kbstuck")])
def test_start_that_hangs_is_left(bench, machine, kind, append):
    """What sysinit.target, or sysvinit itself, waits for, forever: nothing else of the system comes up."""
    with machine(kind, append) as vm:
        vm.expect(r"the start hangs", 240)
        vm.expect(GIVEN_UP, 240)
        assert "debian is up" not in vm.text
        assert_given_up(bench, vm)


def test_systemd_that_froze_itself_is_left_by_force(bench, machine):
    with machine("systemd", "systemd.wants=crash.service", deadline=PATIENT) as vm:
        vm.expect(r"process 1 crashes", 240)
        vm.expect(GIVEN_UP, 240)
        vm.expect(FORCED, 120)
        assert_given_up(bench, vm)


def test_frozen_root_of_systemd_is_left(bench, machine):
    with machine("systemd", "systemd.wants=freeze.service", deadline=PATIENT, conf="slots=writable\n") as vm:
        vm.expect(r"the root is frozen", 240)
        vm.expect(GIVEN_UP, 240)
        assert_given_up(bench, vm)


def test_stalled_disk_below_systemd_is_left_without_a_record(bench, machine):
    """Root and state are on it: nothing can be read or written any more."""
    with machine("systemd", deadline=PATIENT, bps=256 << 20) as vm:
        vm.expect(r"debian is up", 240)
        vm.qmp("qom-set", path="/objects/disk.limits", property="limits", value={"bps-total": 1})
        vm.expect(r"keelboot-guardian: the disk does not answer; the guardian continues without it", 240)
        vm.expect(r"slot b was not marked good within \d+ s; not recorded; rebooting", 60)
        vm.expect(FORCED, 120)
        vm.wait_reset(240)
        vm.qmp("qom-set", path="/objects/disk.limits", property="limits", value={"bps-total": 1 << 30})
        vm.expect(r"slot b: version unknown, trial, tries left: 1", 240)
        assert bench.causes(vm) == ["guest"]
