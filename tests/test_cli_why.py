# SPDX-License-Identifier: Apache-2.0
"""`keelboot why`: last words of what failed, as check, guardian and boot left them."""
import json
import os
import time

import pytest
from cli_device import FAILURE, MIB, NOTHING, OK, USAGE, edit, sealed

WORDS, CELL, CELLS = 4 * MIB, 4096, 128  # docs/STATE.md


@pytest.fixture(name="trial")
def make_trial(dev):
    """Slot b runs 2.0 on trial, slot a is good; trial.fails() has a check fail and reject it."""
    dev.init("--good", "a", "--trial", "b", "--version", "2.0", "--sequence", 20)
    tools = dev.path / "bin"
    tools.mkdir()
    (tools / "reboot").write_text("#!/bin/sh\nexit 1\n")
    (tools / "reboot").chmod(0o755)
    check = dev.root / "etc/keelboot/check.d/10-app"
    check.parent.mkdir(parents=True)

    def fails(body):
        check.write_text(f"#!/bin/sh\n{body}\nexit 1\n")
        check.chmod(0o755)
        return dev("health", code=FAILURE, env={"PATH": f"{tools}:{os.environ['PATH']}"})
    def runs(version, sequence):
        token = dev.json("status")["state"]["sequence"]
        edit(dev, b_st="trial", b_tries=2, b_version=version, b_sequence=sequence, open="b", token=token, pref="b")
        dev.boot("b", token, status="trial", version=version)
    runs("2.0", 20)
    dev.fails, dev.runs = fails, runs
    return dev


def test_rejected_trial_says_why_with_the_last_lines_of_its_check(trial):
    trial.fails("echo starting; echo 'port 80: refused' >&2")
    said = trial("why").stdout
    assert "2.0 in slot b was rejected: check 10-app: exit 1: port 80: refused (command)" in said
    assert "The check that failed, " in said
    assert "\n  10-app: exit 1\n  starting\n  port 80: refused\n" in said
    assert "Its last words: keelboot why\n" in trial("status").stdout
    assert trial.json("status")["why"] == 1
    newest = trial.json("history")["events"][0]
    assert [(w["kind"], w["text"]) for w in newest["words"]] == [
        ("check", "10-app: exit 1\nstarting\nport 80: refused\n")]
    assert trial.json("why")["failures"][0]["words"] == newest["words"]
    assert json.loads(trial("state", "export").stdout)["words"][0]["version"] == "2.0"


def test_words_are_no_escape_sequences_and_bounded(trial):
    begun = time.monotonic()
    trial.fails(r"printf '\033[2Jcleared\n'; yes 'a line of a flood' | head -n 200000; echo end")
    assert time.monotonic() - begun < 60
    said = trial("why").stdout
    assert "\x1b" not in said and "cleared" not in said
    assert "  [earlier lines are not kept]\n" in said and said.count("a line of a flood") < 220
    assert said.rstrip().endswith("end")


def test_each_failure_has_a_number_and_the_newest_is_the_first(trial):
    trial.fails("echo first")
    trial.runs("3.0", 30)
    trial.fails("echo second")
    assert "3.0 in slot b was rejected" in trial("why").stdout and "  second\n" in trial("why").stdout
    assert "Earlier failures: 1; the next one: keelboot why 2\n" in trial("why").stdout
    assert "2.0 in slot b was rejected" in trial("why", "2").stdout and "  first\n" in trial("why", "2").stdout
    assert [f["version"] for f in trial.json("why")["failures"]] == ["3.0", "2.0"]
    assert trial("why", "3", code=NOTHING).stderr == "keelboot: why 3: there are 2 failures\n"


def test_a_slot_rejected_by_hand_has_no_words(trial):
    trial("mark", "bad", "--reason", "modem")
    assert "2.0 in slot b was rejected: modem" in trial("why").stdout
    assert "No last words of it are kept.\n" in trial("why").stdout
    assert "keelboot why" not in trial("status").stdout


def test_garbage_instead_of_words_costs_only_these(trial):
    trial.fails("echo reason")
    with open(trial.state, "r+b") as state:
        state.seek(WORDS)
        state.write(os.urandom(CELL) * CELLS)
    said = trial("why").stdout
    assert "2.0 in slot b was rejected: check 10-app: exit 1: reason" in said
    assert "No last words of it are kept.\n" in said
    trial("status")


def put_words(dev, **fields):
    """A piece as somebody forged it, with a checksum that is right."""
    lines = {"kind": "panic", "token": 1, "sequence": 20, "version": "2.0", "cut": 0, **fields}
    with open(dev.state, "r+b") as state:
        state.seek(WORDS)
        state.write(sealed(b"KEELWORD", 1, lines, b"text=\nKernel panic\n"))


def test_a_slot_that_crashed_is_told(dev):
    dev.init("--good", "a", "--version", "2.0", "--sequence", 20, runs="a")
    put_words(dev, slot="a")
    assert "2.0 in slot a crashed, and was not rejected" in dev("why").stdout
    assert dev.json("status")["why"] == 1


@pytest.mark.parametrize("slot", ["-", "i", "aa", ""])
def test_words_of_no_slot_are_none(dev, slot):
    dev.init("--good", "a", "--version", "2.0", "--sequence", 20, runs="a")
    put_words(dev, slot=slot)
    assert dev("why", code=NOTHING).stdout == "Nothing has failed.\n"
    assert "why" not in dev.json("status")


def test_a_state_that_was_never_written_is_an_error(dev):
    dev.state.write_bytes(bytes(16 * MIB))
    assert "never written" in dev("why", code=FAILURE).stderr
    assert dev("why", "--json", code=FAILURE).stdout == ""


def test_nothing_has_failed(dev):
    dev.init("--good", "a", runs="a")
    assert dev("why", code=NOTHING).stdout == "Nothing has failed.\n"
    assert dev.json("why")["failures"] == []


@pytest.mark.parametrize("number", ["0", "65", "x", "-1"])
def test_a_number_is_from_1_to_64(dev, number):
    dev.init("--good", "a", runs="a")
    dev("why", number, code=USAGE)


def test_looking_writes_nothing(trial):
    trial.fails("echo reason")
    before = trial.state.read_bytes()
    trial("why", code=OK)
    trial("history", "--json")
    assert trial.state.read_bytes() == before
