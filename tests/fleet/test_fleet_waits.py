# SPDX-License-Identifier: Apache-2.0
"""When the server is asked next: what it wanted is kept over restarts and outages."""
import re
import subprocess

import pytest
from cli_device import FAILURE
from test_fleet_rules import answers


def first_wait(fleet, *words):
    """Seconds, as the daemon says them first."""
    with subprocess.Popen(list(map(str, fleet.command("run", *words))), env=fleet.environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        line = next(line for line in process.stdout if line.startswith("Next contact"))
        process.terminate()
    return int(re.search(r"in (\d+) s", line)[1])


def test_a_start_keeps_to_the_interval_of_the_server(fleet, server):
    """Else the devices of a region that gets its power back ask eighteen times as often as they do."""
    fleet.configure(poll=30)
    server.sleep = "01:00:00"
    fleet.once()
    assert fleet.record["interval"] == 3600
    waits = [first_wait(fleet) for _ in range(4)]
    assert max(waits) > 33 and max(waits) < 3600


def test_so_does_a_contact_that_fails(fleet, server):
    server.sleep = "01:00:00"
    fleet.once()
    server.on["poll"] = answers(503)
    assert 1800 <= first_wait(fleet, "--now") <= 5401


def test_an_interval_below_that_of_system_conf_counts_while_the_server_says_it(fleet, server):
    server.sleep = "00:01:00"
    fleet.once()
    assert 54 <= first_wait(fleet, "--now") <= 66
    server.on["poll"] = answers(503)
    assert 300 <= first_wait(fleet, "--now") <= 901


@pytest.mark.parametrize("sleep, kept", [("01:05:00", 3600), ("00:05:00", 300)])
def test_the_interval_is_written_when_it_is_another_one(fleet, server, sleep, kept):
    """hawkBit may add a tenth by chance to each, and each write wears the disk."""
    server.sleep = "01:00:00"
    fleet.once()
    server.sleep = sleep
    fleet.once()
    assert fleet.record["interval"] == kept


def test_the_interval_of_a_server_is_kept_with_its_next_action(fleet, server, bundle):
    server.sleep = "01:00:00"
    fleet.once()
    server.assign(bundle, window="unavailable")
    server.on["poll"] = [None, answers(503)]
    fleet.once()
    fleet.once(code=FAILURE)
    assert fleet.record["interval"] == 3600 and fleet.record["phase"] == "fetched"
