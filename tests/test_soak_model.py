# SPDX-License-Identifier: Apache-2.0
"""The soak's idea of what must hold: that it sees each thing that may go wrong."""

from pathlib import Path

import pytest
from cli_device import call
from model import Difference, Model, Plan, plan

SOAK = Path(__file__).resolve().parent / "soak"


def status(version, *, state="good", floor=0, finding="found", other="0.9"):
    slots = [{"slot": letter, "version": release, "state": verdict, "sequence": int(float(release)), "ever_good": True}
             for letter, release, verdict in (("a", version, state), ("b", other, "good"))]
    return {"booted": {"slot": "a"}, "floor": floor, "state": {"finding": finding}, "slots": slots}


@pytest.fixture
def device():
    known = Model("1.0", {"1.0": 1}, floor=1)
    known.offered("2.0", 2, True)
    known.offered("3.0", 3, False)
    return known


@pytest.mark.parametrize("wrong, says", [
    (status("1.0", floor=1), "1.0 is up, not 2.0"),             # a staged update was lost
    (status("2.0", state="bad", floor=1), "its slot is bad"),
    (status("2.0", floor=1, finding="rebuilt"), "the state is rebuilt"),
    (status("2.0", floor=0), "the floor fell"),
    (status("2.0", floor=3), "above what proved itself"),
])
def test_each_difference_is_seen(device, wrong, says):
    with pytest.raises(Difference, match=says):
        device.settled(Plan(1, "stage", "ok"), wrong, {"2.0"})


def test_a_release_that_failed_never_comes_back(device):
    with pytest.raises(Difference, match="failed here before"):
        device.settled(Plan(1, "stage", "ok"), status("3.0", floor=1), {"3.0"})


def test_what_holds_is_taken_over(device):
    device.settled(Plan(1, "stage", "ok"), status("2.0", floor=2), {"2.0"})
    assert (device.running, device.floor) == ("2.0", 2)


def test_what_is_fallen_back_to_may_be_below_the_floor(device):
    device.settled(Plan(1, "mark bad"), status("1.0", floor=2, other="2.0"), {"1.0"})
    assert (device.running, device.floor) == ("1.0", 2)


@pytest.mark.parametrize("p, taken, wanted", [
    (Plan(1, "stage", "ok"), True, {"2.0"}),
    (Plan(1, "stage", "ok", cuts=(1.0,)), None, {"1.0", "2.0"}),    # cut before it was acknowledged
    (Plan(1, "stage", "ok", cuts=(9.0, 2.0)), True, {"2.0"}),       # after: never lost
    (Plan(1, "install", "ok"), False, {"1.0"}),
    (Plan(1, "stick", "ok", cuts=(2.0,)), None, {"2.0"}),           # it is still there afterwards
    (Plan(1, "stick", "ok", pull=2.0), None, {"1.0", "2.0"}),
    (Plan(1, "stick", "panic"), None, {"1.0"}),
    (Plan(1, "stage", "flipped"), False, {"1.0"}),
    (Plan(1, "mark bad"), True, {"0.9"}),
    (Plan(1, "switch", cuts=(0.5,)), None, {"0.9", "1.0"}),
    (Plan(1, "crash"), None, {"1.0"}),
])
def test_what_may_be_up_after_a_cycle(device, p, taken, wanted):
    assert device.wanted(p, "2.0", taken, "0.9") == wanted


def test_cycles_follow_from_the_seed_alone():
    some = [plan(7, number) for number in range(1, 400)]
    assert some == [plan(7, number) for number in range(1, 400)]
    assert len({(p.action, p.kind) for p in some}) > 35 and any(p.cuts for p in some)
    shown = call(SOAK / "soak", "--show", "--seed", "7", "-n", "3").stdout
    assert shown.splitlines() == [str(plan(7, number)) for number in (1, 2, 3)]
