# SPDX-License-Identifier: Apache-2.0
"""Windows of a channel on a device whose clock was never set, or stands at a build's time."""
import os

import pytest
from cli_device import REBOOT
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
