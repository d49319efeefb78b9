# SPDX-License-Identifier: Apache-2.0
"""A cancellation is answered with success only where nothing of its action will be installed."""
import pytest
from cli_device import REBOOT


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
