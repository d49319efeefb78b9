# SPDX-License-Identifier: Apache-2.0
"""A device in QEMU with our own server: a cancel that comes before a boot has written anything, and a server that is
away while the trial ends. `make check-long` runs it, and so does `make check-fleet`."""
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

from ddi_server import Server                                                     # noqa: E402
from fleet_devices import Fleet, running                                          # noqa: E402
from way import Way                                                               # noqa: E402

KEYS = "reboot=yes\nreboot-inhibit=/data/busy\n"
STAGED = "staged; the next boot installs it"
POLLS = 10


@pytest.fixture(name="fleet")
def make_fleet(bench):
    return Fleet(bench)


@pytest.fixture(name="server")
def make_server(fleet):
    with Server(fleet.name, f"secret-{fleet.name}").running() as server:
        yield server


@pytest.fixture(name="way")
def make_way(server):
    with Way(server.url).running() as way:
        yield way


def wait_until(is_so, seconds=300):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.2)


def stays_as_it_was_after_a_cancel(bench, machine, server, bundle):
    """It is unstaged, and the next boot writes nothing."""
    bench.ask(machine, "touch /data/busy")
    action, before = server.assign(bundle), bench.status(machine)["slots"]
    wait_until(lambda: STAGED in action.messages)
    assert bench.status(machine)["staged"]
    server.cancel(action)
    wait_until(lambda: not action.active)
    assert action.state == "canceled" and action.told[-1] == "cancel closed/success"
    assert bench.status(machine)["staged"] is None
    machine.power_cut()
    machine.start()
    machine.expect(r"system 1\.0 is ready", 300)
    assert bench.status(machine)["slots"] == before


def says_the_end_when_the_server_is_back(bench, machine, server, way, bundle):
    """Trial and verdict come in its absence; the end is said once, and only then."""
    action = server.assign(bundle)
    wait_until(lambda: STAGED in action.messages)
    way.away = True
    said = len(action.told)
    bench.ask(machine, "rm /data/busy")
    machine.expect(r"system 2\.0 is ready", 400)
    begin = way.connections
    wait_until(lambda: way.connections >= begin + POLLS)
    assert "system 2.0 is up on slot b" in machine.text and len(action.told) == said and action.active
    way.away = False
    wait_until(lambda: not action.active)
    assert action.state == "finished" and "2.0 in slot b is good" in action.messages
    assert [one for one in action.told if one.startswith("closed/")] == ["closed/success"]


def test_a_cancel_before_the_write_and_a_server_that_is_away_for_ten_polls(bench, fleet, server, way):
    bundle, first = fleet.bundle("2.0"), fleet.image("1.0")
    machine = fleet.machine(fleet.disk(fleet.name, way.server_port, first, KEYS))
    with running([machine]):
        machine.expect(r"system 1\.0 is ready", 300)
        stays_as_it_was_after_a_cancel(bench, machine, server, bundle)
        says_the_end_when_the_server_is_back(bench, machine, server, way, bundle)
