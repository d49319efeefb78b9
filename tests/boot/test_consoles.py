# SPDX-License-Identifier: Apache-2.0
"""What Keelboot decides, its problems and the progress of an install: on every console that the kernel has,
whatever the kernel itself shows there; no line twice; and a console that takes nothing holds up no boot."""

import re
import socket
import time

import pytest

DECISIONS = (r"version 2\.0 \(sequence 2\), signed by dev: to slot b", r"update: writing, \d+ %",
             r"slot b holds version 2\.0 on trial", r"keelboot: slot b: 2\.0, trial, tries left: 2")
KEELBOOT = re.compile(r"keelboot(?:-\w+)?: .*")


@pytest.fixture
def update(bench):
    """A disk on which 2.0 waits on a stick."""
    return bench.disk("1.0"), bench.stick(bench.bundle("2.0"))


def second_port(bench) -> tuple:
    """Options of QEMU for a ttyS1, and the file that it prints into."""
    file = bench.work / "ttyS1"
    return port("file", path=file), file


def port(kind: str, **options) -> tuple:
    text = ",".join(f"{key}={value}" for key, value in options.items())
    return ("-chardev", f"{kind},id=second,{text}", "-device", "isa-serial,index=1,chardev=second")


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
    disk, stick = update
    extra, file = second_port(bench)
    # ttyS3 is no port of this machine, and the driver of ttyAMA0 is not in its kernel.
    append = "console=ttyAMA0 console=ttyS3 console=tty0 console=ttyS1 console=ttyS0 quiet"
    with bench.machine(disk, drives=[stick], append=append, extra=extra) as vm:
        text = bench.up(vm, "2.0", "b")
        for console in (text, file.read_text(errors="replace")):
            assert_whole_story(console)
            assert not how_it_came(console)


@pytest.mark.parametrize("append", ("loglevel=0", "quiet printk.devkmsg=off", "quiet printk.devkmsg=ratelimit",
                                    "quiet keelboot.log=quiet"))
def test_decisions_and_progress_are_seen_whatever_the_kernel_shows(bench, update, append):
    disk, stick = update
    with bench.machine(disk, drives=[stick], append=append) as vm:
        text = bench.up(vm, "2.0", "b")
        assert_whole_story(text)
        assert not how_it_came(text)


@pytest.mark.parametrize("append", ("debug", "quiet ignore_loglevel", "loglevel=8 printk.devkmsg=off",
                                    "loglevel=7 printk.devkmsg=ratelimit", "quiet keelboot.log=info"))
def test_what_the_kernel_shows_stands_there_once(bench, update, append):
    disk, stick = update
    with bench.machine(disk, drives=[stick], append=append) as vm:
        text = bench.up(vm, "2.0", "b")
        assert_whole_story(text)
        assert how_it_came(text)


def test_all_of_it_is_in_the_kernels_log(bench, update):
    disk, stick = update
    with bench.machine(disk, drives=[stick], append="quiet printk.devkmsg=ratelimit") as vm:
        bench.up(vm, "2.0", "b")
        kept = bench.ask(vm, "dmesg | sed 's/^.[^]]*. //'")
        assert_whole_story(kept)
        assert how_it_came(kept)


def test_the_last_console_is_the_systems_and_the_others_have_the_story_too(bench, update):
    disk, stick = update
    extra, file = second_port(bench)
    with bench.machine(disk, drives=[stick], append="console=ttyS0 console=ttyS1 quiet", extra=extra) as vm:
        vm.expect(r"slot b: 2\.0, trial, tries left: 2", 90)
        vm.console.wait_for(lambda: "system 2.0 is up" in file.read_text(errors="replace"), 60)
        assert_whole_story(file.read_text(errors="replace"))
        assert_whole_story(vm.boot_text())


def test_a_device_without_any_console_boots(bench):
    with bench.machine(bench.disk("1.0"), append="console=null quiet") as vm:
        vm.expect(r"device:/# ", 60)
        assert bench.boot_json(vm)["slot"] == "a"
        assert "slot a: 1.0, good" in bench.ask(vm, "dmesg")
        assert told(vm.boot_text().partition("device:/# ")[0]) == []


def test_a_console_that_nobody_reads_holds_up_nothing(bench, update):
    """Its other end is connected, and full after some hundred characters."""
    disk, stick = update
    path = str(bench.work / "stuck")
    extra = port("socket", path=path, server="on", wait="off")
    with socket.socket(socket.AF_UNIX) as nobody:
        with bench.machine(disk, drives=[stick], append="console=ttyS1 console=ttyS0 quiet", extra=extra) as vm:
            nobody.connect(path)
            vm.expect(r"slot b: 2\.0, trial, tries left: 2", 60)
            chosen = time.monotonic()
            assert_whole_story(bench.up(vm, "2.0", "b", 60))
            # The last close of a port waits 30 s for what is left in it: none is.
            assert time.monotonic() - chosen < 20
            nobody.setblocking(False)
            assert "keelboot" in nobody.recv(4096).decode(errors="replace"), "it was a console"
