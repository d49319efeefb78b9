# SPDX-License-Identifier: Apache-2.0
"""Success is said of what is true when it is said."""
from cli_device import FAILURE, REBOOT


def away(handler):
    handler.raw()


def good_while_away(fleet, server, bundle):
    """It became good, and the server has not heard of it."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    fleet.good()
    server.on["poll"] = away
    fleet.once(code=FAILURE)
    assert fleet.record["phase"] == "good"
    return action


def test_what_fell_back_before_the_server_heard_of_its_success_is_a_failure(fleet, server, bundle):
    action = good_while_away(fleet, server, bundle)
    fleet.fall_back("app crashed on day two")
    del server.on["poll"]
    fleet.once()
    assert action.told[-1] == "closed/failure"
    assert "2.0 in slot b fell back: app crashed on day two" in action.messages


def test_what_is_good_and_does_not_run_is_a_failure(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    fleet.good()
    fleet.dev.boot("a", version="1.0", reason="b: crashed")
    fleet.once()
    assert action.told[-1] == "closed/failure"
    assert "2.0 is in slot b, the fallback; 1.0 runs, since b: crashed" in action.messages


def test_what_a_person_updated_since_then_is_a_success(fleet, server, bundle, factory):
    action = good_while_away(fleet, server, bundle)
    fleet.dev("install", factory("3.0", 30))
    slot = fleet.dev.slot("a")
    assert slot["version"] == "3.0"
    fleet.dev.boot("a", version="3.0")
    del server.on["poll"]
    fleet.once()
    assert action.told[-1] == "closed/success"


def test_an_end_that_is_asked_for_again_is_judged_again(fleet, server, bundle):
    action = fleet.updates(server, bundle)
    fleet.fall_back("app crashed on day two")
    fleet.once()
    assert action.told.count("closed/failure") == 0
    action.state = "running"
    fleet.once()
    assert action.told[-1] == "closed/failure"
