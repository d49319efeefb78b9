# SPDX-License-Identifier: Apache-2.0
"""Windows of a channel on a device whose clock was never set, or stands at a build's time."""
import os
import time

import pytest
from cli_device import FAILURE, REBOOT
from test_fleet_clock import Guessed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a /run of its own")
UNSET = "the clock of this device is not set"


@pytest.mark.parametrize("window", [("--daily", "00:00-23:59"), ("--not-after", "2090-01-01T00:00:00Z")])
def test_no_window_opens_until_the_clock_is_known_to_be_set(device, publish, bundle, window):
    guessed = Guessed(device)
    publish((bundle, *window))
    for _ in range(2):
        assert UNSET in device.once()
    assert not device.staged and f"nothing is taken: 2.0: it has a window, and {UNSET}" in device("status")
    # Somebody set it.
    guessed.mark("/run/systemd/timesync/synchronized", "now")
    device.once(code=REBOOT)
    assert device.staged and UNSET not in device("status")


def test_a_window_that_began_before_the_file_was_made_needs_no_clock(device, publish, bundle):
    Guessed(device)
    publish((bundle, "--not-before", "2025-01-01T00:00:00Z"))
    device.once(code=REBOOT)


def test_a_window_that_begins_later_waits(device, publish, bundle):
    Guessed(device)
    publish((bundle, "--not-before", "2090-01-01T00:00:00Z"))
    assert f"its window opens at 2090-01-01T00:00:00Z, and {UNSET}" in device.once()


def test_what_has_no_window_needs_no_clock(device, publish, bundle):
    Guessed(device)
    publish(bundle)
    device.once(code=REBOOT)


def test_a_file_of_tomorrow_is_not_believed_where_the_clock_is_known(device, publish, bundle):
    """The clock of the build host was ahead: devices would hold to it, with no way back."""
    now = int(time.time())
    publish(bundle, created=now + 2 * 86400)
    assert "not believed: it was created in the future, at 20" in device.once(code=FAILURE)
    assert not device.staged and not (device.folder / "channel.json").exists()
    publish(bundle, created=now + 80000)
    device.once(code=REBOOT)
    assert device.seen["created"] == now + 80000


def test_one_that_is_here_is_not_believed_either(device, publish, bundle):
    """It came before the clock was set."""
    guessed, later = Guessed(device), int(time.time()) + 2 * 86400
    publish((bundle, "--not-before", "2090-01-01T00:00:00Z"), created=later)
    device.once()
    assert device.seen["created"] == later
    guessed.mark("/run/systemd/timesync/synchronized", "now")
    assert "not believed: it was created in the future" in device.once(code=FAILURE)


def test_without_a_clock_it_is_the_time(device, publish, bundle):
    later = int(time.time()) + 2 * 86400
    Guessed(device)
    publish(bundle, created=later)
    device.once(code=REBOOT)
    assert device.seen["created"] == later
