# SPDX-License-Identifier: Apache-2.0
"""A boot loader that counts its own starts, and begins what nobody tries: `mark good` tells it that one was fine."""
import sys

import cli_device
import pytest
from cli_device import OK, TOP, call
from test_cli_doctor import Board

sys.path.insert(0, str(TOP / "qemu"))
import kbloader   # noqa: E402

SIZE = 0x4000
PATH = "LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


class Counter:
    """The environment of a U-Boot that starts the first kernel; init starts those of the slots."""

    def __init__(self, dev, folder, below=""):
        """below: where the files of a device were collected."""
        self.dev = dev
        self.folder = folder
        self.place = str(folder).removeprefix(str(below))
        self.config = folder / "fw_env.config"
        folder.mkdir(parents=True, exist_ok=True)
        self.put()
        (dev.run / "devices").write_text("disk /dev/vda\nloader kexec \npair a\n")

    def put(self, **variables):
        self.config.write_text("".join(f"{self.place}/env{n} 0x0 {SIZE:#x}\n" for n in (0, 1)))
        for n, flags in ((0, 1), (1, 0)):
            (self.folder / f"env{n}").write_bytes(
                kbloader.uboot_environment(flags, SIZE, bootcmd="run x", **variables))

    def get(self):
        newest = max((self.folder / f"env{n}" for n in (0, 1)), key=lambda file: file.read_bytes()[4])
        return dict(line.split("=", 1) for line in newest.read_bytes()[5:].rstrip(b"\0").decode().split("\0"))

    def bytes(self):
        return [(self.folder / f"env{n}").read_bytes() for n in (0, 1)]


@pytest.fixture(name="counter")
def make_counter(dev):
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10, runs="a")
    counter = Counter(dev, dev.path / "u-boot")
    dev.configure(f"[loader]\nkind=kexec\ncounter=u-boot\nenvironment={counter.config}\n")
    counter.put(bootcount=3, upgrade_available=1)
    return counter


def test_mark_good_resets_the_count_and_nothing_else(counter):
    assert "The boot loader counts its starts anew." in counter.dev("mark", "good").stdout
    assert counter.get() == {"bootcmd": "run x", "bootcount": "0", "upgrade_available": "1"}


def test_a_count_that_is_0_is_not_written(counter):
    for variables in ({}, {"bootcount": 0, "upgrade_available": 1}):
        counter.put(**variables)
        before = counter.bytes()
        assert "counts its starts" not in counter.dev("mark", "good").stdout
        assert counter.bytes() == before


@pytest.mark.parametrize("text", ["", "kind=kexec\n"])
def test_nothing_is_reset_that_system_conf_does_not_name(counter, text):
    counter.dev.configure(f"[loader]\n{text}environment={counter.config}\n")
    before = counter.bytes()
    counter.dev("mark", "good")
    assert counter.bytes() == before


def test_only_a_report_of_the_slot_that_runs_resets_it(counter):
    before = counter.bytes()
    counter.dev("mark", "good", "b")
    counter.dev("mark", "bad", "b", "--reason", "x")
    assert counter.bytes() == before


def test_a_trial_that_cannot_be_committed_resets_nothing(counter):
    counter.dev.init("--force", "--good", "a", "--trial", "b", "--version", "1.0", "--sequence", 10, runs="b")
    (counter.dev.run / "devices").write_text("disk /dev/vda\nloader kexec \npair -\n")
    before = counter.bytes()
    assert counter.dev("mark", "good", code=None).returncode != OK
    assert counter.bytes() == before


def test_a_count_that_cannot_be_reset_costs_no_verdict(counter):
    counter.dev.init("--force", "--good", "a", "--trial", "b", "--version", "1.0", "--sequence", 10, runs="b")
    (counter.dev.run / "devices").write_text("disk /dev/vda\nloader kexec \npair b\n")
    counter.config.unlink()
    said = counter.dev("mark", "good", code=None)
    assert said.returncode != OK and "its count of starts stays" in said.stderr
    assert counter.dev.slot("b")["state"] == "good"


# ---------------------------------------------------------------- builds that know no U-Boot

WITHOUT = ("make", "-C", TOP, "UBOOTENV=no", "FLEET=no")


def test_a_build_without_libubootenv_wants_no_part_of_it():
    """Buildroot has neither its static library nor one for the host."""
    said = call(*WITHOUT, "--dry-run", "--always-make", *(f"build/no-ubootenv/{name}" for name in ("keelboot",
                "keelboot-helper", "init"))).stdout
    assert "selector/loader/loader_uboot_none.c" in said and "selector/loader/loader_grub.c" in said
    assert "loader_uboot.c" not in said and "-lubootenv" not in said and "-lyaml" not in said


def test_a_build_without_libubootenv_refuses_u_boots_environment(counter, monkeypatch):
    """It says so, and a verdict counts all the same."""
    call(*WITHOUT, "-s", "build/no-ubootenv/keelboot", timeout=300)
    monkeypatch.setattr(cli_device, "KEELBOOT", str(TOP / "build/no-ubootenv/keelboot"))
    before = counter.bytes()
    said = counter.dev("mark", "good", code=None)
    assert said.returncode != OK and "it was built with UBOOTENV=no" in said.stderr
    assert counter.dev.slot("a")["state"] == "good" and counter.bytes() == before


# ---------------------------------------------------------------- doctor

@pytest.fixture(name="board")
def make_board(dev, factory):
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    board = Board(dev)
    board.counter = Counter(dev, board.sys / "etc", board.sys)
    dev.configure("[loader]\nkind=kexec\n")
    return board


def of_loader(board):
    return {one for one in board.findings() if one[1].startswith("loader")}


def test_doctor_finds_nothing_wrong_with_a_count_that_somebody_resets(board):
    for starts in (0, 1):   # one of its own, before it was marked good
        board.counter.put(bootcount=starts, upgrade_available=1)
        assert of_loader(board) == set()
    board.counter.put(bootcount=7)   # left over: nothing is counted
    assert of_loader(board) == set()
    board.counter.config.unlink()
    assert of_loader(board) == set()


def test_doctor_names_a_count_that_nobody_resets(board):
    board.counter.put(bootcount=2, upgrade_available=1)
    assert of_loader(board) == {("error", "loader-counted")}
    assert [f["text"] for f in board.told("loader-counted")] == [
        "U-Boot has counted 2 starts (bootcount), and nobody resets that: above bootlimit, it runs altbootcmd"]
    board.dev.configure("[loader]\nkind=kexec\ncounter=u-boot\n")
    assert of_loader(board) == set()


def test_doctor_names_a_counter_that_cannot_be_reset(board):
    board.dev.configure("[loader]\nkind=kexec\ncounter=u-boot\n")
    board.counter.put(upgrade_available=1)
    assert of_loader(board) == set()
    board.counter.put()
    assert of_loader(board) == {("warning", "loader-counter")}
    board.counter.config.write_text(f"{board.counter.place}/env0 0x0 {SIZE:#x}\n")
    assert of_loader(board) == {("error", "loader-counter")}
    assert "two apart are needed" in board.told("loader-counter")[0]["text"]


def test_doctor_names_an_entry_with_a_counter_that_nothing_resets(board):
    board.put(f"sys/firmware/efi/efivars/{PATH}", "x")
    assert of_loader(board) == {("error", "loader-counted")}
    assert board.told("loader-counted")[0]["text"].startswith("systemd-boot counts the starts of its entry")
    board.put("usr/lib/systemd/systemd-bless-boot", "")
    assert of_loader(board) == set()
