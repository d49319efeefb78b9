# SPDX-License-Identifier: Apache-2.0
"""A server that was taken over: whatever it sends, memory and time stay bounded, one line says what is wrong, and the
running system and what is staged are untouched."""
import gzip
import itertools
import json
import resource
import subprocess

import pytest
from cli_device import FAILURE, OK, REBOOT
from ddi_server import Handler

MIB = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/hal+json\r\n"


def body(content, length=None):
    return lambda handler: handler.raw(HEAD + b"Content-Length: %d\r\n\r\n" % (length or len(content)), content)


def endless(first, piece, pause=0):
    return lambda handler: handler.raw(first, then=itertools.repeat(piece), pause=pause)


def links(**names):
    return json.dumps({"config": {"polling": {"sleep": "00:05:00"}},
                       "_links": {name: {"href": href} for name, href in names.items()}}).encode()


# Made before it is asked for: the device waits for two seconds.
BOMB = gzip.compress(b"{}" + b" " * 50 * MIB, 1)
ANSWERS = {
    "1 GB of JSON": (endless(HEAD + b"Content-Length: 1073741824\r\n\r\n{\"a\":\"", b"x" * 65536), "more than 256 KiB"),
    "JSON without end": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10\r\n" + b"[" * 16 + b"\r\n"),
                         "more than 256 KiB"),
    "nesting": (body(b'{"a":' * 10000 + b"1" + b"}" * 10000), "JSON that nests too deep"),
    "lists": (body(b'{"a":' + b"[" * 10000 + b"]" * 10000 + b"}"), "JSON that nests too deep"),
    "HTML": (body(b"<!doctype html><title>Log in to the hotel</title>"), "no JSON"),
    "nothing": (body(b""), "an empty answer"),
    "half of it": (body(b'{"config": {"polling"'), "JSON that ends too early"),
    "two documents": (body(b"{} {}"), "more than one JSON document"),
    "a list": (body(b"[]"), "JSON that is no object"),
    "null": (body(b"null"), "JSON that ends too early"),
    "bytes": (body(bytes(range(256))), "no JSON"),
    "NUL": (body(b'{"a":1}\0'), "more than one JSON document"),
    "no UTF-8": (body(b'{"\xff\xfe": 1}'), "no JSON"),
    "headers without end": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: %s\r\n" % (b"y" * 1000)), "headers without end"),
    "one long header": (endless(b"HTTP/1.1 200 OK\r\nX-More: ", b"y" * 65536), "headers without end"),
    "100 without end": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "headers without end"),
    "a length that is too large": (body(b"{}", 4000), "closed with 3998 bytes remaining"),
    "a length that is no number": (lambda h: h.raw(HEAD + b"Content-Length: many\r\n\r\n{}"), "Invalid Content-Length"),
    "no HTTP": (lambda h: h.raw(b"220 mail.example.com ESMTP\r\n"), "does not speak HTTP: is the port right?"),
    "nothing at all": (lambda h: h.raw(), "closes the connection without an answer"),
    "gzip": (lambda h: h.reply(200, BOMB, {"Content-Encoding": "gzip"}),
             "packs its answer"),
    "gzip that is not announced": (body(gzip.compress(b"{}")), "no JSON"),
    "links of other types": (body(b'{"_links": {"deploymentBase": "x"}}'), "links that cannot be read"),
    "an id with a path": (body(links(deploymentBase="http://h/a/deploymentBase/../../etc")), "links that cannot"),
    "an id without end": (body(links(deploymentBase="http://h/deploymentBase/" + "1" * 500)), "links that cannot"),
    "control characters": (body(b'{"_links": {"cancelAction": {"href": "http://h/cancelAction/1\\u001b[2J"}}}'),
                           "links that cannot"),
}


def limited():
    """256 MiB of addresses are plenty, and ten seconds of processor time."""
    resource.setrlimit(resource.RLIMIT_AS, (256 * MIB, 256 * MIB))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


@pytest.mark.parametrize("kind", ["poll", "deployment", "confirmation", "cancel"])
def test_an_answer_that_is_none_costs_one_contact(fleet, server, bundle, kind):
    action = server.assign(bundle)
    if kind == "cancel":
        server.cancel(action)
    server.confirmation = action.id if kind == "confirmation" else None
    fleet.configure(timeout=2, confirm="true")
    for name, (answer, says) in ANSWERS.items():
        if kind != "poll" and says.startswith("links that cannot"):
            continue
        server.on[kind] = answer
        said = fleet("once", code=FAILURE, preexec_fn=limited)
        assert server.longest() < 8 and fleet.was_within(8), name
        lines = [line for line in said.splitlines() if "the token is sent unencrypted" not in line]
        assert len(lines) == 1 and says in lines[0] and "\x1b" not in said, (name, said)
        assert not fleet.staged and not server.requests("artifact"), name
    del server.on[kind]
    fleet.once(code=None)
    assert bool(fleet.staged) == (kind != "cancel")


@pytest.mark.parametrize("kind", ["poll", "artifact"])
def test_a_body_that_trickles_ends_after_the_timeout(fleet, server, bundle, kind):
    server.assign(bundle)
    fleet.configure(timeout=2)
    head = HEAD + b"Content-Length: %d\r\n\r\n" % bundle.stat().st_size
    server.on[kind] = endless(head, b" ", pause=0.2)
    said = fleet.once(code=FAILURE)
    assert 1.5 < server.longest() < 8 and fleet.was_within(8)
    assert "no whole answer in time" in said or "too slow" in said


def test_what_is_staged_survives_every_one_of_them(fleet, server, bundle):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    record, before = fleet.record, fleet.dev.state.read_bytes()
    fleet.configure(timeout=1)
    for answer, _ in ANSWERS.values():
        server.on["poll"] = answer
        fleet.once(code=REBOOT)
    assert fleet.record == record and fleet.dev.state.read_bytes() == before and fleet.staged


# ---------------------------------------------------------------- deployments that lie


def changed(server, action, **artifact):
    def answer(handler):
        one = {**handler.artifact_of(action, action.name), **artifact}
        one = {key: value for key, value in one.items() if value is not None}
        handler.reply(200, {"id": action.id, "deployment": {
            "download": "forced", "update": "forced",
            "chunks": [{"part": "os", "version": "1", "name": "x", "artifacts": [one]}]}})
    server.on["deployment"] = answer


@pytest.mark.parametrize("artifact", [
    {"size": -1}, {"size": 0}, {"size": 1 << 63}, {"size": 10 ** 30}, {"size": 1.5}, {"size": "1"}, {"size": None},
    {"_links": None}, {"_links": []}, {"_links": {"download": {"href": 7}}}, {"_links": {}},
    {"hashes": {"sha256": "x" * 65}},
], ids=str)
def test_an_artifact_out_of_bounds_is_not_fetched(fleet, server, bundle, artifact):
    changed(server, server.assign(bundle), **artifact)
    assert "a deployment that cannot be read" in fleet.once(code=FAILURE)
    assert not server.requests("artifact") and not fleet.staged


@pytest.mark.parametrize("name", [7, "x" * 300 + ".keel", "\x1b[2J.keel"], ids=["number", "long", "escape"])
def test_nor_is_one_whose_name_cannot_be_read_and_that_is_answered(fleet, server, bundle, name):
    action = server.assign(bundle)
    changed(server, action, filename=name)
    fleet.once()
    assert action.told == ["closed/failure"] and "the action has 0 bundles" in action.messages[0]
    assert "\x1b" not in fleet.said + fleet("status") and not server.requests("artifact") and not fleet.staged


def test_another_action_than_the_one_asked_for_is_not_taken(fleet, server, bundle):
    action = server.assign(bundle)
    server.on["deployment"] = lambda handler: handler.reply(200, {"id": "2", "deployment": {
        "download": "forced", "update": "forced",
        "chunks": [{"artifacts": [handler.artifact_of(action, action.name)]}]}})
    assert "another action" in fleet.once(code=FAILURE)


def test_a_name_never_becomes_a_path(fleet, server, bundle):
    changed(server, server.assign(bundle), filename="../../../etc/passwd.keel")
    fleet.once(code=REBOOT)
    assert sorted(path.name for path in fleet.folder.iterdir()) == ["action.json", "action.json.new", "lock"]


def test_more_bytes_than_announced_are_not_kept(fleet, server, bundle):
    changed(server, server.assign(bundle), size=5000)
    assert "larger than announced" in fleet.once(code=FAILURE)
    assert (fleet.folder / "bundle.keel").stat().st_size <= 5000 and not fleet.staged


def test_more_bytes_than_announced_are_not_kept_where_no_length_is_said(fleet, server, bundle):
    """Of what begins as a bundle."""
    changed(server, server.assign(bundle), size=5000)
    server.on["artifact"] = lambda handler: handler.raw(b"HTTP/1.1 200 OK\r\n\r\n", bundle.read_bytes())
    assert "larger than announced" in fleet.once(code=FAILURE)
    assert (fleet.folder / "bundle.keel").stat().st_size <= 5000 and not fleet.staged


def test_fewer_bytes_than_announced_are_not_staged(fleet, server, bundle):
    changed(server, server.assign(bundle), size=bundle.stat().st_size + 1)
    assert "the server sends" in fleet.once(code=FAILURE)
    assert not fleet.staged


@pytest.mark.parametrize("head, says", [
    (b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n", "another part"),
    (b"HTTP/1.1 206 Partial\r\nContent-Length: 5\r\n\r\n", "another part"),
    (b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 99999999999999999999-/1\r\nContent-Length: 5\r\n\r\n", "another"),
    (b"HTTP/1.1 204 Nothing\r\n\r\n", "the server answers 204"),
    (b"HTTP/1.1 203 Other\r\nContent-Length: 5\r\n\r\n", "something that is no bundle"),
], ids=["elsewhere", "nowhere", "too far", "204", "203"])
def test_another_part_than_asked_for_is_not_taken(fleet, server, bundle, head, says):
    server.assign(bundle)
    server.on["artifact"] = lambda handler: handler.raw(head, b"12345")
    assert says in fleet.once(code=FAILURE)
    assert not fleet.staged


def test_a_range_answered_with_200_begins_anew(fleet, server, bundle):
    from ddi_server import cut_after
    server.assign(bundle)
    data = bundle.read_bytes()
    server.on["artifact"] = [cut_after(5000), lambda handler: handler.reply(200, data)]
    fleet.once(code=REBOOT)
    assert "Range" in server.requests("artifact")[1] and fleet.staged


# ---------------------------------------------------------------- what it can and cannot do


def test_it_cannot_forge_and_cannot_make_a_device_go_back(fleet, server, factory):
    for bundle in (factory("9.0", 90, key="stranger"), factory("0.9", 5), factory("9.0", 90, compatible="other")):
        server.assign(bundle)
        for _ in range(3):
            fleet.once(code=None)
        assert not fleet.staged and server.actions[-1].state == "error"


def test_it_cannot_mix(fleet, server, factory, bundle):
    """The first half of one release and the second of another."""
    one, other = bundle.read_bytes(), factory("3.0", 30).read_bytes()
    server.assign(bundle)
    mixed = one[:len(one) // 2] + other[len(one) // 2:]
    server.on["artifact"] = lambda handler: handler.reply(200, mixed[:len(one)].ljust(len(one), b"\0"))
    fleet.once(code=FAILURE)
    fleet.once()
    assert not fleet.staged and server.actions[-1].state == "error"


def test_it_can_withhold_and_the_system_runs_on(fleet, server, bundle):
    server.on["poll"] = lambda handler: handler.reply(200, {"config": {"polling": {"sleep": "23:59:59"}}})
    server.assign(bundle)
    fleet.once(code=OK)
    assert not fleet.staged and fleet.dev.slot("a")["state"] == "good"


def test_it_learns_no_token_and_no_address_from_what_is_said(fleet, server, bundle):
    """In attributes, and in what is said of an update that fell back, with its last words."""
    bodies = []
    action = server.assign(bundle)
    for kind, own in ("feedback", None), ("attributes", Handler.take_attributes):
        def note(handler, own=own):
            bodies.append(json.dumps(handler.body))
            (own or (lambda h: h.take_feedback(action.id, False)))(handler)
        server.on[kind] = note
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.fall_back("modem does not register")
    fleet.once()
    assert action.told[-1] == "closed/failure" and len(bodies) >= 4
    for body_of in bodies:
        assert "secret" not in body_of and str(fleet.token) not in body_of and "127.0.0.1" not in body_of


def test_a_sleep_of_a_year_is_a_day(fleet, server):
    server.on["poll"] = lambda handler: handler.reply(200, {"config": {"polling": {"sleep": "99:00:00"}}})
    process = subprocess.Popen(list(map(str, fleet.command("run", "--now"))), env=fleet.environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stdout.readline()
    process.terminate()
    process.communicate(timeout=10)
    assert int(line.split()[3]) <= 86400
