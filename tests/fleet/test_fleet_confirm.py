# SPDX-License-Identifier: Apache-2.0
"""Consent on the device to what a server offers ([fleet] confirm=)."""
import time

import pytest
from cli_device import FAILURE, OK, REBOOT


@pytest.fixture(name="offered")
def make_offered(server, bundle):
    """An action that wants a confirmation."""
    action = server.assign(bundle)
    server.confirmation = action.id
    return action


def test_it_is_asked_for_the_bundle_and_confirms_in_the_same_contact(fleet, server, bundle, offered):
    asked, command = fleet.dev.path / "asked", fleet.dev.path / "ask"
    command.write_text(f'echo "$#: $1" >>{asked}; id -u >>{asked}; echo yes\n')
    fleet.configure(confirm=f'. {command}')
    assert "Action 1 is confirmed here: yes" in fleet.once(code=REBOOT)
    assert asked.read_text() == f"1: {bundle.name}\n0\n"
    assert server.confirmations == [("confirmed", 0, ["yes"])] and offered.retrieved
    fleet.once(code=REBOOT)
    assert len(server.confirmations) == 1 and asked.read_text().count(bundle.name) == 1


def test_a_denial_is_sent_once_with_what_was_printed(fleet, server, offered):
    fleet.configure(confirm=r"printf 'the patient sleeps\n\033[2J%0600d' 1; exit 2")
    fleet.once()
    assert not offered.retrieved and len(server.confirmations) == 1
    word, code, details = server.confirmations[0]
    assert (word, code) == ("denied", 2) and details[0].startswith("the patient sleeps  [2J000")
    assert len(details) == 1 and len(details[0]) <= 255
    for _ in range(2):
        assert "since it was denied here" in fleet.once()
    assert len(server.confirmations) == 1
    server.confirmation = None              # a person on the server
    fleet.once(code=REBOOT)


def test_another_action_is_asked_for_anew(fleet, server, offered, factory):
    fleet.configure(confirm="exit 2")
    fleet.once()
    offered.state = "canceled"
    server.confirmation = server.assign(factory("3.0", 30)).id
    fleet.once()
    assert [word for word, *_ in server.confirmations] == ["denied", "denied"]


@pytest.mark.parametrize("command, says", [("echo later; exit 1", "waits for a confirmation: later."),
                                           ("exit 3", "confirm= does not say why"),
                                           ("kill -9 $$", "confirm= does not say why"),
                                           ("sleep 100", "confirm= gave no answer for 1 s")])
def test_any_other_end_of_it_waits(fleet, server, offered, command, says):
    fleet.configure(confirm=command, timeout=1)
    start = time.monotonic()
    for _ in range(2):
        assert says in fleet.once()
    assert not server.confirmations and not offered.retrieved and time.monotonic() - start < 60


@pytest.mark.parametrize("letters", ["x" * 300 + "\n", "[fleet]\nreboot-window=when it rains\n"])
def test_it_is_not_asked_while_a_line_of_the_configuration_is_ignored(fleet, server, offered, letters):
    fleet.configure(confirm="echo yes")
    conf = fleet.dev.root / "etc/keelboot/system.conf"
    conf.write_text(conf.read_text() + letters)
    assert "a part of system.conf is ignored" in fleet.once(code=None)
    assert not server.confirmations and not offered.retrieved


def test_a_dry_run_asks_nobody(fleet, server, offered):
    asked = fleet.dev.path / "asked"
    fleet.configure(confirm=f"echo >>{asked}")
    assert "confirm= would be asked" in fleet("once", "--dry-run")
    assert not asked.exists() and not server.confirmations and not offered.retrieved


@pytest.mark.parametrize("name", ["a b;touch x.keel", "$(touch x).keel", "-n.keel"])
def test_a_name_of_the_server_is_a_word_and_nothing_else(fleet, server, bundle, name):
    asked = fleet.dev.path / "asked"
    action = server.assign(bundle, name=name, link=f"{server.url}/x.keel")
    server.confirmation = action.id
    fleet.configure(confirm=f'printf %s "$1" >{asked}; exit 1')
    fleet.once()
    assert asked.read_text() == name


@pytest.mark.parametrize("status, code", [(404, OK), (410, OK), (503, FAILURE), (403, FAILURE), (400, OK)])
def test_a_confirmation_that_is_not_taken_is_given_again(fleet, server, offered, status, code):
    fleet.configure(confirm="echo yes")
    server.on["confirmation-feedback"] = [lambda handler: handler.error(status)]
    fleet.once(code=code)
    fleet.once(code=REBOOT)
    assert offered.retrieved and len(server.requests("confirmation-feedback")) == 2


@pytest.mark.parametrize("text", [b"{", b"{}", b'{"id": "1"}', b'{"id": "1", "confirmation": 7}',
                                  b'{"id": "2", "confirmation": {"download": "skip", "update": "skip", "chunks": []}}'])
def test_what_cannot_be_read_is_not_confirmed(fleet, server, offered, text):
    asked = fleet.dev.path / "asked"
    fleet.configure(confirm=f"echo >>{asked}")
    server.on["confirmation"] = lambda handler: handler.reply(200, text)
    fleet.once(code=FAILURE)
    assert not asked.exists() and not server.confirmations


@pytest.mark.parametrize("name, more, bundles", [("notes.pdf", (), 0), ("2.0.keel", ("2.1.keel",), 2),
                                                 ("\033[2J\u00fc.keel", (), 0)])
def test_an_action_that_cannot_be_installed_asks_nobody_and_is_closed(fleet, server, bundle, name, more, bundles):
    """hawkBit takes no end of an action before it is confirmed."""
    asked, action = fleet.dev.path / "asked", server.assign(bundle, name=name, more=more, link=f"{server.url}/x.keel")
    server.confirmation = action.id
    fleet.configure(confirm=f"echo >>{asked}")
    why = f"the action has {bundles} bundles (*.keel, at most 127 characters of ASCII): expected one"
    assert f"Action 1 is confirmed here: {why}; nobody is asked" in fleet.once()
    assert server.confirmations == [("confirmed", 0, [f"{why}; nobody is asked"])] and not asked.exists()
    assert action.told == ["closed/failure"] and action.messages == [why]
    before = len(server.seen)
    fleet.once()
    assert [kind for kind, _ in server.seen[before:]] == ["poll"]


def test_a_bundle_that_comes_behind_that_is_not_installed(fleet, server, bundle):
    """Nobody was asked about it."""
    action = server.assign(bundle, name="notes.pdf")
    server.confirmation = action.id
    fleet.configure(confirm="echo yes")
    server.on["deployment"] = [lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    assert len(server.confirmations) == 1 and not action.told
    action.name = bundle.name
    fleet.once()
    assert action.told == ["closed/failure"] and not fleet.staged and not server.requests("artifact")
    assert action.messages == ["it could not be installed when it was confirmed, so confirm= was not asked about this "
                               "bundle; assign it anew"]


def test_an_id_that_comes_again_is_another_action(fleet, server, bundle):
    """A server that lost its memory counts from 1 again."""
    action = server.assign(bundle, name="notes.pdf")
    server.confirmation = action.id
    fleet.configure(confirm="echo yes")
    fleet.once()
    assert action.told == ["closed/failure"]
    server.assign(bundle, download="skip")
    fleet.once()
    server.actions.clear()
    again = server.assign(bundle)
    again.id = action.id
    fleet.once(code=REBOOT)
    assert fleet.staged


def test_a_bundle_that_comes_before_that_is_asked_about(fleet, server, bundle):
    """Also where the device has noted that it confirms the action, and the server took no word of that."""
    action = server.assign(bundle, name="notes.pdf")
    server.confirmation = action.id
    fleet.configure(confirm="echo yes")
    server.on["confirmation-feedback"] = [lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    action.name = bundle.name
    fleet.once(code=REBOOT)
    assert server.confirmations == [("confirmed", 0, ["yes"])] and fleet.staged


def test_a_dry_run_says_that_it_cannot_be_installed(fleet, server, bundle):
    server.confirmation = server.assign(bundle, name="notes.pdf").id
    fleet.configure(confirm="echo yes")
    said = fleet("once", "--dry-run")
    assert "Action 1: the action has 0 bundles" in said and "it would be confirmed, and closed as failed" in said
    assert not server.confirmations


UNCLEAR = "not understood: a deployment that cannot be read: "


def test_one_that_is_not_understood_asks_nobody_and_is_closed(fleet, server, bundle):
    """The server may mend it; behind eight contacts in a row, nobody waits for this device."""
    asked, action = fleet.dev.path / "asked", server.assign(bundle, download="later")
    server.confirmation = action.id
    fleet.configure(confirm=f"echo >>{asked}")
    for _ in range(7):
        assert f"action 1: {UNCLEAR}" in fleet.once(code=FAILURE) and not server.confirmations
    assert f"Action 1 is confirmed here: {UNCLEAR}" in fleet.once(code=FAILURE)
    word, code, details = server.confirmations[0]
    assert (word, code) == ("confirmed", 0) and details[0].startswith(UNCLEAR)
    assert details[0].endswith("; nobody is asked") and len(server.confirmations) == 1
    assert action.told == ["closed/failure"] and action.messages[0].startswith(UNCLEAR) and not asked.exists()
    before = len(server.seen)
    fleet.once()
    assert [kind for kind, _ in server.seen[before:]] == ["poll"]


def test_one_that_is_mended_is_asked_about(fleet, server, offered):
    """What is understood in between ends the row."""
    for command in ("exit 1", "echo yes"):
        offered.download = "later"
        fleet.configure(confirm="echo no; exit 2")
        for _ in range(7):
            fleet.once(code=FAILURE)
        assert not server.confirmations
        offered.download = "forced"
        fleet.configure(confirm=command)
        fleet.once(code=OK if "exit" in command else REBOOT)
    assert server.confirmations == [("confirmed", 0, ["yes"])] and fleet.staged


def test_the_row_is_of_one_action(fleet, server, bundle):
    first = server.assign(bundle, download="later")
    server.confirmation = first.id
    fleet.configure(confirm="echo yes")
    for _ in range(7):
        fleet.once(code=FAILURE)
    first.state = "canceled"
    server.confirmation = server.assign(bundle, download="later").id
    for _ in range(7):
        fleet.once(code=FAILURE)
    assert not server.confirmations
    fleet.once(code=FAILURE)
    assert len(server.confirmations) == 1 and server.actions[1].told == ["closed/failure"]


def test_the_row_goes_on_beside_what_is_on_trial(fleet, server, bundle, factory):
    """The record is that of another action; what runs and what is tried stay."""
    first = server.assign(bundle)
    fleet.configure(confirm="echo yes")
    fleet.once(code=REBOOT)
    second = server.assign(factory("3.0", 30), download="later")
    server.confirmation = second.id
    for _ in range(7):
        fleet.once(code=REBOOT)
    assert fleet.staged and not server.confirmations
    fleet.reboot()
    fleet.good()
    first.state = "finished"
    fleet.once(code=FAILURE)
    assert len(server.confirmations) == 1
    assert second.told == ["closed/failure"] and second.messages[0].startswith(UNCLEAR)


def test_one_that_is_understood_behind_that_is_not_installed(fleet, server, bundle):
    """Nobody was asked about it."""
    action = server.assign(bundle, download="later")
    server.confirmation = action.id
    fleet.configure(confirm="echo yes")
    for _ in range(7):
        fleet.once(code=FAILURE)
    server.on["deployment"] = [lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    assert len(server.confirmations) == 1 and not action.told
    assert "Action 1 cannot be understood, and would be closed as failed." in fleet("once", "--dry-run")
    action.download = "forced"
    fleet.once()
    assert action.told == ["closed/failure"] and not fleet.staged and not server.requests("artifact")


def test_a_server_that_takes_no_confirmation_is_asked_again(fleet, server, bundle):
    action = server.assign(bundle, download="later")
    server.confirmation = action.id
    fleet.configure(confirm="echo yes")
    server.on["confirmation-feedback"] = [lambda handler: handler.error(503)] * 2
    for _ in range(9):
        fleet.once(code=FAILURE)
    assert not server.confirmations and not action.told
    fleet.once(code=FAILURE)
    assert len(server.confirmations) == 1 and action.told == ["closed/failure"]


def test_a_dry_run_says_that_it_is_not_understood(fleet, server, bundle):
    action = server.assign(bundle, download="later")
    server.confirmation = action.id
    fleet.configure(confirm="echo yes")
    for _ in range(9):
        said = fleet("once", "--dry-run")
        assert "Action 1 cannot be understood; after 8 such contacts it would be confirmed, and closed" in said
        assert "confirm= would be asked" not in said and not server.confirmations
    fleet.once(code=FAILURE)
    assert not server.confirmations


def test_a_dry_run_says_that_a_bundle_which_came_behind_that_is_not_fetched(fleet, server, bundle):
    action = server.assign(bundle, name="notes.pdf")
    server.confirmation = action.id
    fleet.configure(confirm="echo yes")
    server.on["deployment"] = [lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    action.name = bundle.name
    said = fleet("once", "--dry-run")
    assert "It would be closed as failed: it could not be installed when it was confirmed" in said
    assert "would be fetched" not in said
    fleet.once()
    assert action.told == ["closed/failure"] and not server.requests("artifact")
