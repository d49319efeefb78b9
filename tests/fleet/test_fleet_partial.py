# SPDX-License-Identifier: Apache-2.0
"""[fleet] partial=: only what no slot has is fetched, from a server that counts what it sends."""
import hashlib
import re

import pytest
from cli_device import FAILURE, KIB, REBOOT, TOP, add_event
from ddi_server import send_file
from parts_box import CHUNKS, fill, index_of, is_installed

WHOLE = "all of acme-2.0.keel was fetched, since its parts cannot be had"
DROPPED = re.search(r'DROPPED "(.*)"', (TOP / "update/wire/partial_form.h").read_text())[1]


def test_only_what_no_slot_has_is_fetched(box, server, release):
    action = server.assign(release)
    said = box.once(code=REBOOT)
    assert box.staged and "slots have all of acme-2.0.keel but" in said
    # Three chunks of 33 KiB, and the first request, which has more than the index.
    assert server.sent <= 64 * KIB + 1.02 * 3 * 33 * KIB
    assert server.sent < release.stat().st_size / 6
    downloads = server.requests("artifact")
    assert all("Range" in headers for headers in downloads) and 2 <= len(downloads) <= 4
    assert action.told == ["proceeding/none"] * 2
    box.reboot()
    assert is_installed(box, release)
    box.good()
    box.once()
    assert action.told[-1] == "closed/success"


def test_one_connection_for_all_ranges(box, server, release):
    fill(box.dev.slots["a"], release, range(0, CHUNKS, 2))
    fill(box.dev.slots["b"], release, range(0, CHUNKS, 2))
    before = server.connections
    server.assign(release)
    box.once(code=REBOOT)
    ranges = len(server.requests("artifact"))
    assert ranges > 25 and box.staged
    assert server.connections - before < 10
    assert server.sent <= 1.02 * (index_of(release) + 32 * 33 * KIB) + 64 * KIB


def test_a_server_without_ranges_gives_the_whole_bundle_and_that_is_said(box, server, release):
    server.on["artifact"] = lambda handler: handler.reply(200, release.read_bytes(), {"ETag": "x"})
    action = server.assign(release)
    said = box.once(code=REBOOT)
    assert "all of acme-2.0.keel is fetched, since the server sends no parts of it" in said
    assert box.staged and WHOLE in action.messages


def test_where_parts_come_no_such_thing_is_reported(box, server, release):
    fill(box.dev.slots["a"], release, range(20))
    action = server.assign(release)
    box.once(code=REBOOT)
    assert box.staged and action.messages and WHOLE not in action.messages


def test_or_none_where_that_is_forbidden(box, server, release):
    box.configure(partial="require")
    server.on["artifact"] = lambda handler: handler.reply(200, release.read_bytes(), {"ETag": "x"})
    action = server.assign(release)
    for _ in range(7):
        assert "the server sends no parts of it" in box.once(code=FAILURE)
    assert len(server.requests("artifact")) == 7 and not box.staged
    box.once(code=FAILURE)
    assert action.told[-1] == "closed/failure"


def cut_ranges(data, length):
    """Each answer ends after so many bytes."""
    def answer(handler):
        begin, end = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        end = min(end + 1, len(data))
        handler.server.sent += min(length, end - begin)
        handler.raw(f"HTTP/1.1 206 OK\r\nContent-Length: {end - begin}\r\nETag: {hashlib.sha1(data).hexdigest()}\r\n"
                    f"Content-Range: bytes {begin}-{end - 1}/{len(data)}\r\n\r\n".encode(),
                    data[begin:begin + min(length, end - begin)])
    return answer


def test_a_cut_goes_on_where_it_ended(box, server, release):
    data = release.read_bytes()
    fill(box.dev.slots["a"], release, range(0, CHUNKS, 2))
    fill(box.dev.slots["b"], release, range(0, CHUNKS, 2))
    server.assign(release)
    server.on["artifact"] = [None] + [cut_ranges(data, 20 * KIB)] * 24
    box.once(code=FAILURE)
    before = server.sent
    assert 64 * KIB < before < 450 * KIB and box.record["parts"] == 1
    assert box.record["durable"] > 180 * KIB
    server.on["artifact"] = None
    box.once(code=REBOOT)
    assert box.staged
    assert server.sent <= 1.02 * (index_of(release) + 32 * 33 * KIB) + 64 * KIB
    box.reboot()
    assert is_installed(box, release)


def test_another_file_on_the_server_begins_anew(box, server, release, bundle):
    server.assign(release)
    server.on["artifact"] = [None, lambda handler: send_file(handler, bundle.read_bytes())]
    assert "the server has another file than the one that was begun" in box.once(code=FAILURE)
    assert box.record["etag"] == ""
    box.once(code=REBOOT)
    assert box.staged


def test_one_404_of_a_range_does_not_close_the_action(box, server, release):
    action = server.assign(release)
    server.on["artifact"] = [None, lambda handler: handler.reply(404)]
    box.once(code=FAILURE)
    assert action.told == ["proceeding/none"]
    box.once(code=REBOOT)
    assert box.staged


def test_a_range_of_another_file_is_not_taken(box, server, release):
    """A cache on the way that pays no heed to If-Range."""
    def other(handler):
        begin, end = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        handler.reply(206, bytes(end + 1 - begin), {
            "ETag": '"another"', "Content-Range": f"bytes {begin}-{end}/{release.stat().st_size}"})
    server.assign(release)
    server.on["artifact"] = [None, other]
    assert "the server has another file than the one that was begun" in box.once(code=FAILURE)
    assert box.record["etag"] == ""
    box.once(code=REBOOT)
    assert box.staged and box.record["anew"] == 0


@pytest.mark.parametrize("half", [False, True])
def test_a_slot_that_changed_before_the_boot_has_it_fetched_anew(box, server, release, factory, half):
    """half: the other one is half written."""
    action = server.assign(release)
    box.once(code=REBOOT)
    if half:
        box.half_written(factory("3.0", 30))
        box.once(code=REBOOT)
        fill(box.dev.slots["b"], release, [0, *range(20, 31), 40, 50])
    fill(box.dev.slots["a"], release, [0, 20, 25, 40])
    before = box.dev.slots["b"].read_bytes()
    refused = box.dev("install", box.dev.json("status")["staged"]["path"], code=None).stderr
    assert "chunk 25 is neither in the partial bundle nor in a slot" in refused
    assert box.dev.slots["b"].read_bytes() == before
    # What the boot does then, by apply_staged.c: it forgets it, and says why.
    box.dev("unstage")
    add_event(box.dev, "refused", version="2.0", sequence=20, reason="x" * 200, detail=DROPPED)
    box.once(code=REBOOT)
    assert box.staged
    box.reboot()
    assert is_installed(box, release)
    assert "closed/failure" not in action.told


def test_what_a_boot_refused_for_another_reason_is_not_fetched_anew(box, server, release):
    """Whatever words it has: they may be a person's, or another release's."""
    action = server.assign(release)
    box.once(code=REBOOT)
    box.dev("unstage")
    add_event(box.dev, "refused", version="2.0", sequence=20, reason="rejected: fetch it again", detail="data")
    box.once()
    assert action.told[-1] == "closed/failure" and not box.staged


def test_what_the_device_would_refuse_is_not_fetched(box, server, release):
    box.dev.configure("[fleet]\n" + (box.dev.root / "etc/keelboot/system.conf").read_text().split("[fleet]\n")[1])
    conf = box.dev.root / "etc/keelboot/system.conf"
    conf.write_text(conf.read_text().replace("compatible=test-board", "compatible=other-board"))
    action = server.assign(release)
    said = box.once()
    assert 'refused: made for "test-board", but this device is "other-board"' in said
    assert server.sent <= 64 * KIB and action.told[-1] == "closed/failure"


def test_a_lying_server_gets_nothing_in(box, server, release):
    """It sends other bytes in the ranges, and in the index."""
    data = bytearray(release.read_bytes())
    begin = index_of(release)
    for at in range(begin + 10, len(data), 3000):
        data[at] ^= 1
    server.on["artifact"] = lambda handler: send_file(handler, bytes(data))
    before = box.dev.slots["b"].read_bytes()
    action = server.assign(release)
    box.once(code=FAILURE)
    box.once()
    assert action.told[-1] == "closed/failure" and not box.staged
    data[600] ^= 1
    server.assign(release)
    box.once(code=FAILURE)
    assert not box.staged and box.dev.slots["b"].read_bytes() == before


@pytest.mark.parametrize("answer, says", [
    ({"Content-Range": "bytes 0-99/100"}, "another size"),
    ({"Content-Range": "bytes 5-65540/999999999"}, "another part than asked for"),
    ({}, "another part than asked for"),
])
def test_heads_that_lie_end_the_request(box, server, release, answer, says):
    server.on["artifact"] = lambda handler: handler.reply(206, bytes(100), {"ETag": "x", **answer})
    server.assign(release)
    assert says in box.once(code=FAILURE)
    assert not box.staged


def test_a_whole_download_that_was_begun_goes_on_as_such(box, server, release):
    box.configure()
    data = release.read_bytes()
    server.assign(release)
    etag = hashlib.sha1(data).hexdigest()
    server.on["artifact"] = [lambda handler: handler.raw(
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nETag: {etag}\r\n\r\n".encode(), data[:500_000]),
        lambda handler: handler.reply(503)]
    box.once(code=FAILURE)
    box.configure(partial="auto")
    box.once(code=REBOOT)
    assert box.staged and server.requests("artifact")[-1]["Range"] == "bytes=500000-"


def test_and_parts_are_not_taken_for_the_beginning_of_a_whole_one(box, server, release):
    server.assign(release)
    server.on["artifact"] = [None, lambda handler: handler.reply(503)]
    box.once(code=FAILURE)
    assert box.record["parts"] == 1
    box.configure(partial="no")
    box.once(code=REBOOT)
    assert box.staged and box.record["parts"] == 0
    box.reboot()
    assert is_installed(box, release)


def test_a_channel_has_its_parts_fetched_as_well(device, publish, site, release):
    device.configure(partial="auto")
    fill(device.dev.slots["a"], release, [0, 20, 40, 41, 42])
    fill(device.dev.slots["b"], release, [0, *range(20, 31), 40, 50])
    publish(release)
    before = site.sent
    device.once(code=REBOOT)
    assert device.staged and site.sent - before < 64 * KIB + 1.02 * 3 * 33 * KIB + 8 * KIB
    device.reboot()
    assert is_installed(device, release)
