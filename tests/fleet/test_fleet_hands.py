# SPDX-License-Identifier: Apache-2.0
"""What a person does by hand beside a server: what they stage is theirs, and what they change is told."""
import shlex

import pytest
from cli_device import FAILURE, NOTHING, REBOOT, VERIFY

WAITS = "2.0 is fetched, and waits, since release"


def restage(fleet, bundle, how):
    if how == "unstaged-before":
        fleet.dev("unstage")
    fleet.dev("stage", bundle, code=NOTHING if how == "as-it-is" else 0)


@pytest.mark.parametrize("how", ["as-it-is", "unstaged-before"])
def test_the_release_of_an_action_that_a_person_stages_too_is_theirs(fleet, server, bundle, how):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    restage(fleet, bundle, how)
    server.cancel(action)
    assert "what is staged stays: it was not staged by keelboot-fleet" in fleet.once()
    assert fleet.staged and action.state == "canceled"
    assert action.messages[-1] == "cancelled; it stays staged here, since a person staged it, too"


def stages_before(fleet, word, bundle):
    """A person stages this between the look of keelboot-fleet and its call of the command with this word."""
    real, script = fleet.keelboot, fleet.dev.path / "keelboot-between"
    person = shlex.join(str(one) for one in [real, *fleet.dev.options(), "stage", bundle])
    script.write_text(f'#!/bin/sh\ncase " $* " in *" {word} "*) {person} >>"$0.said" 2>&1 ;; esac\nexec {real} "$@"\n')
    script.chmod(0o755)
    fleet.keelboot = script
    return lambda: setattr(fleet, "keelboot", real)


def test_what_a_person_stages_between_a_look_and_a_stage_stays(fleet, server, bundle, factory):
    action = server.assign(bundle)
    ends = stages_before(fleet, "stage --by-fleet", factory("3.0", 30))
    said = fleet.once(code=None)
    ends()
    assert "it was not staged by keelboot-fleet" in said and action.active
    assert fleet.dev.json("status")["staged"]["version"] == "3.0"
    assert WAITS in fleet.once(code=None)
    server.cancel(action)
    fleet.once(code=None)
    assert action.state == "canceled" and fleet.dev.json("status")["staged"]["version"] == "3.0"
    assert action.messages[-1] == "cancelled; nothing of it was installed"


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_what_a_person_stages_between_a_look_and_an_unstage_stays(fleet, server, bundle, factory, version):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    ends = stages_before(fleet, "unstage --by-fleet", bundle if version == "2.0" else factory("3.0", 30))
    server.cancel(action)
    fleet.once(code=None)
    ends()
    assert action.state == "canceled" and fleet.dev.json("status")["staged"]["version"] == version


@pytest.mark.parametrize("how", ["as-it-is", "unstaged-before"])
def test_the_next_action_does_not_replace_it(fleet, server, bundle, factory, how):
    newer = factory("3.0", 30)
    first = server.assign(newer)
    fleet.once(code=REBOOT)
    restage(fleet, newer, how)
    mine = fleet.dev.json("status")["staged"]["release"]
    first.state = "canceled"        # and the device did not see that
    action = server.assign(bundle)
    for _ in range(3):
        assert WAITS in fleet.once(code=None)
    assert fleet.dev.json("status")["staged"]["release"] == mine
    assert action.told == ["proceeding/none"] * 2 and "is staged here, and not by this server" in action.messages[-1]
    fleet.dev("unstage")
    fleet.once(code=REBOOT)
    assert fleet.record["version"] == "2.0"


def test_a_channel_does_not_withdraw_it_after_another_release(device, publish, bundle, factory):
    """What an earlier action staged is withdrawn, too: not so what a person staged since."""
    publish(bundle)
    device.once(code=REBOOT)
    device.dev("stage", bundle, code=NOTHING)
    newer = factory("3.0", 30)
    publish(bundle, newer)
    device.once(code=None)
    publish((bundle, "--withdrawn", "no wifi"), newer)
    device.once(code=None)
    assert device.dev.json("status")["staged"]["version"] == "2.0"


def test_what_a_person_could_not_stage_leaves_it_the_servers(fleet, server, bundle, factory):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.dev("stage", factory("3.0", 30, key="stranger"), code=VERIFY)
    fleet.dev("stage", "--ranges", factory("3.0", 30))
    server.cancel(action)
    fleet.once()
    assert not fleet.staged and action.state == "canceled"


def test_what_cannot_be_noted_is_not_staged(fleet, server, bundle):
    """It would be a person's, and no server could take it back."""
    action = server.assign(bundle)
    (fleet.dev.data / "keelboot/fleet-staged").mkdir(parents=True)
    assert "fleet-staged: cannot be written: " in fleet.once(code=FAILURE)
    assert not fleet.staged and action.active


def test_a_note_that_cannot_be_removed_stages_nothing(fleet, server, bundle, factory):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    note = fleet.dev.data / "keelboot/fleet-staged"
    note.unlink()
    note.mkdir()
    said = fleet.dev("stage", factory("3.0", 30), code=FAILURE).stderr
    assert f"{note}: cannot be removed: " in said and fleet.dev.json("status")["staged"]["version"] == "2.0"


# ---------------------------------------------------------------- what is told


def told(server):
    """What the server was sent, but for polls; nothing of it is of an action."""
    return [kind for kind, _ in server.seen if kind != "poll"]


@pytest.fixture(name="known")
def make_known(fleet, server):
    """A server that knows the device, and has nothing for it."""
    fleet.configure(distribution="gateway")
    fleet.once()
    server.seen.clear()
    return fleet


def test_an_update_by_stick_is_told_at_the_next_contact(known, server, bundle):
    known.by_stick(bundle)
    known.once()
    assert told(server) == ["attributes", "installed"] and server.installed[-1] == ("gateway", "2.0")
    assert server.attributes["keelboot.version"] == "2.0" and server.attributes["keelboot.slot"] == "b"
    known.once()
    assert told(server) == ["attributes", "installed"], "once"


@pytest.mark.parametrize("reason", ["switched by hand", "rolled back", ""])
def test_a_rollback_or_a_switch_is_told_at_the_next_contact(known, server, bundle, reason):
    known.by_stick(bundle)
    known.once()
    server.seen.clear()
    known.dev.boot("a", version="1.0", reason=reason)
    known.once()
    assert told(server) == ["attributes", "installed"] and server.installed[-1] == ("gateway", "1.0")
    assert server.attributes["keelboot.version"] == "1.0" and server.attributes["keelboot.slot"] == "a"
    assert server.attributes["keelboot.reason"] == reason
    assert server.attributes["keelboot.slot.b"] == "2.0, good"


def test_a_release_that_an_action_brought_and_a_person_left_is_no_part_of_that_action(known, server, bundle):
    """It was closed with success, and stays so: what runs now is a fact of its own."""
    action = known.updates(server, bundle)
    entries = len(action.statuses)
    known.once()
    server.seen.clear()
    known.dev("switch", "a")
    known.dev.boot("a", version="1.0")
    known.once()
    assert told(server) == ["attributes", "installed"] and server.installed[-1] == ("gateway", "1.0")
    assert len(action.statuses) == entries and action.state == "finished"


def test_what_a_person_did_while_the_server_was_away_is_told_then(known, server, bundle):
    known.by_stick(bundle)
    server.on["poll"] = [lambda handler: handler.error(503)] * 3
    for _ in range(3):
        known.once(code=FAILURE)
    assert not told(server)
    known.once()
    assert told(server) == ["attributes", "installed"]


def test_a_verdict_by_hand_is_told(known, server, bundle):
    """Also of a slot that does not run, where nothing else is news."""
    known.configure(omit="warnings")
    known.by_stick(bundle)
    known.dev.boot("a", version="1.0")
    known.once()
    server.seen.clear()
    known.dev("mark", "bad", "b", "--reason", "by hand")
    known.once()
    assert server.attributes["keelboot.slot.b"] == "2.0, bad" and told(server) == ["attributes"]
