# SPDX-License-Identifier: Apache-2.0
"""A channel on a web server: the same stories on ours and on nginx, with what nginx can be set to do."""
import random
import subprocess
import time

import pytest
from channel_site import Publisher, private_key
from cli_device import FAILURE, KIB, REBOOT, flip
from clock import Clock
from conftest import ByChannel
from parts_box import CHUNKS, fill, index_of, is_installed
from wire import Wire

FILE = "stable.channel"


class Scene:
    """A device, a web server with its channel, and the line between them."""

    def __init__(self, ready, factory, web, folder, wire):
        self.web, self.wire, self.folder = web, wire, folder
        self.device = ByChannel(ready, web, folder)
        (folder / "publisher").mkdir()
        self.publish = Publisher(web, folder / "publisher", private_key(factory))
        self.configure()

    def configure(self, **keys):
        scheme = self.web.url.partition(":")[0]
        self.device.configure(f"{scheme}://127.0.0.1:{self.wire.port}/{FILE}", **keys)

    def begin(self, bundle, cut):
        """A download that ends after so many bytes, and then there is no server."""
        self.publish(bundle)
        self.wire.cut = [cut, 0]
        self.web.set(speed=64 * KIB)
        process = subprocess.Popen(self.device.command("once"), env=self.device.environment(), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        end = time.monotonic() + 60
        while self.wire.cut:
            # It may end as soon as the line is cut for the last time.
            assert time.monotonic() < end and (process.poll() is None or not self.wire.cut)
            time.sleep(0.01)
        self.web.stop()
        process.communicate(timeout=60)
        self.web.start()
        self.web.set()
        assert process.returncode == FAILURE and not self.device.staged


@pytest.fixture(name="scenes")
def make_scenes(webs, ready, factory, tmp_path):
    """Makes one."""
    wires = []

    def make(**how):
        web = webs(**how)
        wires.append(Wire(int(web.url.rpartition(":")[2])).running())
        return Scene(ready, factory, web, tmp_path, wires[-1].__enter__())
    yield make
    for wire in wires:
        wire.__exit__(None, None, None)


@pytest.fixture(name="scene")
def make_scene(scenes):
    return scenes()


@pytest.fixture(name="parted")
def make_parted(scene, release):
    """Of the release, both slots lack three chunks."""
    scene.configure(partial="require")
    fill(scene.device.dev.slots["a"], release, [0, 20, 40, 41, 42])
    fill(scene.device.dev.slots["b"], release, [0, *range(20, 31), 40, 50])
    return scene


def ranges(scene, bundle):
    return [headers.get("Range") for headers in scene.web.requests(bundle.name)]


# ---------------------------------------------------------------- updates


def test_an_update_is_good_after_the_trial_and_not_before(scene, bundle):
    device, web = scene.device, scene.web
    scene.publish(bundle)
    device.once(code=REBOOT)
    assert device.record["phase"] == "staged"
    device.reboot()
    device.once()
    assert device.record["phase"] == "trial"
    device.good()
    device.once()
    assert device.record["phase"] == "good"
    assert web.answers(bundle.name) == [200] and web.answers(FILE) == [200, 304, 304]


def test_an_idle_contact_is_one_request_of_few_bytes(scene, bundle):
    scene.publish((bundle, "--percent", 0))
    scene.device.once()
    before, connections = scene.wire.up + scene.wire.down, scene.wire.connections
    scene.device.once()
    assert scene.web.answers(FILE) == [200, 304] and scene.wire.connections - connections == 1
    assert scene.wire.up + scene.wire.down - before < 600


def test_a_file_is_fetched_when_it_changed(scene, bundle):
    scene.publish()
    scene.device.once()
    scene.publish(bundle)
    scene.device.once(code=REBOOT)
    assert scene.web.answers(FILE) == [200, 200]
    second = scene.web.requests(FILE)[1]
    assert second["If-None-Match"].startswith('"')


def test_withdrawn_while_it_is_staged_it_is_unstaged(scene, bundle):
    scene.publish(bundle)
    scene.device.once(code=REBOOT)
    scene.publish((bundle, "--withdrawn", "no wifi"))
    assert "2.0 is withdrawn: no wifi" in scene.device.once()
    assert not scene.device.staged and scene.device.record["phase"] == "none"


def test_withdrawn_while_it_is_fetched_it_is_forgotten(scene, bundle):
    scene.begin(bundle, 300_000)
    asked = scene.web.answers(bundle.name)
    assert scene.device.record["phase"] == "seen"
    scene.publish((bundle, "--withdrawn", "no wifi"))
    assert "2.0 is withdrawn: no wifi" in scene.device.once()
    assert scene.device.record["phase"] == "none" and scene.web.answers(bundle.name) == asked


# ---------------------------------------------------------------- downloads that are cut


def test_a_cut_goes_on_where_it_ended(scene, bundle):
    scene.publish(bundle)
    scene.wire.cut = [300_000, 200_000, 100_000]
    scene.device.once(code=REBOOT)
    assert scene.web.answers(bundle.name) == [200, 206, 206, 206]
    first, *others = scene.web.requests(bundle.name)
    begins = [int(one["Range"].removeprefix("bytes=").rstrip("-")) for one in others]
    assert 290_000 < begins[0] < 300_000 and begins == sorted(begins)
    assert len({one["If-Range"] for one in others}) == 1 and others[0]["If-Range"].startswith('"')


def test_twenty_cuts_at_random_points_still_give_the_bundle(scene, bundle):
    scene.publish(bundle)
    rest = random.Random(20)
    scene.wire.cut = [rest.randrange(9000, bundle.stat().st_size // 20) for _ in range(20)]
    contacts = 0
    while not scene.device.staged:
        scene.device.once(code=None)
        contacts += 1
    assert contacts <= 21 and scene.web.answers(bundle.name) == [200] + [206] * 20


def test_a_server_that_ends_in_a_download_and_comes_again(scene, bundle):
    scene.begin(bundle, 400_000)
    assert 390_000 < scene.device.record["durable"] < 400_000
    scene.device.once(code=REBOOT)
    assert scene.web.answers(bundle.name)[-1] == 206


def test_twenty_kills_of_the_program_lose_nothing(scene, bundle):
    scene.publish(bundle)
    scene.web.set(speed=400 * KIB)
    rest, size, file = random.Random(7), bundle.stat().st_size, scene.device.folder / "bundle.keel"
    for i in range(10):
        scene.device.cut(rest.uniform(0.05, 0.4))
        scene.device.killed_when(lambda: file.exists() and file.stat().st_size > size * i // 12)
    assert len(scene.web.requests(bundle.name)) >= 10, "some come in the midst of it"
    scene.web.set()
    scene.device.once(code=REBOOT)
    scene.device.reboot()
    assert set(scene.web.answers(bundle.name)) <= {200, 206}


# ---------------------------------------------------------------- files that are exchanged


def test_a_file_that_is_exchanged_in_a_download_is_never_mixed(scene, bundle, tmp_path):
    """Of the same size, and damaged; then the right one comes back, with a newer channel file."""
    scene.begin(bundle, 400_000)
    good, etag = bundle.read_bytes(), scene.device.record["etag"]
    scene.web.files[bundle.name] = flip(bundle, tmp_path / "changed", len(good) // 4).read_bytes()
    said = scene.device.once(code=FAILURE)
    assert "another file than the one that was begun" in said or "not staged" in said or "damaged" in said, said
    for _ in range(3):
        scene.device.once(code=None)
    assert not scene.device.staged and scene.device.record["phase"] in ("failed", "none")
    asked = [one for one in scene.web.requests(bundle.name) if one.get("If-Range") != etag or one["status"] == "200"]
    assert asked[1]["If-Range"] == etag and asked[1]["status"] == "200", "it is another one: all of it comes"
    assert len(asked) <= 4
    scene.publish(bundle)
    scene.device.once(code=REBOOT)
    assert scene.device.staged


def test_a_file_of_the_same_size_and_time_is_taken_for_the_same_and_found_out(scene, bundle, tmp_path):
    """Its ETag is that of the other one, so the rest of it comes. Then the bundle does not verify, and all comes."""
    good = bundle.read_bytes()
    bad = flip(bundle, tmp_path / "changed", len(good) // 4).read_bytes()
    scene.publish(bundle)
    scene.web.files[bundle.name] = bad
    scene.wire.cut = [400_000, 0]
    scene.device.once(code=FAILURE)
    scene.web.files.disguise(bundle.name, good)
    scene.device.once(code=FAILURE)
    assert scene.web.answers(bundle.name)[-1] == 206 and not scene.device.staged
    scene.device.once(code=REBOOT)
    assert scene.web.answers(bundle.name)[-1] == 200 and scene.device.staged


def test_a_channel_file_of_the_same_size_and_time_is_seen_when_the_other_one_expires(scene, bundle, tmp_path):
    """So a tool that gives all files one time hides a withdrawal."""
    clock = Clock(tmp_path)
    scene.device.more = clock.environment
    file = scene.publish((bundle, "--percent", 0), created=int(time.time()) - 100)
    scene.device.once()
    document = scene.publish.document((bundle, "--percent", 1), created=int(time.time()))
    newer = scene.publish.sign(document).read_bytes()
    scene.web.files.disguise(file.name, newer)
    scene.device.once()
    assert scene.web.answers(FILE)[-1] == 304 and scene.device.seen["sequence"] == 1
    clock.add(scene.device.seen["expires"] + 10 - time.time())
    assert "it expired" in scene.device.once(code=FAILURE)
    scene.device.once(code=None)
    assert scene.web.answers(FILE)[-2:] == [304, 200] and scene.device.seen["sequence"] == 2


def test_a_newer_release_of_the_same_name_in_a_download_is_fetched_from_its_beginning(scene, factory, bundle):
    scene.begin(bundle, 400_000)
    other = factory("3.0", 30)
    scene.publish((other, "--url", bundle.name))
    scene.web.files[bundle.name] = other.read_bytes()
    scene.device.once(code=REBOOT)
    assert scene.device.record["version"] == "3.0" and scene.device.staged
    assert scene.web.answers(bundle.name)[-1] == 200


def test_parts_of_a_file_that_is_exchanged_are_begun_anew(parted, release):
    """Between two ranges."""
    parted.publish(release)
    parted.web.set(limit=503)
    parted.device.once(code=FAILURE)
    assert parted.device.record["parts"] == 1
    parted.web.set()
    parted.web.files[release.name] = release.read_bytes()
    said = parted.device.once(code=FAILURE)
    assert "another file than the one that was begun" in said and parted.device.record["etag"] == ""
    parted.device.once(code=REBOOT)
    parted.device.reboot()
    assert is_installed(parted.device, release)


# ---------------------------------------------------------------- parts


def test_only_what_no_slot_has_is_fetched(parted, release):
    parted.publish(release)
    parted.device.once(code=REBOOT)
    asked = parted.web.requests(release.name)
    assert {one["status"] for one in asked} == {"206"} and 2 <= len(asked) <= 4
    assert all(one["Range"].count("-") == 1 and "," not in one["Range"] for one in asked)
    # Three chunks of 33 KiB, the first request, and the channel file.
    assert parted.web.sent <= 64 * KIB + 1.02 * 3 * 33 * KIB + 8 * KIB
    assert len({one["If-Range"] for one in asked[1:]}) == 1
    parted.device.reboot()
    assert is_installed(parted.device, release)


def test_many_ranges_come_over_one_connection(parted, release):
    for slot in "ab":
        fill(parted.device.dev.slots[slot], release, range(0, CHUNKS, 2))
    parted.publish(release)
    parted.device.once(code=REBOOT)
    assert len(ranges(parted, release)) > 25 and parted.wire.connections <= 4
    assert parted.web.sent <= 1.02 * (index_of(release) + 32 * 33 * KIB) + 64 * KIB + 8 * KIB
    parted.device.reboot()
    assert is_installed(parted.device, release)


def test_parts_that_are_cut_go_on_where_they_ended(parted, release):
    for slot in "ab":
        fill(parted.device.dev.slots[slot], release, range(0, CHUNKS, 2))
    parted.publish(release)
    parted.wire.cut = [90_000, 80_000, 70_000, 60_000]
    parted.device.once(code=REBOOT)
    assert set(parted.web.answers(release.name)) == {206}
    assert parted.wire.down <= 1.02 * (index_of(release) + 32 * 33 * KIB) + 64 * KIB + 40 * KIB
    parted.device.reboot()
    assert is_installed(parted.device, release)


@pytest.mark.parametrize("partial", ["auto", "require"])
def test_a_server_that_is_set_to_send_no_ranges(parted, release, partial):
    parted.configure(partial=partial)
    parted.publish(release)
    parted.web.set(ranges=False)
    if partial == "auto":
        said = parted.device.once(code=REBOOT)
        assert "all of acme-2.0.keel is fetched, since the server sends no parts of it" in said
    else:
        for _ in range(9):
            parted.device.once(code=None)
        assert not parted.device.staged and set(parted.web.answers(release.name)) == {200}


def test_the_limits_of_downloads_hold(scene, factory, bundle):
    scene.configure(daily_bytes="400K", bandwidth="512K")
    scene.publish(bundle)
    begun = time.monotonic()
    assert "leaves no more today" in scene.device.once()
    assert time.monotonic() - begun > 0.5
    assert "leaves no more today" in scene.device.once()
    for _ in range(2):
        scene.device.change(day=scene.device.record["day"] - 1)
        scene.device.once(code=None)
    assert scene.device.staged
    assert ranges(scene, bundle) == ["bytes=0-409599", "bytes=409600-819199", "bytes=819200-"]
    other = factory("3.0", 30)
    scene.configure(max_bytes=other.stat().st_size - 1)
    scene.publish(other)
    assert "and this device allows" in scene.device.once(code=None)
    assert ranges(scene, other) == []


# ---------------------------------------------------------------- what a server is set to do


def test_a_server_that_packs_what_may_be_packed(parted, release):
    """We ask for nothing packed: so ETags stay strong, and ranges are of the file."""
    parted.web.set(gzip=True)
    parted.publish(release)
    parted.device.once(code=REBOOT)
    asked = parted.web.requests(release.name) + parted.web.requests(FILE)
    assert all(one.get("Accept-Encoding") == "identity" for one in asked)
    assert set(parted.web.answers(release.name)) == {206}
    parted.device.once(code=REBOOT)
    assert parted.web.answers(FILE) == [200, 304]


def test_what_is_packed_all_the_same_is_not_taken(scene, bundle):
    scene.publish(bundle)
    for name in (FILE, bundle.name):
        scene.web.files[f"{name}.gz"] = b"\x1f\x8b\x08" + bytes(50)
    scene.web.set(packed=True)
    for _ in range(2):
        assert "the server packs its answer" in scene.device.once(code=FAILURE)
    scene.web.set()
    scene.device.once(code=REBOOT)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_limits_requests_is_waited_for(scene, bundle, status):
    scene.publish((bundle, "--percent", 0))
    scene.web.set(limit=status)
    scene.device.once()
    assert f"answers {status}" in scene.device.once(code=FAILURE)
    scene.web.set()
    scene.publish(bundle)
    scene.device.once(code=REBOOT)
    record = scene.device.record
    scene.web.set(limit=status)
    for _ in range(3):
        scene.device.once(code=REBOOT)
    assert scene.device.record == record and scene.web.answers(FILE).count(status) == 3


def test_parts_of_a_server_that_limits_requests_go_on_by_and_by(parted, release):
    """Each contact gets one of its ranges, and that is progress."""
    parted.publish(release)
    parted.web.set(limit=429)
    for _ in range(5):
        if parted.device.staged:
            break
        parted.device.once(code=None)
        assert parted.device.record["tries"] <= 1
        parted.web.set(limit=429)
    assert parted.device.staged and 429 in parted.web.answers(release.name)
    parted.device.reboot()
    assert is_installed(parted.device, release)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_bundles_may_lie_on_another_host(parted, webs, release, status):
    store = webs()
    parted.publish(release)
    store.files[release.name] = release.read_bytes()
    parted.web.set(redirect=store.url, status=status)
    parted.device.once(code=REBOOT)
    assert set(parted.web.answers(release.name)) == {status} and set(store.answers(release.name)) == {206}
    assert parted.device.staged


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize("http2", [False, True])
def test_an_update_over_https_with_the_vendors_authority(scenes, authority, bundle, http2):
    scene = scenes(tls=authority, http2=http2)
    scene.configure(ca_file=authority / "ca.pem")
    scene.publish(bundle)
    scene.wire.cut = [400_000, 300_000]
    scene.device.once(code=REBOOT)
    assert scene.web.answers(bundle.name) == [200, 206, 206]
    if scene.web.name == "channel":
        assert {one["protocol"] for one in scene.web.requests(bundle.name)} == {"HTTP/2.0" if http2 else "HTTP/1.1"}
        assert {one["protocol"] for one in scene.web.requests(FILE)} == {"HTTP/1.1"}, "fewer bytes for one request"


def test_parts_over_https(scenes, authority, release):
    scene = scenes(tls=authority, http2=True)
    scene.configure(ca_file=authority / "ca.pem", partial="require")
    for slot in "ab":
        fill(scene.device.dev.slots[slot], release, range(0, CHUNKS, 2))
    scene.publish(release)
    scene.device.once(code=REBOOT)
    assert set(scene.web.answers(release.name)) == {206}
    scene.device.reboot()
    assert is_installed(scene.device, release)


@pytest.mark.parametrize("ca", ["other.pem", None])
def test_a_server_of_another_authority_is_not_asked(scenes, authority, bundle, ca):
    scene = scenes(tls=authority)
    scene.configure(**({"ca_file": authority / ca} if ca else {}))
    scene.publish(bundle)
    assert "certificate" in scene.device.once(code=FAILURE)
    assert scene.web.answers(FILE) == []


@pytest.mark.parametrize("name", ["expired", "early"])
def test_a_server_whose_certificate_is_not_valid_now_is_not_asked(scenes, authority, bundle, tmp_path, name):
    """early: also what a device sees whose clock is behind."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    for file, there in (("ca.pem", "ca.pem"), ("server.pem", f"{name}.pem"), ("server.key", f"{name}.key")):
        (folder / file).write_bytes((authority / there).read_bytes())
    scene = scenes(tls=folder)
    scene.configure(ca_file=authority / "ca.pem")
    scene.publish(bundle)
    said = scene.device.once(code=FAILURE)
    assert {"expired": "certificate has expired", "early": "certificate is not yet valid"}[name] in said
    assert scene.web.answers(FILE) == []


def test_a_server_that_wants_a_certificate(scenes, authority, bundle):
    """Without one it answers 400; of another authority it takes none."""
    scene = scenes(tls=authority, client=True)
    keys = {"ca_file": authority / "ca.pem"}
    scene.publish(bundle)
    scene.configure(**keys)
    assert "(400); if it wants a certificate, see [fleet] certificate=" in scene.device.once(code=FAILURE)
    for name in ("stranger", "expired"):
        scene.configure(**keys, certificate=authority / f"{name}.pem", private_key=authority / f"{name}.key")
        scene.device.once(code=FAILURE)
    assert not [one for one in scene.web.answers(FILE) if one != 400]
    scene.configure(**keys, certificate=authority / "device.pem", private_key=authority / "device.key")
    scene.device.once(code=REBOOT)
    assert scene.web.answers(bundle.name) == [200]


def test_another_host_does_not_see_the_certificate(scenes, webs, authority, bundle):
    scene, store = scenes(tls=authority, client=True), webs(tls=authority, client="optional")
    scene.configure(ca_file=authority / "ca.pem", certificate=authority / "device.pem",
                    private_key=authority / "device.key")
    scene.publish(bundle)
    store.files[bundle.name] = bundle.read_bytes()
    scene.web.set(redirect=store.url)
    scene.device.once(code=REBOOT)
    assert store.answers(bundle.name) == [200]
    if store.name == "channel":
        assert [one["verify"] for one in store.requests(bundle.name)] == ["NONE"]
        assert {one["verify"] for one in scene.web.requests(FILE)} == {"SUCCESS"}
    else:
        assert [verified for *_, verified in store.seen] == [False]
