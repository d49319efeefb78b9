# SPDX-License-Identifier: Apache-2.0
"""What comes in the place of an answer: the page of a portal or a proxy where a bundle was asked for, bodies that are
packed, and bodies that nobody reads."""
import gzip
import itertools

import pytest
from cli_device import FAILURE, OK, REBOOT
from ddi_server import Server, cut_after
from parts_box import index_of

PAGE = b"<!doctype html><title>Log in to the hotel</title>" + b"<p>Welcome!</p>" * 40
GZIP = {"Content-Encoding": "gzip", "Content-Type": "text/html"}
HEAD = "HTTP/1.1 {} x\r\nContent-Type: text/html\r\n"
KIB = 1 << 10


def show(handler):
    handler.reply(200, PAGE, kind="text/html")


def show_chunks(handler):
    """Without a length."""
    handler.raw((HEAD.format(200) + "Transfer-Encoding: chunked\r\n\r\n").encode(),
                b"%x\r\n%s\r\n" % (1, PAGE[:1]), b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE) - 1, PAGE[1:]))


def show_until_the_end(handler):
    handler.raw(HEAD.format(200).encode() + b"\r\n", PAGE)


def show_more(handler):
    """Larger than any bundle."""
    handler.raw((HEAD.format(200) + "Content-Length: 1073741824\r\n\r\n").encode(), then=itertools.repeat(PAGE * 100))


PAGES = {"a length": show, "chunks": show_chunks, "until the connection ends": show_until_the_end, "1 GB": show_more}


def ranges(server):
    return [headers.get("Range") for headers in server.requests("artifact")]


@pytest.mark.parametrize("partial", ["auto", "require"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_the_place_of_the_first_range_leads_to_no_whole_download(box, server, release, name, partial):
    box.configure(partial=partial)
    action = server.assign(release)
    server.on["artifact"] = [PAGES[name]]
    said = box.once(code=FAILURE)
    assert "a page" in said and said.count("\n") <= 3 and "all of" not in said, said
    assert len(ranges(server)) == 1 and box.record["parts"] == 0 and action.state == "running"
    box.once(code=REBOOT)
    assert box.staged and server.sent < release.stat().st_size / 6 and None not in ranges(server)


def test_a_page_after_the_index_takes_nothing_away(box, server, release):
    server.assign(release)
    server.on["artifact"] = [None, show]
    assert "the server sends a page in the place of the bundle" in box.once(code=FAILURE)
    begun, etag = box.record["durable"], box.record["etag"]
    assert begun >= index_of(release) and etag and box.record["others"] == 0
    server.on["artifact"] = [show_chunks]
    box.once(code=FAILURE)
    assert (box.record["durable"], box.record["etag"]) == (begun, etag)
    box.once(code=REBOOT)
    assert box.staged and [wanted for wanted in ranges(server) if wanted == "bytes=0-65535"] == ["bytes=0-65535"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_a_download_takes_nothing_away(fleet, server, bundle, name):
    server.assign(bundle)
    server.on["artifact"] = [cut_after(5000), PAGES[name]]
    said = fleet.once(code=FAILURE)
    announced = f"the server sends {len(PAGE)} of {bundle.stat().st_size} bytes: a page is in the place of the bundle"
    assert (announced if name == "a length" else "a page") in said
    assert fleet.record["durable"] == 5000 and fleet.record["others"] == 0
    assert (fleet.folder / "bundle.keel").read_bytes() == bundle.read_bytes()[:5000]
    fleet.once(code=REBOOT)
    assert fleet.staged and ranges(server)[-1] == "bytes=5000-"


def test_a_page_costs_a_day_no_more_than_what_may_lie_unread(fleet, server, bundle):
    fleet.configure(daily_bytes="1M")
    server.assign(bundle)
    server.on["artifact"] = [show_more]
    fleet.once(code=FAILURE)
    assert fleet.record["day_bytes"] <= 128 * KIB


def in_chunks(data):
    """The whole bundle, by a server that says no length of what it makes."""
    return lambda handler: handler.raw((HEAD.format(200) + "Transfer-Encoding: chunked\r\n\r\n").encode(), *(
        b"%x\r\n%s\r\n" % (len(data[at:at + 50000]), data[at:at + 50000]) for at in range(0, len(data), 50000)),
        b"0\r\n\r\n")


@pytest.mark.parametrize("partial", ["auto", "no"])
def test_a_bundle_without_a_length_is_taken(box, server, release, partial):
    box.configure(partial=partial)
    server.assign(release)
    server.on["artifact"] = in_chunks(release.read_bytes())
    said = box.once(code=REBOOT)
    assert box.staged and ("all of acme-2.0.keel is fetched, since" in said) == (partial == "auto")


# ---------------------------------------------------------------- packed


@pytest.mark.parametrize("status, says", [(401, "(401)"), (404, "(404)"), (429, "(429)"), (503, "it has an error")])
def test_an_error_that_is_packed_is_that_error(fleet, server, status, says):
    server.on["poll"] = lambda handler: handler.reply(status, gzip.compress(PAGE), {**GZIP, "Retry-After": "600"})
    said = fleet.once(code=FAILURE)
    assert f"answers {status}" in said and says in said and "packs" not in said


def test_a_410_that_is_packed_ends_the_action(fleet, server, bundle):
    action = server.assign(bundle)
    server.on["artifact"] = lambda handler: handler.reply(410, gzip.compress(PAGE), GZIP)
    fleet.once()
    assert action.told[-1] == "closed/failure"


@pytest.mark.parametrize("kind", ["poll", "deployment", "artifact"])
def test_what_is_packed_and_wanted_is_refused_in_one_line(fleet, server, bundle, kind):
    server.assign(bundle)
    server.on[kind] = lambda handler: handler.reply(200, gzip.compress(b"{}"), GZIP)
    said = fleet.once(code=FAILURE)
    assert said.count("the server packs its answer, which was not asked for") == 1 and not fleet.staged


def test_nothing_packed_is_asked_for(fleet, server, bundle):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    assert {"poll", "deployment", "artifact", "feedback"} <= {kind for kind, _ in server.seen}
    assert all(headers.get("Accept-Encoding") == "identity" for _, headers in server.seen)


# ---------------------------------------------------------------- what nobody reads


def endless(status, pause=0.0):
    """A body that does not end."""
    head = (HEAD.format(status) + "Content-Length: 1073741824\r\n\r\n").encode()
    return lambda handler: handler.raw(head, then=itertools.repeat(b"x" * (16 if pause else 65536)), pause=pause)


def counted(handler, answer):
    """How many bytes of it were written before the device had enough."""
    write, sizes = handler.wfile.write, []
    handler.wfile.write = lambda data: (sizes.append(len(data)), write(data))
    try:
        answer(handler)
    except OSError:
        pass
    handler.server.stray = sum(sizes)


@pytest.mark.parametrize("pause", [0, 0.2], ids=["fast", "slow"])
@pytest.mark.parametrize("kind", ["feedback", "attributes"])
def test_an_answer_that_nobody_reads_is_bounded_and_its_status_counts(fleet, server, bundle, kind, pause):
    """A feedback with a 200 was taken: it is not sent again."""
    fleet.configure(timeout=2)
    server.assign(bundle)
    Server.stray, server.wants_attributes = 0, False
    server.on[kind] = [lambda handler: counted(handler, endless(200, pause))]
    said = fleet.once(code=REBOOT)
    assert server.longest() < 20 and fleet.was_within(20) and "time" not in said, said
    assert 0 < server.stray < 12 << 20
    asked = len(server.requests(kind))
    fleet.once(code=REBOOT)
    assert len(server.requests(kind)) == asked


@pytest.mark.parametrize("pause", [0, 0.2], ids=["fast", "slow"])
@pytest.mark.parametrize("kind, status, says", [("poll", 429, "(429)"), ("artifact", 404, "answers 404"),
                                                ("deployment", 503, "it has an error")])
def test_an_error_without_end_is_that_error(fleet, server, bundle, kind, status, says, pause):
    fleet.configure(timeout=2)
    server.assign(bundle)
    server.on[kind] = [endless(status, pause)]
    said = fleet.once(code=FAILURE)
    assert says in said and server.longest() < 10 and fleet.was_within(10)


def test_a_body_that_is_wanted_has_to_be_whole(fleet, server):
    fleet.configure(timeout=2)
    server.on["poll"] = [endless(200, 0.2)]
    assert "no whole answer in time" in fleet.once(code=FAILURE)
    assert fleet.once(code=OK) is not None
