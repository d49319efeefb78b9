# SPDX-License-Identifier: Apache-2.0
"""A cancellation once the bundle is here, on hawkBit itself and on our own server: before a boot has written it, and
after, with no contact in between."""
import pytest
from cli_device import FAILURE, REBOOT
from test_fleet_servers import STAGED


def has_nothing(device):
    return device.dev.json("status")["staged"] is None and device.record["phase"] == "none" \
        and not (device.folder / "bundle.keel").exists()


def test_a_cancel_of_what_is_fetched_and_may_not_be_staged_yet_forgets_it(device, shop, way, bundle):
    action = shop.assign(bundle, window="closed")
    device.once()
    assert device.record["phase"] == "fetched" and (device.folder / "bundle.keel").stat().st_size > 0
    shop.cancel(action)
    device.once()
    assert action.state == "canceled" and action.shown == [*STAGED, "canceling", "retrieved", "canceled"]
    assert has_nothing(device)
    device.once()
    assert len(way.requests("artifact")) == 1 and device.record["phase"] == "none"


def test_a_cancel_of_what_waits_behind_a_persons_forgets_it_and_the_persons_stays(device, shop, bundle, factory):
    device.dev("stage", factory("3.0", 30))
    action = shop.assign(bundle)
    device.once()
    assert device.record["phase"] == "fetched"
    shop.cancel(action)
    device.once()
    assert action.state == "canceled" and device.record["phase"] == "none"
    assert device.dev.json("status")["staged"]["version"] == "3.0"


def test_a_cancel_while_the_bundle_comes_leaves_nothing_behind_the_next_contact(device, shop, way, bundle):
    """The server does not know the artifact any more, then: 404. The rest is not asked for."""
    action = shop.assign(bundle)
    way.cut = [bundle.stat().st_size // 2]
    way.before["artifact"] = lambda: way.before.update(artifact=lambda: shop.cancel(action))
    device.once(code=FAILURE)
    assert way.answers("artifact") == [200, 404] and action.state == "canceling"
    device.once()
    assert action.state == "canceled" and action.shown.count("canceled") == 1 and has_nothing(device)
    assert len(way.requests("artifact")) == 2


def test_what_was_cancelled_comes_again_as_another_action(device, shop, way, bundle):
    """Of what was unstaged, nothing is left that would be in the way."""
    first = shop.assign(bundle)
    device.once(code=REBOOT)
    shop.cancel(first)
    device.once()
    second = shop.assign(bundle)
    device.once(code=REBOOT)
    assert first.state == "canceled" and device.record["id"] == second.id and device.staged
    assert second.shown == STAGED and way.answers("artifact") == [200] * 2


@pytest.mark.parametrize("state", ["writing", "trial", "good", "bad"])
def test_a_cancel_behind_the_write_is_rejected_and_the_end_is_shown(device, shop, bundle, state):
    """What is in the slot decides. A boot that was cut while it wrote goes on by itself."""
    action = shop.assign(bundle)
    device.once(code=REBOOT)
    if state == "writing":
        device.half_written(bundle)
    else:
        device.reboot()
    if state == "good":
        device.good()
    if state == "bad":
        device.fall_back("modem does not register")
    shop.cancel(action)
    device.once(code=None)
    assert "cancel_rejected" in action.shown and "canceled" not in action.shown
    if state == "writing":
        assert device.staged
        device.reboot()
    if state in ("writing", "trial"):
        device.good()
    device.once(code=None)
    assert action.state == ("error" if state == "bad" else "finished")
    assert action.shown.count("cancel_rejected") == 1 and "canceled" not in action.shown
