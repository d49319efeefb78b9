# SPDX-License-Identifier: Apache-2.0
"""bandwidth=, daily-bytes= and max-bytes= of [fleet] where only parts are fetched."""
import hashlib
import os
import time

import pytest
from channel_site import private_key
from cli_device import FAILURE, KIB, OK, REBOOT, run
from ddi_server import send_file
from parts_box import CHUNK, CHUNKS, fill, head_of, index_of, index_of_size, is_installed
from test_fleet_limits import today

FIRST = 64 * KIB                          # of the first request
DAILY = 400 * KIB

def ranges(server):
    return [headers.get("Range") for headers in server.requests("artifact")]


def yesterday(box):
    """The record as it is when the next day begins."""
    box.change(day=box.record["day"] - 1)


def whole_file(handler):
    """Ranges are none of its business."""
    handler.reply(200, handler.server.actions[-1].bundle.read_bytes(), {"ETag": "x"})


def without_etag(handler):
    data = handler.server.actions[-1].bundle.read_bytes()
    begin, end = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
    end = min(end + 1, len(data))
    handler.server.sent += end - begin
    handler.reply(206, data[begin:end], {"Content-Range": f"bytes {begin}-{end - 1}/{len(data)}"})


@pytest.fixture(name="half")
def make_half(box, release):
    """Each other chunk is in no slot."""
    for slot in "ab":
        fill(box.dev.slots[slot], release, range(0, CHUNKS, 2))
    return box


@pytest.fixture(name="wide", scope="module")
def make_wide(factory, tmp_path_factory):
    """A small release, whose index has more bytes than two first requests bring."""
    folder = tmp_path_factory.mktemp("wide")
    (folder / "new.img").write_bytes(os.urandom(4 * CHUNK))
    out = folder / "wide-2.0.keel"
    run("bundle", "create", "-o", out, "--compatible", "test-board", "--version", "2.0", "--sequence", 20, "--level", 1,
        "--chunk-size", "64K", "--frame-size", "64K", "--sig-capacity", "128K", "--image", f"root={folder / 'new.img'}",
        "--key", private_key(factory), code=OK)
    assert 2 * FIRST + 600 < index_of(out) < 140 * KIB
    return out


# ---------------------------------------------------------------- of one release


def test_a_bundle_that_is_too_large_as_a_whole_is_fetched_in_parts(box, server, release):
    box.configure(partial="auto", max_bytes="200K")
    server.assign(release)
    said = box("once", "--dry-run")
    assert "It would be fetched in parts and staged." in said and "These may have 204800 bytes (max-bytes=)." in said
    box.once(code=REBOOT)
    assert box.staged and server.sent < 200 * KIB < release.stat().st_size
    box.reboot()
    assert is_installed(box, release)


def test_parts_that_are_too_many_are_answered_and_no_range_is_asked_for(box, server, release):
    box.configure(partial="auto", max_bytes="66K")
    action = server.assign(release)
    said = box.once()
    assert len(server.requests("artifact")) == 1 and server.sent == FIRST and not box.staged
    begin = "what no slot has of it, with its index, has "
    end = " bytes, and this device allows 67584; raise [fleet] max-bytes= there, offer a smaller bundle, or update " \
        "it by stick"
    needed = int(said.split(begin)[1].split(" ")[0])
    assert action.told[-1] == "closed/failure"
    assert f"{release.name} is not fetched: {begin}{needed}{end}" in action.messages
    assert not (box.folder / "bundle.keel").exists()
    # By a byte.
    box.configure(partial="auto", max_bytes=needed - 1)
    server.assign(release)
    assert "is not fetched" in box.once()
    box.configure(partial="auto", max_bytes=needed)
    server.assign(release)
    box.once(code=REBOOT)
    assert box.staged and box.dev.json("status")["staged"]["partial"]["bytes"] == needed


def test_not_even_an_index_comes_that_is_too_large(box, server, release):
    box.configure(partial="auto", max_bytes="1K")
    action = server.assign(release)
    assert f"its index has {index_of(release)} bytes, and this device allows 1024" in box.once()
    assert ranges(server) == ["bytes=0-1023"] and action.told[-1] == "closed/failure"
    box.configure(partial="auto", max_bytes="100")
    server.assign(release)
    assert "its index has 512 bytes, and this device allows 100" in box.once()
    assert len(server.requests("artifact")) == 1


def test_where_the_server_sends_no_parts_the_whole_has_to_fit(box, server, release):
    size = release.stat().st_size
    box.configure(partial="auto", max_bytes=size - 1)
    server.on["artifact"] = whole_file
    action = server.assign(release)
    box.once()
    assert action.told[-1] == "closed/failure" and len(server.requests("artifact")) == 1
    assert f"the server sends no parts of it, and all of it has {size} bytes, and this device allows {size - 1}; " \
        "raise [fleet] max-bytes= there" in action.messages[-1]
    box.configure(partial="auto", max_bytes=size)
    server.assign(release)
    box.once(code=REBOOT)
    assert box.staged


def test_a_whole_download_that_was_begun_and_is_too_large_now_comes_in_parts(half, server, release):
    half.configure(daily_bytes="400K")
    server.assign(release)
    half.once()
    assert half.record["durable"] == DAILY
    half.configure(partial="auto", max_bytes="1300K")
    half.once(code=REBOOT)
    assert half.staged and half.record["parts"] == 1


def test_nor_does_it_go_on_where_parts_are_required(half, server, release):
    half.configure(daily_bytes="400K")
    server.assign(release)
    half.once()
    half.configure(partial="require")
    half.once(code=REBOOT)
    assert half.staged and half.record["parts"] == 1


def test_parts_that_are_here_are_not_too_many(box, server, release):
    server.assign(release, download="forced", update="skip")
    box.once()
    box.configure(partial="auto", max_bytes="1K", daily_bytes="64K")
    sent = server.sent
    server.assign(release)
    box.once(code=REBOOT)
    assert box.staged and server.sent == sent


# ---------------------------------------------------------------- in a day


def test_parts_stop_at_the_days_limit_and_go_on_the_next_day(half, server, release):
    day = 256 * KIB
    half.configure(partial="auto", daily_bytes=day)
    action = server.assign(release)
    days, before = 0, 0
    while True:
        days += 1
        said = half.once(code=None)
        assert server.sent - before <= day
        if half.staged:
            break
        assert server.sent - before == day == half.record["day_bytes"]
        asked = len(server.requests("artifact"))
        file = half.folder / "bundle.keel"
        assert f"{file.stat().st_size - head_of(file)} of " in said
        assert "daily-bytes=262144 of this device leaves no more today" in said
        # Each contact of that day says so, and asks for nothing.
        assert "leaves no more today" in half.once()
        assert len(server.requests("artifact")) == asked
        assert half.record["tries"] == 0
        before = server.sent
        yesterday(half)
    assert days == 3
    assert server.sent <= FIRST + 1.02 * 32 * 22 * KIB
    assert action.told == ["proceeding/none"] * 3 and "leaves no more today" in action.messages[1]
    half.reboot()
    assert is_installed(half, release)


def test_a_day_without_its_limit_reached_counts_what_came(box, server, release):
    box.configure(partial="auto", daily_bytes="400K")
    server.assign(release)
    box.once(code=REBOOT)
    assert box.record["day_bytes"] == server.sent
    assert f"Today: {server.sent} of {DAILY} bytes (daily-bytes=) are used up." in box("status")


def standing_still(passed):
    """A range of which so many bytes come, and no more for as long as the device waits."""
    def answer(handler):
        data = handler.server.actions[-1].bundle.read_bytes()
        begin, end = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        handler.server.sent += passed
        etag = hashlib.sha1(data).hexdigest()    # as send_file names it
        handler.raw(f"HTTP/1.1 206 OK\r\nContent-Length: {end + 1 - begin}\r\nETag: {etag}\r\n"
                    f"Content-Range: bytes {begin}-{end}/{len(data)}\r\n\r\n".encode(), data[begin:begin + passed])
        handler.wait_until_gone()
    return answer


@pytest.mark.parametrize("at", ["the index", "a range"])
def test_parts_are_counted_before_they_come(half, server, release, at):
    half.configure(partial="auto", daily_bytes="400K", timeout=600)
    server.assign(release)
    slow = standing_still(20 * KIB)
    # Of the range that the first request cut, the rest comes first.
    ahead = 0 if at == "the index" else 2
    server.on["artifact"] = [*[None] * ahead, slow]
    before = len(server.requests("artifact"))
    half.killed_when(lambda: len(server.requests("artifact")) > before + ahead)
    assert server.sent <= half.record["day_bytes"] <= DAILY
    assert half.record["day_bytes"] == (FIRST if at == "the index" else DAILY)


def test_an_index_that_no_day_takes_has_the_whole_bundle_fetched(fleet, server, wide):
    """And that is kept: else each day would be used up before the first byte of it."""
    fleet.configure(partial="auto", daily_bytes="64K")
    server.assign(wide)
    said = fleet.once()
    assert f"all of {wide.name} is fetched, since its index has {index_of(wide)} bytes, and a day of this device " \
        "takes 65536" in said
    for _ in range(wide.stat().st_size // FIRST):
        yesterday(fleet)
        fleet.once()
    yesterday(fleet)
    fleet.once(code=REBOOT)
    assert fleet.staged and fleet.record["parts"] == 2


def test_or_none_at_all_where_parts_are_required(fleet, server, wide):
    fleet.configure(partial="require", daily_bytes="64K")
    action = server.assign(wide)
    for _ in range(8):
        fleet.once(code=None)
        yesterday(fleet)
    assert action.told[-1] == "closed/failure"
    assert "raise [fleet] daily-bytes= there" in action.messages[-1] and not fleet.staged


def breaks_behind(length, etag="one"):
    """Each connection, after so many bytes of the index."""
    def answer(handler):
        bundle = handler.server.actions[-1].bundle
        data, index = bundle.read_bytes(), index_of(bundle)
        begin, end = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        end = min(end + 1, len(data))
        head = f"HTTP/1.1 206 OK\r\nContent-Length: {end - begin}\r\n" + (f'ETag: "{etag}"\r\n' if etag else "")
        head += f"Content-Range: bytes {begin}-{end - 1}/{len(data)}\r\n\r\n"
        handler.raw(head.encode(), data[begin:min(end, begin + length) if begin < index else end])
    return answer


def test_an_index_on_a_line_that_breaks_goes_on_where_it_ended(fleet, server, wide):
    """It began anew in each contact, and so came never, where the line breaks before its end."""
    fleet.configure(partial="require")
    server.assign(wide)
    server.on["artifact"] = breaks_behind(20 * KIB)
    fleet.once(code=REBOOT)
    assert fleet.staged
    begins = [int(one.removeprefix("bytes=").split("-")[0]) for one in ranges(server)]
    assert begins[:5] == [0, 20 * KIB, 40 * KIB, 60 * KIB, 64 * KIB] and begins == sorted(set(begins))
    assert {one.get("If-Range") for one in server.requests("artifact")[1:8]} == {'"one"'}


def test_without_an_etag_an_index_that_is_cut_waits_for_the_next_contact(fleet, server, wide):
    fleet.configure(partial="require")
    server.assign(wide)
    server.on["artifact"] = breaks_behind(20 * KIB, None)
    fleet.once(code=FAILURE)
    assert ranges(server) == ["bytes=0-65535"]


def test_the_rest_of_an_index_is_not_taken_of_another_file(fleet, server, wide):
    """A cache on the way that pays no heed to If-Range."""
    def other(handler):
        begin, end = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        handler.reply(206, bytes(end + 1 - begin), {
            "ETag": '"another"', "Content-Range": f"bytes {begin}-{end}/{wide.stat().st_size}"})
    fleet.configure(partial="auto")
    server.assign(wide)
    server.on["artifact"] = [None, other]
    assert "the server has another file now" in fleet.once(code=FAILURE)
    fleet.once(code=REBOOT)
    assert fleet.staged and fleet.record["anew"] == 0


def test_what_a_day_has_left_for_an_index_is_not_used_again_and_again(fleet, server, wide):
    fleet.configure(partial="require", daily_bytes="200K")
    server.assign(wide, download="skip")
    fleet.once()
    # Less than a first request; and less than the index, though as much again as the first request.
    for left, requests in ((FIRST - 1, 0), (2 * FIRST + 500, 1)):
        server.actions[-1].state = "canceled"
        server.assign(wide)
        fleet.change(day=today(), day_bytes=200 * KIB - left)
        for _ in range(3):
            assert "leaves no more today" in fleet.once()
        assert len(server.requests("artifact")) == requests
    yesterday(fleet)
    fleet.once()
    assert fleet.record["parts"] == 1 and fleet.record["day_bytes"] == 200 * KIB


def test_without_an_etag_all_comes_in_one_day(half, server, release):
    half.configure(partial="auto", daily_bytes="400K")
    action = server.assign(release)
    server.on["artifact"] = without_etag
    says = "the server names no ETag, and a day of this device takes 409600 bytes; raise [fleet] daily-bytes= there to "
    for _ in range(8):
        assert says in half.once(code=None)
        yesterday(half)
    assert action.told[-1] == "closed/failure" and server.sent == 8 * FIRST
    # One that takes it is waited for.
    half.configure(partial="auto", daily_bytes="1500K")
    server.assign(release)
    half.change(day=today(), day_bytes=1000 * KIB)
    for _ in range(2):
        assert "leaves no more today" in half.once()
    assert server.sent == 9 * FIRST
    yesterday(half)
    half.once(code=REBOOT)
    assert half.staged


def test_parts_that_are_all_here_do_not_come_again_for_want_of_an_etag(half, server, release):
    """Nothing of them is to go on."""
    action = server.assign(release, window="unavailable")
    server.on["artifact"] = without_etag
    half.once()
    sent = server.sent
    assert half.record["phase"] == "fetched" and half.record["etag"] == ""
    half.once()
    action.window = "available"
    half.once(code=REBOOT)
    assert half.staged and server.sent == sent
    half.reboot()
    assert is_installed(half, release)


def test_of_parts_without_an_etag_that_were_cut_all_come_again(half, server, release):
    server.assign(release)

    def cut(handler):
        data = release.read_bytes()
        begin, end = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        handler.raw(f"HTTP/1.1 206 OK\r\nContent-Length: {end + 1 - begin}\r\n"
                    f"Content-Range: bytes {begin}-{end}/{len(data)}\r\n\r\n".encode(), data[begin:begin + 5000])
    server.on["artifact"] = [*[without_etag] * 3, cut]
    half.once(code=FAILURE)
    assert half.record["parts"] == 1 and half.record["durable"] > 0
    asked = len(server.requests("artifact"))
    half.once(code=REBOOT)
    assert ranges(server)[asked] == ranges(server)[0]


def test_a_server_without_parts_is_asked_for_them_once(box, server, release):
    """Or a day that takes the bundle, and no more, would never do."""
    box.configure(partial="auto", daily_bytes=release.stat().st_size + FIRST)
    server.assign(release)
    server.on["artifact"] = whole_file
    assert "leaves no more today" in box.once()
    assert box.record["parts"] == 2 and len(ranges(server)) == 2
    yesterday(box)
    box.once(code=REBOOT)
    assert box.staged and ranges(server)[2:] == [None]


def test_more_than_was_asked_for_ends_the_day(half, server, release):
    def generous(handler):
        data = release.read_bytes()
        begin = int(handler.headers["Range"].removeprefix("bytes=").split("-")[0])
        handler.reply(206, data[begin:], {"ETag": "x", "Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"})
    half.configure(partial="auto", daily_bytes="128K")
    server.assign(release)
    server.on["artifact"] = [lambda handler: send_file(handler, release.read_bytes(), "x"), generous]
    half.once(code=None)
    assert half.record["day_bytes"] <= 128 * KIB
    assert (half.folder / "bundle.keel").stat().st_size <= 128 * KIB
    for _ in range(4):
        half.once(code=None)
    assert half.record["day_bytes"] == 128 * KIB


def test_a_file_that_changes_again_and_again_is_given_up(half, server, release):
    """Each contact brings something, and nothing of it stays."""
    action = server.assign(release)
    tags = iter(range(10000))

    def restless(handler):
        tag = next(tags)
        send_file(handler, release.read_bytes(), f"e{tag // 3}")
    server.on["artifact"] = restless
    half.once(code=FAILURE)
    assert half.record["tries"] == 1
    half.once(code=FAILURE)
    assert half.record["tries"] == 2 and action.state == "running"


def test_so_is_one_whose_index_is_of_another_file_each_time(half, server, tmp_path):
    """It takes two requests, and each contact begins anew."""
    liar = tmp_path / "liar.keel"
    liar.write_bytes(index_of_size(100 << 10, 300 << 10))
    action, tags = server.assign(liar), iter(range(100))
    server.on["artifact"] = lambda handler: send_file(handler, liar.read_bytes(), f"e{next(tags)}")
    for _ in range(7):
        assert "another file" in half.once(code=FAILURE)
    half.once(code=None)
    half.once()
    assert action.told[-1] == "closed/failure" and half.record["others"] == 8


# ---------------------------------------------------------------- each second


def test_each_part_keeps_to_the_bandwidth(box, server, release):
    """Slower it may be, on a machine that has much to do: faster never, but for a first piece."""
    speed = 64 * KIB
    box.configure(partial="auto", bandwidth=speed)
    server.assign(release, download="forced", update="skip")
    begin = time.monotonic()
    box.once()
    taken = time.monotonic() - begin
    assert len(server.requests("artifact")) > 2 and taken > 0.8 * (server.sent - FIRST / 4) / speed
