# SPDX-License-Identifier: Apache-2.0
"""The same stories on hawkBit itself (`make check-fleet`) and on the server of our own, which so is held to the truth:
what a person sees on the one is what he sees on the other."""
import random

import pytest
from cli_device import FAILURE, REBOOT, flip

# What both list of an action that is staged, as hawkBit says it.
STAGED = ["running", "retrieved", "running", "download", "running"]


def on_trial(device, shop, bundle, **how):
    """An action whose release was staged and started."""
    action = shop.assign(bundle, **how)
    device.once(code=REBOOT)
    device.reboot()
    device.once()
    return action


# ---------------------------------------------------------------- good, or not


def test_an_update_is_finished_after_it_is_good(device, shop, bundle):
    action = shop.assign(bundle)
    device.once(code=REBOOT)
    assert action.shown == STAGED
    device.reboot()
    device.once()
    device.once()
    assert action.state == "running" and action.shown == [*STAGED, "running"]
    assert shop.installed is None
    device.good()
    device.once()
    assert action.state == "finished" and action.shown == [*STAGED, "running", "retrieved", "finished"]
    assert action.messages[-2] == "2.0 in slot b is good" and shop.attributes["keelboot.version"] == "2.0"


def test_a_fallback_is_an_error_with_its_reason_and_last_words(device, shop, bundle):
    action = on_trial(device, shop, bundle)
    device.fall_back("modem does not register")
    device.once()
    assert action.state == "error" and action.shown == [*STAGED, "running", "retrieved", "error"]
    said = "\n".join(action.messages)
    assert "2.0 in slot b fell back: modem does not register" in said
    assert "2.0 in slot b was rejected: modem does not register" in said
    assert shop.attributes["keelboot.version"] == "1.0" and shop.attributes["keelboot.reason"] == "b: rejected"


def test_a_release_that_fell_back_is_refused_when_it_is_offered_again(device, shop, bundle):
    on_trial(device, shop, bundle)
    device.fall_back("no network")
    device.once()
    again = shop.assign(bundle)
    device.once()
    assert again.state == "error" and "no network" in " ".join(again.messages)


def test_a_bundle_of_a_stranger_is_an_error(device, shop, factory):
    action = shop.assign(factory("2.0", 20, key="stranger"))
    device.once(code=FAILURE)
    device.once()
    assert action.state == "error" and "is no bundle for this device" in action.messages[-1]
    assert not device.staged


# ---------------------------------------------------------------- what the network may cost


def test_a_download_that_takes_three_days_is_asked_for_in_parts(device, shop, way, bundle):
    device.configure(distribution=shop.target, daily_bytes="400K")
    action, daily = shop.assign(bundle), 400 << 10
    for day in range(1, 3):
        for _ in range(2):
            assert f"{day * daily} of {bundle.stat().st_size} bytes are here" in device.once()
        device.change(day=device.record["day"] - 1)
    device.once(code=REBOOT)
    assert way.answers("artifact") == [206] * 3 and device.staged
    assert [headers["Range"] for headers in way.requests("artifact")] == \
        [f"bytes=0-{daily - 1}", f"bytes={daily}-{2 * daily - 1}", f"bytes={2 * daily}-"]
    device.reboot()
    device.good()
    device.once()
    assert action.state == "finished" and "leaves no more today" in " ".join(action.messages)


def test_a_release_that_is_too_large_for_the_device_is_an_error(device, shop, way, bundle):
    device.configure(distribution=shop.target, max_bytes="1000K")
    action = shop.assign(bundle)
    device.once()
    assert action.state == "error" and "raise [fleet] max-bytes= there" in action.messages[-1]
    assert not way.requests("artifact")


# ---------------------------------------------------------------- cancellations


def test_a_cancel_before_the_fetch_is_honoured(device, shop, way, bundle):
    action = shop.assign(bundle)
    shop.cancel(action)
    device.once()
    assert action.state == "canceled" and action.shown == ["running", "canceling", "retrieved", "canceled"]
    assert not way.requests("artifact")


def test_a_cancel_of_what_is_staged_unstages_it(device, shop, bundle):
    action = shop.assign(bundle)
    device.once(code=REBOOT)
    shop.cancel(action)
    device.once()
    assert action.state == "canceled" and not device.staged
    assert action.shown == [*STAGED, "canceling", "retrieved", "canceled"]


def test_a_cancel_in_the_trial_is_rejected_and_the_end_is_shown(device, shop, bundle):
    action = on_trial(device, shop, bundle)
    shop.cancel(action)
    device.once()
    assert action.shown == [*STAGED, "running", "canceling", "retrieved", "cancel_rejected"]
    assert "2.0 in slot b is on trial" in action.messages[-1]
    device.good()
    device.once()
    assert action.state == "finished" and action.shown[-1] == "finished"


def test_a_newer_release_takes_the_place_of_one_that_is_staged(device, shop, factory, bundle):
    """The server cancels the first: it is unstaged, and the second fetched."""
    first = shop.assign(bundle)
    device.once(code=REBOOT)
    second = shop.assign(factory("3.0", 30))
    device.once(code=None)
    device.once(code=REBOOT)
    assert first.state == "canceled" and device.record["id"] == second.id and device.record["version"] == "3.0"


def test_a_newer_release_waits_for_the_end_of_a_trial(device, shop, way, factory, bundle):
    first = on_trial(device, shop, bundle)
    second = shop.assign(factory("3.0", 30))
    for _ in range(3):
        device.once(code=None)
    assert "cancel_rejected" in first.shown and len(way.requests("artifact")) == 1
    device.good()
    device.once(code=None)
    assert first.state == "finished"
    device.once(code=REBOOT)
    assert device.record["id"] == second.id and second.shown == STAGED


# ---------------------------------------------------------------- kinds of actions


@pytest.mark.parametrize("kind", ["soft", "timeforced"])
def test_soft_is_forced_here(device, shop, bundle, kind):
    action = shop.assign(bundle, kind=kind)
    device.once(code=REBOOT)
    assert device.staged and action.shown == STAGED


def test_a_download_only_is_fetched_and_not_staged(device, shop, way, bundle):
    action = shop.assign(bundle, kind="downloadonly")
    device.once()
    assert action.state == "downloaded" and action.shown == [*STAGED[:4], "downloaded"] and not device.staged
    device.once()
    assert len(way.requests("artifact")) == 1


def test_a_maintenance_window_is_waited_for_with_the_bundle_at_hand(device, shop, way, bundle):
    action = shop.assign(bundle, window="closed")
    device.once()
    device.once()
    assert not device.staged and action.messages[-1].endswith("bytes; the maintenance window is closed")
    shop.wait_for_window(action)
    device.once(code=REBOOT)
    assert device.staged and len(way.requests("artifact")) == 1
    assert action.shown == [*STAGED, "retrieved", "running"]


def test_what_wants_a_confirmation_waits_for_it(device, shop, way, bundle):
    with shop.confirmation():
        action = shop.assign(bundle, confirm=True)
        assert "waits for a confirmation" in device.once()
        assert not way.requests("deployment")
        shop.confirm(action)
        device.once(code=REBOOT)
    assert device.staged


def test_what_wants_a_confirmation_is_confirmed_by_the_device(device, shop, way, bundle):
    device.configure(distribution=shop.target, confirm="echo the patient agrees")
    with shop.confirmation():
        shop.assign(bundle, confirm=True)
        assert "is confirmed here: the patient agrees" in device.once(code=REBOOT)
    assert device.staged and way.answers("confirmation-feedback") == [200]


def test_what_the_device_denies_waits_for_a_person_on_the_server(device, shop, way, bundle):
    device.configure(distribution=shop.target, confirm="exit 2")
    with shop.confirmation():
        action = shop.assign(bundle, confirm=True)
        assert "is denied here" in device.once()
        assert "since it was denied here" in device.once()
        assert way.answers("confirmation-feedback") == [200] and not way.requests("deployment")
        shop.confirm(action)
        device.once(code=REBOOT)
    assert device.staged


# ---------------------------------------------------------------- what goes wrong


def test_a_wrong_token_is_refused_and_nothing_is_lost(device, shop, way, bundle):
    action = shop.assign(bundle)
    device.token.write_text("wrong\n")
    device.once(code=FAILURE)
    assert way.answers("poll") == [401] and action.shown == ["running"]
    device.token.write_text(f"{shop.token}\n")
    device.once(code=REBOOT)


def test_a_target_that_the_server_does_not_know_is_said(device, shop, way):
    device.configure(id="nobody-knows-it")
    device.once(code=FAILURE)
    assert way.answers("poll") == [401]


def test_a_download_that_is_cut_goes_on_where_it_ended(device, shop, way, bundle):
    """Six times; ETags of our server have no quotes, as those of older hawkBits."""
    action, size = shop.assign(bundle), bundle.stat().st_size
    way.cut = [size // 8] * 6
    device.once(code=REBOOT)
    assert way.answers("artifact") == [200] + [206] * 6
    assert [headers.get("Range") for headers in way.requests("artifact")][1:] == \
        [f"bytes={size // 8 * n}-" for n in range(1, 7)]
    assert action.shown == STAGED


def test_twenty_cuts_at_random_points_still_give_the_bundle(device, shop, way, bundle):
    shop.assign(bundle)
    rest = random.Random(20)
    way.cut, contacts = [rest.randrange(1, bundle.stat().st_size // 20) for _ in range(20)], 0
    while not device.staged:
        device.once(code=None)
        contacts += 1
    assert contacts <= 21 and way.answers("artifact") == [200] + [206] * 20


def test_a_gateway_token_opens_the_same_door(device, shop, tmp_path, bundle):
    (tmp_path / "gateway").write_text("of-the-gateway\n")
    device.configure(token_file="", gateway_token_file=tmp_path / "gateway")
    device.once(code=FAILURE)
    with shop.gateway("of-the-gateway"):
        action = shop.assign(bundle)
        device.once(code=REBOOT)
    assert action.shown == STAGED


def test_a_window_that_lapses_ends_the_action(device, shop, way, bundle):
    """The device fetched, and had no contact while it was open."""
    action = shop.assign(bundle, window="short")
    device.once()
    shop.wait_for_lapse(action)
    device.once(code=None)
    device.once()
    device.once()
    assert action.state == "canceled" and not device.staged and device.record["phase"] == "none"


def test_a_server_that_is_away_for_ten_contacts_learns_the_end(device, shop, way, bundle):
    action = on_trial(device, shop, bundle)
    device.good()
    way.away = True
    for _ in range(10):
        device.once(code=FAILURE)
    way.away = False
    device.once()
    assert action.state == "finished" and action.shown.count("finished") == 1


def test_an_end_whose_answer_is_lost_is_settled(device, shop, way, bundle):
    """It is sent again, and the server says that the action is over."""
    action = on_trial(device, shop, bundle)
    device.good()
    way.lose = ["feedback"]
    device.once(code=FAILURE)
    device.once()
    assert action.state == "finished" and action.shown.count("finished") == 1
    assert way.answers("feedback")[-2:] == [200, 410] and device.record["reported"] == "good"
    device.once()
    assert way.answers("feedback")[-1] == 410 and len(way.answers("feedback")) == 5


def test_an_artifact_whose_file_the_server_lost_is_waited_for(device, shop, way, factory):
    """That is an error of the server, 500: a person may put it back."""
    action = shop.assign(factory("2.0", 21))
    with shop.lost_file(action):
        device.once(code=FAILURE)
        assert way.answers("artifact") == [500] and action.state == "running"
    device.once(code=REBOOT)
    assert device.staged


def test_an_artifact_whose_file_was_changed_on_the_server_is_refused(device, shop, way, factory, tmp_path):
    bundle = factory("2.0", 22)
    action = shop.assign(bundle)
    shop.change_file(action, flip(bundle, tmp_path / "changed", bundle.stat().st_size // 2).read_bytes())
    device.once(code=FAILURE)
    device.once()
    assert action.state == "error" and not device.staged and len(way.requests("artifact")) == 2


def test_a_quota_that_is_used_up_leaves_room_for_the_end(device, shop, way, bundle):
    """The test uses up the entries of the action. Of those that the device has, only the end is taken."""
    action = shop.assign(bundle)
    device.once(code=REBOOT)
    say = {"status": {"execution": "proceeding", "result": {"finished": "none"}, "details": ["again"]}}
    while shop.say(action, say) == 200:
        assert len(action.shown) <= shop.quota
    device.reboot()
    device.once(code=FAILURE)
    assert way.answers("feedback")[-1] == 429
    device.once()
    assert len(way.answers("feedback")) == 3, "what the quota refused is not sent again"
    device.good()
    device.once()
    assert action.state == "finished" and way.answers("feedback")[-1] == 200


# ---------------------------------------------------------------- the device


def test_what_runs_is_known_also_after_an_update_by_hand(device, shop, bundle):
    shop.release("1.0")
    shop.release("2.0", bundle)
    device.once()
    assert shop.installed == "1.0" and shop.attributes["keelboot.version"] == "1.0"
    device.dev("install", bundle)
    device.start()
    device.once()
    assert shop.installed == "1.0"
    device.good()
    device.once()
    assert shop.installed == "2.0" and shop.attributes["keelboot.version"] == "2.0"
