# SPDX-License-Identifier: Apache-2.0
"""A data partition that is full, or cannot be written."""
import contextlib
import json
import os
import subprocess

import pytest
from cli_device import FAILURE, REBOOT, call
from ddi_server import send_file
from parts_box import fill as fill_slot, index_of, index_of_size, is_installed
from test_channel_story import some_of
from test_fleet_partial_limits import without_etag


@contextlib.contextmanager
def on_small_disk(data):
    """The data partition is a file system of 6 MiB."""
    saved = data.parent / "saved"
    call("cp", "-a", data, saved)
    call("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", data)
    try:
        call("sh", "-c", f"cp -a {saved}/. {data}/")
        yield
    finally:
        call("umount", data)


@pytest.fixture(name="small")
def make_small(fleet, server):
    with on_small_disk(fleet.dev.data):
        yield fleet


def fill(device):
    """As a log of an application does."""
    subprocess.run(["dd", "if=/dev/zero", f"of={device.dev.data}/log", "bs=4k"], stderr=subprocess.DEVNULL, check=False)
    stat = os.statvfs(device.dev.data)
    assert stat.f_bfree == 0


def test_a_release_that_fills_the_disk_and_falls_back_is_reported(small, server, bundle):
    action = server.assign(bundle)
    small.once(code=REBOOT)
    small.reboot()
    small.once()
    fill(small)
    small.fall_back("its log fills the disk")
    small.once()
    assert action.told[-1] == "closed/failure"
    assert small.record["reported"] == "failed"
    small.once()
    assert action.told.count("closed/failure") == 1


def test_what_waits_on_a_full_disk_is_cancelled(small, server, bundle):
    action = server.assign(bundle, window="unavailable")
    small.once()
    assert (small.folder / "bundle.keel").exists()
    fill(small)
    server.cancel(action)
    small.once()
    assert action.state == "canceled" and not (small.folder / "bundle.keel").exists()


def test_what_cannot_be_staged_on_a_full_disk_is_given_up(small, server, bundle):
    action = server.assign(bundle, window="unavailable")
    small.once()
    fill(small)
    action.window = "available"
    for _ in range(8):
        small.once(code=FAILURE)
    assert action.told[-1] == "closed/failure" and not (small.folder / "bundle.keel").exists()


def test_without_the_spare_file_the_bundle_gives_way(small, server, bundle):
    """As an older program left the folder."""
    action = server.assign(bundle, window="unavailable")
    small.once()
    (small.folder / "action.json.new").unlink()
    fill(small)
    server.cancel(action)
    assert "removed, since the disk is full" in small.once()
    assert action.state == "canceled"


@pytest.mark.parametrize("spare", [True, False])
def test_a_withdrawal_does_not_wait_for_room(device, publish, bundle, spare):
    """A boot must not install it meanwhile; that it is unstaged makes room for what is to be kept."""
    with on_small_disk(device.dev.data):
        publish(bundle)
        device.once(code=REBOOT)
        publish((bundle, "--withdrawn", "no wifi"))
        if not spare:
            (device.folder / "action.json.new").unlink()
        fill(device)
        assert "2.0 is withdrawn: no wifi" in device.once(code=FAILURE)
        assert not device.dev.json("status")["staged"] and device.record["phase"] == "none"
        assert "2.0: it is withdrawn: no wifi" in device.once()


def test_on_a_full_disk_what_is_fetched_gives_way_to_a_newer_channel_file(device, publish, site, bundle, factory):
    """Else it would lie there for as long as nothing can be taken."""
    newer = factory("3.0", 30)
    with on_small_disk(device.dev.data):
        publish(bundle)
        site.on[bundle.name] = some_of(bundle, 400_000)
        device.once(code=FAILURE)
        assert (device.folder / "bundle.keel").stat().st_size > 300_000
        fill(device)
        publish(bundle, newer)
        said = device.once(code=None)
        assert "bundle.keel: removed, since the disk is full" in said and device.seen["sequence"] == 2
        (device.dev.data / "log").unlink()
        device.once(code=REBOOT)
        assert device.staged and device.record["version"] == "3.0"


def test_nothing_is_taken_by_a_channel_file_that_cannot_be_kept(device, publish, site, bundle):
    publish()
    device.once()
    publish(bundle)
    (device.folder / "channel.new").mkdir()
    assert "/channel: Is a directory" in device.once(code=FAILURE)
    assert not site.requests(bundle.name) and not device.dev.json("status")["staged"]
    (device.folder / "channel.new").rmdir()
    device.once(code=REBOOT)


def test_the_end_is_told_where_nothing_can_be_written(small, server, bundle):
    """A file system that became read-only in the trial."""
    action = server.assign(bundle)
    small.once(code=REBOOT)
    small.reboot()
    small.once()
    small.fall_back("its disk fails")
    call("mount", "-o", "remount,ro", small.dev.data)
    small.once(code=FAILURE)
    assert action.told[-1] == "closed/failure"
    small.once(code=FAILURE)
    assert action.told.count("closed/failure") == 1
    call("mount", "-o", "remount,rw", small.dev.data)
    small.once()
    assert small.record["reported"] == "failed"


def test_the_record_takes_whole_blocks_and_is_swapped(fleet, server, bundle):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    files = {name: (fleet.folder / name).stat() for name in ("action.json", "action.json.new")}
    assert all(stat.st_size == 4096 for stat in files.values())
    fleet.reboot()
    fleet.once()
    assert {(fleet.folder / name).stat().st_ino for name in files} == {stat.st_ino for stat in files.values()}
    (fleet.folder / "action.json.new").write_bytes(b"{")    # a power cut
    fleet.good()
    fleet.once()
    assert fleet.record["phase"] == "good" and (fleet.folder / "action.json.new").stat().st_size == 4096


def leave(device, room):
    """So many bytes stay free."""
    stat = os.statvfs(device.dev.data)
    log = device.dev.data / "log"
    log.write_bytes(bytes(stat.f_bavail * stat.f_frsize - room))


RESERVE = (6 << 20) // 32     # of the small disk


@pytest.mark.parametrize("partial", [None, "no", "require"])
def test_a_download_leaves_a_reserve(small, server, bundle, partial):
    """For the applications' own files: a part in 32 of the partition."""
    small.configure(partial=partial)
    action = server.assign(bundle)
    wanted = 2 * bundle.stat().st_size
    # Room for all that is written first, but for the reserve: the bundle, or its index.
    leave(small, (100 << 10) + (wanted if partial == "no" else 200 << 10))
    said = small.once(code=FAILURE)
    assert "no room: " in said and "beside its reserve" in said and not server.requests("artifact")
    (small.dev.data / "log").unlink()
    leave(small, wanted + RESERVE + (200 << 10))
    small.once(code=REBOOT)
    assert small.staged and action.state == "running"


def is_as_before(device, free):
    """Nothing of a bundle lies there, and no more than the record's blocks were taken."""
    return not list(device.folder.glob("bundle.keel*")) and free - os.statvfs(device.dev.data).f_bavail <= 4


@pytest.mark.parametrize("partial", [None, "require"])
@pytest.mark.parametrize("size", [3 << 20, 12 << 20], ids=["half-of-it", "more-than-all"])
def test_no_index_fills_the_disk(small, server, tmp_path, size, partial):
    """It is written before anybody verifies it."""
    small.configure(partial=partial)
    small.once()
    liar = tmp_path / "liar.keel"
    liar.write_bytes(index_of_size(size, size + 5000))
    server.assign(liar)
    free = os.statvfs(small.dev.data).f_bavail
    for contacts in (1, 2):
        said = small.once(code=FAILURE)
        assert f"no room: {(2 * size >> 20) + 1} MiB are wanted" in said and "beside its reserve" in said
        # The second one knows how much that is.
        assert len(server.requests("artifact")) == 1 and server.sent == 64 << 10 and small.record["tries"] == contacts
    assert is_as_before(small, free)


def without_parts(handler):
    handler.reply(200, handler.server.actions[-1].bundle.read_bytes())


def test_room_that_came_is_found(small, server, bundle):
    """By a server that names no ETag, the index is asked for anew; where slots have nothing, all of it."""
    small.configure(partial=None)
    server.assign(bundle)
    server.on["artifact"] = lambda handler: (without_etag if "Range" in handler.headers else without_parts)(handler)
    leave(small, 2 * bundle.stat().st_size - (200 << 10))
    for _ in range(3):
        assert "no room: " in small.once(code=FAILURE)
    assert len(server.requests("artifact")) == 1 and small.record["room"] > 0
    (small.dev.data / "log").unlink()
    small.once(code=REBOOT)
    assert small.staged and small.record["room"] == 0


def test_room_that_one_bundle_lacked_is_not_looked_for_by_the_next(small, server, tmp_path, bundle):
    """The action is the same, and has another one now."""
    small.configure(partial=None)
    liar = tmp_path / "liar.keel"
    liar.write_bytes(index_of_size(12 << 20, 13 << 20))
    action = server.assign(liar)
    assert "no room: " in small.once(code=FAILURE)
    action.bundle, action.name = bundle, bundle.name
    small.once(code=REBOOT)


@pytest.mark.parametrize("partial", ["auto", "require"])
def test_room_that_all_of_it_lacked_does_not_hold_up_its_parts(small, server, release, partial):
    """So a person mends it."""
    fill_slot(small.dev.slots["a"], release, range(10, 14))
    server.assign(release)
    leave(small, RESERVE + release.stat().st_size)
    assert "no room: " in small.once(code=FAILURE) and not server.requests("artifact")
    small.configure(partial=partial)
    small.once(code=REBOOT)
    assert small.staged


def test_room_that_a_forged_index_wants_does_not_hold_up_the_honest_one(small, server, release):
    """Its length was one that nobody signed: each eighth contact asks anew."""
    small.configure(partial=None)
    fill_slot(small.dev.slots["a"], release, range(10, 14))
    server.assign(release)
    size = release.stat().st_size
    leave(small, RESERVE + size)
    server.on["artifact"] = [lambda handler: send_file(handler, index_of_size(size - 1000, size))]
    for _ in range(8):
        assert "no room: " in small.once(code=FAILURE)
    assert len(server.requests("artifact")) == 1
    small.once(code=REBOOT)
    assert small.staged


@pytest.mark.parametrize("partial", ["no", "require"])
def test_what_a_kill_left_of_an_index_is_in_no_way(small, server, bundle, partial):
    small.configure(partial=partial)
    small.once()
    (small.folder / "bundle.keel.new").write_bytes(bytes(5 << 20))
    server.assign(bundle)
    small.once(code=REBOOT)
    assert small.staged


def test_what_cannot_be_written_of_an_index_does_not_stay(small, server, release):
    """A log has filled the disk since the room was looked for."""
    small.configure(partial=None)
    small.once()
    server.assign(release)

    def fill_meanwhile(handler):
        leave(small, index_of(release) - 4096)
        server.free = os.statvfs(small.dev.data).f_bavail
        send_file(handler, release.read_bytes())
    server.on["artifact"] = fill_meanwhile
    said = small.once(code=FAILURE)
    assert "bundle.keel: No space left on device" in said and "the file cannot be written" in said
    assert is_as_before(small, server.free)


def test_a_piece_that_a_full_disk_took_half_of_comes_whole(small, server, release):
    """A log fills the disk in the middle of a range, and is gone when the next request goes on."""
    small.configure(partial="require")
    fill_slot(small.dev.slots["a"], release, range(10, 60))
    server.assign(release)

    def fill_meanwhile(handler):
        leave(small, 100_000)
        handler.send_artifact(release.name)

    def is_gone_again(handler):
        (small.dev.data / "log").unlink()
        handler.send_artifact(release.name)
    server.on["artifact"] = [None, fill_meanwhile, is_gone_again]
    small.once(code=REBOOT)
    assert len(server.requests("artifact")) == 3
    small.reboot()
    assert is_installed(small, release)


# ---------------------------------------------------------------- reports of a channel

@pytest.fixture(name="told")
def make_told(device, site):
    with on_small_disk(device.dev.data):
        device.configure(report=f"{site.url}/reports")
        yield device


def phases(site):
    return [report["phase"] for report in site.reports]


def on_trial(device, publish, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    device.reboot()
    device.once()


def test_a_release_that_fills_the_disk_and_falls_back_is_reported_by_a_channel(told, site, publish, bundle):
    on_trial(told, publish, bundle)
    fill(told)
    told.fall_back("its log fills the disk")
    told.once()
    told.once()
    assert phases(site) == ["seen", "staged", "trial", "failed"] and told.record["reported"] == "failed"


def test_what_waited_when_the_disk_was_filled_is_reported_once(told, site, publish, bundle):
    site.on["reports"] = lambda visitor: visitor.reply(503)
    on_trial(told, publish, bundle)
    fill(told)
    del site.on["reports"]
    site.reports.clear()
    told.once()
    told.once()
    assert phases(site) == ["seen", "staged", "trial"]


@pytest.mark.parametrize("taken", (True, False))
def test_what_cannot_be_kept_is_reported_at_once(told, site, publish, bundle, taken):
    """A file system that became read-only in the trial. It cannot be kept that it was reported, either."""
    on_trial(told, publish, bundle)
    told.fall_back("its disk fails")
    call("mount", "-o", "remount,ro", told.dev.data)
    if not taken:
        site.on["reports"] = lambda visitor: visitor.reply(503)
    told.once(code=FAILURE)
    assert ("failed" in phases(site)) == taken
    site.on.pop("reports", None)
    call("mount", "-o", "remount,rw", told.dev.data)
    told.once()
    assert phases(site)[-1] == "failed" and told.record["reported"] == "failed"
    told.once()
    assert phases(site).count("failed") == 1 + taken


def test_where_not_all_can_be_kept_the_newest_is(told, site, publish, bundle):
    """As after many reports: the blocks of the file that waits are too few for one more."""
    on_trial(told, publish, bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    queue = told.folder / "reports.json"
    old = {"phase": "x" * 450}
    queue.write_text(json.dumps({"reports": [old] * 8}).ljust(4096))
    (told.folder / "reports.json.new").write_text(" " * 4096)
    fill(told)
    told.fall_back("its log fills the disk")
    told.once(code=FAILURE)
    assert [report["phase"] for report in json.loads(queue.read_text())["reports"]] == ["failed"]
    del site.on["reports"]
    told.once()
    assert phases(site)[-1] == "failed"
