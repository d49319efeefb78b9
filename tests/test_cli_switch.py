# SPDX-License-Identifier: Apache-2.0
"""`keelboot switch` on plain files."""
import pytest
from cli_device import FAILURE, INCOMPATIBLE, USAGE, edit, run


@pytest.fixture(name="two")
def make_two(dev):
    """Both slots are good; a runs and is preferred."""
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10, runs="a")
    return dev


def test_switch_goes_to_the_other_slot_and_back(two):
    assert two("switch").stdout == "The next boot uses slot b (1.0).\nReboot to start it.\n"
    assert two.json("status")["next"] == "b" and two.slot("b")["preferred"]
    two.boot("b")
    two("switch", "a")
    assert two.json("status")["next"] == "a"
    assert "1.0 in slot a was chosen (command)" in two("history", "-n1").stdout


def test_switch_once_leaves_the_preferred_slot(two):
    assert "for one boot only" in two("switch", "--once", "b").stdout
    shown = two.json("state", "show")
    assert (shown["preferred"], shown["oneshot"]) == ("a", "b")
    assert two.json("status")["next"] == "b"


def test_a_switch_for_good_forgets_the_switch_once(two):
    two("switch", "--once", "b")
    two("switch", "a")
    shown = two.json("state", "show")
    assert (shown["preferred"], shown["oneshot"]) == ("a", None)


def test_switching_to_what_is_chosen_writes_nothing(two):
    before = two.state.read_bytes()
    assert "nothing to change" in two("switch", "booted").stdout
    assert two.state.read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--once"], ["--force"], ["--once", "--force"]])
def test_an_empty_slot_is_never_chosen(good, options):
    before = good.state.read_bytes()
    assert "nothing to boot" in good("switch", *options, code=FAILURE).stderr
    edit(good, b_st="writing")
    assert "nothing to boot" in good("switch", *options, code=FAILURE).stderr
    edit(good, b_st="empty")
    assert good("state", "show").stdout and len(good.state.read_bytes()) == len(before)


def test_a_rejected_slot_needs_force_and_goes_on_trial_anew(two):
    two.configure("[system]\ntries=2\n")
    two("mark", "bad", "b", "--reason", "modem dead")
    result = two("switch", "b", code=INCOMPATIBLE)
    assert "modem dead" in result.stderr and "--force" in result.stderr
    assert "on trial: 2 tries" in two("switch", "b", "--force").stdout
    slot = two.slot("b")
    assert (slot["state"], slot["tries"], slot["preferred"]) == ("trial", 2, True)


def test_a_rejected_slot_boots_once_as_it_is(two):
    two("mark", "bad", "b")
    two("switch", "b", "--once", code=INCOMPATIBLE)
    two("switch", "b", "--once", "--force")
    assert two.slot("b")["state"] == "bad"
    assert two.json("status")["next"] == "b"


def test_a_slot_below_the_floor_is_refused_even_by_force(two):
    edit(two, floor=11)
    for options in ([], ["--force"], ["--once", "--force"]):
        assert "floor" in two("switch", "b", *options, code=INCOMPATIBLE).stderr


def test_the_other_of_three_has_to_be_named(dev):
    dev.init("--slots", 3, "--good", "a", "--good", "b", "--good", "c", runs="a")
    assert "name one" in dev("switch", code=FAILURE).stderr
    dev("switch", "c")
    assert dev.json("status")["next"] == "c"


def test_a_staged_update_is_told(two):
    edit(two, staged=f"data,{'01' * 32},0")
    assert two.json("state", "show")["staged"]
    assert "an update is staged" in two("switch").stderr


@pytest.mark.parametrize("args, says", [(["a", "b"], "unexpected argument"), (["--onec"], "did you mean --once")])
def test_wrong_usage(args, says):
    assert says in run("switch", *args, code=USAGE).stderr
