# SPDX-License-Identifier: Apache-2.0
"""[fleet] partial=, bandwidth=, daily-bytes= and max-bytes= on hawkBit and goosebit themselves, and on ours."""
import time

import parts_box
import pytest
from cli_device import KIB, REBOOT
from parts_box import CHUNKS, fill, index_of, is_installed

PARTS = 64 * KIB + 1.02 * 3 * 33 * KIB


# goosebit takes no second bundle of a version.
@pytest.fixture(name="release", scope="module")
def make_release(factory, tmp_path_factory):
    return parts_box.make_release(factory, tmp_path_factory.mktemp("partial"), "2.7", 27)


@pytest.fixture(name="bundle")
def make_bundle(factory):
    return factory("2.6", 26)


@pytest.fixture(name="delta", scope="module")
def make_delta(factory, tmp_path_factory):
    return parts_box.make_delta(factory, tmp_path_factory.mktemp("delta"), ("2.3", "2.8"), (23, 28))


def lacks(device, release, first=(0, 20, 40, 41, 42), second=(0, *range(20, 31), 40, 50)):
    fill(device.dev.slots["a"], release, first)
    fill(device.dev.slots["b"], release, second)


def asked(way):
    return [headers.get("Range") for headers in way.requests("artifact")]


class Stories:
    """Of one kind of server each; assign(): a person gives the device a bundle."""

    def test_only_what_no_slot_has_is_fetched(self, device, assign, way, release):
        lacks(device, release)
        device.configure(partial="require")
        assign(release)
        device.once(code=REBOOT)
        assert set(way.answers("artifact")) == {206} and way.passed <= PARTS
        assert all(one.count("-") == 1 and "," not in one for one in asked(way))
        device.reboot()
        assert is_installed(device, release)

    def test_of_a_delta_only_what_makes_the_rest_is_fetched(self, device, assign, way, delta):
        old, new = delta
        device.by_stick(old)
        device.configure(partial=None)
        assign(new)
        device.once(code=REBOOT)
        assert set(way.answers("artifact")) == {206} and way.passed < index_of(new) + 128 * KIB
        device.reboot("a")
        image = (new.parent / "new.img").read_bytes()
        assert device.dev.slots["a"].read_bytes()[:len(image)] == image

    def test_parts_that_are_cut_go_on_where_they_ended(self, device, assign, way, release):
        lacks(device, release, range(0, CHUNKS, 2), range(0, CHUNKS, 2))
        device.configure(partial=None)
        assign(release)
        way.cut = [64 * KIB] + [9000] * 8
        device.once(code=None)
        device.once(code=None)
        assert device.staged and set(way.answers("artifact")) == {206}
        assert way.passed <= 1.02 * (index_of(release) + 32 * 33 * KIB) + 64 * KIB
        device.reboot()
        assert is_installed(device, release)

    def test_a_day_brings_no_more_than_it_may(self, device, assign, way, bundle):
        device.configure(daily_bytes="400K")
        assign(bundle)
        assert "leaves no more today" in device.once()
        assert "leaves no more today" in device.once()
        for _ in range(2):
            device.change(day=device.record["day"] - 1)
            device.once(code=None)
        assert device.staged and asked(way) == ["bytes=0-409599", "bytes=409600-819199", "bytes=819200-"]

    def test_nor_do_the_parts_of_a_day(self, device, assign, way, release):
        lacks(device, release, range(0, CHUNKS, 2), range(0, CHUNKS, 2))
        device.configure(partial="require", daily_bytes="400K")
        assign(release)
        for days in range(1, 5):
            device.once(code=None)
            assert way.passed <= days * 400 * KIB
            if device.staged:
                break
            device.change(day=device.record["day"] - 1)
        assert device.staged and days > 1
        device.reboot()
        assert is_installed(device, release)

    def test_the_bandwidth_is_kept_to(self, device, assign, bundle):
        device.configure(bandwidth="512K")
        assign(bundle)
        begun = time.monotonic()
        device.once(code=REBOOT)
        assert time.monotonic() - begun > (bundle.stat().st_size - 128 * KIB) / (512 * KIB)

    def test_what_is_larger_than_it_may_be_is_answered_and_not_fetched(self, device, assign, way, release, ends):
        lacks(device, release)
        device.configure(partial="auto", max_bytes="66K")
        assign(release)
        device.once()
        assert len(way.requests("artifact")) == 1 and ends("failed", "and this device allows 67584")

    def test_what_is_too_large_as_a_whole_comes_in_parts(self, device, assign, release, ends):
        lacks(device, release)
        device.configure(partial=None, max_bytes="200K")
        assign(release)
        device.once(code=REBOOT)
        device.reboot()
        device.once()
        device.good()
        device.once()
        assert ends("finished", "in slot b is good")


class TestHawkbit(Stories):
    """hawkBit's dialect."""
    @pytest.fixture(name="assign")
    def make_assign(self, shop):
        self.actions = []
        return lambda bundle: self.actions.append(shop.assign(bundle))

    @pytest.fixture(name="ends")
    def make_ends(self, assign):
        def ends(how, says):
            action = self.actions[-1]
            state = {"failed": "error"}.get(how, how)
            return action.state == state and says in "\n".join(action.messages)
        return ends


class TestGoosebit(Stories):
    """goosebit's."""
    @pytest.fixture(name="assign")
    def make_assign(self, device, goose):
        def assign(bundle):
            device.once()       # it offers nothing before it knows the device
            goose.assign(bundle)
        return assign

    @pytest.fixture(name="ends")
    def make_ends(self, goose):
        return lambda how, says: goose.state == {"failed": "error"}.get(how, how) and says in goose.log
