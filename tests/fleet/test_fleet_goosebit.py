# SPDX-License-Identifier: Apache-2.0
"""goosebit's dialect: the id of an action is that of its software and comes again, there are no cancellations, and
after a failure nothing is offered until a person forces it."""
from cli_device import FAILURE, REBOOT


def registered(device):
    """It offers nothing before it knows the device."""
    device.once()
    return device


def test_an_update_is_finished_after_it_is_good(device, goose, bundle):
    registered(device)
    goose.assign(bundle)
    device.once(code=REBOOT)
    assert goose.state == "running"
    device.reboot()
    device.once()
    assert goose.state == "running"
    device.good()
    device.once()
    assert goose.state == "finished" and goose.version == "2.0" and "2.0 in slot b is good" in goose.log
    device.once()


def on_trial(device, goose, bundle):
    registered(device)
    goose.assign(bundle)
    device.once(code=REBOOT)
    device.reboot()
    device.once()


def test_a_fallback_is_an_error_and_nothing_is_offered_any_more(device, goose, way, bundle):
    on_trial(device, goose, bundle)
    device.fall_back("modem does not register")
    device.once()
    assert goose.state == "error" and "2.0 in slot b fell back: modem does not register" in goose.log
    device.once()
    assert len(way.requests("artifact")) == 1 and goose.version != "2.0"


def test_a_release_that_fell_back_and_is_forced_has_failed_again(device, goose, way, bundle):
    """The same id comes again: it is answered, and nothing is installed."""
    on_trial(device, goose, bundle)
    device.fall_back("modem does not register")
    device.once()
    goose.force()
    device.once()
    assert goose.state == "error" and not device.staged
    assert len(way.requests("feedback")) >= 4 and not device.staged


def test_what_failed_on_the_way_is_fetched_when_it_is_forced(device, goose, way, bundle, tmp_path):
    """The same id comes again, and what was wrong has been mended: it is no repetition of the old offer."""
    registered(device)
    goose.assign(bundle)
    way.spoil = 2
    device.once(code=FAILURE)
    device.once()
    assert goose.state == "error" and not device.staged
    goose.force()
    device.once(code=REBOOT)
    assert device.staged and goose.state == "running"


def test_a_download_that_is_cut_goes_on_where_it_ended(device, goose, way, bundle):
    registered(device)
    goose.assign(bundle)
    way.cut = [bundle.stat().st_size // 4] * 2
    device.once(code=REBOOT)
    assert way.answers("artifact") == [200, 206, 206]


def test_an_end_whose_answer_is_lost_is_sent_again(device, goose, way, bundle):
    on_trial(device, goose, bundle)
    device.good()
    way.lose = ["feedback"]
    device.once(code=FAILURE)
    device.once()
    assert goose.state == "finished" and goose.version == "2.0"


def test_a_second_release_has_an_action_of_its_own(device, goose, factory, bundle):
    on_trial(device, goose, bundle)
    device.good()
    device.once()
    second = goose.assign(factory("3.0", 30))
    device.once(code=REBOOT)
    assert device.record["id"] == second and device.record["version"] == "3.0"


def test_a_wrong_token_is_refused(device, goose, way, bundle):
    registered(device)
    goose.assign(bundle)
    device.token.write_text("wrong\n")
    device.once(code=FAILURE)
    assert way.answers("poll")[-1] == 401 and not way.requests("deployment")


def test_what_is_withdrawn_between_two_requests_is_no_deployment(device, goose, way, bundle):
    """The answer is then 200 and null."""
    registered(device)
    goose.assign(bundle)
    way.before["deployment"] = goose.withdraw
    device.once(code=None)
    assert not device.staged and not way.requests("artifact")
    device.once()


def test_an_installed_base_that_it_does_not_know_costs_nothing(device, goose, way):
    device.once()
    device.once()
    assert len(way.answers("installed")) == 1 and way.answers("installed")[0] in (404, 405)
