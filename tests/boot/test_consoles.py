# SPDX-License-Identifier: Apache-2.0
"""What Keelboot decides, its problems and the progress of an install: on every console that the kernel has,
whatever the kernel itself shows there; no line twice; and a console that takes nothing holds up no boot."""

import re
import socket

import pytest

DECISIONS = (r"version 2\.0 \(sequence 2\), signed by dev: to slot b", r"update: writing, \d+ %",
             r"slot b holds version 2\.0 on trial", r"keelboot: slot b: 2\.0, trial, tries left: 2")
KEELBOOT = re.compile(r"keelboot(?:-\w+)?: .*")


@pytest.fixture
def update(bench):
    """update(append): a machine for which 2.0 waits on a stick."""
    return lambda append, **options: bench.machine(bench.disk("1.0"), drives=[bench.stick(bench.bundle("2.0"))],
                                                   append=append, **options)


def port(kind: str, **options) -> tuple:
    """Options of QEMU for a ttyS1."""
    text = ",".join(f"{key}={value}" for key, value in options.items())
    return ("-chardev", f"{kind},id=second,{text}", "-device", "isa-serial,index=1,chardev=second")


def screen(vm) -> str:
    """What stands on the first virtual terminal, 80 characters wide."""
    text = vm.shell("cat /dev/vcs1; echo")[1]
    rows = [text[at:at + 80] for at in range(0, len(text), 80)]
    return "".join(row if row.strip() and row[-1] != " " else f"{row.rstrip()}\n" for row in rows)


def told(text: str) -> list:
    """Each line of Keelboot's on a console, without the kernel's time. Disks are looked at twice."""
    return [line for line in KEELBOOT.findall(text.replace("\r", "")) if ": disk " not in line]


def assert_whole_story(text: str) -> None:
    lines = told(text)
    for wanted in DECISIONS:
        assert any(re.search(wanted, line) for line in lines), f"{wanted}\n{text}"
    assert len(lines) == len(set(lines)), f"a line stands there twice:\n{text}"


def how_it_came(text: str) -> bool:
    return "looking at source" in text


def test_decisions_and_progress_are_on_every_console_of_a_quiet_kernel(bench, update):
    """The kernel has one console of a kind: a serial port, and a screen. The driver of ttyAMA0 is not in it."""
    with update("console=ttyAMA0 console=ttyS0 console=tty0 quiet") as vm:
        vm.expect(r"device:/# ", 120)
        assert_whole_story(vm.boot_text())
        assert not how_it_came(vm.boot_text())
        lines = told(screen(vm))
        assert "keelboot: slot b: 2.0, trial, tries left: 2" in lines and len(lines) == len(set(lines)), lines


@pytest.mark.parametrize("append", ("loglevel=0", "quiet printk.devkmsg=off", "quiet printk.devkmsg=ratelimit",
                                    "quiet keelboot.log=quiet"))
def test_decisions_and_progress_are_seen_whatever_the_kernel_shows(bench, update, append):
    with update(append) as vm:
        text = bench.up(vm, "2.0", "b")
        assert_whole_story(text)
        assert not how_it_came(text)


@pytest.mark.parametrize("append", ("debug", "quiet ignore_loglevel", "loglevel=8 printk.devkmsg=off",
                                    "loglevel=7 printk.devkmsg=ratelimit", "quiet keelboot.log=info"))
def test_what_the_kernel_shows_stands_there_once(bench, update, append):
    with update(append) as vm:
        text = bench.up(vm, "2.0", "b")
        assert_whole_story(text)
        assert how_it_came(text)


def test_all_of_it_is_in_the_kernels_log(bench, update):
    with update("quiet printk.devkmsg=ratelimit") as vm:
        bench.up(vm, "2.0", "b")
        kept = vm.shell("dmesg")[1]
        assert_whole_story(kept)
        assert how_it_came(kept)


def test_a_device_without_any_console_boots(bench):
    with bench.machine(bench.disk("1.0"), append="console=null quiet") as vm:
        vm.expect(r"device:/# ", 60)
        assert told(vm.boot_text()) == []
        assert bench.boot_json(vm)["slot"] == "a"
        assert "slot a: 1.0, good" in vm.shell("dmesg")[1]


def test_a_console_whose_port_is_not_there_takes_nothing_from_the_other(bench):
    with bench.machine(bench.disk("1.0"), append="console=ttyS3 console=tty0 quiet") as vm:
        vm.expect(r"device:/# ", 60)
        assert "keelboot: slot a: 1.0, good" in told(screen(vm))


def test_a_console_that_nobody_reads_holds_up_nothing(bench, update):
    """Its other end is connected, and full after some hundred characters."""
    path = str(bench.work / "stuck")
    with socket.socket(socket.AF_UNIX) as nobody:
        with update("console=ttyS1 console=tty0 quiet", extra=port("socket", path=path, server="on", wait="off")) as vm:
            nobody.connect(path)
            vm.expect(r"device:/# ", 120)
            # When this shell began, and not when the host comes to ask.
            up = int(vm.shell("read -r all </proc/$$/stat; set -- $all; echo ${22}")[1]) / 100
            assert "keelboot: slot b: 2.0, trial, tries left: 2" in told(screen(vm))
            said = re.findall(r"\[ *(\d+\.\d+)\] keelboot: ", vm.shell("dmesg")[1])
            assert b"keelboot" in nobody.recv(4096, socket.MSG_DONTWAIT), "it was a console"
    # Nor is the start of the system held up: the last close of a port waits 30 s for what is left in it.
    assert up - float(said[-1]) < 25
