# SPDX-License-Identifier: Apache-2.0
"""Ends of actions that the server does not take."""
import json
import random
import re

import pytest
from cli_device import FAILURE, REBOOT
from ddi_server import Server


def refuse(server, action, status=403, when=lambda handler: True):
    """It answers so to the end of this action."""
    def answer(handler):
        if handler.path.split("/")[-2] == action.id and handler.body["status"]["execution"] == "closed" \
                and when(handler):
            handler.error(status)
        else:
            handler.take_feedback(handler.path.split("/")[-2], False)
    server.on["feedback"] = answer


def waiting(fleet, server, bundle, factory, status=403, good=False):
    """The end of action 1 waits; action 2 is staged, or on its way."""
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    if good:
        fleet.good()
    else:
        fleet.fall_back("modem does not register")
    refuse(server, first, status)
    fleet.once(code=FAILURE)
    second = server.assign(factory("3.0", 30))
    server.actions.reverse()
    assert "The end of action 1 waits" in fleet.once(code=REBOOT)
    assert second.told == ["proceeding/none"] * 2 and fleet.staged and fleet.record["id"] == second.id
    return first, second


def ends(fleet):
    return [end["id"] for end in json.loads((fleet.folder / "ends.json").read_text())["ends"]]


@pytest.mark.parametrize("status", [401, 403, 409, 429, 503, 302])
def test_an_end_that_is_not_taken_does_not_stop_the_next_action(fleet, server, bundle, factory, status):
    first, _ = waiting(fleet, server, bundle, factory, status)
    assert ends(fleet) == ["1"]
    fleet.once(code=REBOOT)
    del server.on["feedback"]
    fleet.once(code=REBOOT)
    assert first.told[-1] == "closed/failure" and not ends(fleet)
    assert "2.0 in slot b fell back: modem does not register" in first.messages
    before = len(server.seen)
    fleet.once(code=REBOOT)
    assert [kind for kind, _ in server.seen[before:]] == ["poll"]


def test_twenty_kills_lose_no_end_that_waits(fleet, server, bundle, factory):
    first, second = waiting(fleet, server, bundle, factory)
    rest = random.Random(19)
    for _ in range(10):
        fleet.cut(rest.uniform(0.02, 0.4))
        assert ends(fleet) == [first.id]
    del server.on["feedback"]
    for _ in range(10):
        fleet.cut(rest.uniform(0.02, 0.4))
        assert ends(fleet) in ([first.id], []) and (ends(fleet) or not first.active)
    fleet.once(code=REBOOT)
    assert not ends(fleet) and [one for one in first.told if one.startswith("closed/")] == ["closed/failure"]
    assert fleet.staged and fleet.record["id"] == second.id and second.active


def test_an_action_whose_end_waits_is_not_begun_again(fleet, server, bundle, factory):
    first, second = waiting(fleet, server, bundle, factory)
    server.actions.reverse()        # a person gives the first one more weight
    fleet.once(code=REBOOT)
    assert fleet.record["id"] == second.id
    del server.on["feedback"]
    fleet.once(code=REBOOT)
    assert first.state == "error" and fleet.record["id"] == second.id


@pytest.mark.parametrize("well", [False, True])
def test_a_cancel_of_an_action_whose_end_waits_is_too_late(fleet, server, bundle, factory, well):
    first, second = waiting(fleet, server, bundle, factory, good=well)
    server.actions.reverse()
    server.cancel(first)
    fleet.once(code=None)
    end = "2.0 in slot b is good" if well else "2.0 in slot b fell back: modem does not register"
    assert first.told[-1] == "cancel rejected/none" and first.messages[-1] == end
    assert f"too late to cancel: {end}" in fleet.said and fleet.record["id"] == second.id and fleet.staged
    first.state = "running"
    del server.on["feedback"]
    fleet.once(code=REBOOT)
    assert first.told[-1] == ("closed/success" if well else "closed/failure") and fleet.staged


def test_an_end_that_waits_is_not_sent_to_another_action_of_its_id(fleet, server, bundle, factory):
    first, second = waiting(fleet, server, bundle, factory)
    first.bundle = first.bundle.with_name("4.0.keel")
    first.bundle.write_bytes(second.bundle.read_bytes() + b"!")
    del server.on["feedback"]
    fleet.once(code=REBOOT)
    assert first.told[-1] == "proceeding/none" and not ends(fleet)


def test_an_end_that_waits_is_not_sent_to_another_server(fleet, server, bundle, factory):
    waiting(fleet, server, bundle, factory)
    with Server().running() as new:
        action = new.assign(bundle, download="skip")
        fleet.configure(new.url)
        fleet.once(code=None)
        assert action.told == ["proceeding/none"] and not new.requests("artifact")


def test_a_success_that_waits_is_judged_again(fleet, server, bundle, factory):
    first, _ = waiting(fleet, server, bundle, factory, good=True)
    fleet.fall_back("app crashed on day two")
    del server.on["feedback"]
    fleet.once(code=None)
    assert first.told[-1] == "closed/failure" and first.messages[-1].endswith("app crashed on day two")


def test_a_fallback_is_not_told_before_it_is_kept(fleet, server, bundle, factory):
    """Behind a cut, the next boot may take its slot, and nobody would know. What is kept goes all the same."""
    first, _ = waiting(fleet, server, bundle, factory, good=True)
    fleet.fall_back("app crashed on day two")
    file, spare = fleet.folder / "ends.json", fleet.folder / "ends.json.new"
    kept = json.loads(file.read_text())
    other = server.assign(bundle, name="2.0.swu")
    failed = {**kept["ends"][0], "id": other.id, "release": "", "size": 0, "digest": "", "details": ["it failed"]}
    file.write_text(json.dumps({**kept, "ends": [kept["ends"][0], failed]}))
    spare.unlink(missing_ok=True)
    spare.mkdir()
    (spare / "x").touch()
    del server.on["feedback"]
    fleet.once(code=None)
    assert "closed/failure" not in first.told and "closed/success" not in first.told
    assert other.told == ["closed/failure"]
    (spare / "x").unlink()
    spare.rmdir()
    fleet.once(code=None)
    assert first.told[-1] == "closed/failure" and first.messages[-1].endswith("app crashed on day two")
    assert not ends(fleet)


def test_a_success_that_waits_is_told(fleet, server, bundle, factory):
    first, _ = waiting(fleet, server, bundle, factory, good=True)
    del server.on["feedback"]
    fleet.once(code=REBOOT)
    assert first.told[-1] == "closed/success"


@pytest.mark.parametrize("most, contacts", [(0, 9), (1, 10)])
def test_an_end_whose_words_are_refused_is_sent_with_fewer(fleet, server, bundle, most, contacts):
    """A wall of a web server takes the last words of a trial for an attack."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    fleet.fall_back("cat /etc/passwd")
    refuse(server, action, 403, lambda handler: len(handler.body["status"]["details"]) != most)
    for _ in range(contacts - 1):
        fleet.once(code=FAILURE)
    assert action.state == "running"
    fleet.once()
    assert action.state == "error" and len(action.statuses[-1][2]) == most


def test_status_says_which_ends_wait_since_when_and_why(fleet, server, bundle, factory):
    waiting(fleet, server, bundle, factory)
    said = fleet("status")
    assert re.search(r"^The end of action 1 waits for the server since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n"
                     r"  2\.0 in slot b fell back: modem does not register\n"
                     r"  not sent yet: http://127\.0\.0\.1:\d+: answers 403: it forbids this device that", said, re.M)
    shown = json.loads(fleet("status", "--json"))
    assert [end["id"] for end in shown["waiting"]["ends"]] == ["1"] and shown["untold_status"] == 403
    server.on["poll"] = lambda handler: handler.raw()
    fleet.once(code=REBOOT)
    assert re.search(r"^  not sent yet: http://127\.0\.0\.1:\d+: (?!answers)", fleet("status"), re.M)
    del server.on["poll"], server.on["feedback"]
    fleet.once(code=REBOOT)
    assert "waits for the server" not in fleet("status") and "not sent yet" not in fleet.said


def test_a_server_that_is_away_costs_no_write_where_no_end_waits(fleet, server, bundle):
    """A flash memory is worn by what is written at each poll."""
    server.on["poll"] = lambda handler: handler.error(503)
    fleet.once(code=FAILURE)
    assert not (fleet.folder / "action.json").exists()
    del server.on["poll"]
    fleet.updates(server, bundle)
    before = (fleet.folder / "action.json").stat().st_mtime_ns
    server.on["poll"] = lambda handler: handler.error(503)
    for _ in range(3):
        fleet.once(code=FAILURE)
    assert (fleet.folder / "action.json").stat().st_mtime_ns == before


def test_status_says_why_the_end_of_the_action_on_record_waits(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    refuse(server, action, 503)
    fleet.once(code=FAILURE)
    said = fleet("status")
    assert re.search(r"^The end of action 1 waits for the server since 20.*Z\n  not sent yet: .* answers 503: ", said,
                     re.M)
    del server.on["feedback"]
    fleet.once()
    assert "not sent yet" not in fleet("status") and "the server knows that" in fleet.said


def test_what_waits_cannot_write_to_a_terminal(fleet, server, bundle, factory):
    """The file is of the user without rights, and root asks for the status."""
    waiting(fleet, server, bundle, factory)
    file = fleet.folder / "ends.json"
    kept = json.loads(file.read_text())
    kept["ends"][0]["details"] = ["\x1b]0;mine\x07"]
    file.write_text(json.dumps(kept))
    assert "?]0;mine?" in fleet("status") and "\x1b" not in fleet.said


def test_ends_keep_what_only_a_newer_program_knows(fleet, server, bundle, factory):
    """Of the file and of each end in it; of an older program, whose device fell back."""
    waiting(fleet, server, bundle, factory)
    file = fleet.folder / "ends.json"
    kept = json.loads(file.read_text())
    kept["x-all"] = [1, {"a": None}]
    kept["ends"][0]["x-one"] = "two"
    kept["ends"][0]["tries"] = 0
    file.write_text(json.dumps(kept))
    fleet.once(code=REBOOT)
    found = json.loads(file.read_text())
    assert found["ends"][0]["tries"] == 1, "it was written anew"
    assert found["x-all"] == [1, {"a": None}] and found["ends"][0]["x-one"] == "two"


def test_what_the_server_has_of_an_end_that_waits_and_is_never_understood_costs_eight_contacts(fleet, server, bundle,
                                                                                              factory):
    """Nobody knows whether it is that action, and each contact would ask again."""
    first, _ = waiting(fleet, server, bundle, factory)
    del server.on["feedback"]
    server.on["deployment"] = lambda handler: handler.reply(200, {"id": "1", "deployment": {
        "download": "forced", "update": "forced", "chunks": [{"artifacts": [{"filename": "2.0.keel"}]}]}})
    for _ in range(7):
        assert "not sent any more" not in fleet.once(code=REBOOT) and ends(fleet) == ["1"]
    line = "action 1: eight contacts did not understand what the server has of it; its end is not sent any more"
    assert line in fleet.once(code=REBOOT)
    assert not ends(fleet) and "closed/failure" not in first.told
    before = len(server.requests("deployment"))
    fleet.once(code=REBOOT)
    assert len(server.requests("deployment")) == before


def test_the_ninth_end_that_waits_takes_the_place_of_the_oldest_and_a_line_says_so(fleet, server, bundle):
    server.on["feedback"] = lambda handler: handler.error(500)
    said = []
    for _ in range(10):
        server.actions.insert(0, server.assign(bundle, name="2.0.swu"))
        server.actions.pop()
        said.append("action 1: its end is dropped, since eight later ones wait" in fleet.once(code=FAILURE))
    assert said == [False] * 9 + [True] and ends(fleet) == [str(number) for number in range(2, 10)]


@pytest.mark.parametrize("how, asked", [(429, 1), (503, 1), (401, 1), (302, 1), (None, 1), (409, 3), (500, 3)])
def test_of_ends_that_wait_none_is_asked_about_behind_an_answer_for_all(fleet, server, bundle, how, asked):
    """A server that hangs would cost a timeout each, before a cancellation is looked at."""
    server.on["feedback"] = lambda handler: handler.error(500)
    for _ in range(4):
        server.actions.insert(0, server.assign(bundle, name="2.0.swu"))
        server.actions.pop()
        fleet.once(code=FAILURE)
    for action in server.actions:
        action.state = "canceled"
    assert ends(fleet) == ["1", "2", "3"]
    before = len(server.requests("deployment"))
    server.on["deployment"] = lambda handler: handler.error(how) if how else handler.raw()
    fleet.once(code=FAILURE)
    assert len(server.requests("deployment")) - before == asked and ends(fleet) == ["1", "2", "3"]


@pytest.mark.parametrize("status", [None, 502, 504])
def test_an_end_that_never_gets_a_whole_answer_holds_up_no_other(fleet, server, bundle, status):
    server.on["feedback"] = lambda handler: handler.error(500)
    for _ in range(4):
        server.actions.insert(0, server.assign(bundle, name="2.0.swu"))
        server.actions.pop()
        fleet.once(code=FAILURE)
    assert ends(fleet) == ["1", "2", "3"]
    del server.on["feedback"]

    def answer(handler):
        number = handler.path.partition("?")[0].split("/")[-1]
        if number != "1":
            handler.send_deployment(number)
        elif status:
            handler.error(status)
        else:
            handler.raw()
    server.on["deployment"] = answer
    for _ in range(8):
        fleet.once(code=FAILURE)
        assert ends(fleet) == ["1", "2", "3"], "it may be the server"
    fleet.once(code=FAILURE)
    fourth, third, second, first = server.actions
    assert ends(fleet) == ["1"] and [a.told[-1] for a in (second, third, fourth)] == ["closed/failure"] * 3
    kept, asked = (fleet.folder / "ends.json").stat().st_mtime_ns, len(server.requests("deployment"))
    for _ in range(2):
        fleet.once(code=FAILURE)
    assert (fleet.folder / "ends.json").stat().st_mtime_ns == kept, "what goes on for days wears no flash memory"
    assert len(server.requests("deployment")) == asked + 2 and not first.told
    del server.on["deployment"]
    fleet.once()
    assert first.told == ["closed/failure"] and not ends(fleet)


def test_of_ends_that_got_no_whole_answer_each_has_its_turn(fleet, server, bundle):
    """One of them may get one by now, and does not wait for the other."""
    server.on["feedback"] = lambda handler: handler.error(500)
    for _ in range(3):
        server.actions.insert(0, server.assign(bundle, name="2.0.swu"))
        server.actions.pop()
        fleet.once(code=FAILURE)
    file = fleet.folder / "ends.json"
    kept = json.loads(file.read_text())
    for end in kept["ends"]:
        end["silent"] = 8
    file.write_text(json.dumps(kept))
    del server.on["feedback"]
    server.on["deployment"] = lambda handler: handler.raw() if "Base/1" in handler.path else \
        handler.send_deployment(handler.path.partition("?")[0].split("/")[-1])
    for _ in range(40):
        fleet.once(code=FAILURE)
        if ends(fleet) == ["1"]:
            break
    assert ends(fleet) == ["1"]


def test_a_success_that_comes_late_does_not_say_what_runs(fleet, server, bundle, factory):
    """hawkBit takes the release of the last success for the one that is installed."""
    first, second = waiting(fleet, server, bundle, factory, good=True)
    fleet.configure(distribution="acme")
    fleet.reboot("a")
    fleet.good("a")
    fleet.once(code=FAILURE)
    assert second.told[-1] == "closed/success" and server.installed[-1] == ("acme", "3.0")
    before = len(server.installed)
    fleet.once(code=FAILURE)
    assert len(server.installed) == before
    del server.on["feedback"]
    fleet.once()
    assert first.told[-1] == "closed/success" and server.installed[before:] == [("acme", "3.0")]
    fleet.once()
    assert len(server.installed) == before + 1
