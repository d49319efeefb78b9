# SPDX-License-Identifier: Apache-2.0
"""To whom the watchdog is left: nobody, the guardian, or a system that has only a software one."""

from kbdevice import BOOT, VERDICTS

STATE = "cat /sys/class/watchdog/watchdog0/state"
TIMEOUT = 10
DISK = ("virtio", "ext4")
NOWAYOUT = "i6300esb.nowayout=1"


def unfed(bench, version: str, kind="ok") -> str:
    """A release of which nothing opens the watchdog."""
    boot = "\n".join(line for line in BOOT.splitlines() if not line.endswith("/dev/watchdog0"))
    files = {"etc/init.d/boot": boot.format(version=version, verdict=VERDICTS[kind]) + "\n"}
    with bench.device.lock():
        system = bench.device.system(version, kind, files=files)
    bench.device.bundle(version, kind, image=system)
    return f"{version} {kind}"


def image(bench, handover, *options):
    name = "-".join(("handover", handover, *options))
    return bench.conf_initramfs(name, f"[watchdog]\nhandover={handover}\ntimeout={TIMEOUT}\n", *options, modules=DISK)


def sits_out(bench, vm) -> None:
    """Twice the watchdog's time, and more."""
    for _ in range(5):
        bench.ask(vm, "sleep 5")
    assert bench.causes(vm) == []


def test_release_stops_it_for_a_good_slot(bench):
    with bench.machine(bench.disk(unfed(bench, "1.6")), initrd=image(bench, "release")) as vm:
        bench.up(vm, "1.6", "a")
        assert bench.ask(vm, STATE).strip() == "inactive"
        sits_out(bench, vm)


def test_release_stops_it_when_a_trial_is_marked_good(bench):
    disk = bench.disk("1.0", unfed(bench, "2.6", "nomark"), good="a")
    with bench.machine(disk, initrd=image(bench, "release")) as vm:
        bench.up(vm, "2.6", "b")
        assert bench.ask(vm, STATE).strip() == "active"
        sits_out(bench, vm)
        bench.ask(vm, "keelboot mark good")
        assert bench.ask(vm, f"sleep 2; {STATE}").strip() == "inactive"


def test_release_keeps_it_when_a_trial_is_marked_bad(bench):
    """The reboot that follows may hang: never disarmed on failure."""
    disk = bench.disk("1.0", unfed(bench, "2.6", "nomark"), good="a")
    with bench.machine(disk, initrd=image(bench, "release")) as vm:
        bench.up(vm, "2.6", "b")
        bench.ask(vm, "keelboot mark bad")
        assert bench.ask(vm, f"sleep 2; {STATE}").strip() == "active"
        sits_out(bench, vm)
        vm.send("kill -STOP $(cat /run/keelboot/guardian)")
        vm.wait_reset()
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"]


def test_release_is_refused_where_it_cannot_be_stopped(bench):
    with bench.machine(bench.disk(unfed(bench, "1.6")), initrd=image(bench, "release"), append=NOWAYOUT) as vm:
        vm.expect(r"keelboot: watchdog: handover=release is refused: /dev/watchdog0 cannot be stop")
        bench.up(vm, "1.6", "a")
        assert "watchdog: nowayout; handover=keeper is used, not release" in bench.boot_warnings(vm)
        # The guardian feeds it.
        sits_out(bench, vm)
        assert bench.ask(vm, STATE).strip() == "active"


def test_softdog_is_taken_where_there_is_no_hardware(bench):
    disk = bench.disk("1.0", "3.0 hang", good="a")
    with bench.machine(disk, initrd=image(bench, "system", "--module-set", "softdog"), watchdog=False) as vm:
        for _ in range(3):
            vm.expect(r"system 3\.0: init hangs", 90)
            vm.wait_reset(120)
        vm.expect(r"keelboot: slot b is rejected")
        bench.up(vm, "1.0", "a")
        assert "watchdog: only a software one; a hang of the kernel does not end in a restart" in \
            bench.boot_warnings(vm)
        assert bench.causes(vm) == ["guest"] * 3
