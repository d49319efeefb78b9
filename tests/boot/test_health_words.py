# SPDX-License-Identifier: Apache-2.0
"""Last words: what a trial leaves on the state partition, whatever ends it, and whoever asks."""
import re


SAID = "<3>modem0: firmware is missing"
HANGS = "#!/bin/sh\nmount -t proc proc /proc\nmount -t devtmpfs dev /dev\n" \
        "echo 'system {version}: says something and hangs'\n" \
        f"echo '{SAID}' >/dev/kmsg\nwhile :; do sleep 1000; done\n"
WATCHDOG = "keelboot.watchdog=/dev/watchdog0,20"
WORDS = 4 << 20  # docs/STATE.md


def bundle_that_hangs(bench, version="8.1"):
    with bench.device.lock():
        image = bench.device.system(version, "nomark", files={"sbin/init": HANGS.format(version=version)})
    return bench.device.bundle(version, "nomark", image=image)


def test_hang_leaves_what_the_kernel_said_before_it(bench):
    """Without pstore: the guardian has written it before the watchdog fires."""
    disk = bench.disk("1.0")
    stick = bench.stick(bundle_that_hangs(bench))
    with bench.machine(disk, drives=[stick], append=WATCHDOG) as vm:
        for _ in range(3):
            vm.expect(r"system 8\.1: says something and hangs")
            vm.wait_reset()
        vm.expect(r"keelboot: slot b is rejected: crashed or hung")
        bench.up(vm, "1.0", "a")
        assert bench.causes(vm) == ["watchdog"] * 3
        why = bench.ask(vm, "keelboot why")
        assert "8.1 in slot b was rejected: crashed or hung" in why
        assert why.count("] modem0: firmware is missing") == 3, "each of its tries"
        assert "Its last words: keelboot why" in bench.ask(vm, "keelboot status")


def test_power_cut_leaves_them_too_and_garbage_costs_only_them(bench):
    disk = bench.disk("1.0", "2.0 nomark", good="a")
    with bench.machine(disk) as vm:
        vm.expect(r"system 2\.0 is ready")
        vm.shell(f"echo '{SAID}' >/dev/kmsg")
        bench.ask(vm, "sleep 12")
        vm.power_cut()
        vm.start()
        bench.up(vm, "2.0", "b")
        assert "] modem0: firmware is missing" in bench.ask(vm, "keelboot why")
        bench.ask(vm, "keelboot mark bad --reason 'a person'")
        assert "2.0 in slot b was rejected: a person" in bench.ask(vm, "keelboot why")
        assert "] modem0: firmware is missing" in bench.ask(vm, "keelboot why")
        bench.ask(vm, f"dd if=/dev/urandom of=$(sed -n 's/^state //p' /run/keelboot/devices) bs=4096 count=128 "
                      f"seek={WORDS // 4096} conv=notrunc,fsync 2>&1")
        vm.send("reboot")
        bench.up(vm, "1.0", "a")
        why = bench.ask(vm, "keelboot why")
        assert "2.0 in slot b was rejected: a person" in why and "No last words of it are kept." in why


def test_hook_that_rejects_a_trial_leaves_its_last_lines(bench):
    """Each of its tries; the old release runs all the while, and is asked."""
    no = 'echo one; echo modem0: no firmware; [ "$KEELBOOT_STATUS" != trial ]'
    with bench.machine(bench.disk("1.0", "2.0", good="a"),
                       initrd=bench.initramfs(*bench.hooks(post_mount=no), name="words-hook")) as vm:
        bench.up(vm, "1.0", "a")
        why = bench.ask(vm, "keelboot why")
        assert "2.0 in slot b was not booted, and was not rejected" in why
        assert re.search(r"Why a boot did not enter it.*:\s+one\s+modem0: no firmware\s+hook 10-mine: exit 1", why)
        assert "Its last words: keelboot why" in bench.ask(vm, "keelboot status")
        for _ in range(2):
            vm.send("reboot")
            bench.up(vm, "1.0", "a")
        why = bench.ask(vm, "keelboot why")
        assert why.count("modem0: no firmware") == 3


def test_healthy_boots_leave_none(bench):
    """Nor do good slots, however much their kernel complains."""
    with bench.machine(bench.disk("1.0")) as vm:
        bench.up(vm, "1.0", "a")
        bench.ask(vm, f"echo '{SAID}' >/dev/kmsg; sleep 12")
        vm.send("reboot")
        bench.up(vm, "1.0", "a")
        state = "$(sed -n 's/^state //p' /run/keelboot/devices)"
        assert bench.ask(vm, f"dd if={state} bs=4096 skip={WORDS // 4096} count=128 2>/dev/null | tr -d '\\0' | wc -c"
                         ).strip() == "0"
