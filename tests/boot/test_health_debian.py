# SPDX-License-Identifier: Apache-2.0
"""Health under real init systems: Debian's systemd and sysvinit, with what `make install-device` puts there. Slot b
holds Debian on trial, slot a a good tiny system. The kernel command line says how the release behaves."""

import hashlib
import os
import re
from pathlib import Path

import pytest

import debian_slot
from debian_slot import TOP, log_in
from kbdevice import run
from kbroot import add_file

SAYS = "the gateway does not answer"
CHECK = f"#!/bin/sh\ngrep -q kbbad /proc/cmdline || exit 0\necho '{SAYS}'\nexit 1\n"
# One that passes, and fails when it is asked again.
LATER = "#!/bin/sh\ngrep -q kblater /proc/cmdline || exit 0\n" \
        "[ ! -e /run/asked ] || { echo 'it has leaked'; exit 1; }\n>/run/asked\n"
SLOW = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'while ! test -e /run/go; do sleep 1; done'\n"
BROKEN = "[Service]\nType=oneshot\nExecStart=/bin/false\n"
CRASH = "[Unit]\nAfter=default.target\n[Service]\nType=oneshot\n" \
        "ExecStart=/bin/sh -c 'while ! test -e /run/keelboot/good; do sleep 1; done; sleep 10; " \
        "echo process 1 crashes >/dev/console; kill -SEGV 1'\n"
# A program of the release: greenboot runs it by bash, though it is none.
AFTER = "echo \"%s: $(cat /run/keelboot/slot)\" >/dev/console\n"
FILES = {
    "usr/lib/keelboot/check.d/70-gateway": CHECK,
    "usr/lib/keelboot/check.d/80-later": LATER,
    "usr/lib/greenboot/green.d/10-say.sh": AFTER % "green",
    "usr/lib/greenboot/red.d/10-say.sh": AFTER % "red",
    # A root without anything that it could write to: these are Debian's own failures there.
    "etc/keelboot/health/failed-units": "ignore=logrotate.service dpkg-db-backup.service apt-daily.service\n",
}
SYSTEMD = {
    "etc/systemd/system/slow.service": SLOW, "etc/systemd/system/crash.service": CRASH,
    "etc/systemd/system/broken.service": BROKEN,
    "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf": debian_slot.LOGIN,
}
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


def fill(kind: str, tree: Path) -> None:
    run("make", "-s", "-C", TOP, "install-device", f"DESTDIR={tree}")
    for path, source in {**FILES, **(SYSTEMD if kind == "systemd" else {})}.items():
        add_file(tree, path, source)
    if kind == "sysvinit":
        (tree / "etc/init.d/keelboot").symlink_to("/usr/lib/keelboot/keelboot.init")
        (tree / "etc/init.d/keelboot-early").symlink_to("/usr/lib/keelboot/keelboot-early.init")
        for script in ("keelboot", "keelboot-early"):
            run("chroot", tree, "update-rc.d", script, "defaults")
        with open(tree / "etc/inittab", "a") as inittab:
            inittab.write("S0:2:respawn:/sbin/agetty --autologin root --noclear ttyS0 vt220\n")


@pytest.fixture
def machine(bench):
    def make(kind: str, append="", conf="", deadline=300):
        # Nothing in that sysvinit system feeds the watchdog: docs/INTEGRATE.md says what to set then.
        keeper = "[watchdog]\nhandover=keeper\n" if kind == "sysvinit" else ""
        text = f"{keeper}[system]\ncommit-deadline={deadline}\n{conf}"
        initrd = bench.conf_initramfs(f"health-{hashlib.sha256(text.encode()).hexdigest()[:8]}", text)

        def finish(tree: Path) -> None:
            fill(kind, tree)
            add_file(tree, "etc/keelboot/system.conf", bench.device.conf.replace("[system]\n", text))
        name = hashlib.sha256(repr((FILES, SYSTEMD, text)).encode()).hexdigest()[:8]
        disk = debian_slot.make(bench, kind, f"health-{name}", finish)
        return bench.machine(disk, initrd=initrd, append=append, memory=512)
    return make


def waits(bench, vm) -> str:
    text = bench.ask(vm, "keelboot status")
    assert (match := re.search(r"on trial: try 1 of 3, (\d+) s of 300 s, waits for: (.*)\.", text)), text
    return match.group(2)


def wait_for(bench, vm, what: str) -> None:
    bench.ask(vm, f"while ! {what}; do sleep 1; done", 240)


def rejected(bench, vm, reason: str, says="is bad; rebooting") -> None:
    vm.expect(rf"keelboot-guardian: slot b {says}", 240)
    bench.up(vm, "1.0", "a", timeout=240)
    status = bench.status(vm)
    assert (status["slots"][1]["state"], status["last"]["reason"]) == ("bad", reason)
    assert bench.causes(vm) == ["guest"], "the watchdog was not needed"


def test_release_that_works_is_good_after_its_soak_time(bench, machine):
    """`status` says meanwhile what it waits for: a unit, the time, nothing."""
    with machine("systemd", "systemd.wants=slow.service", "commit-after=30\n") as vm:
        log_in(vm)
        wait_for(bench, vm, "keelboot status | grep slow.service")
        assert waits(bench, vm) == "slow.service"
        bench.ask(vm, ">/run/go")
        wait_for(bench, vm, "keelboot status | grep commit-after=")
        assert re.fullmatch(r"commit-after=, \d+ s more", waits(bench, vm))
        assert bench.ask(vm, "systemctl is-active boot-complete.target").strip() == "active"
        vm.expect(r"green: b", 240)
        assert "Slot b runs a system of unknown version, which is good." in bench.ask(vm, "keelboot status")
        assert "green.d" in bench.ask(vm, "journalctl --no-pager -u keelboot-mark-good")


def test_release_whose_check_fails_is_rejected_with_its_words(bench, machine):
    with machine("systemd", "kbbad") as vm:
        vm.expect(r"red: b", 300)
        vm.expect(rf"keelboot: check 70-gateway: exit 1: {re.escape(SAYS)}; this release is rejected", 60)
        rejected(bench, vm, f"check 70-gateway: exit 1: {SAYS}")
        why = bench.ask(vm, "keelboot why")
        assert f"  70-gateway: exit 1\r\n  {SAYS}\r\n".replace("\r", "") in why.replace("\r", "")
        assert "Failed units, and warnings of the system" in why


def test_release_that_fails_while_it_soaks_is_rejected(bench, machine):
    with machine("systemd", "kblater", "commit-after=20\n") as vm:
        rejected(bench, vm, "check 80-later: exit 1: it has leaked")


def test_release_that_misses_its_deadline_leaves_what_still_starts(bench, machine):
    with machine("systemd", "systemd.wants=slow.service systemd.wants=broken.service", deadline=90) as vm:
        rejected(bench, vm, "deadline", "was not marked good within 90 s; marked bad; rebooting")
        why = bench.ask(vm, "keelboot why")
        assert re.search(r"Still being started:\s+\d+ slow\.service\s+start running", why), why
        assert re.search(r"Failed units:\s+broken\.service", why), why


def test_process_1_that_no_longer_feeds_is_ended_by_the_watchdog(bench, machine):
    """Nobody else would: the release is good, and there is no deadline."""
    with machine("systemd", "systemd.wants=crash.service") as vm:
        vm.expect(r"green: b", 300)
        vm.expect(r"process 1 crashes", 60)
        vm.wait_reset(240)
        assert bench.causes(vm) == ["watchdog"]
        vm.expect(r"slot b: version unknown, good", 240)


def test_sysvinit_marks_it_good_and_its_shutdown_clean(bench, machine):
    with machine("sysvinit", conf="commit-after=5\n") as vm:
        vm.expect(r"The checks passed; they run again in 5 s", 300)
        vm.expect(r"green: b", 120)
        vm.send("")     # its prompt may have come before
        log_in(vm)
        vm.send("reboot")
        vm.expect(r"Marking this shutdown clean .*: ", 120)
        vm.expect(r"slot b: version unknown, good", 240)
        vm.expect(r"green: b", 240)


def test_sysvinit_whose_check_fails_is_rejected(bench, machine):
    with machine("sysvinit", "kbbad") as vm:
        vm.expect(r"70-gateway", 300)
        vm.expect(r"red: b", 60)
        rejected(bench, vm, f"check 70-gateway: exit 1: {SAYS}")
