# SPDX-License-Identifier: Apache-2.0
"""A cancellation is answered with success only where nothing of its action will be installed."""
import pytest
from cli_device import FAILURE, REBOOT
from ddi_server import cut_after


def replaced(fleet, server, bundle, factory):
    """Action 1 is staged; action 2 has taken its place on record, and waits for another day."""
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.assign(factory("3.0", 30), window="unavailable")
    server.actions.reverse()
    fleet.once()
    assert fleet.record["id"] == "2" and fleet.record["phase"] == "fetched" and fleet.staged
    server.actions.reverse()
    return first


def test_what_an_unknown_action_may_have_staged_is_unstaged(fleet, server, bundle):
    """Its record was lost."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    (fleet.folder / "action.json").unlink()
    server.cancel(action)
    fleet.once()
    assert action.state == "canceled" and fleet.dev.json("status")["staged"] is None


def test_what_may_be_on_trial_for_it_is_not_said_to_be_cancelled(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    (fleet.folder / "action.json").unlink()
    server.cancel(action)
    fleet.once()
    assert action.told[-1] == "cancel rejected/none" and "2.0 in slot b is on trial" in action.messages[-1]


def test_what_a_person_staged_stays_and_is_not_said_to_be_cancelled(fleet, server, bundle):
    fleet.dev("stage", bundle)
    action = server.assign(bundle)
    server.cancel(action)
    fleet.once()
    assert fleet.staged and action.told[-1] == "cancel rejected/none"
    assert "no record says by whom" in action.messages[-1]


def test_what_a_replaced_action_staged_is_unstaged_when_it_is_cancelled(fleet, server, bundle, factory):
    first = replaced(fleet, server, bundle, factory)
    server.cancel(first)
    fleet.once()
    assert first.state == "canceled" and fleet.dev.json("status")["staged"] is None
    assert fleet.record["id"] == "2" and fleet.record["phase"] == "fetched"


def test_so_it_is_where_an_older_program_noted_no_id(fleet, server, bundle, factory):
    first = replaced(fleet, server, bundle, factory)
    fleet.change(own_id="")
    server.cancel(first)
    fleet.once()
    assert first.state == "canceled" and not fleet.staged


def test_what_a_replaced_action_has_in_a_slot_is_too_late_to_cancel(fleet, server, bundle, factory):
    first = replaced(fleet, server, bundle, factory)
    fleet.reboot()
    server.cancel(first)
    fleet.once()
    assert first.told[-1] == "cancel rejected/none" and fleet.dev.slot("b")["state"] == "trial"


def test_a_cancel_of_another_action_leaves_what_is_staged(fleet, server, bundle, factory):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    other = server.assign(factory("3.0", 30))
    server.cancel(other)
    server.actions.reverse()
    fleet.once(code=REBOOT)
    assert other.state == "canceled" and fleet.staged and fleet.record["id"] == "1"


@pytest.mark.parametrize("boots", [False, True])
def test_what_stays_staged_since_the_next_one_could_not_be_is_answered_for(fleet, server, bundle, factory, boots):
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.assign(factory("3.0", 30))
    server.actions.reverse()
    with fleet.where_fails("stage --by-fleet"):
        fleet.once(code=FAILURE)
    server.actions.reverse()
    server.cancel(first)
    if boots:
        fleet.reboot()
    fleet("once", code=None)
    assert first.told[-1] == ("cancel rejected/none" if boots else "cancel closed/success")
    assert boots or fleet.dev.json("status")["staged"] is None
    assert not boots or "2.0 in slot b is on trial" in first.messages[-1]


@pytest.mark.parametrize("server_notes", [True, False])
def test_a_second_cancel_is_answered_and_a_repeated_one_is_not(fleet, server, bundle, server_notes):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    for _ in range(2):
        server.cancel(action)
        fleet.once()
        action.state = "running" if server_notes else "canceling"
        fleet.once()
    assert action.told.count("cancel rejected/none") == (2 if server_notes else 1)


# ---------------------------------------------------------------- once a bundle is here


def has_nothing(fleet):
    return fleet.dev.json("status")["staged"] is None and fleet.record["phase"] == "none" \
        and not (fleet.folder / "bundle.keel").exists()


@pytest.mark.parametrize("how", [{"window": "unavailable"}, {"update": "skip"}])
def test_what_is_fetched_and_not_staged_is_forgotten(fleet, server, bundle, how):
    """But for the file of a download that was all that was wanted: the next action may want to install it."""
    action = server.assign(bundle, **how)
    fleet.once()
    assert fleet.record["phase"] == "fetched"
    server.cancel(action)
    fleet.once()
    assert action.told[-1] == "cancel closed/success" and action.state == "canceled"
    assert has_nothing(fleet) or (how == {"update": "skip"} and fleet.record["phase"] == "none" and not fleet.staged)
    fleet.once()
    assert len(server.requests("artifact")) == 1


def test_what_is_half_fetched_is_forgotten(fleet, server, bundle):
    action = server.assign(bundle)
    server.on["artifact"] = [cut_after(20000), lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    assert (fleet.folder / "bundle.keel").stat().st_size == 20000
    server.cancel(action)
    fleet.once()
    assert action.told[-1] == "cancel closed/success" and has_nothing(fleet)


def test_what_waits_behind_a_persons_is_forgotten_and_the_persons_stays(fleet, server, bundle, factory):
    fleet.dev("stage", factory("3.0", 30))
    action = server.assign(bundle)
    fleet.once()
    assert fleet.record["phase"] == "fetched"
    server.cancel(action)
    fleet.once()
    assert action.told[-1] == "cancel closed/success" and fleet.record["phase"] == "none"
    assert fleet.dev.json("status")["staged"]["version"] == "3.0"


def test_what_was_staged_before_the_record_had_it_is_unstaged(fleet, server, bundle):
    """The power was cut between the two."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.change(phase="seen", reported="seen")
    server.cancel(action)
    fleet.once()
    assert fleet.dev.json("status")["staged"] is None and action.told[-1] == "cancel closed/success"


def is_rejected(fleet, server, action):
    server.cancel(action)
    fleet.once(code=None)
    action.state = "running"
    return "cancel rejected/none" in action.told and "cancel closed/success" not in action.told


@pytest.mark.parametrize("state", ["trial", "good", "bad"])
def test_once_a_boot_has_written_the_slot_it_is_too_late_and_the_end_is_told(fleet, server, bundle, state):
    """What is in the slot decides: no contact was made since it was staged."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    if state == "good":
        fleet.good()
    if state == "bad":
        fleet.fall_back("modem does not register")
    assert is_rejected(fleet, server, action) and fleet.dev.slot("b")["state"] == state
    if state == "trial":
        fleet.good()
    fleet.once(code=None)
    assert action.told[-1] == ("closed/failure" if state == "bad" else "closed/success")


@pytest.mark.parametrize("state", ["trial", "good", "bad"])
def test_so_it_is_where_a_boot_came_between_a_cancel_and_its_end(fleet, server, bundle, state):
    """What is staged could not be unstaged, or the power was cut before that."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.cancel(action)
    with fleet.where_fails("unstage"):
        assert "cannot be cancelled" in fleet.once(code=FAILURE)
    assert fleet.staged and fleet.record["phase"] == "seen"
    fleet.reboot()
    if state == "good":
        fleet.good()
    if state == "bad":
        fleet.fall_back("modem does not register")
    fleet.once()
    says = {"trial": "is on trial", "good": "is good", "bad": "fell back: modem does not register"}[state]
    assert "cancel rejected/none" in action.told and f"2.0 in slot b {says}" in action.messages
    assert action.messages.count("staged; the next boot installs it") == 1
    action.state = "running"
    if state == "trial":
        fleet.good()
    fleet.once()
    assert action.told[-1] == ("closed/failure" if state == "bad" else "closed/success")
    assert len(server.requests("artifact")) == 1


def test_what_a_stick_brought_while_it_waited_is_too_late_to_cancel_and_that_is_said(fleet, server, bundle, factory):
    fleet.dev("stage", factory("3.0", 30))
    action = server.assign(bundle)
    fleet.once()
    assert fleet.record["phase"] == "fetched"
    fleet.dev("unstage")
    fleet.by_stick(bundle)
    server.cancel(action)
    fleet.once()
    assert action.told[-1] == "cancel rejected/none" and action.messages[-1] == "2.0 in slot b is good"


def test_so_it_is_where_a_boot_was_cut_while_it_wrote(fleet, server, bundle):
    """What was begun goes on by itself: it is staged, and a slot has a part of it."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.half_written(bundle)
    assert is_rejected(fleet, server, action) and fleet.staged
    assert "it is staged, and slot b is half written; the next boot goes on" in action.messages
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success"


@pytest.mark.parametrize("lost", [False, True])
def test_so_it_is_where_the_record_has_another_action_or_none(fleet, server, bundle, factory, lost):
    first = replaced(fleet, server, bundle, factory)
    fleet.half_written(bundle)
    if lost:
        (fleet.folder / "action.json").unlink()
    server.cancel(first)
    fleet.once(code=None)
    assert first.told[-1] == "cancel rejected/none" and "slot b is half written" in first.messages[-1] and fleet.staged


def test_what_a_stick_left_half_written_is_in_the_way_of_no_cancel(fleet, server, bundle, factory):
    """No boot has begun with what the action staged."""
    fleet.half_written(factory("3.0", 30))
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.cancel(action)
    fleet.once()
    assert action.told[-1] == "cancel closed/success" and has_nothing(fleet)
