# SPDX-License-Identifier: Apache-2.0
"""A slot that an install left half written, as the engine does: nothing waits for it, the next boot writes to it."""
import pytest
from cli_device import REBOOT, edit


def wear(fleet):
    """Three boots could not write what is staged."""
    fleet.half_written(fleet.dev.json("status")["staged"]["path"])
    edit(fleet.dev, unwritable=f"{fleet.dev.json('status')['staged']['release'][:32]}:3")
    assert not fleet.staged


def test_the_reboot_that_goes_on_is_asked_for(fleet, server, bundle, rebooted):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.half_written(bundle)
    assert "A reboot installs 2.0." in fleet.once(code=REBOOT) and "waits" not in fleet.said
    fleet.configure(reboot="yes")
    fleet.once()
    assert rebooted() == 1
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success"


def test_after_an_action_that_ended_so_the_next_one_is_staged(fleet, server, bundle, factory):
    """Its copy was dropped after three failures."""
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.half_written(bundle)
    fleet.dev("unstage")
    fleet.once()
    assert first.told[-1] == "closed/failure"
    assert any("2.0 was not installed: image root: " in message for message in first.messages)
    second = server.assign(factory("2.1", 21))
    fleet.once(code=REBOOT)
    assert fleet.staged and fleet.record["id"] == second.id
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert second.told[-1] == "closed/success"


@pytest.mark.parametrize("kind", ["server", "channel"])
def test_what_a_stick_left_so_keeps_no_update_away(request, bundle, factory, kind):
    fleet = request.getfixturevalue("fleet" if kind == "server" else "device")
    fleet.half_written(factory("3.0", 30))
    if kind == "server":
        request.getfixturevalue("server").assign(bundle)
    else:
        request.getfixturevalue("publish")(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged and fleet.record["phase"] == "staged"


def test_what_no_boot_can_write_is_closed_and_tried_again_where_it_is_assigned_anew(fleet, server, bundle):
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    wear(fleet)
    fleet.once()
    assert first.told[-1] == "closed/failure"
    assert "staged; the boots skip it: writing it to its slot failed three times" in first.messages
    second = server.assign(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged and second.told[-1] == "proceeding/none"
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert second.told[-1] == "closed/success"


def test_by_a_channel_it_is_tried_again_where_a_newer_file_has_it(device, site, publish, bundle):
    publish(bundle)
    device.configure(report=f"{site.url}/reports")
    device.once(code=REBOOT)
    wear(device)
    device.once()
    device.once()
    assert [one["phase"] for one in site.reports] == ["seen", "staged", "failed"] and not device.staged
    publish(bundle)
    device.once(code=REBOOT)
    assert device.staged
