# SPDX-License-Identifier: Apache-2.0
"""A server that says 429 and goes on so, by hawkBit's own filter: others behind the device's address ask too often. And
on our own server, which refuses all requests, or all messages."""
from cli_device import FAILURE, REBOOT
from test_fleet_servers import STAGED

CONTACTS = 4


def lines_of(device):
    return sum("429" in line for line in device.said.splitlines())


def test_polls_that_stay_refused_cost_one_request_and_one_line_each(device, shop, way, bundle):
    action = shop.assign(bundle)
    with shop.crowded(way):
        for _ in range(CONTACTS):
            device.once(code=FAILURE)
            assert lines_of(device) == 1 and "answers 429: too many requests, or a quota is used up" in device.said
        assert [(kind, status) for kind, _, status in way.seen] == [("poll", 429)] * CONTACTS
        assert "Contacts are refused since 20" in device("status", code=None)
    assert action.shown == ["running"]
    device.once(code=REBOOT)
    assert action.shown == STAGED and "refused" not in device("status")


def test_what_is_staged_goes_its_way_and_its_end_is_told_once_it_is_heard(device, shop, way, bundle):
    action = shop.assign(bundle)
    device.once(code=REBOOT)
    with shop.crowded(way):
        for _ in range(CONTACTS):
            device.once(code=REBOOT)
        assert device.staged
        device.reboot()
        device.once(code=FAILURE)
        device.good()
        device.once(code=FAILURE)
    assert action.shown == STAGED
    device.once()
    assert action.state == "finished" and action.shown.count("finished") == 1


def test_where_messages_are_refused_the_end_alone_is_sent_again(device, shop, way, bundle):
    """Polls and bundles come: nothing is held up by that."""
    action = shop.assign(bundle)
    with shop.crowded(way, messages=True):
        device.once(code=REBOOT)
        assert device.staged and 429 in way.answers("feedback") and way.answers("artifact") == [200]
        sent = len(way.answers("feedback"))
        device.once(code=REBOOT)
        assert len(way.answers("feedback")) == sent, "what was refused is sent again"
        device.reboot()
        device.good()
        for _ in range(CONTACTS):
            device.once(code=FAILURE)
        assert way.answers("feedback")[sent:] == [429] * CONTACTS
    assert action.messages == [] and action.state == "running"
    device.once()
    assert action.state == "finished" and action.messages[0] == "2.0 in slot b is good"
