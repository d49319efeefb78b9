# SPDX-License-Identifier: Apache-2.0
"""[fleet] partial= is auto where nobody sets it: what comes then where slots have little of a bundle, or change; and
that parts never take more than the whole bundle."""
import random
import re

import pytest
from channel_site import private_key
from cli_device import FAILURE, KIB, MIB, OK, REBOOT, add_event, run
from ddi_server import send_file
from parts_box import CHUNK, CHUNKS, fill, index_of, is_installed
from test_fleet_partial import DROPPED

SURPLUS = 64 * KIB      # of the first request, at most, which brings the index


@pytest.fixture(name="plain")
def make_plain(fleet):
    """A device whose system.conf does not name partial=."""
    fleet.configure(partial=None)
    return fleet


def spans(server):
    """Each request's first byte and last one."""
    return [tuple(map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", headers["Range"]).groups()))
            for headers in server.requests("artifact")]


def is_partial(box):
    return box.dev.json("status")["staged"]["partial"] is not None


def change_slots(box, release):
    """Of the chunks that were found in a slot, one has other bytes now; and what a boot says then."""
    fill(box.dev.slots["a"], release, [0, 20, 25, 40])
    box.dev("unstage")
    add_event(box.dev, "refused", version="2.0", sequence=20, reason="a slot has changed", detail=DROPPED)


def test_parts_are_fetched_where_nobody_sets_it(plain, server, release):
    fill(plain.dev.slots["a"], release, [0, 20, 40])
    server.assign(release)
    plain.once(code=REBOOT)
    assert is_partial(plain) and server.sent <= SURPLUS + 1.02 * 3 * 33 * KIB
    plain.reboot()
    assert is_installed(plain, release)


def test_where_slots_have_nothing_the_whole_bundle_comes_and_no_byte_twice(plain, server, release):
    server.assign(release)
    assert "slots have nothing of acme-2.0.keel" in plain.once(code=REBOOT)
    assert server.sent == release.stat().st_size and not is_partial(plain)
    assert plain.record["parts"] == 0
    plain.reboot()
    assert is_installed(plain, release)


def test_what_was_begun_so_goes_on_as_a_whole(plain, server, release):
    """Its index is not asked for again."""
    plain.configure(partial=None, daily_bytes="400K")
    server.assign(release)
    for days in range(1, 9):
        plain.once(code=None)
        if plain.staged:
            break
        plain.change(day=plain.record["day"] - 1)
    assert plain.staged and days > 2 and server.sent == release.stat().st_size


def test_a_whole_bundle_that_is_too_large_ends_behind_its_index(plain, server, release):
    size = release.stat().st_size
    plain.configure(partial=None, max_bytes=size - 1)
    action = server.assign(release)
    plain.once()
    assert action.told[-1] == "closed/failure" and server.sent == SURPLUS
    assert f"its download has {size} bytes, and this device allows {size - 1}" in "\n".join(action.messages)


def test_where_only_parts_are_allowed_all_of_it_comes_as_parts(plain, server, release):
    plain.configure(partial="require")
    server.assign(release)
    plain.once(code=REBOOT)
    assert is_partial(plain) and server.sent == release.stat().st_size


@pytest.mark.parametrize("seed", range(4))
def test_no_byte_comes_twice_but_for_what_came_with_the_index(plain, server, release, seed):
    rng = random.Random(seed)
    for slot in "ab":
        fill(plain.dev.slots[slot], release, rng.sample(range(CHUNKS), 16 * seed + 8))
    server.assign(release)
    plain.once(code=REBOOT)
    asked = spans(server)
    assert asked == sorted(asked) and all(one[1] < other[0] for one, other in zip(asked, asked[1:]))
    assert server.sent <= release.stat().st_size
    plain.reboot()
    assert is_installed(plain, release)


def make(factory, folder, data, *options):
    (folder / "new.img").write_bytes(data)
    run("bundle", "create", "-o", folder / "new-2.0.keel", "--compatible", "test-board", "--version", "2.0",
        "--sequence", 20, "--level", 1, "--sig-capacity", "1K", "--image", f"root={folder / 'new.img'}",
        "--key", private_key(factory), *options, code=OK)
    return folder / "new-2.0.keel"


def test_a_bundle_with_the_frames_that_are_made_without_being_asked_for(plain, server, factory, tmp_path):
    """All chunks before one that is wanted come, of its frame of 4 MiB."""
    rng = random.Random(5)
    data = b"".join(rng.randbytes(CHUNK // 2) + b"text %d " % i * 9000 for i in range(97))[:6 * MIB]
    bundle = make(factory, tmp_path, data)
    old = bytearray(data + bytes(2 * MIB))
    old[5 * MIB] ^= 1           # of the second frame
    plain.dev.slots["a"].write_bytes(old)
    server.assign(bundle)
    plain.once(code=REBOOT)
    assert is_partial(plain) and server.sent < bundle.stat().st_size / 3


def test_a_bundle_that_comes_with_the_first_request_is_not_asked_for_again(plain, server, factory, tmp_path):
    bundle = make(factory, tmp_path, random.Random(2).randbytes(20 * KIB) + bytes(KIB))
    assert index_of(bundle) < bundle.stat().st_size < SURPLUS
    server.assign(bundle)
    plain.once(code=REBOOT)
    assert len(server.requests("artifact")) == 1 and server.sent == bundle.stat().st_size


def test_after_a_second_change_of_a_slot_the_whole_bundle_is_fetched_and_that_is_said(box, server, release):
    """As of a root that is written to: what it has now, it need not have at the boot."""
    action = server.assign(release)
    box.once(code=REBOOT)
    change_slots(box, release)
    assert "parts of acme-2.0.keel are fetched anew, since a slot has changed" in box.once(code=REBOOT)
    assert is_partial(box)
    change_slots(box, release)
    before = server.sent
    assert "all bytes of acme-2.0.keel are fetched anew, since a slot has changed again" in box.once(code=REBOOT)
    assert not is_partial(box) and server.sent - before == release.stat().st_size
    assert "all of acme-2.0.keel was fetched, since a slot has changed twice" in action.messages
    box.reboot()
    assert is_installed(box, release) and "closed/failure" not in action.told


@pytest.mark.parametrize("keys", [{"partial": "require"}, {"partial": "auto", "max_bytes": "200K"}])
def test_but_not_where_that_is_forbidden(box, server, release, keys):
    box.configure(**keys)
    action = server.assign(release)
    for _ in range(2):
        box.once(code=REBOOT)
        change_slots(box, release)
    for _ in range(2):
        box.once(code=None)
        if not box.staged:
            break
        change_slots(box, release)
    box.once()
    assert action.told[-1] == "closed/failure" and server.sent < release.stat().st_size


def test_a_slot_that_changes_while_parts_are_fetched_has_them_fetched_anew(box, server, release):
    """Staging finds that, before any boot."""
    def change(handler):
        fill(box.dev.slots["a"], release, [0, 20, 25, 40])
        handler.send_artifact(release.name)
    server.assign(release)
    server.on["artifact"] = [None, change]
    assert "fetched anew, since a slot has changed" in box.once(code=FAILURE)
    box.once(code=REBOOT)
    assert box.staged and box.record["anew"] == 1


def damage(handler):
    """Of what comes behind the index."""
    data = bytearray(handler.server.actions[-1].bundle.read_bytes())
    for at in range(SURPLUS, len(data), 3000):
        data[at] ^= 1
    send_file(handler, bytes(data))


def test_what_is_damaged_behind_a_change_of_a_slot_is_fetched_once_more(box, server, release):
    """The two count apart."""
    action = server.assign(release)
    box.once(code=REBOOT)
    change_slots(box, release)
    server.on["artifact"] = lambda handler: damage(handler)
    assert "it is fetched anew" in box.once(code=FAILURE)
    assert box.record["phase"] == "seen"
    del server.on["artifact"]
    box.once(code=REBOOT)
    assert box.staged and "closed/failure" not in action.told


def test_a_slot_that_changes_behind_damage_has_parts_fetched_anew(box, server, release):
    server.assign(release)
    server.on["artifact"] = lambda handler: damage(handler)
    assert "it is fetched anew" in box.once(code=FAILURE)
    del server.on["artifact"]
    box.once(code=REBOOT)
    change_slots(box, release)
    assert "parts of acme-2.0.keel are fetched anew, since a slot has changed\n" in box.once(code=REBOOT)
    assert is_partial(box)
