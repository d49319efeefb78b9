# SPDX-License-Identifier: Apache-2.0
"""The command where init starts the kernels of the slots by kexec: nothing is to be asked of a boot loader, and a trial
that runs with the first kernel proves nothing."""

import json
import shutil

import pytest
from cli_device import FAILURE, OK
from test_cli_doctor import Board


class Kexec:
    """A device whose init starts the kernels."""

    def __init__(self, dev, running):
        self.dev = dev
        dev.configure("[loader]\nkind=kexec\n")
        self.runs(running)

    def runs(self, pair, starts=""):
        lines = ["disk /dev/vda", f"loader kexec {starts}", f"pair {pair}"]
        (self.dev.run / "devices").write_text("\n".join(lines) + "\n")


@pytest.fixture(name="trial")
def make_trial(dev):
    """Slot b is on trial, and runs by its own kernel."""
    dev.init("--good", "a", "--trial", "b", "--version", "1.0", "--sequence", 10, runs="b")
    return Kexec(dev, "b")


def test_mark_good_asks_no_boot_loader(trial):
    said = trial.dev("mark", "good")
    assert "boot loader" not in said.stdout + said.stderr
    assert trial.dev.slot("b")["state"] == "good"


def test_a_trial_that_runs_with_the_first_kernel_is_not_committed(trial):
    trial.runs("-")
    before = trial.dev.state.read_bytes()
    said = trial.dev("mark", "good", code=None)
    assert said.returncode != OK and "it runs with the first kernel" in said.stderr
    assert trial.dev.state.read_bytes() == before
    assert "It runs with the first kernel, and not with its own." in trial.dev("status").stdout


def test_a_good_slot_is_marked_whatever_kernel_runs(dev):
    dev.init("--good", "a", "--version", "1.0", "--sequence", 10, runs="a")
    Kexec(dev, "-")
    dev("mark", "good")


@pytest.mark.parametrize("pair", ["a", "-"])
def test_nothing_is_secured_before_an_install(dev, factory, pair):
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    Kexec(dev, pair)
    said = dev("install", factory("2.0", 20), code=None)
    assert "boot loader" not in said.stderr and "whose kernel runs" not in said.stderr


UNTRIED = "the kernel of no slot can be started here"
# What lasts, by the word that the initramfs leaves.
LASTING = [("none", UNTRIED),
           ("unchecked", "with verify-slot=always, a slot's kernel in a partition (boot=) is never started")]


@pytest.mark.parametrize("word, why", LASTING)
def test_nothing_is_installed_where_no_slots_kernel_can_be_started(dev, factory, word, why):
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    Kexec(dev, "-").runs("-", word)
    slot = dev.slots["b"].read_bytes()
    said = dev("install", factory("2.0", 20), code=None)
    assert said.returncode != OK and f"install: {why}, so" in said.stderr
    assert dev.slots["b"].read_bytes() == slot and dev.slot("b")["state"] == "good"


@pytest.fixture(name="based")
def make_based(dev, factory):
    """Slot a runs with the first kernel, and slot b is free."""
    dev.trust(factory.public)
    dev.init("--good", "a", "--version", "1.0", "--sequence", 10)
    dev.boot("a", version="1.0")
    (dev.run / "slot").write_text("a\n")
    return Kexec(dev, "-")


@pytest.mark.parametrize("word, why", LASTING)
@pytest.mark.parametrize("options", [(), ("--ranges",)])
def test_nothing_is_staged_where_no_slots_kernel_can_be_started(based, factory, options, word, why):
    """No boot would install it: the first kernel looks before it does."""
    based.runs("-", word)
    before = based.dev.state.read_bytes()
    bundle = factory("2.0", 20)
    said = based.dev("stage", *options, bundle, code=FAILURE)
    assert f"{bundle}: {why}, so no boot would install it: keelboot doctor says why" in said.stderr
    assert based.dev.state.read_bytes() == before and not list(based.dev.data.rglob("*.keel"))


def test_a_fleet_hears_why_nothing_is_staged(based, factory):
    based.runs("-", "none")
    said = based.dev("stage", "--progress", "json", factory("2.0", 20), code=FAILURE)
    assert UNTRIED in json.loads(said.stdout.splitlines()[-1])["error"]


@pytest.mark.parametrize("pair, warned", [("-", True), ("a", False)])
def test_what_the_first_kernel_may_still_start_is_staged(based, factory, pair, warned):
    """Why it runs the slot itself may pass, or be the slot's: a release whose kernel is signed may mend it."""
    based.runs(pair)
    said = based.dev("stage", factory("2.0", 20))
    assert ("slot a runs with the first kernel: if that can start no other, 2.0 is not tried; keelboot doctor says more"
            in said.stderr) == warned
    assert based.dev.json("status")["staged"]["next"] == "install"


@pytest.mark.parametrize("word, why", LASTING)
def test_status_says_that_what_is_staged_waits_for_another_first_kernel(based, factory, word, why):
    based.dev("stage", factory("2.0", 20))
    based.runs("-", word)
    assert f"Next boot: skips the staged update ({why}); uses slot a (1.0)." in based.dev("status").stdout
    assert not based.dev.json("status")["staged"]["lasting"]


def test_a_kernel_that_nobody_named_is_gone_at_the_next_reset(based, factory):
    """As one that a person started by kexec: the first kernel installs then, whatever this boot does not."""
    based.runs("-", "unnamed")
    said = based.dev("stage", factory("2.0", 20))
    assert ("kexec started this kernel, and nobody says whose it is: 2.0 waits until a reset starts the first kernel"
            in said.stderr) and "runs with the first kernel" not in said.stderr
    assert based.dev.json("status")["staged"]["next"] == "install"
    text = based.dev("status").stdout
    assert "Nobody says whose kernel it runs with (started by kexec)." in text and "first kernel" not in text
    said = based.dev("install", factory("3.0", 30))
    assert ("install: kexec started this kernel, and nobody says whose it is: the new release waits until a reset "
            "starts the first kernel" in said.stderr)
    assert based.dev.slot("b")["state"] == "trial"


def test_a_kernel_that_nobody_named_is_not_the_first_one_whatever_else_is_wrong(based, factory):
    based.runs("-", "unchecked unnamed")
    text = based.dev("status").stdout
    assert "Nobody says whose kernel it runs with (started by kexec)." in text and "first kernel" not in text
    said = based.dev("stage", factory("2.0", 20), code=FAILURE)
    assert f"{LASTING[1][1]}, so no boot would install it" in said.stderr


@pytest.mark.parametrize("words", ["unnamed", "unchecked unnamed"])
def test_a_trial_whose_kernel_nobody_named_is_not_committed(trial, words):
    trial.runs("-", words)
    said = trial.dev("mark", "good", code=None)
    assert said.returncode != OK and "slot b: nobody says whose kernel it runs with" in said.stderr
    assert trial.dev.slot("b")["state"] == "trial"


@pytest.fixture(name="board")
def make_board(dev, factory):
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    board = Board(dev)
    board.kexec = Kexec(dev, "a")
    return board


def test_doctor_finds_nothing_wrong_with_a_slot_that_has_its_kernel(board):
    assert not [f for f in board.findings() if f[1].startswith("loader")]


def test_doctor_names_a_slot_that_runs_with_the_first_kernel(board):
    board.kexec.runs("-")
    assert ("error", "loader-kexec") in board.findings()
    assert [f["text"] for f in board.told("loader-kexec")] == [
        "slot a runs with the first kernel: its own was not started"]


def test_doctor_says_that_nobody_named_the_kernel(board):
    board.kexec.runs("-", "unnamed")
    assert ("error", "loader-kexec") in board.findings()
    told, = board.told("loader-kexec")
    assert told["text"] == "slot a runs with a kernel that kexec started, and nobody says whose it is"
    assert told["fix"].startswith("restart by a reset")


@pytest.mark.parametrize("verify, told", [("always", True), ("boot", False)])
def test_doctor_names_a_kernel_in_a_partition_that_nothing_checks(board, verify, told):
    board.kexec.runs("b")
    board.dev.configure(f"[system]\nverify-slot={verify}\n[loader]\nkind=kexec\n"
                        "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n")
    assert (("error", "loader-unchecked") in board.findings()) == told


def test_doctor_does_not_say_of_a_kernel_that_runs_that_it_is_never_started(board):
    """The first kernel has another system.conf, and only that one counts."""
    board.dev.configure("[system]\nverify-slot=always\n[loader]\nkind=kexec\n"
                        "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
                        "[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=boot-b\n")
    board.kexec.runs("a")
    board.findings()
    said = {f["severity"]: f["text"] for f in board.told("loader-unchecked")}
    assert said["warning"].endswith("slot a, and yet it runs: the first kernel has another system.conf")
    assert said["error"].endswith("slot b, so it is never started")


@pytest.mark.parametrize("pair, word, release, told", [("-", "", "5.4.0", True), ("-", "", "5.6.0", False),
                                                       ("a", "", "5.4.0", False), ("-", "unnamed", "5.4.0", False)])
def test_doctor_names_a_first_kernel_that_is_too_old_to_start_another(board, pair, word, release, told):
    """Of another kernel, as that of a slot, the version says nothing of the first one."""
    board.kexec.runs(pair, word)
    board.put("proc/sys/kernel/osrelease", release)
    board.findings()
    said = [f["fix"] for f in board.told("kernel-lacks") if "kexec" in f["text"]]
    assert said == (["use Linux 5.6 or later"] if told else [])


def test_doctor_wants_panic_on_the_line(board):
    board.put("proc/cmdline", "console=ttyS0 keelboot.pair=a")
    assert ("error", "loader-panic") in board.findings()


class Keys:
    """The keys of the running system, of the slot's initramfs, which has the same, and of the first kernel's."""

    def __init__(self, board, factory):
        self.board, self.folder = board, board.dev.root / "etc/keelboot/keys"
        self.stranger = factory.public.with_name("stranger.pem")

    def trust_another(self):
        shutil.copy(self.stranger, self.folder / "second.pem")
        self.board.boot()

    def first_kernel_has(self, marks):
        self.board.put("proc/cmdline", f"panic=10 keelboot.pair=a keelboot.base-keys={marks}")

    def findings(self):
        return [f for f in json.loads(self.board.doctor("--json").stdout)["findings"] if f["id"].startswith("key")]


@pytest.fixture(name="keys")
def make_keys(board, factory):
    return Keys(board, factory)


def test_doctor_compares_keys_with_those_of_the_first_kernel(keys):
    """It is that which installs: what it does not trust is staged, and then refused in each boot."""
    marks = keys.board.marks()
    keys.trust_another()
    keys.first_kernel_has(marks[0])
    finding, = keys.findings()
    assert (finding["severity"], finding["id"]) == ("warning", "keys-base")
    assert finding["text"] == (f"the first kernel's initramfs does not trust {keys.folder}/second.pem: boots reject "
                               "what it signed")
    assert "no update brings it" in finding["fix"]
    keys.first_kernel_has(",".join(keys.board.marks()))
    assert not keys.findings()


def test_doctor_names_keys_that_the_first_kernel_alone_trusts(keys):
    keys.first_kernel_has(f"{keys.board.marks()[0]},00000000")
    finding, = keys.findings()
    assert (finding["severity"], finding["id"]) == ("warning", "keys-base")
    assert finding["text"] == f"the first kernel's initramfs trusts 1 key(s) that {keys.folder} does not have"


def test_doctor_names_a_retired_key_that_the_first_kernel_trusts(keys):
    keys.trust_another()
    marks = keys.board.marks()
    (keys.folder / "retired.d").mkdir()
    (keys.folder / "second.pem").rename(keys.folder / "retired.d/old.pem")
    keys.board.boot()
    keys.first_kernel_has(",".join(marks))
    finding, = keys.findings()
    assert (finding["severity"], finding["id"]) == ("error", "keys-retired")
    assert finding["text"] == "the first kernel's initramfs still trusts old.pem, which is retired"


def test_doctor_names_a_first_kernel_without_a_key(keys):
    keys.first_kernel_has("none")
    finding, = keys.findings()
    assert (finding["severity"], finding["id"]) == ("error", "keys-initramfs-none")
    assert finding["text"] == "the first kernel's initramfs has no key: no boot installs any update"
    (keys.folder / "release.pem").unlink()
    assert [f["id"] for f in keys.findings()] == ["keys-none", "keys-initramfs-none"]


@pytest.mark.parametrize("pair, conf", [("-", "[loader]\nkind=kexec\n"), ("a", "[loader]\nkind=grub\n")])
def test_the_word_of_the_first_kernel_counts_only_behind_it(keys, pair, conf):
    """Where it runs the slot itself, its own keys are those of the initramfs. A boot loader's line has no such word."""
    keys.first_kernel_has("00000000")
    assert keys.findings()
    keys.board.dev.configure(conf)
    kind = conf.split("=")[1].strip()
    (keys.board.dev.run / "devices").write_text(f"disk /dev/vda\nloader {kind} \npair {pair}\n")
    assert not keys.findings()
