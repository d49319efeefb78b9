# SPDX-License-Identifier: Apache-2.0
"""A shell on the console where nothing boots: only in an image that was made for it."""

import pytest

CONF = "[rescue]\nwait=10\n[watchdog]\ntimeout=8\n"
KEY = "keelboot.shell=1"
OPENED = r"keelboot: shell: on /dev/ttyS0; the boot continues beside it"


@pytest.fixture
def broken(bench):
    """A disk on which no slot mounts."""
    return bench.disk("1.0", "2.0", slots=(None, None))


def test_debug_image_has_a_shell_beside_the_rescue(bench, broken):
    initrd = bench.conf_initramfs("debug-shell", CONF, "--busybox", "/bin/busybox", "--debug-shell")
    with bench.machine(broken, initrd=initrd, append=KEY) as vm:
        vm.expect(r"this initramfs has a debug shell \(keelboot image build --debug-shell\)", 90)
        vm.expect(r"rescue: no slot can be booted", 90)
        vm.expect(OPENED)
        vm.expect(r"keelboot# ")
        vm.send("echo user $(id -u) on $(tty)")
        vm.expect(r"user 0 on /dev/ttyS0")
        vm.expect(r"shell: still open; the restart waits for its `exit`", 60)
        # Longer than the watchdog's time; and a terminal of its own takes Ctrl-C.
        vm.send("sleep 14; echo slept $((40 + 2))")
        vm.expect(r"slept 42", 60)
        # Not before it runs: the shell's own line takes no signals.
        vm.send("echo sleeps $((40 + 2)); sleep 1000")
        vm.expect(r"sleeps 42", 60)
        vm.send("\x03")
        vm.send("echo interrupted $((6 * 7))")
        vm.expect(r"interrupted 42", 60)
        assert bench.causes(vm) == []
        vm.send("exit")
        assert vm.wait_boot(2).cause == "guest"
        vm.expect(OPENED, 90)


def test_release_image_has_none_and_names_the_key(bench, broken):
    initrd = bench.conf_initramfs("release-shell", CONF, "--busybox", "/bin/busybox")
    with bench.machine(broken, initrd=initrd, append=KEY) as vm:
        vm.expect(r"keelboot\.shell=1: this initramfs has no shell; ignored; to get one: keelboot image build "
                  r"--debug-shell", 90)
        vm.expect(r"rescue: no slot can be booted", 90)
        vm.send("\nid")
        assert vm.wait_boot(2).cause == "guest"
        assert "uid=" not in vm.boot_text(1) and "keelboot# " not in vm.boot_text(1)


def test_healthy_debug_image_is_told_of_in_status_and_doctor(bench):
    disk = bench.disk("1.0")
    initrd = bench.conf_initramfs("debug-shell-2", CONF, "--busybox", "/bin/busybox", "--debug-shell")
    with bench.machine(disk, initrd=initrd, append=KEY) as vm:
        assert OPENED not in bench.up(vm, "1.0", "a")
        assert bench.boot_json(vm)["shell"] is True
        assert "the initramfs has a debug shell: not for a release" in bench.status(vm)["warnings"]
        assert '"debug-shell"' in bench.ask(vm, "keelboot doctor --json || true")
