# SPDX-License-Identifier: Apache-2.0
"""What docs/ROOT.md says of SELinux: Debian 12 with its own policy, enforcing, in slots that were labelled when their
bundles were made."""

import os
import re

import pytest

import selinux_slot
from kbdisk import read_partition

OVERLAY = ("virtio", "usb", "ext4", "vfat", "overlay")
ENFORCING = "security=selinux selinux=1 enforcing=1"
PERMISSIVE = "security=selinux selinux=1 enforcing=0"
# A busy host is no reason for a reset.
LATE = "keelboot.watchdog=/dev/watchdog0,300"
KEPT = f"{ENFORCING} {LATE} noautorelabel"
BY_FIRST = "init=/usr/sbin/first"
# A file of each kind, and what Debian's policy says of it.
LABELS = {"/": "root_t", "/etc": "etc_t", "/etc/shadow": "shadow_t", "/usr/bin/mount": "mount_exec_t",
          "/usr/lib/systemd/systemd": "init_exec_t", "/var/log": "var_log_t", "/usr/bin/keelboot": "bin_t"}
RELABELS = "Warning -- SELinux default policy relabel is required"
# By what relabels: / is read-only, so the file that asks for it stays.
KEEPS = (r"Skipping the following R/O filesystems:\s+/\s", r"rm: cannot remove '/\.autorelabel': Read-only file system")
FAILED = r"rescue: no slot|emergency mode|Freezing execution|Kernel panic"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mmdebstrap needs root")


def up(vm, timeout=420) -> None:
    """Somebody is logged in."""
    vm.expect(r"root@\S+:\S+# ", timeout, FAILED)
    status, said = vm.shell("bind 'set enable-bracketed-paste off'; stty -echo cols 400; export TERM=dumb", 120)
    assert status == 0, said


def types(bench, vm, *paths) -> dict:
    """The type of each."""
    said = bench.ask(vm, f"stat -c '%C %n' {' '.join(paths)}", 120)
    return {path: label.split(":")[2] for label, path in re.findall(r"(\S+:s0\S*) (/\S*)", said)}


def healthy(bench, vm, mode="Enforcing") -> None:
    """In that mode, and the checks of the release pass."""
    assert bench.ask(vm, "getenforce").strip() == mode
    bench.ask(vm, "until test -e /run/keelboot/good; do sleep 1; done", 240)
    assert types(bench, vm, *LABELS) == LABELS


def machine(bench, disk, append: str, conf="", **options):
    name = "selinux-" + (re.sub(r"\W+", "-", conf) or "plain")
    initrd = bench.conf_initramfs(name, f"[system]\n{conf}", modules=OVERLAY)
    return bench.machine(disk, initrd=initrd, append=append, memory=768, **options)


def factory(bench):
    """A disk with Debian in slot a, as it leaves the factory."""
    image = selinux_slot.image(bench.device, "1.0")
    return selinux_slot.disk(bench, image, None, "--good", "a", "--bundle", selinux_slot.bundle(bench.device, "1.0"))


def may_read(bench, vm, domain: str) -> bool:
    """What process 1 left in /run/keelboot, by the policy."""
    said = bench.ask(vm, f"compute_av system_u:system_r:{domain}:s0 system_u:object_r:tmpfs_t:s0 file")
    return "read" in re.search(r"^allowed= (.*)$", said, re.M).group(1).split()


# ---------------------------------------------------------------- a read-only root


def test_an_update_brings_its_labels_and_nothing_is_relabelled(bench):
    update = selinux_slot.bundle(bench.device, "2.0")
    disk = factory(bench)
    with bench.untouched(disk, "a"), machine(bench, disk, KEPT, drives=[bench.stick(update)]) as vm:
        vm.expect(r"slot b holds version 2\.0 on trial", 400)
        up(vm)
        assert bench.ask(vm, "cat /etc/release").strip() == "2.0"
        healthy(bench, vm)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        # What process 1 made before there was a policy, and what a service of Keelboot then made there.
        made = types(bench, vm, "/run/keelboot", "/run/keelboot/boot.json", "/run/keelboot/good")
        assert set(made.values()) == {"tmpfs_t"}
        assert [may_read(bench, vm, domain) for domain in ("initrc_t", "ntpd_t")] == [True, False]
        # A new file system has no labels; one call gives them, and what is made later has them.
        assert types(bench, vm, "/srv") == {"/srv": "unlabeled_t"}
        bench.ask(vm, "restorecon -R /srv && touch /srv/new")
        assert types(bench, vm, "/srv", "/srv/new") == {"/srv": "var_t", "/srv/new": "var_t"}
        assert RELABELS not in vm.text and len(vm.boots) == 1
    assert bench.holds(disk, "b", selinux_slot.image(bench.device, "2.0"))


# ---------------------------------------------------------------- an overlay


def writes(bench, vm) -> None:
    """New files have the labels of their folders, and a changed one keeps its own."""
    bench.ask(vm, "echo x >>/etc/hosts.allow && touch /etc/new && mkdir -p /usr/new && sync")
    assert types(bench, vm, "/etc/new", "/usr/new") == {"/etc/new": "etc_t", "/usr/new": "usr_t"}


def free(bench, vm) -> int:
    return int(bench.ask(vm, "sync; df -k --output=avail / | tail -n 1"))


@pytest.mark.parametrize("where, init", [("PARTLABEL=overlay", ""), ("tmpfs", BY_FIRST)],
                         ids=["partition", "tmpfs by first"])
def test_root_that_is_written_to_has_the_labels_of_the_slot(bench, where, init):
    disk = factory(bench)
    with bench.untouched(disk, "a"), machine(bench, disk, f"{KEPT} {init}", f"root-overlay={where}\n") as vm:
        up(vm)
        healthy(bench, vm)
        writes(bench, vm)
        if init:
            assert types(bench, vm, "/etc/machine-id") == {"/etc/machine-id": "etc_t"}
        # Another label is a whole copy, but for its holes.
        before = free(bench, vm)
        bench.ask(vm, "chcon -t etc_t /usr/bin/keelboot")
        assert before - free(bench, vm) > int(bench.ask(vm, "stat -c %s /usr/bin/keelboot")) >> 11


def test_overlay_without_the_rule_starts_hardly_anything(bench):
    """Linux 6.1: a program is mapped from what process 1 opened. A kernel that no more asks turns this test red."""
    disk = factory(bench)
    with machine(bench, disk, f"{KEPT} init=/usr/sbin/plain", "root-overlay=PARTLABEL=overlay\n") as vm:
        vm.expect(r"avc:  denied  \{ use \} .*comm=\"mount\" .*tcontext=system_u:system_r:kernel_t:s0 tclass=fd", 300)
        vm.expect(r"Failed to start ", 120)


# ---------------------------------------------------------------- relabelling


def asking(bench, *state):
    """A disk whose slot b has /.autorelabel. Slot a is tiny."""
    image = selinux_slot.image(bench.device, "3.0", files={".autorelabel": ""})
    return selinux_slot.disk(bench, bench.device.system("1.0"), image, *state)


def relabels(vm, number: int, line: str) -> None:
    """That boot does nothing else, and restarts."""
    vm.wait_boot(number, 400)
    vm.expect(line, 120)
    for said in (RELABELS, *KEEPS, r"reboot: Restarting system"):
        vm.expect(said, 400, rf"{FAILED}|root@")


def test_permissive_trial_that_asks_for_it_relabels_itself_until_its_tries_are_spent(bench):
    disk = asking(bench, "--good", "a", "--trial", "b")
    with bench.untouched(disk), machine(bench, disk, f"{PERMISSIVE} {LATE}", "commit-deadline=900\n") as vm:
        for number, left in ((1, 2), (2, 1), (3, 0)):
            relabels(vm, number, rf"slot b: .*trial, tries left: {left}")
        vm.expect(r"state: slot b ended before it was marked good; the reset: unknown", 120)
        bench.up(vm, "1.0", "a", 120)
        status = bench.status(vm)
        assert status["booted"]["reason"] == "b: reset before it was marked good"
        assert status["slots"][1]["state"] == "bad" and bench.causes(vm) == ["guest"] * 3
        assert "slot b was rejected: reset before it was marked good (last reset: unknown)" in \
            bench.ask(vm, "keelboot history")


def test_permissive_good_slot_that_asks_for_it_is_left_after_six_restarts(bench):
    """Each is half a crash, where good slots are counted."""
    disk = asking(bench, "--good", "a", "--good", "b")
    with bench.untouched(disk), machine(bench, disk, f"{PERMISSIVE} {LATE}", "count=auto\n") as vm:
        for number in range(1, 7):
            relabels(vm, number, r"slot b: .*good")
        vm.expect(r"state: slot b ended before it had proved itself; the reset: unknown", 120)
        bench.up(vm, "1.0", "a", 120)
        status = bench.status(vm)
        why = "reset soon after its start, cause unknown"
        assert status["booted"]["reason"] == f"b: {why}; tried again after 1 healthy boot"
        assert status["slots"][1]["state"] == "good"
        assert f"slot a was booted instead of slot b: {why}" in bench.ask(vm, "keelboot history")


def test_permissive_good_slot_that_asks_for_it_is_never_left_where_nothing_counts(bench):
    """Nothing remembers the restart."""
    disk = asking(bench, "--good", "a", "--good", "b")
    with bench.untouched(disk), machine(bench, disk, f"{PERMISSIVE} {LATE}", "count=never\n") as vm:
        relabels(vm, 1, r"slot b: .*good")
        state = read_partition(disk, "keelboot-state")
        relabels(vm, 2, r"slot b: .*good")
        assert read_partition(disk, "keelboot-state") == state


@pytest.mark.parametrize("words, mode", [(f"{PERMISSIVE} noautorelabel", "Permissive"), (ENFORCING, "Enforcing")],
                         ids=["noautorelabel", "enforcing"])
def test_trial_that_asks_for_it_starts_its_services_and_is_marked_good(bench, words, mode):
    disk = asking(bench, "--good", "a", "--trial", "b")
    with bench.untouched(disk), machine(bench, disk, f"{words} {LATE}", "commit-deadline=900\n") as vm:
        vm.expect(r"slot b: .*trial, tries left: 2", 120)
        up(vm)
        bench.ask(vm, "test -e /.autorelabel")
        healthy(bench, vm, mode)
        assert bench.status(vm)["slots"][1]["state"] == "good"
        assert RELABELS not in vm.text and len(vm.boots) == 1
