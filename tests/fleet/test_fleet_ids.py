# SPDX-License-Identifier: Apache-2.0
"""Whose action an id is: servers count them 1, 2, 3, and one that lost its memory counts anew."""
import json

import pytest
from cli_device import FAILURE, REBOOT
from ddi_server import Server


def another(fleet, bundle, **keys):
    """Another server, whose first action has this bundle."""
    new = Server()
    action = new.assign(bundle)
    fleet.configure(new.url, **keys)
    return new, action


def test_the_same_id_of_another_server_is_another_action(fleet, server, bundle, factory):
    fleet.configure(distribution="gateway")
    fleet.updates(server, bundle)
    new, action = another(fleet, factory("3.0", 30), distribution="gateway")
    with new.running():
        assert "Action 1 was another server's" in fleet.once(code=REBOOT)
        assert action.told == ["proceeding/none"] * 2 and fleet.record["version"] == "3.0"
        assert new.attributes["keelboot.version"] == "2.0"
        fleet.once(code=REBOOT)
        assert len(action.statuses) == 2


def test_what_the_device_said_of_itself_it_says_to_another_server_too(fleet, server, bundle):
    fleet.configure(distribution="gateway")
    fleet.updates(server, bundle)
    fleet.once()
    with Server().running() as new:
        new.wants_attributes = False
        fleet.configure(new.url, distribution="gateway")
        fleet.once()
        assert new.attributes["keelboot.version"] == "2.0" and new.installed == [("gateway", "2.0")]


def test_what_one_server_staged_is_no_success_for_another(fleet, server, bundle, factory):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    new, action = another(fleet, factory("3.0", 30))
    with new.running():
        fleet.once(code=REBOOT)
        assert fleet.record["version"] == "3.0" and "staged; the next boot installs it" in action.messages
        assert action.messages[0].startswith("fetching ") and len(new.requests("artifact")) == 1


def test_the_same_id_of_another_tenant_or_device_is_another_action(fleet, server, bundle):
    fleet.updates(server, bundle)
    before = fleet.record
    server.target = "device-2"
    fleet.configure(id="device-2")
    fleet.once()
    assert fleet.record["phase"] == "none" and fleet.record["server"] != before["server"]
    assert fleet.record["own"] == before["own"]


def test_a_server_that_never_answers_changes_nothing(fleet, server, bundle):
    """A wrong address in server=, mended again."""
    server.assign(bundle)
    fleet.once(code=REBOOT)
    before = fleet.record
    fleet.configure("http://127.0.0.1:9")
    fleet.once(code=REBOOT)
    assert fleet.record == before


def test_a_record_that_does_not_say_whose_it_is_belongs_to_this_server(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    record = fleet.record
    del record["server"]
    (fleet.folder / "action.json").write_text(json.dumps(record))
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success" and fleet.record["server"]


@pytest.mark.parametrize("when", ["closed", "trial", "good", "staged"])
def test_a_server_that_lost_its_memory_hears_nothing_of_what_the_device_never_saw(fleet, server, bundle, factory, when):
    """Its database is an older one, and counts the next action as one that this device had."""
    server.assign(bundle)
    fleet.once(code=REBOOT)
    if when != "staged":
        fleet.reboot()
        fleet.once()
    if when == "closed":
        fleet.good()
        fleet.once()
    server.actions.clear()
    action = server.assign(factory("3.0", 30), download="attempt")
    assert action.id == "1"
    if when in ("trial", "good"):
        fleet.good()
    fleet.once(code=REBOOT)
    assert fleet.record["version"] == "3.0" and fleet.staged and "closed/success" not in action.told
    assert not any("2.0" in message for message in action.messages)


def test_an_end_waits_until_the_server_shows_which_action_it_is_of(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    fleet.good()
    server.on["deployment"] = [lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    assert action.state == "running"
    fleet.once()
    assert action.told[-1] == "closed/success"
