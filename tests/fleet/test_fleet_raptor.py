# SPDX-License-Identifier: Apache-2.0
"""raptor's dialect: its artifacts have no ETag, its links never change, and it has no installedBase to write."""
from cli_device import FAILURE, KIB, REBOOT
from parts_box import CHUNKS, fill, is_installed


def on_trial(device, raptor, bundle):
    action = raptor.assign(bundle)
    device.once(code=REBOOT)
    device.reboot()
    device.once()
    return action


def test_an_update_is_finished_after_it_is_good(device, raptor, bundle):
    action = on_trial(device, raptor, bundle)
    assert action.state == "running"
    device.good()
    device.once()
    assert action.state == "finished" and "2.0 in slot b is good" in "\n".join(action.messages)
    assert raptor.attributes["keelboot.version"] == "2.0"
    device.once()


def test_a_fallback_is_an_error(device, raptor, bundle):
    action = on_trial(device, raptor, bundle)
    device.fall_back("modem does not register")
    device.once()
    assert action.state == "error"
    assert "2.0 in slot b fell back: modem does not register" in "\n".join(action.messages)
    device.once()


def test_an_installed_base_that_it_does_not_know_costs_nothing(device, raptor, way):
    device.once()
    device.once()
    assert len(way.answers("installed")) == 1 and way.answers("installed")[0] in (404, 405)


def test_a_cancellation_is_taken_before_the_slot_is_written(device, raptor, bundle):
    action = raptor.assign(bundle)
    device.once(code=REBOOT)
    raptor.cancel(action)
    device.once()
    assert action.state == "canceled" and not device.staged


def test_and_rejected_in_the_trial_whose_end_is_said(device, raptor, bundle):
    action = on_trial(device, raptor, bundle)
    raptor.cancel(action)
    device.once()
    assert action.state == "running"
    device.good()
    device.once()
    assert action.state == "finished"


def test_an_end_whose_answer_is_lost_is_sent_again(device, raptor, way, bundle):
    action = on_trial(device, raptor, bundle)
    device.good()
    way.lose = ["feedback"]
    device.once(code=FAILURE)
    device.once()
    assert action.state == "finished" and way.answers("feedback")[-1] == 410


def test_a_wrong_token_is_refused(device, raptor, way, bundle):
    raptor.assign(bundle)
    device.token.write_text("wrong\n")
    device.once(code=FAILURE)
    assert set(way.answers("poll")) == {401} and not way.requests("deployment")


def test_what_is_only_downloaded_is_not_staged(device, raptor, bundle):
    action = raptor.assign(bundle, "downloadonly")
    device.once()
    assert action.state == "downloaded" and not device.staged


def test_parts_come_in_one_contact_without_an_etag(device, raptor, way, release):
    device.configure(partial=None)
    fill(device.dev.slots["a"], release, [0, 20, 40, 41, 42])
    fill(device.dev.slots["b"], release, [0, *range(20, 31), 40, 50])
    raptor.assign(release)
    device.once(code=REBOOT)
    assert set(way.answers("artifact")) == {206} and way.passed <= 64 * KIB + 1.02 * 3 * 33 * KIB
    device.reboot()
    assert is_installed(device, release)


def test_what_is_cut_begins_anew(device, raptor, way, release):
    """It does not say which file a range is of."""
    device.configure(partial=None)
    fill(device.dev.slots["a"], release, range(0, CHUNKS, 2))
    raptor.assign(release)
    way.cut = [64 * KIB, 5000]
    device.once(code=FAILURE)
    assert device.record["etag"] == ""
    before = len(way.requests("artifact"))
    device.once(code=REBOOT)
    assert way.requests("artifact")[before]["Range"].startswith("bytes=0-") and device.staged


def test_that_a_person_forces_it_later_is_not_noticed(device, raptor, way, bundle):
    """Its link stays the same, so what is staged is not asked for again: the consent of the device counts."""
    action = raptor.assign(bundle, "soft")
    device.once(code=REBOOT)
    asked = len(way.requests("deployment"))
    raptor.force(action)
    device.once(code=REBOOT)
    assert len(way.requests("deployment")) == asked and device.record["forced"] == 0
