# SPDX-License-Identifier: Apache-2.0
"""When the server was last reached, and why the last contact failed: status, its JSON, and metrics say it."""
import json
import re
import time

import pytest
from cli_device import FAILURE, NOTHING, OK
from clock import Clock
from test_fleet_rules import answers

SECONDS, AGE = "keelboot_fleet_last_contact_seconds", "keelboot_fleet_last_contact_age_seconds"
FAILED = "keelboot_fleet_failed_contacts"


def shown(device, code=NOTHING):
    """The status for programs: its part about contacts."""
    return json.loads(device("status", "--json", code=code))["contact"]


def sample(device, name):
    """Of the metrics; None: there is none."""
    found = re.search(rf"^{name} (\d+)$", device("status", "--metrics", code=OK), re.MULTILINE)
    return found and int(found[1])


def note(device):
    return device.dev.run / "fleet-contact"


def boots_anew(device):
    """A start empties /run, and the record is of the boot before."""
    note(device).unlink()
    device.change(device_boot="an earlier boot")


def inode(device):
    return (device.folder / "action.json").stat().st_ino


def test_status_says_when_the_server_was_last_reached(fleet, server):
    assert "The server was not reached yet" in fleet("status", code=NOTHING)
    assert shown(fleet) == {"reached": None, "age": None, "failures": 0, "why": ""}
    assert sample(fleet, SECONDS) == 0 and sample(fleet, AGE) is None
    before = int(time.time())
    fleet.once()
    assert re.search(r"The server was last reached at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+ s ago\.",
                     fleet("status", code=NOTHING))
    said = shown(fleet)
    assert before - 2 <= said["reached"] <= time.time() + 2 and said["age"] < 60
    assert before - 2 <= sample(fleet, SECONDS) <= time.time() + 2 and sample(fleet, AGE) < 60
    assert sample(fleet, FAILED) == 0


def test_a_time_of_an_earlier_boot_is_written_anew_once(fleet, server):
    """As where the clock is set behind the first contact of a boot, which wrote the record without it."""
    fleet.once()
    fleet.change(device_reached=1_700_000_000)
    fleet.once()
    assert abs(fleet.record["device_reached"] - time.time()) < 60
    before = inode(fleet)
    fleet.once()
    assert inode(fleet) == before


def test_a_contact_that_cannot_begin_is_noted(fleet, server):
    fleet.once()
    fleet.folder.rename(fleet.folder.with_name("elsewhere"))
    fleet.folder.write_text("no folder")
    fleet.once(code=FAILURE)
    said = note(fleet).read_text()
    assert "the folder of its records cannot be opened: " in said


def test_an_idle_contact_is_noted_and_costs_no_write(fleet, server):
    """A record that is written at each poll wears flash."""
    fleet.once()
    fleet.once()
    before, text = inode(fleet), fleet.record
    note(fleet).write_text("1 0\n\n")
    fleet.once()
    assert inode(fleet) == before and fleet.record == text
    assert int(note(fleet).read_text().split()[0]) > 1


def test_why_the_last_contact_failed_is_said_until_one_does_not(fleet, server):
    fleet.once()
    reached = shown(fleet)["reached"]
    server.on["poll"] = answers(503)
    fleet.once(code=FAILURE)
    assert re.search(r"  the last contact failed: http://\S+: answers 503: it has an error\n",
                     fleet("status", code=NOTHING))
    fleet.once(code=FAILURE)
    assert "  the last 2 contacts failed: " in fleet("status", code=NOTHING)
    said = shown(fleet)
    assert abs(said["reached"] - reached) <= 1 and said["failures"] == 2 and "answers 503" in said["why"]
    assert sample(fleet, FAILED) == 2 and abs(sample(fleet, SECONDS) - reached) <= 1
    server.on["poll"] = None
    fleet.once()
    assert "failed" not in fleet("status", code=NOTHING) and sample(fleet, FAILED) == 0


def test_a_server_that_is_reached_and_lacks_the_bundle_is_reached(fleet, server, bundle):
    server.assign(bundle)
    server.on["artifact"] = answers(503)
    fleet.once(code=FAILURE)
    said = shown(fleet, OK)
    assert said["age"] < 60 and said["failures"] == 1 and "not fetched: " in said["why"]


def test_behind_a_reboot_the_record_says_when_it_was_at_least(fleet, server):
    fleet.once()
    reached = fleet.record["device_reached"]
    boots_anew(fleet)
    server.on["poll"] = answers(503)
    fleet.once(code=FAILURE)
    assert re.search(r"not reached in this boot\. It was before, at 20\S+Z or later\.\n  the last contact failed: ",
                     fleet("status", code=NOTHING))
    assert shown(fleet)["reached"] == sample(fleet, SECONDS) == reached and sample(fleet, AGE) is None
    # The first contact of a boot that goes well is written anyway.
    fleet.change(device_reached=reached - 1000)
    server.on["poll"] = None
    fleet.once()
    assert fleet.record["device_reached"] >= reached


def test_a_record_of_the_future_is_of_a_wrong_clock(fleet, server):
    fleet.once()
    boots_anew(fleet)
    fleet.change(device_reached=int(time.time()) + 86400)
    assert "not reached yet" in fleet("status", code=NOTHING) and sample(fleet, SECONDS) == 0


def test_while_the_clock_is_not_set_the_age_is_known_all_the_same(fleet, server, tmp_path):
    clock = Clock(tmp_path)
    fleet.more = clock.environment
    clock.add(3600 - time.time())
    fleet.once()
    assert re.search(r"last reached \d+ s ago; the clock is not set\.", fleet("status", code=NOTHING))
    assert sample(fleet, SECONDS) is None and sample(fleet, AGE) < 60 and shown(fleet)["reached"] is None
    assert fleet.record["device_reached"] == 0
    # Once it is set, so is the time of a contact that was before.
    clock.add(0)
    assert time.time() - 60 < sample(fleet, SECONDS) <= time.time() + 2


def test_what_waits_to_be_sent_takes_no_time_of_contacts_with_it(fleet, server, bundle):
    """A new action keeps what is known of the device."""
    fleet.once()
    server.assign(bundle)
    server.on["artifact"] = answers(503)
    fleet.once(code=FAILURE)
    assert fleet.record["device_reached"] > 0


def test_a_dry_run_notes_nothing(fleet, server):
    fleet("once", "--dry-run")
    assert not note(fleet).exists()


@pytest.mark.parametrize("text", ["", "1", "1 2", "x 0\n\n", "1 0\n" + "y" * 300 + "\n", "1 0\nno end"])
def test_what_is_no_note_is_none(fleet, server, text):
    note(fleet).write_text(text)
    assert "not reached yet" in fleet("status", code=NOTHING)
    fleet.once()
    assert shown(fleet)["age"] < 60


def test_where_nothing_can_be_noted_a_line_says_so(fleet, server):
    (fleet.dev.run / "fleet-contact.new").mkdir()
    assert "so keelboot-fleet status does not say how contacts went" in fleet.once()


def test_a_channel_file_that_is_not_believed_is_no_contact_that_went_well(device, site, publish):
    device.once(code=FAILURE)
    assert "answers 404" in shown(device, OK)["why"] and shown(device, OK)["age"] is None
    site.files["stable.channel"] = b"rubbish"
    device.once(code=FAILURE)
    said = shown(device)
    assert "not believed: " in said["why"] and said["failures"] == 2 and said["reached"] is None
