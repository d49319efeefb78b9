# SPDX-License-Identifier: Apache-2.0
"""What a person, a stick or a rescue did is told as its own fact: by a channel's reports, and as attributes."""
import json

import pytest
from cli_device import OK, REBOOT


@pytest.fixture(name="told")
def make_told(device, site, publish):
    """A channel without anything for it, which knows the device."""
    publish()
    device.configure(report=f"{site.url}/reports")
    device.once()
    site.reports.clear()
    return device


def is_on_trial(told, publish, bundle):
    """What an action brought, and a contact has said so."""
    publish(bundle)
    told.once(code=REBOOT)
    told.reboot()
    told.once()


def facts(site):
    """Of each report on the device itself."""
    assert all((one["action"], one["action-version"], one["result"]) == ("", "", "none") for one in site.reports
               if one["phase"] == "device")
    return [(one["version"], one["slot"], one["state"], one["reason"]) for one in site.reports
            if one["phase"] == "device"]


def test_an_update_by_stick_is_reported_at_the_next_contact_and_once(told, site, bundle):
    told.by_stick(bundle)
    told.once()
    told.once()
    assert facts(site) == [("2.0", "b", "good", "")]
    assert "slot b: 2.0, good" in site.reports[-1]["details"] and site.reports[-1]["id"] == "device-1"


@pytest.mark.parametrize("reason", ["switched by hand", "rolled back"])
def test_a_rollback_or_a_switch_is_reported_with_its_reason(told, site, bundle, reason):
    told.by_stick(bundle)
    told.once()
    site.reports.clear()
    told.dev.boot("a", version="1.0", reason=reason)
    told.once()
    told.once()
    assert facts(site) == [("1.0", "a", "good", reason)]


def test_a_rescue_is_reported_also_where_the_same_slot_runs_again(told, site):
    told.dev.boot("a", version="1.0", tier="rescue", reason="no slot could be mounted")
    told.once()
    told.once()
    assert facts(site) == [("1.0", "a", "good", "no slot could be mounted")] and site.reports[-1]["tier"] == "rescue"
    told.dev.boot("a", version="1.0")
    told.once()
    assert site.reports[-1]["tier"] == "normal", "and that it is over"


def test_a_verdict_by_hand_is_reported(told, site, bundle):
    told.by_stick(bundle)
    told.dev.boot("a", version="1.0")
    told.once()
    site.reports.clear()
    told.dev("mark", "bad", "b", "--reason", "by hand")
    told.once()
    assert len(facts(site)) == 1 and "slot b: 2.0, bad" in site.reports[-1]["details"]


def test_what_an_action_brought_is_in_its_own_reports_alone(told, site, publish, bundle):
    is_on_trial(told, publish, bundle)
    told.good()
    told.once()
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "trial", "good"]
    told.dev("switch", "a")
    told.dev.boot("a", version="1.0", reason="switched by hand")
    told.once(code=None)
    assert facts(site) == [("1.0", "a", "good", "switched by hand")]


def test_a_fallback_of_an_action_is_in_its_own_report_alone(told, site, publish, bundle):
    is_on_trial(told, publish, bundle)
    told.fall_back("no modem")
    told.once()
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "trial", "failed"]
    assert site.reports[-1]["slot"] == "a"


def test_a_stick_beside_an_action_that_moves_on_is_told_as_its_own_fact(told, site, publish, bundle, factory):
    """No contact was between the two."""
    is_on_trial(told, publish, bundle)
    told.good()
    told.dev("install", factory("3.0", 30))
    told.once()
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "trial", "device", "good"]
    assert facts(site) == [("2.0", "b", "good", "")] and "slot a: 3.0, trial" in site.reports[3]["details"]


def test_a_stick_in_the_place_of_what_an_action_brought_is_told(told, site, publish, bundle, factory):
    """What it brought was never seen in a slot."""
    publish(bundle)
    told.once(code=REBOOT)
    told.dev("unstage")
    told.by_stick(factory("3.0", 30))
    told.once()
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "device", "failed"]
    assert facts(site) == [("3.0", "b", "good", "")]


def test_a_switch_by_hand_beside_an_action_that_moves_on_is_told(told, site, publish, bundle, factory):
    told.by_stick(bundle)
    told.once()
    site.reports.clear()
    publish(factory("3.0", 30))
    told.once(code=REBOOT)
    told.dev("unstage")
    told.dev.boot("a", version="1.0", reason="switched by hand")
    told.once()
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "device", "failed"]
    assert facts(site) == [("1.0", "a", "good", "switched by hand")]


def test_so_is_one_during_a_trial_that_goes_on(told, site, publish, bundle):
    is_on_trial(told, publish, bundle)
    told.dev.boot("a", version="1.0", reason="switched by hand", tier="rescue")
    told.once()
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "trial", "device"]
    assert site.reports[-1]["tier"] == "rescue" and facts(site) == [("1.0", "a", "good", "switched by hand")]


def test_so_it_is_where_a_boot_was_cut_while_it_wrote(told, site, publish, bundle):
    publish(bundle)
    told.once(code=REBOOT)
    told.half_written(bundle)
    told.once(code=REBOOT)
    assert [one["phase"] for one in site.reports] == ["seen", "staged"]
    told.dev("unstage")
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "failed"]


def test_what_an_action_left_half_written_is_in_its_own_report_alone(told, site, publish, bundle):
    """No contact was between a boot that failed midway, and the one that dropped its copy."""
    publish(bundle)
    told.once(code=REBOOT)
    told.half_written(bundle)
    told.dev("unstage")
    told.once()
    told.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "failed"]
    assert site.reports[-1]["reason"].startswith("2.0 was not installed: image root: ")


def test_what_a_stick_left_half_written_is_reported(told, site, bundle):
    """It may stay so for good."""
    told.half_written(bundle)
    told.once()
    assert len(facts(site)) == 1 and "slot b: writing" in site.reports[-1]["details"]
    told.dev.boot("a", version="1.0", reason="switched by hand", tier="rescue")
    told.once()
    assert facts(site)[-1][3] == "switched by hand"


def test_what_nobody_takes_is_told_later(told, site, bundle):
    site.on["reports"] = lambda visitor: visitor.reply(503)
    told.by_stick(bundle)
    for _ in range(3):
        told.once(code=OK)
    assert not site.reports
    del site.on["reports"]
    told.once()
    assert facts(site) == [("2.0", "b", "good", "")]


def test_what_cannot_be_kept_is_told_by_a_later_contact(told, site, bundle):
    (told.folder / "reports.json.new").unlink(missing_ok=True)
    (told.folder / "reports.json.new").mkdir()
    site.on["reports"] = lambda visitor: visitor.reply(503)
    told.by_stick(bundle)
    told.once(code=None)
    assert not site.reports
    (told.folder / "reports.json.new").rmdir()
    del site.on["reports"]
    told.once()
    assert facts(site) == [("2.0", "b", "good", "")]


def test_a_rescue_is_an_attribute_of_its_own(fleet, server):
    fleet.once()
    assert server.attributes["keelboot.tier"] == "normal"
    server.seen.clear()
    fleet.dev.boot("a", version="1.0", tier="rescue", reason="no slot could be mounted")
    fleet.once()
    fleet.once()
    assert server.attributes["keelboot.tier"] == "rescue" and len(server.requests("attributes")) == 1
    assert server.attributes["keelboot.reason"] == "no slot could be mounted"


# ---------------------------------------------------------------- what a newer program keeps


def test_reports_keep_what_only_a_newer_program_knows(told, site, bundle):
    (told.folder / "reports.json").write_text('{"reports": [{"phase": "x", "x-one": 1}], "x-all": {"a": [1]}}')
    site.on["reports"] = lambda visitor: visitor.reply(503)
    told.by_stick(bundle)
    told.once()
    kept = json.loads((told.folder / "reports.json").read_text())
    assert kept["x-all"] == {"a": [1]} and len(kept["reports"]) == 2
    assert kept["reports"][0] == {"phase": "x", "x-one": 1}
    del site.on["reports"]
    told.once()
    assert json.loads((told.folder / "reports.json").read_text()) == {"reports": [], "x-all": {"a": [1]}}


@pytest.mark.parametrize("text", ["", "0" * 175, "0" * 175 + "g", "-" * 176])
def test_a_note_of_the_device_that_is_none_counts_as_that_of_a_first_contact(told, site, bundle, text):
    told.change(device_known=text)
    told.once()
    told.by_stick(bundle)
    told.once()
    assert facts(site) == [("2.0", "b", "good", "")]
