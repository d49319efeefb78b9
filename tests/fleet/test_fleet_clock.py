# SPDX-License-Identifier: Apache-2.0
"""A device whose clock is not set, or stands where systemd set it: at the time of its own build."""
import email.utils
import os
import re
import time

import authority
import pytest
from authority import secure
from cli_device import FAILURE, REBOOT
from clock import Clock
from conftest import Fleet
from daemon import Daemon
from ddi_server import Server
from wire import Wire

DAY = 86400
EARLY = "certificate is not yet valid"


@pytest.fixture(name="clock")
def make_clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture(name="certificates", scope="module")
def make_certificates(tmp_path_factory):
    return authority.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(name="line")
def make_line(certificates):
    with Server(tls=secure(certificates)).running() as server, Wire(server.server_port).running() as wire:
        yield server, wire


@pytest.fixture(name="device")
def make_device(ready, line, certificates, clock, tmp_path):
    """By TLS, and with that clock."""
    server, wire = line
    device = Fleet(ready, server, tmp_path)
    device.configure(f"https://127.0.0.1:{wire.port}", ca_file=certificates / "ca.pem")
    plain = device.environment

    def environment(**more):
        libraries = [library for library in (more.get("LD_PRELOAD"), str(clock.library)) if library]
        return plain(**{**more, "CLOCK_FILE": str(clock.file), "LD_PRELOAD": ":".join(libraries)})
    device.environment = environment
    return device


# Its build, before the certificate was made, and behind that.
CLOCKS = {"1970": lambda: 3600 - time.time(), "build": lambda: -200 * DAY}


@pytest.mark.parametrize("when", CLOCKS)
def test_before_its_clock_is_set_a_device_asks_nobody_and_says_why(device, line, clock, bundle, when):
    """One line for each contact; the token is not sent, and what is staged stays."""
    server, _ = line
    action = server.assign(bundle)
    clock.add(CLOCKS[when]())
    for _ in range(2):
        said = device.once(code=FAILURE)
        assert said.count(EARLY) == 1 and said.count("\n") == 1
    assert not server.seen and not device.staged
    clock.add(0)
    device.once(code=REBOOT)
    asked = len(server.seen)
    clock.add(CLOCKS[when]())
    assert EARLY in device.once(code=REBOOT)
    assert device.staged and len(server.seen) == asked
    clock.add(0)
    device.reboot()
    device.good()
    clock.add(CLOCKS[when]())
    assert EARLY in device.once(code=FAILURE)
    assert action.state == "running"
    clock.add(0)
    device.once()
    assert action.told[-1] == "closed/success"


def test_the_daemon_asks_when_its_clock_is_right(device, line, clock, tmp_path):
    """It need not begin anew, and neither a session nor an interval of before counts against it."""
    server, wire = line
    clock.add(CLOCKS["1970"]())
    with Daemon(device, wire, tmp_path).running() as daemon:
        for _ in range(2):
            daemon.contact()
            assert EARLY in daemon.said
        assert not server.seen
        clock.add(0)
        daemon.contact()
        assert server.requests("poll") and EARLY not in daemon.said
        polls = len(server.requests("poll"))
        daemon.contact()
        assert len(server.requests("poll")) == polls + 1 and server.resumed[-1]


def test_a_clock_that_is_wrong_and_behind_the_begin_of_all_certificates_is_enough(
        device, line, clock, bundle, tmp_path, monkeypatch):
    """As a build clock: with certificates that are older than the image, nothing waits for the network's time."""
    server, wire = line
    folder = tmp_path / "old"
    folder.mkdir()
    clock.add(-20 * DAY)
    with monkeypatch.context() as old:
        old.setenv("LD_PRELOAD", str(clock.library))
        old.setenv("CLOCK_FILE", str(clock.file))
        authority.make(folder)
    server.exchange(secure(folder))
    device.configure(f"https://127.0.0.1:{wire.port}", ca_file=folder / "ca.pem")
    server.assign(bundle)
    clock.add(-21 * DAY)
    assert EARLY in device.once(code=FAILURE)
    clock.add(-19 * DAY)
    device.once(code=REBOOT)


# ---------------------------------------------------------------- a clock that is a guess


class Guessed:
    """A /run of its own, as a boot without a clock left it: systemd has set one to its own build."""

    def __init__(self, fleet):
        self.marks, made = [], fleet.command
        fleet.command = lambda *words: ["unshare", "--mount", "sh", "-c", self.script, "sh", *made(*words)]
        self.mark("/run/keelboot/slot", "1970-01-01 00:00:04 UTC")
        self.mark("/run/systemd/notify", "now")

    def mark(self, path, when):
        self.marks.append(f"mkdir -p $(dirname {path}) && touch -d '{when}' {path}")

    @property
    def script(self):
        return " && ".join(["mount -t tmpfs tmpfs /run", *self.marks, 'exec "$@"'])


@pytest.fixture(name="guessed")
def make_guessed(fleet, server, bundle):
    guessed = Guessed(fleet)
    fleet.configure(reboot="yes", reboot_window="00:00-23:59", daily_bytes="100M")
    server.assign(bundle)
    return guessed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a /run of its own")
def test_a_build_clock_of_systemd_opens_no_window_and_begins_no_day(fleet, guessed, rebooted):
    said = fleet.once()
    assert "reboot-window=00:00-23:59, and the clock of this device is not set" in said
    assert fleet.staged and fleet.record["day"] == 0 and not rebooted()
    # Somebody set it.
    guessed.mark("/run/systemd/notify", "2025-10-01")
    fleet.once()
    assert rebooted() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a /run of its own")
@pytest.mark.parametrize("path, when", [("/run/systemd/timesync/synchronized", "now"),
                                        ("/run/keelboot/slot", "2026-01-01")])
def test_a_clock_that_a_server_or_the_hardware_told_is_known(fleet, guessed, rebooted, path, when):
    guessed.mark(path, when)
    fleet.once()
    assert rebooted() == 1


@pytest.mark.parametrize("when, dated", [("build", True), ("1970", True), ("1970", False)])
def test_a_date_to_ask_again_is_none_of_a_wrong_clock(fleet, server, clock, when, dated):
    """It counts from the date of the answer; without one, a clock that was never set knows no time until then."""
    def refuse(handler):
        if not dated:
            handler.send_response = handler.send_response_only
        handler.error(429, headers={"Retry-After": email.utils.formatdate(time.time() + 3600, usegmt=True)})
    fleet.more = clock.environment
    clock.add(CLOCKS[when]())
    server.on["poll"] = [refuse]
    fleet("once", "--when-due", code=FAILURE)
    # As behind any failure, it may wait for some minutes.
    waits = re.search(r"asked in ([0-9]{4,}) s,", fleet("once", "--when-due"))
    assert 3000 < int(waits[1]) < 4000 if dated else not waits
