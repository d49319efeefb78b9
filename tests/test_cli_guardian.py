# SPDX-License-Identifier: Apache-2.0
"""What the command tells the guardian: a verdict was written, a shutdown begins."""

import shutil
import signal
import subprocess

import pytest

from test_cli import FAILURE, USAGE, Device, edit


@pytest.fixture
def dev(tmp_path):
    """The trial in slot b runs, its attempt is open under token 7."""
    device = Device(tmp_path)
    device.init("--slots", "2", "--good", "a", "--trial", "b")
    edit(device, open="b", token=7)
    device.boot("b", 7, status="trial")
    return device


@pytest.fixture
def guardian(dev, tmp_path):
    """A process of that name, which a signal ends."""
    program = tmp_path / "keelboot-guardian"
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([program, "600"])
    (dev.run / "guardian").write_text(f"{process.pid}\n")
    yield process
    process.kill()
    process.wait()


def clean(dev) -> bool:
    return b"clean=1\n" in dev.state.read_bytes()


def test_verdicts_nudge_the_guardian(dev, guardian):
    dev("mark", "good")
    assert guardian.wait(30) == -signal.SIGUSR1


def test_mark_bad_nudges_it_too(dev, guardian):
    dev("mark", "bad")
    assert guardian.wait(30) == -signal.SIGUSR1


def test_verdict_that_changes_nothing_wakes_nobody(dev, guardian):
    guardian_file = (dev.run / "guardian").read_text()
    (dev.run / "guardian").unlink()
    dev("mark", "good")
    (dev.run / "guardian").write_text(guardian_file)
    assert "nothing to change" in dev("mark", "good").stdout
    assert guardian.poll() is None


def test_mark_clean_notes_the_shutdown_and_tells_the_guardian(dev, guardian):
    result = dev("mark", "clean")
    assert (result.stdout, result.stderr) == ("", "")
    assert clean(dev)
    assert guardian.wait(30) == -signal.SIGUSR2


def test_mark_clean_without_a_guardian(dev):
    dev("mark", "clean")
    before = dev.state.read_bytes()
    dev("mark", "clean")
    assert clean(dev) and dev.state.read_bytes() == before, "once is enough"


def test_mark_clean_of_a_good_slot_writes_nothing_but_tells_a_keeper(dev, guardian):
    pid = (dev.run / "guardian").read_text()
    (dev.run / "guardian").write_text("1\n")
    dev("mark", "good")
    (dev.run / "guardian").write_text(pid)
    before = dev.state.read_bytes()
    dev("mark", "clean")
    assert dev.state.read_bytes() == before
    assert guardian.wait(30) == -signal.SIGUSR2


def test_mark_clean_of_another_boot_writes_nothing(dev):
    dev.boot("b", 6)
    dev("mark", "clean")
    assert not clean(dev)
    dev.boot("a", 7)
    dev("mark", "clean")
    assert not clean(dev)


def test_mark_clean_outside_of_keelboot_is_nothing(dev):
    for file in dev.run.iterdir():
        file.unlink()
    dev("mark", "clean")
    assert not clean(dev)


def test_mark_clean_that_cannot_read_the_state_fails_and_still_tells(dev, guardian):
    dev.state.unlink()
    dev("mark", "clean", code=FAILURE)
    assert guardian.wait(30) == -signal.SIGUSR2


@pytest.mark.parametrize("words", [("b",), ("--reason", "x")])
def test_mark_clean_takes_neither_slot_nor_reason(dev, words):
    dev("mark", "clean", *words, code=USAGE)
    assert not clean(dev)


@pytest.mark.parametrize("text", ["", "0\n", "1\n", "-5\n", "99999999999\n", "x\n", None])
def test_number_of_somebody_else_is_never_signalled(dev, text):
    """None: a process of another name."""
    other = subprocess.Popen(["/bin/sleep", "600"])
    try:
        (dev.run / "guardian").write_text(f"{other.pid}\n" if text is None else text)
        dev("mark", "good")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
