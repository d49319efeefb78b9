# SPDX-License-Identifier: Apache-2.0
"""Devices in QEMU, each of which asks hawkBit or goosebit itself for updates: `make check-fleet`."""
import random
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

import goose                                                                      # noqa: E402
import hawkbit                                                                    # noqa: E402
from fleet_devices import (BROKEN, Fleet, Rollout, actions, running, targets,  # noqa: E402
                           wait_for_version)
from way import Way                                                               # noqa: E402


@pytest.fixture(name="server", scope="module")
def make_server(tmp_path_factory):
    with hawkbit.running_or_skipped(tmp_path_factory.mktemp("hawkbit")) as server:
        yield server


@pytest.fixture(name="geese", scope="module", params=["goosebit"])
def make_goosebit(tmp_path_factory):
    with goose.running_or_skipped(tmp_path_factory.mktemp("goosebit")) as server:
        yield server


@pytest.fixture(name="fleet")
def make_fleet(bench):
    return Fleet(bench)


def wait_until(is_so, seconds):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def devices(fleet, server, number, port=None, more=""):
    """Their names, and machines that run 1.0. more: lines of their [fleet]."""
    names, first = [f"{fleet.name}-{n}" for n in range(1, number + 1)], fleet.image("1.0")
    targets(server, names)
    return names, [fleet.machine(fleet.disk(name, port or server.port, first, more)) for name in names]


def test_a_rollout_stops_by_itself_when_its_first_group_falls_back(fleet, server):
    """Five devices in three groups. Those of the later groups are never offered the release, and run the old one."""
    names, machines = devices(fleet, server, 5)
    broken = server.release(fleet.name, "2.0", fleet.bundle("2.0", BROKEN))
    with running(machines):
        for machine in machines:
            machine.expect(r"system 1\.0 is ready", 240)
        rollout = Rollout(server, fleet, broken, groups=3)
        members = [rollout.members(group) for group in rollout.groups]
        assert sum(members, []) == names and len(members[0]) == 2
        assert rollout.wait("paused", seconds=500) == "paused"
        time.sleep(20)      # more contacts of all of them
        assert rollout.shown["status"] == "paused"
        assert [group["status"] for group in rollout.groups] == ["error", "scheduled", "scheduled"]
        for name, machine in zip(names, machines):
            shown = actions(server, name)
            if name in members[0]:
                machine.expect(r"system 1\.0 is up on slot a", 240)
                assert [one["status"] for one in shown] == ["error"]
                said = "\n".join(text for one in shown[0]["entries"] for text in one["messages"])
                assert "2.0 in slot b fell back" in said and "modem0: firmware 2.1 does not register" in said
            else:
                assert "system 2.0" not in machine.text and "Action" not in machine.text
                assert [one["status"] for one in shown] in ([], ["scheduled"])
            wait_for_version(server, name, "1.0")


def test_a_good_rollout_reaches_the_last_group(fleet, server):
    names, machines = devices(fleet, server, 2)
    good = server.release(fleet.name, "2.0", fleet.bundle("2.0"))
    with running(machines):
        for machine in machines:
            machine.expect(r"system 1\.0 is ready", 240)
        rollout = Rollout(server, fleet, good, groups=2)
        rollout.wait("finished", seconds=500)
        assert [group["status"] for group in rollout.groups] == ["finished"] * 2
        for name, machine in zip(names, machines):
            assert "system 2.0 is up on slot b" in machine.text
            assert [one["status"] for one in actions(server, name)] == ["finished"]
            assert server("GET", f"targets/{name}/installedDS")["version"] == "2.0"


def test_a_server_that_is_away_for_ten_polls_learns_the_end_when_it_is_back(fleet, server):
    """Trial and verdict come in its absence."""
    with Way(server.url).running() as way:
        (name,), (machine,) = devices(fleet, server, 1, way.server_port)
        good = server.release(fleet.name, "2.0", fleet.bundle("2.0"))
        with running([machine]):
            machine.expect(r"system 1\.0 is ready", 240)
            server("POST", f"distributionsets/{good}/assignedTargets", [{"id": name, "type": "forced"}])
            machine.expect(r"staged; the next boot installs it", 240)
            way.away = True
            machine.expect(r"system 2\.0 is ready", 300)
            asked, begin = len(way.seen), way.connections
            wait_until(lambda: way.connections >= begin + 10, 300)
            assert len(way.seen) == asked
            assert actions(server, name)[0]["status"] in ("retrieved", "running"), "the last that it heard"
            way.away = False
            wait_until(lambda: [one["status"] for one in actions(server, name)] == ["finished"], 120)
            entries = actions(server, name)[0]["entries"]
            assert [one["type"] for one in entries].count("finished") == 1
            assert "2.0 in slot b is good" in "\n".join(text for one in entries for text in one["messages"])


def test_a_power_cut_in_the_download_costs_nothing_but_time(fleet, server):
    with Way(server.url).running() as way:
        (name,), (machine,) = devices(fleet, server, 1, way.server_port)
        good = server.release(fleet.name, "2.0", fleet.bundle("2.0"))
        with running([machine]):
            machine.expect(r"system 1\.0 is ready", 240)
            way.pace = 256 << 10
            server("POST", f"distributionsets/{good}/assignedTargets", [{"id": name, "type": "forced"}])
            end = time.monotonic() + 120
            while way.passed < 1 << 20 and time.monotonic() < end:
                time.sleep(0.2)
            assert way.passed >= 1 << 20
            machine.power_cut()
            way.pace = 0
            machine.start()
            machine.expect(r"system 2\.0 is ready", 300)
            end = time.monotonic() + 120
            while [one["status"] for one in actions(server, name)] != ["finished"] and time.monotonic() < end:
                time.sleep(0.5)
            assert [one["status"] for one in actions(server, name)] == ["finished"]
            assert len(way.requests("artifact")) >= 2


def test_twenty_power_cuts_in_a_download_and_it_goes_on_behind_what_is_durable(fleet, server, monkeypatch):
    """16 MiB and one piece are fetched again at most, each time; some runs get further than that, and are gone on
    with."""
    fleet.bench.factory("1.0", None)        # which others share, and whose slots have their own size
    monkeypatch.setattr(fleet.bench.device, "slot_size", "96M")
    monkeypatch.setattr(fleet.bench.device, "data_size", "192M")
    rest = random.Random(21)
    with Way(server.url).running() as way:
        (name,), (machine,) = devices(fleet, server, 1, way.server_port, "partial=no\n")
        bundle = fleet.bundle("2.0", ballast=48)
        size, good = bundle.stat().st_size, server.release(fleet.name, "2.0", bundle)
        server("POST", f"distributionsets/{good}/assignedTargets", [{"id": name, "type": "forced"}])
        way.pace, durable, cuts, went_on = 12 << 20, 0, 0, 0
        with running([machine]):
            while cuts < 20:
                aim = rest.randrange(1 << 20, min(24 << 20, size - durable - (2 << 20)))
                wait_until(lambda: way.passed >= aim, 240)
                machine.power_cut()
                cuts, passed, way.passed = cuts + 1, way.passed, 0      # the next start asks at once
                machine.start()
                wait_until(lambda: len(way.requests("artifact")) > cuts, 240)
                begin = int(re.search(r"\d+|$", way.requests("artifact")[-1].get("Range", ""))[0] or 0)
                assert durable <= begin <= durable + passed, "what was durable is, and no more"
                went_on += begin > durable
                durable = begin
            way.pace = 0
            machine.expect(r"system 2\.0 is ready", 500)
            wait_until(lambda: [one["status"] for one in actions(server, name)] == ["finished"], 120)
        assert went_on >= 2 and durable > 32 << 20
        assert set(way.answers("artifact")) == {200, 206} and len(way.answers("artifact")) == 21


def test_a_device_fetches_only_what_its_slots_have_not(fleet, server):
    """Of the root that it runs, whose release is another one."""
    with Way(server.url).running() as way:
        (name,), (machine,) = devices(fleet, server, 1, way.server_port, "partial=require\n")
        bundle = fleet.bundle("2.0", options=("--frame-size", "256K"))
        good = server.release(fleet.name, "2.0", bundle)
        with running([machine]):
            machine.expect(r"system 1\.0 is ready", 240)
            server("POST", f"distributionsets/{good}/assignedTargets", [{"id": name, "type": "forced"}])
            machine.expect(r"slots have all of 2\.0\.keel but", 240)
            machine.expect(r"system 2\.0 is ready", 400)
            wait_until(lambda: [one["status"] for one in actions(server, name)] == ["finished"], 120)
        assert set(way.answers("artifact")) == {206}
        assert 0 < way.passed < bundle.stat().st_size / 2
        print(f"{way.passed} of {bundle.stat().st_size} bytes")


def test_a_device_takes_what_works_and_says_why_the_next_release_fell_back(fleet, geese):
    """Of goosebit, whose actions have the numbers of releases."""
    with Way(geese.url).running() as way:
        name, first = f"{fleet.name}-1", fleet.image("1.0")
        shop = goose.Shop(geese, name, f"secret-{name}")
        machine = fleet.machine(fleet.disk(name, way.server_port, first))
        good, broken = fleet.bundle("2.0", options=("--frame-size", "256K")), fleet.bundle("3.0", BROKEN)
        with running([machine]):
            machine.expect(r"system 1\.0 is ready", 240)
            wait_until(lambda: shop.version == "1.0", 240)
            shop.assign(good)
            machine.expect(r"system 2\.0 is ready", 500)
            wait_until(lambda: shop.state == "finished", 240)
            assert shop.version == "2.0" and "2.0 in slot b is good" in shop.log
            assert set(way.answers("artifact")) == {206} and 0 < way.passed < good.stat().st_size / 2
            shop.assign(broken)
            machine.expect(r"system 3\.0 is up on slot a", 500)
            machine.expect(r"system 2\.0 is up on slot b", 500)
            wait_until(lambda: shop.state == "error", 240)
            assert "3.0 in slot a fell back" in shop.log and "modem0: firmware 2.1 does not register" in shop.log
            wait_until(lambda: shop.version == "2.0", 240)
