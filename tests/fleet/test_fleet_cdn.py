# SPDX-License-Identifier: Apache-2.0
"""A cache before the server, as a CDN's: what it may keep, mix and forget. nginx is the cache; ours is what it asks."""
import itertools
import re
import time
import urllib.request

import nginx
import pytest
from cli_device import FAILURE, KIB, REBOOT, flip
from clock import Clock
from conftest import ByChannel
from ddi_server import send_file
from parts_box import CHUNKS, fill, is_installed
from wire import Wire

FILE = "stable.channel"
SLICES = ("slice 64k;", "proxy_cache_key $uri$slice_range;", "proxy_set_header Range $slice_range;",
          "proxy_http_version 1.1;", "proxy_cache_valid 200 206 1h;")
WHOLE = ("proxy_cache_valid 200 1h;",)


class Cdn:
    """A device, a cache and what stands behind it; the line is before the cache. Some of it may be forgotten."""

    def __init__(self, ready, publish, front, folder, wire):
        self.publish, self.site, self.front, self.wire = publish, publish.site, front, wire
        self.device = ByChannel(ready, front, folder)
        self.configure()

    def configure(self, **keys):
        self.device.configure(f"http://127.0.0.1:{self.wire.port}/{FILE}", **keys)

    def keep(self, lines, **modes):
        """A cache that is empty."""
        zone = f"cdn{time.monotonic_ns()}"
        self.front.set(http=f"proxy_cache_path {self.front.folder}/{zone} keys_zone={zone}:1m;",
                       proxy=[f"proxy_cache {zone};", *lines], **modes)

    def asked(self, name):
        """Of what stands behind the cache: the ranges."""
        return [headers.get("Range") for what, headers, *_ in self.site.seen if what == name]


@pytest.fixture(name="cdn")
def make_cdn(ready, publish, tmp_path):
    upstream = publish.site.url
    with nginx.running_or_skipped(tmp_path / "front", upstream=upstream) as front, Wire(front.port).running() as wire:
        yield Cdn(ready, publish, front, tmp_path, wire)


# ---------------------------------------------------------------- a cache that works


def test_slices_of_a_cache_serve_cuts_and_a_second_device_asks_for_nothing_more(cdn, bundle):
    cdn.keep(SLICES)
    cdn.publish(bundle)
    cdn.wire.cut = [300_000, 200_000]
    cdn.device.once(code=REBOOT)
    assert cdn.front.answers(bundle.name) == [200, 206, 206] and cdn.device.staged
    behind = cdn.asked(bundle.name)
    # The slice in which the line was cut is asked for once more.
    assert len(set(behind)) == -(-bundle.stat().st_size // (64 * KIB)) >= len(behind) - 2
    with urllib.request.urlopen(f"{cdn.front.url}/{bundle.name}") as answer:
        assert answer.read() == bundle.read_bytes()
    assert cdn.asked(bundle.name) == behind


def test_parts_come_from_slices(cdn, release):
    cdn.keep(SLICES)
    cdn.configure(partial="require")
    for slot in "ab":
        fill(cdn.device.dev.slots[slot], release, range(0, CHUNKS, 2))
    cdn.publish(release)
    cdn.device.once(code=REBOOT)
    assert set(cdn.front.answers(release.name)) == {206}
    cdn.device.reboot()
    assert is_installed(cdn.device, release)


# ---------------------------------------------------------------- old channel files


def test_a_channel_file_that_a_cache_keeps_is_the_latest_until_it_lets_go(cdn, bundle):
    cdn.keep(WHOLE)
    cdn.publish((bundle, "--percent", 0))
    cdn.device.once()
    cdn.publish(bundle)
    for _ in range(2):
        cdn.device.once()
    assert cdn.device.seen["sequence"] == 1 and cdn.asked(FILE) == [None]
    cdn.keep(WHOLE)
    cdn.device.once(code=REBOOT)
    assert cdn.device.seen["sequence"] == 2


def test_behind_a_newer_one_an_old_channel_file_of_a_cache_changes_nothing(cdn, bundle):
    """As of a CDN with two places, which a device meets by turns. One line says so, and what is staged stays."""
    old = cdn.publish((bundle, "--percent", 0)).read_bytes()
    new = cdn.publish(bundle).read_bytes()
    cdn.device.once(code=REBOOT)
    cdn.site.files[FILE] = old
    cdn.keep(WHOLE)
    for _ in range(3):
        said = cdn.device.once(code=REBOOT)
        assert said.count("not believed: its sequence is 1, and 2 was here before") == 1
    assert cdn.device.staged and cdn.asked(FILE)[1:] == [None]
    cdn.site.files[FILE] = new
    cdn.keep(WHOLE)
    assert "not believed" not in cdn.device.once(code=REBOOT)


def test_a_channel_file_that_a_cache_keeps_for_too_long_expires(cdn, bundle, tmp_path):
    clock = Clock(tmp_path)
    cdn.device.more = clock.environment
    cdn.keep(WHOLE)
    cdn.publish((bundle, "--percent", 0), valid=1)
    cdn.device.once()
    cdn.publish(bundle)
    clock.add(2 * 86400)
    assert re.search(r"not believed: it expired at [-0-9T:]+Z", cdn.device.once(code=FAILURE))
    cdn.keep(WHOLE)
    cdn.device.once(code=REBOOT)


def test_a_newer_bundle_of_the_same_name_which_a_cache_does_not_know_yet(cdn, factory, bundle):
    """So each bundle has a name of its own: this one is tried twice, and not before a newer channel file."""
    other = factory("3.0", 30)
    cdn.keep(("proxy_cache_valid 200 1h;", "proxy_cache_key $uri;"))
    cdn.publish(bundle)
    cdn.device.once(code=REBOOT)
    cdn.publish((other, "--url", bundle.name))
    cdn.site.files[bundle.name] = other.read_bytes()
    cdn.front.set(**{**cdn.front.modes, "server": [f"location = /{FILE} {{ proxy_pass {cdn.site.url}; }}"]})
    for _ in range(4):
        cdn.device.once(code=None)
    asked = len(cdn.front.answers(bundle.name))
    assert asked <= 4 and cdn.device.record["phase"] in ("failed", "staged")
    cdn.device.once(code=None)
    assert len(cdn.front.answers(bundle.name)) == asked


# ---------------------------------------------------------------- caches that mix


def shifting(data, cut=None):
    """As of a place for each request, whose ETags differ, and which pay no heed to If-Range."""
    tags = itertools.count()

    def answer(handler):
        del handler.headers["If-Range"]
        begin = int(re.search(r"\d+", handler.headers.get("Range", "0"))[0])
        tag = f'"{next(tags)}"'
        if cut is None:
            send_file(handler, data, tag)
        else:
            part = f"206 OK\r\nContent-Range: bytes {begin}-{len(data) - 1}/{len(data)}" if begin else "200 OK"
            handler.raw(f"HTTP/1.1 {part}\r\nETag: {tag}\r\nContent-Length: {len(data) - begin}\r\n\r\n".encode(),
                        data[begin:begin + cut])
    return answer


def test_a_file_that_is_exchanged_behind_a_cache_that_ignores_if_range_begins_anew(cdn, factory, bundle):
    cdn.front.set(proxy=['proxy_set_header If-Range "";'])
    cdn.publish(bundle)
    cdn.wire.cut = [400_000, 0]
    cdn.device.once(code=FAILURE)
    other = factory("3.0", 30)
    cdn.publish((other, "--url", bundle.name))
    cdn.site.files[bundle.name] = other.read_bytes()
    cdn.device.once(code=REBOOT)
    assert cdn.device.record["version"] == "3.0"


def contacts_until_it_is_given_up(cdn):
    number = 0
    while cdn.device.record["phase"] not in ("failed", "staged"):
        assert number < 30
        cdn.device.once(code=FAILURE)
        number += 1
    return number


def test_a_cache_that_always_has_another_file_on_a_line_that_is_cut_is_given_up(cdn, bundle):
    """Else it would be fetched for ever. A newer channel file tries it again."""
    cdn.publish(bundle)
    cdn.site.on[bundle.name] = shifting(bundle.read_bytes(), cut=300_000)
    cdn.device.once(code=FAILURE)
    assert "another file than the one that was begun" in cdn.device.said
    # One contact begins, the next one finds out.
    assert contacts_until_it_is_given_up(cdn) == 14
    assert cdn.device.said.count("in 8 contacts, the server had another file than the one that was begun") == 1
    asked = len(cdn.asked(bundle.name))
    assert asked <= 2 * 8
    del cdn.site.on[bundle.name]
    cdn.device.once()
    assert len(cdn.asked(bundle.name)) == asked
    cdn.publish(bundle)
    cdn.device.once(code=REBOOT)
    assert cdn.device.record["others"] == 0


def test_so_is_one_whose_line_is_not_cut_by_ranges(cdn, release):
    """Each range is of another file."""
    cdn.configure(partial="require")
    for slot in "ab":
        fill(cdn.device.dev.slots[slot], release, range(0, CHUNKS, 2))
    cdn.publish(release)
    cdn.site.on[release.name] = shifting(release.read_bytes())
    cdn.device.once(code=FAILURE)
    assert contacts_until_it_is_given_up(cdn) == 7 and len(cdn.asked(release.name)) <= 2 * 8


def test_a_cache_that_answers_a_range_with_all_of_it(cdn, bundle):
    """Cut, the download begins anew, and comes."""
    cdn.keep(WHOLE)
    cdn.publish(bundle)
    cdn.wire.cut = [400_000, 0]
    cdn.device.once(code=FAILURE)
    cdn.keep(WHOLE, server=["max_ranges 0;"])
    cdn.device.once(code=REBOOT)
    assert cdn.front.answers(bundle.name)[-1] == 200 and cdn.device.record["others"] == 0


def mix(cdn, old, new, disguise):
    """A cache that has the begin of one, and gets the rest of another."""
    cdn.keep(SLICES)
    cdn.publish((new, "--url", "mixed.keel"))
    tags = ['"same"'] * 2 if disguise else ['"old"', '"new"']
    cdn.site.on["mixed.keel"] = lambda handler: send_file(handler, old.read_bytes(), tags[0])
    request = urllib.request.Request(f"{cdn.front.url}/mixed.keel", headers={"Range": "bytes=0-200000"})
    urllib.request.urlopen(request).read()
    cdn.site.on["mixed.keel"] = lambda handler: send_file(handler, new.read_bytes(), tags[1])


def test_slices_of_two_releases_bring_nothing_until_the_cache_lets_go(cdn, bundle, tmp_path):
    """nginx sees that, and ends the connection."""
    mix(cdn, flip(bundle, tmp_path / "old.keel", 150_000), bundle, disguise=False)
    said = [cdn.device.once(code=FAILURE) for _ in range(3)]
    assert all(len(one.splitlines()) <= 2 for one in said), said
    assert len(set(said[1:])) == 1 and cdn.device.record["durable"] <= 4 * 64 * KIB
    cdn.keep(SLICES)
    cdn.device.once(code=None)
    cdn.device.once(code=None)
    assert cdn.device.staged


def test_slices_of_two_releases_under_one_etag_do_not_verify(cdn, bundle, tmp_path):
    """Fetched anew once, then not before a newer channel file. Nothing of it is staged."""
    mix(cdn, flip(bundle, tmp_path / "old.keel", 150_000), bundle, disguise=True)
    assert "it is fetched anew" in cdn.device.once(code=FAILURE)
    assert "is no bundle for this device" in cdn.device.once(code=None)
    cdn.device.once(code=None)
    assert cdn.front.answers("mixed.keel") == [206, 200, 200] and not cdn.device.staged
    cdn.keep(SLICES)
    cdn.publish((bundle, "--url", "mixed.keel"))
    cdn.device.once(code=REBOOT)


def test_parts_of_two_releases_under_one_etag_are_found_out(cdn, release, tmp_path):
    for slot in "ab":
        fill(cdn.device.dev.slots[slot], release, range(0, CHUNKS, 2))
    cdn.configure(partial="require")
    mix(cdn, flip(release, tmp_path / "old.keel", 150_000), release, disguise=True)
    for _ in range(3):
        cdn.device.once(code=None)
    assert not cdn.device.staged and cdn.device.record["phase"] == "failed"
