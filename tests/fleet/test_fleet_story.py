# SPDX-License-Identifier: Apache-2.0
"""The life of an action, with the real command, signed bundles, and a server that answers as hawkBit does."""
import json

import pytest
from cli_device import BUSY, FAILURE, NOTHING, OK, REBOOT, USAGE, add_event, call, flip
from ddi_server import Server


def test_nothing_waits_and_the_server_learns_what_runs(fleet, server):
    fleet.once()
    assert server.attributes["keelboot.version"] == "1.0" and server.attributes["keelboot.slot"] == "a"
    assert server.attributes["keelboot.state"] == "good" and server.attributes["keelboot.compatible"] == "test-board"
    fleet.once()
    assert [kind for kind, _ in server.seen] == ["poll", "attributes", "poll"]


def test_an_update_is_closed_after_it_is_good_and_not_before(fleet, server, bundle):
    action = server.assign(bundle)
    said = fleet.once(code=REBOOT)
    assert "A reboot installs 2.0." in said
    assert fleet.staged and action.told == ["proceeding/none"] * 2
    assert action.messages[0] == f"fetching {bundle.name}, {bundle.stat().st_size} bytes"
    assert action.messages[1] == "staged; the next boot installs it"
    assert not (fleet.folder / "bundle.keel").exists()
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    assert action.told == ["proceeding/none"] * 3 and "2.0 in slot b is on trial" in action.messages
    fleet.once()
    assert len(action.statuses) == 3 and action.state == "running"
    fleet.good()
    fleet.once()
    assert action.told[3:] == ["closed/success"] and action.state == "finished"
    assert action.messages[-2] == "2.0 in slot b is good"
    assert action.messages[-1].endswith(", version 2.0, sequence 20")
    assert server.attributes["keelboot.version"] == "2.0"
    fleet.once()
    assert len(action.statuses) == 4


def test_a_release_that_falls_back_is_closed_as_failed_with_its_reason(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.fall_back("modem does not register")
    fleet.once()
    assert action.told == ["proceeding/none", "proceeding/none", "closed/failure"] and action.state == "error"
    said = "\n".join(action.statuses[-1][2])
    assert "2.0 in slot b fell back: modem does not register" in said
    assert "2.0 in slot b was rejected: modem does not register" in said
    assert server.attributes["keelboot.version"] == "1.0" and server.attributes["keelboot.reason"] == "b: rejected"


def test_last_words_of_a_trial_reach_the_server(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    check = fleet.dev.root / "etc/keelboot/check.d/10-app"
    check.parent.mkdir(parents=True)
    check.write_text("#!/bin/sh\necho 'port 80: refused'\nexit 1\n")
    check.chmod(0o755)
    tools = fleet.dev.path / "bin"
    tools.mkdir()
    (tools / "reboot").write_text("#!/bin/sh\nexit 1\n")
    (tools / "reboot").chmod(0o755)
    fleet.dev("health", code=FAILURE, env={"PATH": f"{tools}:/usr/bin:/bin"})
    fleet.once()
    assert action.told[-1] == "closed/failure"
    assert "last words (check):" in action.messages and "  port 80: refused" in action.messages
    assert all(len(message) <= 512 for message in action.messages)


def test_a_lost_answer_is_sent_again_and_closed_once(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    server.on["feedback"] = lambda handler: handler.raw()
    for _ in range(10):
        fleet.once(code=FAILURE)
    del server.on["feedback"]
    # Also where the server does not ask for it.
    server.on["poll"] = lambda handler: handler.reply(200, {"config": {"polling": {"sleep": "00:05:00"}}})
    fleet.once()
    assert action.told[-1] == "closed/success" and action.told.count("closed/success") == 1


def test_what_the_server_took_and_did_not_acknowledge_is_settled_by_its_410(fleet, server, bundle):
    """Its answer was lost: the client sends again, and 410 says that it is known."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    action.state = "finished"
    fleet.once()
    assert fleet.record["reported"] == "good"
    before = len(server.requests("feedback"))
    fleet.once()
    assert len(server.requests("feedback")) == before


def test_an_action_that_is_offered_again_is_answered_again_and_not_fetched(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    fleet.once()
    action.state = "running"
    fleet.once()
    assert action.told[-2:] == ["closed/success"] * 2 and len(server.requests("artifact")) == 1


def test_a_server_that_takes_an_end_and_offers_the_action_still_is_answered_eight_times_more(fleet, server, bundle,
                                                                                            factory):
    """Then it is only looked at, until something about it changes: another end, another bundle."""
    action, said = server.assign(bundle), []

    def keep_open(handler):
        handler.take_feedback(action.id, False)
        action.state = "running"
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    server.on["feedback"] = keep_open

    def ends(times=10):
        before = len(action.statuses)
        for _ in range(times):
            said.append(fleet.once())
        return action.told[before:]
    assert ends(12) == ["closed/success"] * 9
    assert sum("the server takes its end, and offers it still" in one for one in said) == 1
    before = (fleet.folder / "action.json").stat().st_ino
    assert not ends(2) and (fleet.folder / "action.json").stat().st_ino == before, "nor does it cost a write"
    # A person who assigns it anew is answered.
    action.state = "finished"
    assert not ends(1)
    action.state = "running"
    assert ends() == ["closed/success"] * 8
    fleet.fall_back("no modem")
    assert ends() == ["closed/failure"]
    server.actions[0] = type(action)(1, factory("3.0", 30))
    del server.on["feedback"]
    fleet.once(code=REBOOT)
    assert fleet.record["version"] == "3.0" and len(server.requests("artifact")) == 2


def test_a_release_that_is_installed_already_is_closed_at_once(fleet, server, bundle):
    fleet.dev("install", bundle)
    fleet.start()
    fleet.good()
    action = server.assign(bundle)
    fleet.once()
    assert action.told == ["proceeding/none", "closed/success"]


def test_a_release_that_is_the_fallback_is_no_success(fleet, server, bundle):
    """It is good, and does not run: to say that it was installed would be wrong."""
    fleet.dev("install", bundle)
    fleet.start()
    fleet.good()
    fleet.dev.boot("a", version="1.0")
    action = server.assign(bundle)
    fleet.once()
    assert action.told == ["proceeding/none", "closed/failure"]
    assert action.messages[1] == "2.0 is in slot b, the fallback; 1.0 runs"


def test_the_record_may_be_garbage_or_gone(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    for garbage in (b"", b"{", b"\0" * 4096, b'{"schema":1}', b'{"schema":1,"phase":7}', b"[" * 5000):
        (fleet.folder / "action.json").write_bytes(garbage)
        assert "cannot be read; the server will offer its action again" in fleet.once(code=REBOOT)
        assert fleet.staged and fleet.record["phase"] == "staged"
    (fleet.folder / "action.json").unlink()
    fleet.reboot()
    fleet.once()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success"


# ---------------------------------------------------------------- reboots


def test_a_server_that_is_away_does_not_keep_a_reboot_from_installing(fleet, server, bundle):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    server.on["poll"] = lambda handler: handler.raw()
    said = fleet.once(code=REBOOT)
    assert "A reboot installs 2.0." in said and server.url in said


def test_a_boot_that_leaves_it_staged_is_asked_for_three_times_and_no_more(fleet, server, bundle):
    """As a hook does that says no: else a device reboots after each contact."""
    action = server.assign(bundle)
    for n in range(3):
        for _ in range(2):
            fleet.once(code=REBOOT)
        assert fleet.record["boots"] == n + 1
        fleet.change(boot=f"another-{n}")
    # The boot does not know yet which release it is, when it asks the hooks.
    add_event(fleet.dev, "refused", reason="the hook 20-night says no")
    add_event(fleet.dev, "refused", version="3.0", sequence=30, reason="no key signed it")
    add_event(fleet.dev, "refused", reason="the hook 10-trip says no")
    add_event(fleet.dev, "refused", version="4.0", sequence=40, reason="no key signed it")
    assert "Action 1: staged; 3 boots did not install it: the hook 10-trip says no" in fleet.once()
    fleet.once()
    assert action.told == ["proceeding/none"] * 3
    assert action.messages[-2] == \
        "staged; 3 boots did not install it: the hook 10-trip says no; no more reboots are asked for"
    # A boot that does install it counts as ever; and the next action has boots of its own.
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success"


def test_what_the_next_boot_skips_may_be_installed_by_a_later_one(fleet, server, bundle):
    """The reason passes: the server hears it once, and later how it went."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    conf = fleet.dev.root / "etc/keelboot/system.conf"
    text = conf.read_text()
    for _ in range(2):
        conf.write_text(text.replace("[source.data]\n", "[source.data]\nenabled=no\n"))
        fleet.once()
        fleet.once()
        conf.write_text(text)
        fleet.once(code=REBOOT)
    assert action.told == ["proceeding/none"] * 3
    assert action.messages[-2] == "staged; the next boot skips it: [source.data] enabled=no"
    fleet.reboot()
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success"


def test_a_dry_run_asks_for_no_boot_that_counts(fleet, server, bundle):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.change(boot="another")
    fleet("once", "--dry-run", code=REBOOT)
    assert fleet.record["boots"] == 1


# ---------------------------------------------------------------- what the server wants


def test_a_download_only_is_fetched_reported_and_not_staged(fleet, server, bundle):
    action = server.assign(bundle, download="forced", update="skip")
    fleet.once()
    assert action.told == ["proceeding/none", "downloaded/none"] and action.state == "downloaded"
    assert not fleet.staged and (fleet.folder / "bundle.keel").read_bytes() == bundle.read_bytes()
    # The same bundle to be installed: what is here is used.
    server.assign(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged and len(server.requests("artifact")) == 1


def test_a_maintenance_window_is_waited_for_with_the_bundle_at_hand(fleet, server, bundle):
    action = server.assign(bundle, window="unavailable")
    fleet.once()
    fleet.once()
    assert not fleet.staged and action.told == ["proceeding/none"] * 2
    assert action.messages[-1].endswith("bytes; the maintenance window is closed")
    action.window = "available"
    fleet.once(code=REBOOT)
    assert fleet.staged and len(server.requests("artifact")) == 1


def test_what_is_not_to_be_downloaded_is_not(fleet, server, bundle):
    action = server.assign(bundle, download="skip", update="skip")
    fleet.once()
    assert not server.requests("artifact") and fleet.record["phase"] == "seen"
    size = bundle.stat().st_size
    assert action.messages == [f"{bundle.name}, {size} bytes, waits: the server wants no download yet"]
    action.download = action.update = "forced"
    fleet.once(code=REBOOT)
    assert action.told == ["proceeding/none"] * 2


def test_soft_is_forced_here(fleet, server, bundle):
    server.assign(bundle, download="attempt", update="attempt")
    fleet.once(code=REBOOT)
    assert fleet.staged


@pytest.mark.parametrize("name, more", [("2.0.swu", ()), ("2.0.keel", ("other.keel",))], ids=["none", "two"])
def test_an_action_without_one_bundle_is_closed_as_failed(fleet, server, bundle, name, more):
    action = server.assign(bundle, name=name, more=more)
    fleet.once()
    assert action.told == ["closed/failure"] and "expected one" in action.messages[0]


def test_what_lies_beside_the_bundle_is_ignored(fleet, server, bundle):
    server.assign(bundle, more=("release-notes.txt",))
    fleet.once(code=REBOOT)


@pytest.mark.parametrize("name", ["\u00c4nderungen.pdf", "x" * 200 + ".txt", "\u00fc.keel"],
                         ids=["umlaut", "long", "bundle"])
def test_nor_is_its_name_a_matter(fleet, server, bundle, name):
    """Also behind it."""
    server.assign(bundle, more=(name,))
    fleet.once(code=REBOOT)
    assert fleet.record["name"] == bundle.name


def test_a_bundle_whose_name_is_none_is_closed_as_failed(fleet, server, bundle):
    action = server.assign(bundle, name="\u00fc.keel", link=f"{server.url}/x.keel")
    fleet.once()
    assert action.told == ["closed/failure"] and action.messages[0] == \
        "the action has 0 bundles (*.keel, at most 127 characters of ASCII): expected one"


def test_an_action_that_is_not_understood_is_closed_as_failed(fleet, server, bundle):
    """It may be mended; a day later, nobody waits for this device."""
    action = server.assign(bundle, download="later")
    for _ in range(7):
        fleet.once(code=FAILURE)
        assert action.told == ["proceeding/none"] and fleet.record["phase"] == "seen"
    fleet.once(code=FAILURE)
    assert action.told == ["proceeding/none", "closed/failure"] and action.messages[-1].startswith("not understood: ")
    server.assign(bundle)
    fleet.once(code=REBOOT)


def test_an_action_that_is_mended_is_taken(fleet, server, bundle):
    action = server.assign(bundle, download="later")
    for _ in range(7):
        fleet.once(code=FAILURE)
    action.download = "forced"
    fleet.once(code=REBOOT)
    assert fleet.staged and action.told == ["proceeding/none"] * 2


def test_contacts_that_do_not_understand_it_count_in_a_row(fleet, server, bundle):
    """What is understood in between ends the row, also where it brings nothing."""
    action = server.assign(bundle, download="later")
    for _ in range(7):
        fleet.once(code=FAILURE)
    action.download = "skip"
    fleet.once()
    action.download = "later"
    for _ in range(7):
        fleet.once(code=FAILURE)
    assert action.state == "running"
    fleet.once(code=FAILURE)
    assert action.told[-1] == "closed/failure" and action.messages[-1].startswith("not understood: ")


def test_they_are_no_part_of_those_that_could_not_fetch_it(fleet, server, bundle):
    action = server.assign(bundle)
    server.on["artifact"] = lambda handler: handler.error(404)
    for _ in range(4):
        action.download = "forced"
        fleet.once(code=FAILURE)
        action.download = "later"
        fleet.once(code=FAILURE)
    assert action.state == "running" and fleet.record["tries"] == 4 and fleet.record["unclear"] == 1
    action.download = "forced"
    for _ in range(3):
        fleet.once(code=FAILURE)
    assert action.state == "running"
    fleet.once(code=FAILURE)
    assert action.told[-1] == "closed/failure" and action.messages[-1].startswith("not fetched: ")


@pytest.mark.parametrize("end", ["mended", "closed", "over", "taken back", "cancelled"])
def test_a_download_stays_while_the_next_action_is_not_understood(fleet, server, bundle, end):
    first = server.assign(bundle, update="skip")
    fleet.once()
    assert first.state == "downloaded"
    second = server.assign(bundle, download="later")
    if end == "over":
        server.on["feedback"] = [lambda handler: handler.error(410)]
    fleet.once(code=FAILURE)
    if end == "mended":
        second.download = "forced"
    elif end == "closed":
        for _ in range(7):
            fleet.once(code=FAILURE)
        assert second.told[-1] == "closed/failure"
    elif end == "cancelled":
        server.cancel(second)
        fleet.once()
        assert second.told[-1] == "cancel closed/success"
    else:
        second.state = "canceled"
        for _ in range(2):
            fleet.once()
    assert (fleet.folder / "bundle.keel").exists()
    if end != "mended":
        server.assign(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged and len(server.requests("artifact")) == 1


def test_a_download_is_not_taken_for_another_bundle_by_its_size(fleet, server, bundle):
    """A server may name no SHA-256, and the bundle of another action may have as many bytes."""
    server.hashes = ("sha1",)
    first = server.assign(bundle, update="skip")
    fleet.once()
    assert first.state == "downloaded"
    second = server.assign(bundle, download="later")
    fleet.once(code=FAILURE)
    second.download = "forced"
    fleet.once(code=REBOOT)
    assert fleet.staged and len(server.requests("artifact")) == 2


def test_the_end_of_one_that_was_never_understood_is_sent_again(fleet, server, bundle):
    """Also where a download of an earlier action is here, whose size the server does not say now."""
    server.assign(bundle, update="skip")
    fleet.once()
    action = server.assign(bundle, download="later")
    for _ in range(7):
        fleet.once(code=FAILURE)
    server.on["feedback"] = lambda handler: handler.error(503)
    fleet.once(code=FAILURE)
    assert fleet.record["phase"] == "failed" and "closed/failure" not in action.told
    third = server.assign(bundle)
    server.actions.reverse()
    fleet.once(code=REBOOT)
    assert third.active and fleet.staged and len(server.requests("artifact")) == 1
    del server.on["feedback"]
    fleet.once(code=REBOOT)
    assert action.told[-1] == "closed/failure"


def test_a_good_end_stands_though_an_older_program_kept_what_it_did_not_know(fleet, server, bundle):
    """The record said that a download of another action was here, and that program staged this one."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.change(kept=1)
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success" and len(server.requests("artifact")) == 1


def test_a_dry_run_says_that_an_action_is_not_understood(fleet, server, bundle):
    action = server.assign(bundle, download="later")
    assert "Action 1 cannot be understood" in fleet("once", "--dry-run")
    assert not action.told


def test_what_is_staged_stays_when_its_action_is_not_understood_any_more(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    action.download = "later"
    for _ in range(9):
        assert "nothing changes here" in fleet.once(code=REBOOT)
    assert fleet.staged and fleet.record["phase"] == "staged" and action.told == ["proceeding/none"] * 2
    fleet.reboot()
    fleet.good()
    fleet.once(code=FAILURE)
    assert action.state == "running"
    action.download = "forced"
    fleet.once()
    assert action.told[-1] == "closed/success"


def test_what_is_fetched_stays_while_its_action_is_not_understood(fleet, server, bundle):
    action = server.assign(bundle, window="unavailable")
    fleet.once()
    action.download = "later"
    fleet.once(code=FAILURE)
    action.download, action.window = "forced", "available"
    fleet.once(code=REBOOT)
    assert fleet.staged and len(server.requests("artifact")) == 1


def test_the_end_of_one_that_was_understood_before_is_sent_again(fleet, server, bundle):
    """Its answer was lost, and what the server has of it has no size that could be compared."""
    action = server.assign(bundle, window="unavailable")
    fleet.once()
    action.download = "later"
    for _ in range(7):
        fleet.once(code=FAILURE)
    server.on["feedback"] = lambda handler: handler.error(503)
    fleet.once(code=FAILURE)
    assert fleet.record["phase"] == "failed" and "closed/failure" not in action.told
    del server.on["feedback"]
    fleet.once()
    assert action.told[-1] == "closed/failure" and action.state == "error"


def test_a_confirmation_is_given_on_the_server_only(fleet, server, bundle):
    action = server.assign(bundle)
    server.confirmation = action.id
    assert "waits for a confirmation" in fleet.once()
    assert not action.retrieved
    server.confirmation = None
    fleet.once(code=REBOOT)


def test_what_the_server_takes_back_is_forgotten_before_it_is_staged(fleet, server, bundle):
    action = server.assign(bundle, window="unavailable")
    fleet.once()
    action.state = "canceled"
    assert "is not offered any more" in fleet.once()
    assert (fleet.folder / "bundle.keel").exists()
    assert "is over on the server" in fleet.once()
    assert fleet.record["phase"] == "none"


def test_what_another_action_staged_stays_when_one_with_the_same_release_is_taken_back(fleet, server, bundle):
    """It had begun to fetch, and knew no more than the release."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    action.state = "canceled"
    fleet.change(id="6", phase="seen", reported="seen")
    assert "is not offered any more" in fleet.once(code=None)
    assert "is over on the server" in fleet.once(code=None)
    assert fleet.staged and fleet.record["phase"] == "none"


def test_what_the_server_takes_back_for_a_moment_is_not_forgotten(fleet, server, bundle):
    """Two polls without it count only one after the other."""
    action = server.assign(bundle, window="unavailable")
    fleet.once()
    for _ in range(3):
        action.state = "canceled"
        fleet.once()
        action.state = "running"
        fleet.once()
    assert fleet.record["phase"] == "fetched" and len(server.requests("artifact")) == 1


def test_json_of_a_proxy_is_no_poll(fleet, server, bundle):
    server.assign(bundle, window="unavailable")
    fleet.once()
    server.on["poll"] = lambda handler: handler.reply(200, {"error": "down for maintenance"})
    for _ in range(3):
        assert "no answer to a poll" in fleet.once(code=FAILURE)
    assert fleet.record["phase"] == "fetched" and (fleet.folder / "bundle.keel").exists()


def test_a_newer_action_replaces_one_that_is_only_staged(fleet, server, factory, bundle):
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    first.state = "canceled"
    second = server.assign(factory("3.0", 30))
    fleet.once(code=REBOOT)
    assert fleet.record["id"] == second.id and fleet.record["version"] == "3.0"


def test_a_newer_action_waits_for_the_end_of_a_trial(fleet, server, factory, bundle):
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    first.state = "canceled"
    second = server.assign(factory("3.0", 30))
    assert "waits for the end of action 1" in fleet.once()
    assert not second.retrieved
    fleet.good()
    fleet.once(code=REBOOT)
    assert fleet.record["id"] == second.id


def test_what_a_person_staged_goes_before_an_action(fleet, server, factory, bundle):
    """And is neither replaced nor unstaged; the server hears that once."""
    fleet.once()
    fleet.dev("stage", factory("3.0", 30))
    mine = fleet.dev.json("status")["staged"]["release"]
    action = server.assign(bundle)
    for _ in range(3):
        assert "2.0 is fetched, and waits, since release" in fleet.once()
    assert fleet.dev.json("status")["staged"]["release"] == mine
    assert action.told == ["proceeding/none"] * 2 and "is staged here, and not by this server" in action.messages[-1]
    fleet.dev("unstage")
    fleet.once(code=REBOOT)
    assert fleet.record["version"] == "2.0" and len(server.requests("artifact")) == 1


def test_a_trial_of_a_stick_goes_before_an_action(fleet, server, factory, bundle):
    fleet.dev("install", bundle)
    fleet.start()
    action = server.assign(factory("3.0", 30), window="unavailable")
    fleet.once()
    action.window = "available"
    for _ in range(3):
        assert "3.0 is fetched, and waits until 2.0 in slot b has ended its trial" in fleet.once()
    assert action.told == ["proceeding/none"] * 3 and fleet.dev.json("status")["staged"] is None
    fleet.good()
    fleet.once(code=REBOOT)
    assert fleet.staged


# ---------------------------------------------------------------- cancellations


def test_a_cancel_before_the_fetch_is_honoured(fleet, server, bundle):
    action = server.assign(bundle)
    server.cancel(action)
    fleet.once()
    assert action.state == "canceled" and action.told == ["cancel closed/success"]


def test_a_cancel_of_what_is_staged_unstages_it(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.cancel(action)
    fleet.once()
    assert action.state == "canceled" and fleet.dev.json("status")["staged"] is None
    assert fleet.record["phase"] == "none"


def test_a_cancel_whose_answer_is_lost_is_answered_again(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.cancel(action)
    server.on["cancel-feedback"] = [lambda handler: handler.raw()]
    fleet.once(code=FAILURE)
    assert fleet.dev.json("status")["staged"] is None and action.state == "canceling"
    fleet.once()
    assert action.told[-1] == "cancel closed/success" and action.state == "canceled"


def test_a_cancel_that_was_cut_before_it_unstaged_is_done_by_the_next_contact(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.cancel(action)
    record = {**fleet.record, "phase": "seen", "reported": "seen"}
    (fleet.folder / "action.json").write_text(json.dumps(record))
    fleet.once()
    assert fleet.dev.json("status")["staged"] is None and action.state == "canceled"


def test_a_cancel_in_the_trial_is_rejected_once_and_its_end_is_told(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    server.cancel(action)
    fleet.once()
    assert action.told[-1] == "cancel rejected/none" and action.state == "running"
    assert "2.0 in slot b is on trial" in action.messages[-1]
    server.cancel(action)
    fleet.once()
    assert action.told.count("cancel rejected/none") == 1
    action.state = "running"
    fleet.good()
    fleet.once()
    assert action.told[-1] == "closed/success"


def test_a_cancel_that_comes_when_a_boot_has_written_the_slot_is_too_late(fleet, server, bundle):
    """The server learns of the cut-off only from us: the client had no contact since it staged."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    server.cancel(action)
    fleet.once()
    assert "cancel rejected/none" in action.told and fleet.dev.slot("b")["state"] == "trial"


def test_what_is_staged_by_hand_is_not_unstaged_by_a_cancel(fleet, server, factory, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.dev("stage", factory("3.0", 30))
    server.cancel(action)
    fleet.once()
    assert fleet.staged and action.told[-2:] == ["cancel rejected/none", "closed/failure"]


def test_the_same_release_that_a_person_staged_stays_when_the_action_is_cancelled(fleet, server, bundle):
    fleet.dev("stage", bundle)
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    server.cancel(action)
    assert "what is staged stays: it was not staged by keelboot-fleet" in fleet.once()
    assert fleet.staged and action.told[-1] == "cancel closed/success"


def test_what_is_unstaged_by_hand_is_closed_as_failed(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.dev("unstage")
    fleet.once()
    assert action.told[-1] == "closed/failure" and "neither staged nor in a slot" in action.messages[-2]


# ---------------------------------------------------------------- bundles


def test_a_bundle_of_a_stranger_is_fetched_anew_once_and_then_closed_as_failed(fleet, server, factory):
    action = server.assign(factory("2.0", 20, key="stranger"))
    assert "it is fetched anew" in fleet.once(code=FAILURE)
    fleet.once()
    assert action.told[-1] == "closed/failure" and len(server.requests("artifact")) == 2
    assert not fleet.staged and "is no bundle for this device" in action.messages[-1]


def test_a_bundle_for_another_device_is_closed_as_failed(fleet, server, factory):
    action = server.assign(factory("2.0", 20, compatible="other"))
    fleet.once()
    assert action.told[-1] == "closed/failure" and "2.0 was refused: " in action.messages[1]


def test_an_older_release_is_closed_as_failed(fleet, server, factory):
    action = server.assign(factory("0.9", 5))
    fleet.once()
    assert action.told[-1] == "closed/failure" and "0.9 was refused: " in action.messages[1]


def test_a_release_that_fell_back_here_is_not_tried_again(fleet, server, bundle):
    first = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.fall_back("no network")
    fleet.once()
    assert first.state == "error"
    second = server.assign(bundle)
    fleet.once()
    assert second.told[-1] == "closed/failure" and "no network" in " ".join(second.messages)


def test_a_damaged_download_is_fetched_anew(fleet, server, bundle, tmp_path):
    action = server.assign(bundle)
    damaged = flip(bundle, tmp_path / "damaged.keel", bundle.stat().st_size // 2).read_bytes()
    server.on["artifact"] = [lambda handler: handler.reply(200, damaged, kind="application/octet-stream")]
    fleet.once(code=FAILURE)
    fleet.once(code=REBOOT)
    assert fleet.staged and action.state == "running"


def test_so_is_one_that_is_still_here(fleet, server, bundle, tmp_path):
    """It could not be removed, or a power cut brought it back."""
    action = server.assign(bundle)
    damaged = flip(bundle, tmp_path / "damaged.keel", bundle.stat().st_size // 2).read_bytes()
    server.on["artifact"] = [lambda handler: handler.reply(200, damaged, kind="application/octet-stream")]
    fleet.once(code=FAILURE)
    (fleet.folder / "bundle.keel").write_bytes(damaged)
    fleet.once(code=REBOOT)
    assert fleet.staged and action.state == "running" and len(server.requests("artifact")) == 2


# ---------------------------------------------------------------- the rest


def test_old_hawkbits_are_understood(ready, tmp_path, bundle):
    from conftest import Fleet
    with Server(dialect="0.x").running() as server:
        fleet = Fleet(ready, server, tmp_path)
        action = server.assign(bundle)
        fleet.once(code=REBOOT)
        assert server.attributes["keelboot.version"] == "1.0"
        fleet.reboot()
        fleet.good()
        fleet.once()
        assert action.state == "finished"


def test_which_release_runs_is_told_also_after_an_update_by_hand(fleet, server, bundle):
    fleet.configure(distribution="gateway")
    fleet.once()
    fleet.once()
    assert server.installed == [("gateway", "1.0")]
    fleet.dev("install", bundle)
    fleet.start()
    fleet.once()
    assert server.installed == [("gateway", "1.0")]
    fleet.good()
    fleet.once()
    assert server.installed == [("gateway", "1.0"), ("gateway", "2.0")]


def test_a_server_that_knows_no_installed_base_is_asked_once(fleet, server):
    server.dialect = "0.x"
    fleet.configure(distribution="gateway")
    fleet.once()
    fleet.once()
    assert [kind for kind, _ in server.seen].count("poll") == 2 and server.installed == []
    assert fleet.record["installed"] == "1.0"


def test_a_dry_run_changes_nothing(fleet, server, bundle):
    action = server.assign(bundle)
    said = fleet("once", "--dry-run")
    assert f"Action 1: {bundle.name}, {bundle.stat().st_size} bytes; download: yes, forced; update: yes" in said
    assert "It would be fetched and staged." in said
    assert not fleet.folder.exists() and not action.statuses and server.attributes is None
    server.cancel(action)
    assert "Action 1 would be cancelled" in fleet("once", "--dry-run")
    assert action.state == "canceling"


def test_status_without_a_server_says_how_to_name_one(fleet):
    fleet.dev.configure()
    assert fleet("status", code=NOTHING) == "No server: set [fleet] server= or channel= in system.conf.\n"


def test_status_says_how_the_action_stands(fleet, server, bundle):
    assert "offered nothing yet" in fleet("status", code=NOTHING)
    server.assign(bundle)
    fleet.once(code=REBOOT)
    said = fleet("status")
    assert "Action 1: staged\n  staged; the next boot installs it\n  version 2.0, sequence 20\n" in said
    assert "the server knows that" in said
    assert json.loads(fleet("status", "--json"))["phase"] == "staged"


def test_two_runs_do_not_meet(fleet):
    fleet.once()
    said = call("flock", fleet.folder / "lock", *fleet.command("once"), code=BUSY, env=fleet.environment()).stderr
    assert "another run of keelboot-fleet is under way" in said
    call("flock", fleet.folder / "lock", *fleet.command("status"), code=NOTHING, env=fleet.environment())


@pytest.mark.parametrize("n, staged", [(2, False), (3, False), (4, True)], ids=["before", "by-the-order", "behind"])
def test_a_status_that_fails_beside_the_stage_closes_no_action(fleet, server, bundle, tmp_path, n, staged):
    """What is staged is not known then: it is neither replaced, nor said to be refused."""
    fleet.once()
    action = server.assign(bundle)
    script, calls = tmp_path / "keelboot", tmp_path / "calls"
    script.write_text(f"""#!/bin/sh
case " $* " in *" status "*)
    echo x >> {calls}
    test $(wc -l < {calls}) != {n} || exit 1 ;;
esac
exec {fleet.keelboot} "$@"
""")
    script.chmod(0o755)
    own, fleet.keelboot = fleet.keelboot, script
    assert "not staged" in fleet.once(code=FAILURE)
    fleet.keelboot = own
    assert bool(fleet.staged) == staged and action.told == ["proceeding/none"]
    fleet.once(code=REBOOT)
    assert action.told == ["proceeding/none"] * 2


def test_a_device_without_state_asks_and_takes_nothing(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.dev.state.unlink()
    fleet.once(code=FAILURE)
    assert not action.retrieved and [kind for kind, _ in server.seen] == ["poll"]


def test_nothing_is_fetched_where_the_data_partition_is_not_mounted(fleet, server, bundle):
    """It would land on the root file system, where no boot looks for it."""
    action = server.assign(bundle)
    (fleet.dev.run / "devices").write_text("data /dev/null\n")
    assert f"the data partition is not mounted at {fleet.dev.data}" in fleet.once(code=FAILURE)
    assert not action.retrieved and not fleet.folder.exists()
    (fleet.dev.run / "devices").unlink()
    fleet.once(code=REBOOT)


def test_what_lies_below_the_mount_point_is_no_record_then(fleet, server, bundle):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    before = {path.name: path.read_bytes() for path in fleet.folder.iterdir()}
    (fleet.dev.run / "devices").write_text("data /dev/null\n")
    server.cancel(action)
    fleet.once(code=FAILURE)
    assert {path.name: path.read_bytes() for path in fleet.folder.iterdir()} == before
    assert action.state == "canceling" and len(server.requests("feedback")) == 2


def test_the_first_contact_looks_at_the_device_behind_the_lock(fleet, server):
    fleet.once()
    assert (fleet.folder / "lock").exists() and server.attributes


@pytest.mark.parametrize("words, says", [
    (["frobnicate"], "expected once, run or status"), ([], "expected once, run or status"),
    (["once", "--jsno"], "--jsno: not understood"), (["run", "--dry-run"], "with its own options"),
    (["status", "--now"], "with its own options"), (["once", "--conf-root"], "--conf-root: not understood"),
])
def test_wrong_usage_names_the_way_out(fleet, words, says):
    said = call(fleet.command()[0], *words, code=USAGE).stderr
    assert says in said


def test_help_and_version(fleet):
    said = call(fleet.command()[0], "--help").stdout
    assert said.startswith("Usage: keelboot-fleet once|run|status") and max(map(len, said.splitlines())) <= 95
    assert call(fleet.command()[0], "--version").stdout.startswith("keelboot-fleet ")


@pytest.mark.parametrize("keys, says", [
    ({"server": ""}, "set [fleet] server="),
    ({"token_file": "/nowhere"}, "token-file=/nowhere: No such file"),
    ({"id": "a/b"}, "expected NAME"),
    ({"server": "https://me:you@updates.example.com"}, "expected URL"),
])
def test_a_configuration_that_lacks_something_says_what(fleet, keys, says):
    fleet.configure(**keys)
    done = call(*fleet.command("once"), code=None, env=fleet.environment())
    assert done.returncode in (USAGE, OK, FAILURE) and says in done.stderr


@pytest.mark.parametrize("url, shown", [
    ("https://me:hunter2@updates.example.com/x", "https://"), ("https://me:hunt/er2@updates.example.com", "https://"),
    ("me:hunter2@updates.example.com", ""), ("me:hunter2@https://x", ""),
    ("https://updates.example.com/x?sig=hunter2", "https://updates.example.com"),
    ("updates.example.com/x?sig=hunter2", "updates.example.com"),
])
def test_a_refused_address_is_printed_up_to_its_host(fleet, url, shown):
    fleet.configure(url)
    done = call(*fleet.command("once"), code=None, env=fleet.environment())
    assert f"[fleet] server={shown}...: expected URL; ignored" in done.stderr
    assert "hunt" not in done.stderr + done.stdout


def test_the_id_may_come_from_a_file(fleet, server, tmp_path):
    (tmp_path / "serial").write_text("device-1\nmore\n")
    fleet.configure(id="", id_file=tmp_path / "serial")
    fleet.once()
    assert server.requests("poll")
