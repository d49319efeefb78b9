# SPDX-License-Identifier: Apache-2.0
"""What bundles may take of the network: bandwidth=, daily-bytes=, max-bytes= of [fleet]."""
import hashlib
import time

import large
import pytest
from cli_device import FAILURE, REBOOT
from conftest import ByChannel
from ddi_server import cut_after

DAILY = 400 << 10
STEP = (16 << 20) + 65536                 # counted ahead of the bytes


def ranges(server, kind="artifact"):
    return [headers.get("Range") for headers in server.requests(kind)]


def yesterday(fleet):
    """The record as it is when the next day begins."""
    fleet.change(day=fleet.record["day"] - 1)


def today():
    """Of the device: device-1 begins it at 00:54:41 UTC."""
    return (int(time.time()) - 3281) // 86400


@pytest.fixture(name="limited")
def make_limited(fleet):
    fleet.configure(daily_bytes="400K")
    return fleet


# ---------------------------------------------------------------- in a day


def test_a_download_stops_at_the_days_limit_and_goes_on_the_next_day(limited, server, bundle):
    size = bundle.stat().st_size
    assert 2 * DAILY < size < 3 * DAILY
    action = server.assign(bundle)
    said = limited.once()
    assert said.count("daily-bytes=") == 1
    assert f"Action 1: {bundle.name} waits: {DAILY} of {size} bytes are here; daily-bytes={DAILY} of this device " \
        "leaves no more today; it goes on when its next day begins, at 00:54:41 UTC" in said
    assert (limited.folder / "bundle.keel").stat().st_size == DAILY and limited.record["day_bytes"] == DAILY
    # Each contact of that day says so, and asks for nothing; the server hears it once.
    for _ in range(3):
        assert "leaves no more today" in limited.once()
    assert ranges(server) == [f"bytes=0-{DAILY - 1}"]
    assert action.told == ["proceeding/none"] * 2 and "leaves no more today" in action.messages[-1]
    assert limited.record["tries"] == 0
    yesterday(limited)
    assert f"{2 * DAILY} of {size} bytes are here" in limited.once()
    yesterday(limited)
    limited.once(code=REBOOT)
    assert ranges(server) == [f"bytes=0-{DAILY - 1}", f"bytes={DAILY}-{2 * DAILY - 1}", f"bytes={2 * DAILY}-"]
    assert limited.staged and limited.record["day_bytes"] == size - 2 * DAILY
    assert action.told == ["proceeding/none"] * 3


def test_a_day_without_its_limit_reached_is_not_spoken_of(fleet, server, bundle):
    fleet.configure(daily_bytes="2M")
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    assert ranges(server) == [None] and len(action.statuses) == 2
    assert fleet.record["day_bytes"] == bundle.stat().st_size and fleet.record["day"] == today()


def test_all_bundles_of_a_day_count_together(fleet, server, factory, bundle):
    """Or a server that was taken over has a device fetch one after the other."""
    size = bundle.stat().st_size
    fleet.configure(daily_bytes="1200K")
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    first.state = "canceled"
    server.assign(factory("3.0", 30))
    fleet.once(code=None)
    rest = (1200 << 10) - size
    assert ranges(server)[-1] == f"bytes=0-{rest - 1}" and fleet.record["day_bytes"] == 1200 << 10


def test_status_and_a_dry_run_say_what_the_day_has_left(limited, server, bundle):
    server.assign(bundle)
    assert f"{DAILY} bytes may be fetched today (daily-bytes=)." in limited("once", "--dry-run")
    limited.once()
    said = limited("status")
    assert f"Today: {DAILY} of {DAILY} bytes (daily-bytes=) are used up." in said
    assert "leaves no more today" in said
    assert "\n0 bytes may be fetched today" in limited("once", "--dry-run")
    yesterday(limited)
    assert f"Today: 0 of {DAILY} bytes" in limited("status")


def test_a_limit_that_cannot_be_read_is_a_small_one(fleet, server, factory, tmp_path):
    """It costs somebody money; and what mends it comes the same way."""
    fleet.configure(daily_bytes="10 MB", bandwidth="fast")
    server.assign(large.make(fleet, factory, tmp_path, 8192))
    said = fleet.once(code=REBOOT)
    assert "daily-bytes=10 MB: expected BYTES (64K.., or 0); read as 8M" in said
    assert "bandwidth=fast: expected BYTES (1K.., or 0); read as 64K" in said


# ---------------------------------------------------------------- cuts


class Slow:
    """Sends an artifact, and stands still after so many bytes until the device has gone; passed: how many they were."""

    def __init__(self, length):
        self.length, self.passed = length, 0

    def __call__(self, handler):
        cut_after(self.length)(handler)
        self.passed += self.length
        handler.wait_until_gone()


def killed_in_the_midst(fleet, slow):
    file = fleet.folder / "bundle.keel"
    fleet.killed_when(lambda: slow.passed and file.exists() and file.stat().st_size >= slow.length)


def test_bytes_are_counted_before_they_come_so_that_no_cut_loses_them(limited, server, bundle):
    """Killed again and again, it never takes more than the day has."""
    server.assign(bundle)
    limited.configure(daily_bytes="400K", timeout=600)
    slow = Slow(100 << 10)
    server.on["artifact"] = slow
    killed_in_the_midst(limited, slow)
    assert slow.passed <= limited.record["day_bytes"] <= DAILY
    del server.on["artifact"]
    limited.once()
    assert len(server.requests("artifact")) == 1
    yesterday(limited)
    limited.once()
    assert len(server.requests("artifact")) == 2


def test_what_a_cut_counts_too_much_has_a_bound(fleet, server, factory, tmp_path):
    bundle = large.make(fleet, factory, tmp_path, 40 << 20)
    fleet.configure(daily_bytes="100M", timeout=600)
    server.assign(bundle)
    slow = Slow(18 << 20)
    server.on["artifact"] = slow
    killed_in_the_midst(fleet, slow)
    counted = fleet.record["day_bytes"]
    assert slow.passed <= counted <= slow.passed + STEP
    del server.on["artifact"]
    durable = fleet.record["durable"]
    fleet.once(code=REBOOT)
    assert ranges(server)[1] == f"bytes={durable}-"
    assert fleet.record["day_bytes"] == counted + bundle.stat().st_size - durable


def test_a_download_that_ends_early_gives_back_what_was_counted_ahead(limited, server, bundle):
    server.assign(bundle)
    server.on["artifact"] = [cut_after(5000), lambda handler: handler.error(503)]
    limited.once(code=FAILURE)
    assert limited.record["day_bytes"] == 5000
    limited.once()
    assert ranges(server)[-1] == f"bytes=5000-{DAILY - 1}"


# ---------------------------------------------------------------- clocks


def test_a_clock_that_jumps_back_gives_no_bytes_anew(limited, server, bundle):
    server.assign(bundle)
    limited.once()
    limited.change(day=today() + 1)
    said = limited.once()
    assert "it goes on after 24 hours of running, since its clock is not set or was later before" in said
    assert len(server.requests("artifact")) == 1 and limited.record["day"] == today() + 1


def test_a_record_that_is_lost_begins_to_count_anew(limited, server, bundle):
    server.assign(bundle)
    limited.once()
    (limited.folder / "action.json").unlink()
    limited.once()
    assert ranges(server) == [f"bytes=0-{DAILY - 1}"] * 2 and limited.record["day_bytes"] == DAILY


# ---------------------------------------------------------------- servers that send no parts


def whole_file(etag='"x"'):
    """Ranges are none of its business."""
    def answer(handler):
        data = handler.server.actions[-1].bundle.read_bytes()
        handler.reply(200, data, {"ETag": etag} if etag else {})
    return answer


@pytest.mark.parametrize("etag", ['"x"', ""])
def test_what_comes_in_one_piece_or_not_at_all_is_refused_where_no_day_takes_it(limited, server, bundle, etag):
    size = bundle.stat().st_size
    action = server.assign(bundle)
    server.on["artifact"] = whole_file(etag)
    for _ in range(4):
        assert "the server sends no parts of it" in limited.once(code=FAILURE)
    # What the kernel may have of such an answer counts as well.
    assert limited.record["day_bytes"] == DAILY and "leaves no more today" in limited.once()
    assert len(server.requests("artifact")) == 4 and action.state == "running"
    yesterday(limited)
    for _ in range(4):
        limited.once(code=FAILURE)
    assert action.told[-1] == "closed/failure"
    assert f"the server sends no parts of it, and a day of this device takes {DAILY} bytes; raise [fleet] " \
        f"daily-bytes= there to {size}, or offer a smaller bundle" in action.messages[-1]
    assert not (limited.folder / "bundle.keel").exists()


def test_an_answer_with_the_whole_file_may_be_an_accident_of_the_way(limited, server, bundle):
    """As of a cache that had none of it."""
    server.assign(bundle)
    server.on["artifact"] = [whole_file()]
    limited.once(code=FAILURE)
    assert "leaves no more today" in limited.once()
    assert (limited.folder / "bundle.keel").stat().st_size == DAILY - (128 << 10)


def test_what_comes_in_one_piece_waits_for_a_day_that_takes_it(fleet, server, bundle):
    size = bundle.stat().st_size
    fleet.configure(daily_bytes="1200K")
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    action.state = "canceled"
    fleet.dev("unstage")
    server.assign(bundle, name="again.keel")
    fleet.change(digest="")
    server.on["artifact"] = whole_file()
    for _ in range(3):
        assert "leaves no more today" in fleet.once()
    assert len(server.requests("artifact")) == 2, "asked for once, then the day is over"
    yesterday(fleet)
    fleet.once(code=REBOOT)
    assert fleet.record["day_bytes"] == size


def test_another_file_than_the_one_that_was_begun_is_begun_within_the_limit(limited, server, factory, bundle):
    action = server.assign(bundle)
    server.on["artifact"] = [cut_after(100 << 10), lambda handler: handler.error(503)]
    limited.once(code=FAILURE)
    action.bundle = factory("3.0", 30)
    # As where the server has no hash: the same name, the same size.
    data = action.bundle.read_bytes()
    limited.change(size=len(data), digest=hashlib.sha256(data).hexdigest())
    assert "the server has another file than the one that was begun" in limited.once(code=FAILURE)
    limited.once()
    assert ranges(server)[-1] == f"bytes=0-{DAILY - (100 << 10) - 1}"


def test_more_than_was_asked_for_ends_the_day(limited, server, bundle):
    server.assign(bundle)

    def generous(handler):
        data = bundle.read_bytes()
        handler.reply(206, data, {"ETag": '"x"', "Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"})
    server.on["artifact"] = generous
    assert "leaves no more today" in limited.once()
    assert (limited.folder / "bundle.keel").stat().st_size <= DAILY == limited.record["day_bytes"]


# ---------------------------------------------------------------- of one release


def test_a_release_that_is_too_large_is_answered_and_not_fetched(fleet, server, bundle):
    size = bundle.stat().st_size
    fleet.configure(max_bytes=size - 1)
    action = server.assign(bundle)
    says = f"its download has {size} bytes, and this device allows {size - 1}; raise [fleet] max-bytes= there, " \
        "offer a smaller bundle, or update it by stick"
    assert f"It would be closed as failed: {says}." in fleet("once", "--dry-run")
    assert f"Action 1: {bundle.name} is not fetched: {says}" in fleet.once()
    assert not server.requests("artifact") and not (fleet.folder / "bundle.keel").exists()
    assert action.told[-1] == "closed/failure" and action.state == "error"
    assert action.messages[-1] == f"{bundle.name} is not fetched: {says}"
    assert says in fleet("status")
    # Answered once; the next one that fits is taken.
    fleet.once()
    assert action.told.count("closed/failure") == 1 and not server.requests("artifact")
    fleet.configure(max_bytes=size)
    server.assign(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged


def test_what_is_here_already_is_not_too_large(fleet, server, bundle):
    server.assign(bundle, download="forced", update="skip")
    fleet.once()
    fleet.configure(max_bytes="1K")
    server.assign(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged and len(server.requests("artifact")) == 1


# ---------------------------------------------------------------- each second


def test_a_download_keeps_to_its_bandwidth(fleet, server, bundle):
    """Slower it may be, on a machine that has much to do: faster never, but for a first piece."""
    speed = 256 << 10
    server.assign(bundle, download="forced", update="skip")
    server.on["poll"] = [None]
    begin = time.monotonic()
    fleet.once()
    free = time.monotonic() - begin
    fleet.configure(bandwidth="256K")
    (fleet.folder / "bundle.keel").unlink()
    server.actions[-1].state = "finished"
    server.assign(bundle, download="forced", update="skip")
    begin = time.monotonic()
    fleet.once()
    taken, least = time.monotonic() - begin, (bundle.stat().st_size - 65536) / speed
    assert taken > 0.8 * least, f"without the limit it took {free}"
    assert len(server.requests("artifact")) == 2


def test_a_bandwidth_below_a_piece_does_not_look_like_a_standstill(fleet, server, factory, tmp_path):
    small = large.make(fleet, factory, tmp_path, 8192)
    fleet.configure(bandwidth="2K", timeout=2)
    server.assign(small, download="forced", update="skip")
    begin = time.monotonic()
    fleet.once()
    assert time.monotonic() - begin > 2 and (fleet.folder / "bundle.keel").read_bytes() == small.read_bytes()
    assert ranges(server) == [None]


# ---------------------------------------------------------------- a channel


@pytest.fixture(name="follower")
def make_follower(ready, site, tmp_path):
    return ByChannel(ready, site, tmp_path)


def test_by_a_channel_the_limits_are_the_same(follower, site, publish, factory):
    bundle = factory("2.0", 20)
    publish(bundle)
    follower.configure(daily_bytes="400K")
    for _ in range(2):
        assert "leaves no more today" in follower.once()
        assert site.requests(bundle.name)[-1]["Range"].startswith("bytes=")
        yesterday(follower)
    follower.once(code=REBOOT)
    assert ranges(site, bundle.name) == [f"bytes=0-{DAILY - 1}", f"bytes={DAILY}-{2 * DAILY - 1}",
                                         f"bytes={2 * DAILY}-"]


def test_by_a_channel_a_release_that_is_too_large_is_reported_and_an_older_one_taken(follower, site, publish, factory):
    large, small = factory("3.0", 30), factory("2.1", 21, size=1 << 20)
    publish(large, small)
    follower.configure(max_bytes="900K", report=f"{site.url}/report")
    follower.once()
    assert not site.requests(large.name)
    (report,) = [report for report in site.reports if report["result"] == "failure"]
    assert report["phase"] == "failed" and "raise [fleet] max-bytes= there" in report["reason"]
    assert "raise [fleet] max-bytes= there" in follower("status")
    follower.once(code=REBOOT)
    assert follower.record["version"] == "2.1"


@pytest.mark.parametrize("partial", ["auto", "no"])
def test_a_day_that_pages_use_up_counts_as_a_try(fleet, server, bundle, partial):
    """Or an action whose bundle never comes would never end."""
    fleet.configure(daily_bytes="128K", partial=partial)
    action = server.assign(bundle)
    server.on["artifact"] = lambda handler: handler.reply(200, b"<html>" + b"x" * 2000)
    for tries in (1, 2):
        fleet.once(code=FAILURE)
        assert fleet.record["tries"] == tries and "daily-bytes=" not in fleet.record["why"]
        assert "leaves no more today" in fleet.once()
        assert fleet.record["tries"] == tries
        yesterday(fleet)
    fleet.change(tries=fleet.record["tries_max"] - 1)
    fleet.once(code=FAILURE)
    assert action.told[-1] == "closed/failure" and "daily-bytes=" not in action.messages[-1]


def test_days_of_a_device_without_a_clock_add_up_over_its_boots(fleet, server, bundle):
    fleet.configure(daily_bytes="64K")
    server.assign(bundle)
    fleet.once(code=None)
    durable, day = fleet.record["durable"], fleet.record["day"]
    fleet.change(day=day + 5000)         # a contact at which the clock was wrong
    fleet.once()
    assert fleet.record["durable"] == durable
    fleet.change(day_uptime=10 ** 9, day_ran=0)       # an earlier boot
    fleet.once()
    uptime = float(open("/proc/uptime").read().split()[0])
    ran = fleet.record["day_ran"]
    assert fleet.record["day"] == (day + 5000 if ran else day)
    if ran:
        assert abs(ran - uptime) < 60 and fleet.record["durable"] == durable
    fleet.change(day=day + 5000, day_ran=86390, day_uptime=int(uptime) - 30)
    fleet.once()
    assert fleet.record["durable"] > durable and fleet.record["day"] == day and fleet.record["day_ran"] == 0
