# SPDX-License-Identifier: Apache-2.0
"""A server that refuses everything, and goes on so: 429 for ever. Bounded in requests, one line, and status says so."""
import json
import re

import pytest
from cli_device import FAILURE, NOTHING, OK, REBOOT
from conftest import Fleet
from ddi_server import Server

KINDS = ("poll", "deployment", "feedback", "cancel", "artifact", "attributes", "installed")
HOUR = 3600


def refuse(server, status=429, headers=()):
    server.on.update({kind: lambda handler: handler.error(status, headers=headers) for kind in KINDS})


def waits(fleet, number, code=FAILURE):
    """How long a timer waits after each of so many contacts in a row."""
    found = []
    for _ in range(number):
        fleet("once", "--when-due", code=code)
        assert sum("(429)" in line for line in fleet.said.splitlines()) == 1
        later = re.search(r"asked in (\d+) s", fleet("once", "--when-due", code=None))
        found.append(int(later[1]) if later else 0)
        fleet.note()
    return found


def test_contacts_become_ever_rarer_and_never_rarer_than_each_hour_and_a_half(fleet, server):
    fleet.once()
    refuse(server)
    polls = len(server.requests("poll"))
    found = waits(fleet, 12)
    # Waits of up to ten minutes are the timer's own.
    assert len(server.requests("poll")) - polls == 12 + found.count(0) and found.count(0) <= 3
    assert {kind for kind, _ in server.seen[-12:]} == {"poll"}
    assert max(found) <= 1.5 * HOUR and min(found[5:]) >= HOUR / 2 - 5
    assert found[3] > found[0] and len(set(found[5:])) > 4, "jitter"


def test_two_devices_do_not_ask_at_the_same_times(ready, server, tmp_path):
    """The same device in a folder, under two names."""
    found = []
    for name in ("device-1", "device-2"):
        server.target = name
        (tmp_path / name).mkdir()
        fleet = Fleet(ready, server, tmp_path / name, name)
        server.on.clear()
        fleet.once()
        fleet.note(failures=0)
        refuse(server)
        found.append(waits(fleet, 7)[5:])
    assert all(abs(one - other) > 5 for one, other in zip(*found))


@pytest.mark.parametrize("phase", ["nothing", "fetched", "staged", "trial", "good"])
def test_nothing_is_lost_by_a_week_of_it(fleet, server, bundle, phase):
    """Of contacts each five minutes: 2016; forty show it as well, since none of them counts."""
    action = server.assign(bundle, window="unavailable" if phase == "fetched" else None)
    if phase != "nothing":
        fleet.once(code=OK if phase == "fetched" else REBOOT)
    if phase in ("trial", "good"):
        fleet.reboot()
        fleet.once()
    if phase == "good":
        fleet.good()
    before = len(action.told)
    refuse(server)
    for _ in range(20):
        fleet.once(code=REBOOT if phase == "staged" else FAILURE)
        assert sum("(429)" in line for line in fleet.said.splitlines()) == 1
    written = [path.stat().st_mtime_ns for path in sorted(fleet.folder.glob("*.json"))]
    for _ in range(20):
        fleet.once(code=REBOOT if phase == "staged" else FAILURE)
    now = [path.stat().st_mtime_ns for path in sorted(fleet.folder.glob("*.json"))]
    assert written == now, "flash is not worn by it"
    assert len(action.told) == before
    server.on.clear()
    action.window = None
    fleet.once(code=None)
    if phase in ("nothing", "fetched", "staged"):
        assert fleet.staged
        fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success" and action.told.count("closed/success") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 407, 429])
def test_status_says_since_when_contacts_are_refused(fleet, server, status):
    fleet.once()
    assert "refused" not in fleet("status", code=NOTHING)
    refuse(server, status)
    fleet.once(code=FAILURE)
    said = fleet("status")
    assert re.search(r"^Contacts are refused since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ: "
                     rf"http://127.0.0.1:\d+: answers {status}: ", said, re.M)
    written = (fleet.folder / "refused.json").stat().st_mtime_ns
    since = json.loads(fleet("status", "--json"))["waiting"]["refused"]
    assert since["status"] == status and since["since"] > 1735689600
    fleet.once(code=FAILURE)
    # One that nobody answers says nothing new.
    server.on["poll"] = lambda handler: handler.raw()
    fleet.once(code=FAILURE)
    assert (fleet.folder / "refused.json").stat().st_mtime_ns == written, "once"
    assert json.loads(fleet("status", "--json"))["waiting"]["refused"] == since
    server.on.clear()
    fleet.once()
    assert "refused" not in fleet("status", code=NOTHING)
    assert json.loads(fleet("status", "--json", code=NOTHING))["waiting"]["refused"] is None


def test_so_it_is_with_a_channel(device, site, publish, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    site.on["stable.channel"] = lambda handler: handler.reply(429)
    for _ in range(3):
        device.once(code=REBOOT)
        assert sum("(429)" in line for line in device.said.splitlines()) == 1
    assert "Contacts are refused since 20" in device("status") and device.staged
    site.on.clear()
    device.once(code=REBOOT)
    assert "refused" not in device("status")


def test_whoever_looks_writes_nothing(fleet, server):
    fleet.once()
    refuse(server)
    fleet("once", "--dry-run", code=FAILURE)
    assert not (fleet.folder / "refused.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"status": "x"}', '{"status": 429}', "x" * 4000])
def test_a_note_that_cannot_be_read_is_none(fleet, server, text):
    fleet.once()
    (fleet.folder / "refused.json").write_text(text)
    assert "refused" not in fleet("status", code=NOTHING)
    fleet.once()


def test_what_it_asks_for_is_waited_for_a_day_and_no_longer(fleet, server):
    fleet.once()
    refuse(server, headers={"Retry-After": str(10 ** 7)})
    assert all(0.9 * 24 * HOUR <= one <= 24 * HOUR for one in waits(fleet, 3))


def test_a_server_of_its_own_time_is_not_needed_for_that(ready, tmp_path):
    """No record is there yet, and no contact went well ever."""
    with Server().running() as server:
        fleet = Fleet(ready, server, tmp_path)
        refuse(server)
        fleet.once(code=FAILURE)
        assert "Contacts are refused since 20" in fleet("status")


@pytest.mark.parametrize("why", [{}, {"why": "a line\n"}, {"why": "x" * 900}])
def test_a_refusal_whose_record_cannot_be_shown_is_noted_anew(fleet, server, why):
    fleet.once()
    (fleet.folder / "refused.json").write_text(json.dumps({"status": 429, "since": 1, **why}))
    refuse(server)
    fleet.once(code=FAILURE)
    assert "Contacts are refused since" in fleet("status")
