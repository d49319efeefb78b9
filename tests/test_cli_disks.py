# SPDX-License-Identifier: Apache-2.0
"""What the command does with the disk that the boot took: `mark good` binds the state to it, and
where two cannot be told apart nothing is installed."""
import pytest
from cli_device import FAILURE, OK, run


def found(dev, *lines):
    """As the command finds it on the device itself: nobody names the state partition."""
    (dev.run / "devices").write_text("\n".join(["disk /dev/vda", *lines, f"state {dev.state}", ""]))

    return lambda *args, code=OK: run("--run-dir", dev.run, "--conf-root", dev.root, *args, code=code)


def bound(dev):
    lines = dev("state", "show").stdout.splitlines()
    return next((line[5:] for line in lines if line.startswith("disk=")), None)


@pytest.fixture(name="trial")
def make_trial(dev):
    dev.init("--trial", "a", "--version", "1.0", "--sequence", 10, runs="a")
    return dev


def test_the_first_commit_binds_the_state_to_its_disk(trial):
    command = found(trial, "diskid wwid-eui.0025385c2140105d")
    assert bound(trial) is None
    command("mark", "good")
    assert bound(trial) == "wwid-eui.0025385c2140105d"
    before = trial.state.read_bytes()
    command("mark", "good")
    assert trial.state.read_bytes() == before


def test_marking_a_good_slot_again_binds_nothing(good):
    command = found(good, "diskid cid-1")
    before = good.state.read_bytes()
    command("mark", "good")
    assert good.state.read_bytes() == before


def test_marking_bad_binds_nothing(trial):
    found(trial, "diskid cid-1")("mark", "bad")
    assert bound(trial) is None


def test_a_state_that_somebody_names_is_not_bound_to_this_machine(trial):
    found(trial, "diskid cid-1")
    trial("mark", "good")
    assert bound(trial) is None


def test_of_two_equal_disks_none_is_bound(trial):
    found(trial, "diskid cid-1", "ambiguous /dev/vdb")("mark", "good")
    assert trial.slot("a")["state"] == "good" and bound(trial) is None


@pytest.mark.parametrize("verb", ["install", "stage"])
def test_with_two_equal_disks_nothing_is_installed(ready, factory, verb):
    command = found(ready, "diskid cid-1", "ambiguous /dev/vdb")
    before = ready.state.read_bytes()
    said = command(verb, factory("2.0", 20), code=FAILURE).stderr
    assert "/dev/vda and /dev/vdb could both be this device's disk" in said and "disk=" in said
    assert ready.state.read_bytes() == before
