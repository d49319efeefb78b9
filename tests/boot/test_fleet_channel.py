# SPDX-License-Identifier: Apache-2.0
"""Devices in QEMU that follow a signed channel on a plain web server, and say by POST what became of it. No server of
others is wanted: `make check-long` runs it, and so does `make check-fleet`."""
import json
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

from channel_site import Publisher, Site                                          # noqa: E402
from fleet_devices import BROKEN, Fleet, running                                  # noqa: E402

CONF = """\
[system]
stable-after=0
[fleet]
channel=http://10.0.2.2:{port}/stable.channel
report=http://10.0.2.2:{port}/reports
id={name}
timeout=20
"""
HALF = 50           # percent


@pytest.fixture(name="site")
def make_site():
    with Site().running() as site:
        yield site


@pytest.fixture(name="fleet")
def make_fleet(bench):
    return Fleet(bench, CONF)


@pytest.fixture(name="publish")
def make_publisher(fleet, site, tmp_path):
    return Publisher(site, tmp_path, fleet.bench.device.key())


def share(device, release):
    """By docs/CHANNEL.md, and not by the program that is tested."""
    h, whole = 0xcbf29ce484222325, (1 << 64) - 1
    for byte in device.encode() + b"\0" + release.encode():
        h = (h ^ byte) * 0x100000001b3 & whole
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9 & whole
    h = (h ^ h >> 27) * 0x94d049bb133111eb & whole
    return (h ^ h >> 31) % 100


def names_of(fleet, document):
    """Of a device that is in the first half for the release of this document, and of one that is not."""
    release = json.loads(document.read_text())["releases"][0]["release"]
    names = [f"{fleet.name}-{n}" for n in range(1, 100)]
    return [next(name for name in names if (share(name, release) < HALF) is first) for first in (True, False)]


def reports(site, name):
    return [report for report in site.reports if report["id"] == name]


def wait_for_report(site, name, seconds=300, **wanted):
    """The last report of this device with these values; others may have followed it."""
    end = time.monotonic() + seconds
    while True:
        told = reports(site, name)
        if found := [one for one in told if all(one[key] == value for key, value in wanted.items())]:
            return found[-1]
        assert time.monotonic() < end, told
        time.sleep(0.5)


def test_a_channel_reaches_one_half_then_the_other_and_a_fallback_comes_home(fleet, site, publish):
    """What falls back is tried once on each device, and reported with its words."""
    good, first = fleet.bundle("2.0"), fleet.image("1.0")
    names = names_of(fleet, publish.document(good))
    machines = [fleet.machine(fleet.disk(name, site.server_port, first)) for name in names]
    with running(machines):
        for machine in machines:
            machine.expect(r"system 1\.0 is ready", 300)
        publish((good, "--percent", HALF))
        machines[0].expect(r"system 2\.0 is ready", 400)
        last = wait_for_report(site, names[0], phase="good")
        assert (last["result"], last["version"], last["slot"], last["state"]) == ("success", "2.0", "b", "good")
        assert [report["phase"] for report in reports(site, names[0])] == ["seen", "staged", "trial", "good"]
        assert [report["result"] for report in reports(site, names[0])] == ["none"] * 3 + ["success"]
        time.sleep(20)      # more contacts of both
        waits = [(report["phase"], report["reason"]) for report in reports(site, names[1])]
        assert waits == [("waiting", f"2.0: this device is not in the first {HALF} %")]
        assert "system 2.0" not in machines[1].text

        publish(good)
        machines[1].expect(r"system 2\.0 is ready", 400)
        assert wait_for_report(site, names[1], phase="good")["result"] == "success"
        assert len(reports(site, names[0])) == 4

        broken = fleet.bundle("3.0", BROKEN)
        publish((broken, "--percent", 100), good)
        for name, machine in zip(names, machines):
            machine.expect(r"system 3\.0 is up on slot a", 400)
            last = wait_for_report(site, name, result="failure")
            assert last["reason"].startswith("3.0 in slot a fell back: ") and last["action-version"] == "3.0"
            assert any("modem0: firmware 2.1 does not register" in line for line in last["details"])
            machine.expect(r"system 2\.0 is ready", 400)
        asked = len(site.requests(broken.name))
        publish(broken, good)
        time.sleep(20)
        assert len(site.requests(broken.name)) == asked
        assert [machine.text.count("system 3.0 is up") for machine in machines] == [1, 1]
