# SPDX-License-Identifier: Apache-2.0
"""Windows of a channel on a device whose clock was never set, or stands at a build's time."""
import json
import os
import time

import pytest
from cli_device import FAILURE, REBOOT
from test_channel_story import some_of
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


class Started(Guessed):
    """Its clock is set, until it starts anew."""

    def __init__(self, fleet):
        super().__init__(fleet)
        self.set_clock()

    def set_clock(self):
        self.mark("/run/systemd/timesync/synchronized", "now")

    def start_anew(self):
        self.marks.pop()


def cut_off(bundle):
    """Some of it comes in the next contact."""
    return [some_of(bundle, 400_000), lambda visitor: visitor.reply(503)]


PHASES = [("--daily", "00:00-23:59"), ("--not-after", "2090-01-01T00:00:00Z")]


@pytest.mark.parametrize("phase", PHASES)
def test_what_is_begun_is_held_until_the_clock_is_set(device, publish, site, bundle, factory, phase):
    """An older release without a window would take its place, and it would begin anew."""
    started, older = Started(device), factory("1.9", 19)
    site.on[bundle.name] = cut_off(bundle)
    publish((bundle, *phase), older)
    device.once(code=FAILURE)
    here = device.record["durable"]
    assert device.record["phase"] == "seen" and here > 300_000
    started.start_anew()
    for _ in range(2):
        said = device.once()
    assert f"2.0: it has a window, and {UNSET}; nothing older is taken meanwhile" in said
    assert device.record["phase"] == "seen" and device.record["durable"] == here and not site.requests(older.name)
    started.set_clock()
    device.once(code=REBOOT)
    assert site.requests(bundle.name)[-1]["Range"] == f"bytes={here}-"
    assert device.record["version"] == "2.0" and not site.requests(older.name)


def test_a_window_that_opens_later_holds_it_too(device, publish, site, bundle, factory):
    """The clock of the device is one of before the file, if nobody sets it."""
    started, older = Started(device), factory("1.9", 19)
    site.on[bundle.name] = cut_off(bundle)
    publish(bundle, older)
    device.once(code=FAILURE)
    publish((bundle, "--not-before", "2090-01-01T00:00:00Z"), older)
    started.start_anew()
    assert f"opens at 2090-01-01T00:00:00Z, and {UNSET}; nothing older is taken meanwhile" in device.once()
    assert device.record["phase"] == "seen" and not site.requests(older.name)
    # By a clock, it may be years.
    started.set_clock()
    device.once(code=REBOOT)
    assert device.record["version"] == "1.9"


@pytest.mark.parametrize("staged", [False, True])
def test_what_is_held_until_the_clock_is_set_can_be_withdrawn(device, publish, site, bundle, factory, staged):
    started, older = Started(device), factory("1.9", 19)
    if not staged:
        site.on[bundle.name] = cut_off(bundle)
    publish((bundle, *PHASES[0]), older)
    device.once(code=REBOOT if staged else FAILURE)
    started.start_anew()
    device.once(code=None)
    assert device.record["phase"] == ("staged" if staged else "seen") and not site.requests(older.name)
    publish((bundle, *PHASES[0], "--withdrawn", "no wifi"), older)
    assert "2.0 is withdrawn: no wifi" in device.once(code=REBOOT)
    assert device.record["version"] == "1.9" and device.staged


@pytest.mark.parametrize("against", [("--percent", 0), ("--not-after", "2025-01-01T00:00:00Z")])
def test_what_no_clock_would_change_holds_nothing(device, publish, site, bundle, factory, against):
    """The file itself says that its time is over."""
    started, older = Started(device), factory("1.9", 19)
    site.on[bundle.name] = cut_off(bundle)
    publish((bundle, *PHASES[0]), older)
    device.once(code=FAILURE)
    started.start_anew()
    publish((bundle, *PHASES[0], *against), older)
    device.once(code=REBOOT)
    assert device.record["version"] == "1.9"


def test_a_newer_release_without_a_window_takes_the_place_of_what_is_held(device, publish, site, bundle, factory):
    """Else a device without a clock would wait for good."""
    started, newer = Started(device), factory("3.0", 30)
    site.on[bundle.name] = cut_off(bundle)
    publish((bundle, *PHASES[0]))
    device.once(code=FAILURE)
    started.start_anew()
    device.once()
    publish((bundle, *PHASES[0]), newer)
    device.once(code=REBOOT)
    assert device.record["version"] == "3.0"


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


FAR = 3_800_000_000     # seconds since 1970: in 2090
FORGOTTEN = "a channel file of 2090-06-01T11:33:20Z was here; it does not count any more, since that is in the future"


def believed_far_ahead(device, publish, bundle, **options):
    """Its record, from before such a file was refused."""
    guessed = Guessed(device)
    publish((bundle, "--not-before", "2095-01-01T00:00:00Z"), created=FAR, **options)
    device.once()
    assert device.seen["created"] == device.seen["file_created"] == FAR
    guessed.mark("/run/systemd/timesync/synchronized", "now")
    return guessed


@pytest.mark.parametrize("same", [False, True], ids=["newer", "same sequence"])
def test_one_that_was_believed_does_not_count_any_more(device, publish, bundle, same):
    """All files would have expired until then. That is said once."""
    believed_far_ahead(device, publish, bundle)
    publish(bundle, sequence=device.seen["sequence"] + (not same))
    assert FORGOTTEN in device("once", "--dry-run", code=None) and device.seen["created"] == FAR
    assert FORGOTTEN in device.once(code=REBOOT)
    assert device.seen["created"] == device.seen["file_created"] < FAR
    assert FORGOTTEN not in device.once(code=REBOOT) and "2090" not in device.said


def test_while_it_is_still_there_it_is_refused_and_its_time_is_forgotten_once(device, publish, bundle):
    believed_far_ahead(device, publish, bundle)
    said = device.once(code=FAILURE)
    assert FORGOTTEN in said and "not believed: it was created in the future" in said
    said = device.once(code=FAILURE)
    assert FORGOTTEN not in said and "not believed: it was created in the future" in said
    publish(bundle)
    device.once(code=REBOOT)


def test_its_sequence_counts_on(device, publish, bundle):
    believed_far_ahead(device, publish, bundle, sequence=7)
    publish(bundle, sequence=6)
    assert "not believed: its sequence is 6, and 7 was here before" in device.once(code=FAILURE)


def test_so_it_is_where_another_channel_was_followed_since(device, publish, site, bundle):
    """That one's time stays."""
    believed_far_ahead(device, publish, bundle)
    now = int(time.time())
    before = device.seen
    before["others"] = [{"name": "stable", "sequence": 1, "created": FAR}]
    (device.folder / "channel.json").write_text(json.dumps({**before, "name": "beta", "file_created": now, "etag": ""}))
    publish((bundle, "--percent", 0), name="beta", created=now + 1)
    device.configure(f"{site.url}/beta.channel")
    assert FORGOTTEN in device.once()
    assert device.seen["created"] == now + 1 and device.seen["others"][0]["created"] == 0
    publish(bundle, sequence=1)
    device.configure()
    device.once(code=REBOOT)


def test_without_a_clock_one_that_was_believed_counts_on(device, publish, bundle):
    believed_far_ahead(device, publish, bundle).marks.pop()
    publish(bundle, valid=1)
    assert "not believed: it expired at" in device.once(code=FAILURE)
    assert device.seen["created"] == FAR and FORGOTTEN not in device.said


def test_without_a_clock_it_is_the_time(device, publish, bundle):
    later = int(time.time()) + 2 * 86400
    Guessed(device)
    publish(bundle, created=later)
    device.once(code=REBOOT)
    assert device.seen["created"] == later
