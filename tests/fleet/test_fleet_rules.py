# SPDX-License-Identifier: Apache-2.0
"""What each answer of the server means: a test for each row of the table in docs/FLEET.md; and the ways in: tokens,
certificates, redirects."""
import hashlib
import itertools
import json
import re
import socket
import subprocess
import time

import large
import pytest
from authority import secure
from cli_device import FAILURE, OK, REBOOT, TOP, USAGE, call
from conftest import Fleet
from ddi_server import Server, cut_after, send_file

PAGE = (TOP / "docs/FLEET.md").read_text()
ROWS = re.findall(r"^\| (\d[\dx, ]*?)(?:, or none)? \|", PAGE, re.M)


def answers(status, headers=()):
    return lambda handler: handler.error(status, headers=headers)


POLL = "a_poll_that_fails_says_why_and_changes_nothing"
LATER = "a_deployment_that_cannot_be_read_waits_for_the_next_contact"
NEWS, END = "feedback_on_the_way_never_stops_an_update", "the_end_of_an_action_is_sent_until_it_is_taken"
FACTS = "what_the_device_is_is_told_again_unless_the_server_will_not_have_it"
EIGHT, A_DAY = ("an_artifact_that_is_refused_is_tried_eight_times_and_no_more",
                "an_artifact_that_does_not_come_is_waited_for_a_day_and_no_longer")
# Of each row, the tests that play it: of the poll, the action, its messages, the artifact.
PLAYED = {
    "2xx": ["an_action_that_is_not_understood_is_closed_as_failed", "json_of_a_proxy_is_no_poll",
            "what_is_staged_stays_when_its_action_is_not_understood_any_more"],
    "3xx": ["a_redirect_on_the_same_host_is_followed", "a_redirect_to_another_host_is_not_followed",
            "redirects_without_end_end", "a_message_is_not_redirected", "from_https_nothing_leads_to_http",
            "a_bundle_may_lie_on_another_host_which_does_not_get_the_token"],
    "401, 403": [POLL, LATER, NEWS, END, FACTS, EIGHT],
    "404": [POLL, LATER, NEWS, "the_end_that_the_server_does_not_know_is_sent_eight_times", FACTS, EIGHT,
            "one_404_of_a_proxy_does_not_close_it"],
    "407": [LATER, NEWS, END, A_DAY],
    "408, 425": [POLL, LATER, NEWS, END, A_DAY],
    "409": [POLL, LATER, NEWS, END, FACTS, EIGHT],
    "410": [LATER, "410_before_the_end_of_a_fetch_ends_the_action",
            "an_artifact_that_is_gone_closes_the_action_as_failed",
            "what_the_server_took_and_did_not_acknowledge_is_settled_by_its_410"],
    "416": ["416_begins_anew"],
    "429": [POLL, LATER, NEWS, END, FACTS, A_DAY, "the_daemon_waits_as_long_as_the_server_asks",
            "a_quota_of_status_entries_still_has_room_for_the_end"],
    "4xx": [POLL, LATER, NEWS, "the_end_that_the_server_does_not_know_is_sent_eight_times", FACTS, EIGHT],
    "5xx": [POLL, LATER, NEWS, END, FACTS, A_DAY, "a_server_that_cannot_be_reached_is_tried_again"],
}


def test_each_row_of_the_page_is_played():
    tests = {name for file in TOP.glob("tests/fleet/test_*.py")
             for name in re.findall(r"^def test_(\w+)\(", file.read_text(), re.M)}
    assert ROWS == list(PLAYED)
    assert not {name for names in PLAYED.values() for name in names} - tests


# The program's rows: first and last status, and what it means for a message, a bundle, a report, and other requests.
# Not its last one, which is for what no page names.
RULES = [(int(first), int(last), *means) for first, last, *means in re.findall(
    r"^\t\{ (\d+), (\d+), CLIENT_(\w+), BUNDLE_(\w+), REPORT_(\w+), ABOUT_(\w+),",
    (TOP / "fleet/answer_rules.c").read_text(), re.M)]
# What the page's rows say of an artifact.
ARTIFACT = {"an artifact as 5xx": "LATER", "an artifact that does not come": "LATER", "an artifact as 401": "REFUSED",
            "an artifact, eight times": "REFUSED", "an artifact: closed, failure": "NEVER",
            "it is fetched from its beginning": "ANEW"}


def row_of(status):
    return next((row for row in ROWS if str(status) in row.split(", ") or row == f"{status // 100}xx"), "5xx")


def statuses(means):
    """As a text names them, of which the program says this."""
    found = [(first, last) for first, last, *rule in RULES if means in rule]
    return ["none" if last == 0 else f"{first // 100}xx" if last - first > 90 else str(first) for first, last in found]


def test_the_program_has_the_rows_of_the_page_in_its_order():
    assert [row for row, _ in itertools.groupby(row_of(first) for first, *_ in RULES)] == ROWS


def test_page_and_program_agree_on_an_artifact():
    for row, says in re.findall(r"^\| (\d[\dx, ]*?)(?:, or none)? \|.*\|(.*)\|$", PAGE, re.M):
        bundle = {rule[3] for rule in RULES if row_of(rule[0]) == row}
        assert bundle == ({means for text, means in ARTIFACT.items() if text in says} or {"LATER"}), row


def test_page_and_program_agree_on_reports_and_on_ends_that_wait():
    page = " ".join(PAGE.split())
    [kept] = re.findall(r"Any 2xx takes one; ([^;]*) and no answer keep it; another 4xx drops it, also 409", page)
    assert statuses("TAKEN") == ["2xx"]
    assert sorted({*kept.split(", "), "none"}) == sorted({*statuses("KEPT")} - {"502", "503", "504"})
    [shut] = re.findall(r"would meet, too \(none, a redirect, ([^)]*), 502 to 504\)", page)
    assert {*statuses("ALL"), *statuses("EITHER")} == {*shut.split(", "), "3xx", "none", "502", "503", "504"}
    assert statuses("EITHER") == ["502", "504", "none"]
    assert "One that got none in eight contacts in a row, or 502 or 504" in page


# ---------------------------------------------------------------- the poll


@pytest.mark.parametrize("status, says", [
    (401, "does not accept this device's token or certificate (401)"), (403, "forbids this device that (403)"),
    (404, "does not know this (404); see [fleet] tenant=, id="), (408, "had no time (408)"), (425, "had no time (425)"),
    (409, "at odds with itself (409)"),
    (429, "too many requests, or a quota is used up (429)"), (400, "it refuses that"), (500, "it has an error"),
    (503, "it has an error"), (304, "nothing that this program understands"),
])
def test_a_poll_that_fails_says_why_and_changes_nothing(fleet, server, bundle, status, says):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    before = fleet.record
    server.on["poll"] = answers(status)
    assert says in fleet.once(code=REBOOT)
    assert fleet.record == before and fleet.staged and len(action.statuses) == 2
    del server.on["poll"]
    fleet.once(code=REBOOT)


def test_a_wrong_token_is_said_once_and_is_in_no_message(fleet, server):
    fleet.token.write_text("wrong-token\n")
    said = fleet.once(code=FAILURE)
    assert said.count("(401)") == 1 and "wrong-token" not in said and "secret" not in said


def test_a_gateway_token_serves_all_devices(fleet, server, tmp_path):
    server.gateway = "of-all"
    (tmp_path / "gateway").write_text("of-all")
    fleet.configure(token_file="", gateway_token_file=tmp_path / "gateway")
    fleet.once()
    assert server.requests("poll")[0]["Authorization"] == "GatewayToken of-all"


def test_a_server_that_cannot_be_reached_is_tried_again(fleet, server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))        # nobody listens there
        fleet.configure(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert "connect" in fleet.once(code=FAILURE)
    fleet.configure()
    fleet.once()


# ---------------------------------------------------------------- the deployment


@pytest.mark.parametrize("status, code", [(404, OK), (410, OK), (401, FAILURE), (403, FAILURE), (409, FAILURE),
                                          (407, FAILURE), (408, FAILURE), (425, FAILURE), (429, FAILURE),
                                          (400, FAILURE), (500, FAILURE)])
def test_a_deployment_that_cannot_be_read_waits_for_the_next_contact(fleet, server, bundle, status, code):
    server.assign(bundle)
    server.on["deployment"] = [answers(status)]
    fleet.once(code=code)
    assert not server.requests("artifact")
    fleet.once(code=REBOOT)


# ---------------------------------------------------------------- feedback


@pytest.mark.parametrize("status, again", [(401, True), (403, True), (409, True), (500, True), (503, True),
                                           (404, True), (407, True), (408, True), (425, True), (429, False),
                                           (400, False)])
def test_feedback_on_the_way_never_stops_an_update(fleet, server, bundle, status, again):
    """429 may be a quota that no retry heals: what is not the end is not sent again then."""
    server.assign(bundle)
    server.on["feedback"] = answers(status)
    fleet.once(code=None)
    assert fleet.staged
    server.on["feedback"] = answers(status)
    before = len(server.requests("feedback"))
    fleet.once(code=None)
    assert (len(server.requests("feedback")) > before) == again


def test_410_before_the_end_of_a_fetch_ends_the_action(fleet, server, bundle):
    server.assign(bundle)
    server.on["feedback"] = [answers(410)]
    assert "is over on the server" in fleet.once()
    assert not server.requests("artifact") and fleet.record["phase"] == "none"


@pytest.mark.parametrize("status", [401, 403, 407, 408, 409, 425, 429, 500])
def test_the_end_of_an_action_is_sent_until_it_is_taken(fleet, server, bundle, status):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    server.on["feedback"] = [answers(status)] * 9
    for _ in range(9):
        fleet.once(code=FAILURE)
    fleet.once()
    assert action.told[-1] == "closed/success"


@pytest.mark.parametrize("status, times", [(404, 8), (400, 10)])
def test_the_end_that_the_server_does_not_know_is_sent_eight_times(fleet, server, bundle, status, times):
    """One that is refused, also without details, and with a sentence of ours in their place."""
    server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    server.on["feedback"] = answers(status)
    before = len(server.requests("feedback"))
    for _ in range(12):
        fleet.once(code=None)
    assert len(server.requests("feedback")) - before == times
    assert fleet.record["reported"] == "good"


def test_a_quota_of_status_entries_still_has_room_for_the_end(fleet, server, bundle):
    """Ten contacts on trial make one message, not ten."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    for _ in range(10):
        fleet.once()
    fleet.good()
    fleet.once()
    assert len(action.statuses) == 4 and action.state == "finished"


@pytest.mark.parametrize("status, again", [(401, True), (403, True), (409, True), (429, True), (503, True),
                                           (404, False), (405, False), (400, False)])
def test_what_the_device_is_is_told_again_unless_the_server_will_not_have_it(fleet, server, bundle, status, again):
    fleet.configure(distribution="gateway")
    fleet.once()
    fleet.dev("install", bundle)
    fleet.start()
    fleet.good()
    server.on["attributes"], server.on["installed"] = [answers(status)], [answers(status)]
    for _ in range(3):
        fleet.once(code=None)
    assert len(server.requests("attributes")) == len(server.requests("installed")) == (3 if again else 2)
    assert (server.attributes["keelboot.version"] == "2.0") == again
    assert (("gateway", "2.0") in server.installed) == again


# ---------------------------------------------------------------- the artifact


def test_an_artifact_that_is_gone_closes_the_action_as_failed(fleet, server, bundle):
    action = server.assign(bundle)
    server.on["artifact"] = answers(410)
    fleet.once()
    assert action.told[-1] == "closed/failure" and "the server answers 410" in action.messages[-1]


def test_one_404_of_a_proxy_does_not_close_it(fleet, server, bundle):
    server.assign(bundle)
    server.on["artifact"] = [answers(404)] * 7
    for _ in range(7):
        fleet.once(code=FAILURE)
    fleet.once(code=REBOOT)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 400])
def test_an_artifact_that_is_refused_is_tried_eight_times_and_no_more(fleet, server, bundle, status):
    action = server.assign(bundle)
    server.on["artifact"] = answers(status)
    for _ in range(7):
        assert f"not fetched: the server answers {status}" in fleet.once(code=FAILURE)
        assert action.told == ["proceeding/none"]
    fleet.once(code=FAILURE)
    assert action.told == ["proceeding/none", "closed/failure"]
    assert len(server.requests("artifact")) == 8
    fleet.once()
    assert len(server.requests("artifact")) == 8


@pytest.mark.parametrize("status", [407, 408, 425, 429, 500, 503])
def test_an_artifact_that_does_not_come_is_waited_for_a_day_and_no_longer(fleet, server, bundle, status):
    action = server.assign(bundle)
    server.on["artifact"] = answers(status)
    for _ in range(9):
        fleet.once(code=FAILURE)
    record = fleet.record
    assert record["tries"] == 9 and action.told == ["proceeding/none"]
    (fleet.folder / "action.json").write_text(json.dumps({**record, "tries": 287}))
    fleet.once(code=FAILURE)
    assert action.told == ["proceeding/none", "closed/failure"]


def test_waits_and_refusals_are_counted_apart(fleet, server, bundle):
    """A day of waits is not cut short by the first refusal behind them."""
    action = server.assign(bundle)
    server.on["artifact"] = [answers(503)] * 9 + [answers(403)] * 7 + [answers(503)] + [answers(403)] * 8
    for _ in range(24):
        fleet.once(code=FAILURE)
        assert action.told == ["proceeding/none"]
    fleet.once(code=FAILURE)
    assert action.told[-1] == "closed/failure"


def test_once_it_is_whole_the_tries_to_stage_it_are_counted_from_the_first(fleet, server, bundle):
    action = server.assign(bundle)
    server.on["artifact"] = [answers(403)] * 7
    for _ in range(7):
        fleet.once(code=FAILURE)
    in_the_way = fleet.dev.data / "keelboot/stage"
    in_the_way.write_text("no folder")
    for _ in range(7):
        assert "not staged" in fleet.once(code=FAILURE)
    assert action.told == ["proceeding/none"] and len(server.requests("artifact")) == 8
    fleet.once(code=FAILURE)
    assert action.told[-1] == "closed/failure"


@pytest.mark.parametrize("verb, says", [("stage", "not staged: "), ("inspect", "cannot be read: ")])
def test_what_fails_by_an_error_of_this_device_is_tried_in_eight_contacts(fleet, server, bundle, tmp_path, verb, says):
    action, broken = server.assign(bundle), tmp_path / "keelboot"
    broken.write_text(f'#!/bin/sh\ncase " $* " in *" {verb} "*) echo "keelboot: an error" >&2; exit 1 ;; esac\n'
                      f'exec {fleet.keelboot} "$@"\n')
    broken.chmod(0o755)
    fleet.keelboot = broken
    for _ in range(7):
        assert says in fleet.once(code=FAILURE) and action.told == ["proceeding/none"]
    fleet.once(code=FAILURE)
    assert action.told[-1] == "closed/failure" and any(text.startswith(says) for text in action.messages)
    assert f"after eight such contacts: `{says}…` | **closed, failure** |" in PAGE


def test_what_was_fetched_is_kept_and_the_rest_asked_for(fleet, server, bundle):
    size = bundle.stat().st_size
    server.assign(bundle)
    server.on["artifact"] = [cut_after(size // 3), cut_after(size // 3)]
    fleet.once(code=REBOOT)
    ranges = [headers.get("Range") for headers in server.requests("artifact")]
    assert ranges[0] is None and len(ranges) == 3 and all(r.startswith("bytes=") for r in ranges[1:])
    assert server.requests("artifact")[1]["If-Range"] == hashlib.sha1(bundle.read_bytes()).hexdigest()


@pytest.mark.parametrize("etag", ['"in-quotes"', "bare-1.0", "*"])
def test_an_etag_goes_back_byte_for_byte(fleet, server, bundle, etag):
    server.assign(bundle)
    server.on["artifact"] = [cut_after(5000, etag), lambda handler: send_file(handler, bundle.read_bytes(), etag)]
    fleet.once(code=REBOOT)
    first, second = server.requests("artifact")
    assert "Range" not in first and second["Range"] == "bytes=5000-" and second["If-Range"] == etag


def test_a_fetch_goes_on_in_a_later_contact(fleet, server, bundle):
    """As after a power cut: the file and its ETag are there."""
    size = bundle.stat().st_size
    server.assign(bundle)
    server.on["artifact"] = [cut_after(size // 2), answers(503)]
    fleet.once(code=FAILURE)
    assert 0 < (fleet.folder / "bundle.keel").stat().st_size < size
    del server.on["artifact"]
    fleet.once(code=REBOOT)
    assert server.requests("artifact")[-1]["Range"] == f"bytes={size // 2}-"


def test_what_a_power_cut_leaves_behind_the_durable_bytes_is_fetched_again(fleet, server, bundle):
    """The file's length may be on the disk before its bytes are."""
    server.assign(bundle)
    server.on["artifact"] = [cut_after(5000), answers(503)]
    fleet.once(code=FAILURE)
    with open(fleet.folder / "bundle.keel", "ab") as file:
        file.write(bytes(3000))
    del server.on["artifact"]
    fleet.once(code=REBOOT)
    assert server.requests("artifact")[-1]["Range"] == "bytes=5000-" and len(server.requests("artifact")) == 3


def test_a_long_download_is_durable_piece_by_piece(fleet, server, factory, tmp_path):
    """So that a device that loses its power each hour gets it at last."""
    bundle = large.make(fleet, factory, tmp_path, 40 << 20)
    server.assign(bundle)
    fleet.configure(timeout=600)

    def is_durable():
        return (fleet.folder / "action.json").exists() and fleet.record["durable"] >= 16 << 20

    def pieces(handler):
        """More of it for as long as it takes: a flush begins when something comes, and the one before has ended."""
        data = bundle.read_bytes()[9 << 20:39 << 20]
        for at in range(0, len(data), 256 << 10):
            for _ in range(10):
                if is_durable():
                    return
                time.sleep(0.02)
            handler.wfile.write(data[at:at + (256 << 10)])
    server.on["artifact"] = [lambda handler: (cut_after(9 << 20)(handler), pieces(handler), handler.wait_until_gone())]
    fleet.killed_when(is_durable)
    durable = fleet.record["durable"]
    assert durable <= (fleet.folder / "bundle.keel").stat().st_size
    fleet.once(code=REBOOT)
    assert server.requests("artifact")[-1]["Range"] == f"bytes={durable}-"


def test_another_etag_begins_anew(fleet, server, bundle):
    size = bundle.stat().st_size
    server.assign(bundle)
    server.on["artifact"] = [cut_after(size // 2, etag='"old"'), answers(503)]
    fleet.once(code=FAILURE)
    del server.on["artifact"]
    fleet.once(code=REBOOT)
    assert server.requests("artifact")[-1]["If-Range"] == '"old"' and fleet.staged


def without_if_range(data, etag):
    """A cache on the way that has another file, and pays no heed to If-Range."""
    def answer(handler):
        begin = int(re.search(r"\d+", handler.headers["Range"])[0])
        handler.reply(206, data[begin:], {"ETag": etag, "Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"})
    return answer


def test_a_part_of_another_file_is_not_added_to_what_is_here(fleet, server, bundle):
    data = bundle.read_bytes()
    server.assign(bundle)
    server.on["artifact"] = [cut_after(5000), without_if_range(bytes(len(data)), '"another"')]
    assert "the server has another file than the one that was begun" in fleet.once(code=FAILURE)
    assert fleet.record["etag"] == "" and fleet.record["durable"] == 5000 and fleet.record["tries"] == 1
    fleet.once(code=REBOOT)
    assert "Range" not in server.requests("artifact")[-1] and fleet.record["anew"] == 0


def test_a_part_that_names_no_etag_is_of_the_file_that_was_asked_for(fleet, server, bundle):
    server.assign(bundle)
    server.on["artifact"] = [cut_after(5000), without_if_range(bundle.read_bytes(), 'W/"weak"')]
    fleet.once(code=REBOOT)


@pytest.mark.parametrize("etag", ['W/"weak"', "", '"' + "x" * 200 + '"', "two words", "x\x7f", "x\xe9", "w/weak"])
def test_without_an_etag_that_says_something_it_begins_anew(fleet, server, bundle, etag):
    server.assign(bundle)
    server.on["artifact"] = [cut_after(1000, etag=etag), answers(503)]
    fleet.once(code=FAILURE)
    del server.on["artifact"]
    fleet.once(code=REBOOT)
    assert "Range" not in server.requests("artifact")[-1]


def test_416_begins_anew(fleet, server, bundle):
    size = bundle.stat().st_size
    server.assign(bundle)
    server.on["artifact"] = [cut_after(size // 2), answers(416)]
    fleet.once(code=FAILURE)
    fleet.once(code=REBOOT)
    assert "Range" not in server.requests("artifact")[-1]


def test_an_artifact_that_the_server_changed_is_fetched_from_its_beginning(fleet, server, factory, bundle):
    action = server.assign(bundle)
    server.on["artifact"] = [cut_after(5000), answers(503)]
    fleet.once(code=FAILURE)
    del server.on["artifact"]
    action.bundle = factory("3.0", 30)
    fleet.once(code=REBOOT)
    assert "Range" not in server.requests("artifact")[-1] and fleet.record["version"] == "3.0"


def test_bytes_that_begin_anew_each_time_are_no_progress(fleet, server, bundle):
    """Only what is added to what is here is: a server without ETags, which is cut ever later, has its tries, too."""
    server.assign(bundle)
    for n in range(1, 4):
        server.on["artifact"] = [cut_after(5000 * n, etag=""), answers(503)]
        fleet.once(code=FAILURE)
    assert fleet.record["tries"] == 3
    server.on["artifact"] = [cut_after(20000), answers(503)]
    fleet.once(code=FAILURE)
    assert fleet.record["tries"] == 4
    server.on["artifact"] = [cut_after(20000), answers(503)]
    fleet.once(code=FAILURE)
    assert fleet.record["tries"] == 1


def test_what_would_begin_anew_is_asked_for_once_in_a_contact(fleet, server, bundle):
    """Each cut comes later than the one before."""
    server.assign(bundle)
    server.on["artifact"] = [cut_after(5000 * n, etag="") for n in range(1, 10)]
    fleet.once(code=FAILURE)
    assert len(server.requests("artifact")) == 1


def test_twenty_cuts_of_a_download_still_give_the_bundle(fleet, server, bundle):
    size = bundle.stat().st_size
    server.assign(bundle)
    server.on["artifact"] = [cut_after(size // 21 + 1) for _ in range(20)]
    for _ in range(4):
        fleet.once(code=None)
    assert fleet.staged


def test_no_room_is_said_before_anything_is_fetched(fleet, server, bundle):
    action = server.assign(bundle)

    def claim(handler):
        deployment = {"id": action.id, "deployment": {
            "download": "forced", "update": "forced",
            "chunks": [{"part": "os", "version": "1", "name": "x", "artifacts": [
                {**handler.artifact_of(action, bundle.name), "size": 1 << 39}]}]}}
        handler.reply(200, deployment)
    server.on["deployment"] = claim
    assert "no room: 1048577 MiB are wanted" in fleet.once(code=FAILURE)
    assert not server.requests("artifact")


def test_what_cannot_be_noted_is_not_told(fleet, server, bundle):
    """Else each contact would say it anew, and use up the quota of the action."""
    fleet.once()
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    record = fleet.folder / "action.json"
    kept, in_the_way = record.read_bytes(), fleet.folder / "action.json.new"
    in_the_way.unlink()
    for clean in (False, True):
        record.write_bytes(kept) if not clean else record.unlink()
        in_the_way.mkdir()
        for _ in range(3):
            assert fleet.once(code=FAILURE).count("action.json: ") == 1
        assert len(action.statuses) == 2 and len(server.requests("feedback")) == 2
        in_the_way.rmdir()
    record.write_bytes(kept)
    fleet.once()
    assert len(action.statuses) == 3


@pytest.mark.parametrize("how", ["failed", "withdrawn", "cancelled", "gone"])
def test_of_an_action_that_is_over_no_bundle_is_kept(fleet, server, bundle, how):
    action = server.assign(bundle)
    server.on["artifact"] = [cut_after(5000), answers(503)]
    fleet.once(code=FAILURE)
    assert (fleet.folder / "bundle.keel").stat().st_size == 5000
    if how == "failed":
        server.on["artifact"] = answers(410)
    elif how == "withdrawn":
        action.state = "canceled"
        fleet.once()
    elif how == "cancelled":
        server.cancel(action)
    else:
        fleet.change(reported="none")
        server.on["feedback"] = [answers(410)]
        server.on["deployment"] = answers(410)
    fleet.once()
    assert not (fleet.folder / "bundle.keel").exists()


# ---------------------------------------------------------------- waiting


def test_the_daemon_waits_as_long_as_the_server_asks(fleet, server):
    """And a signal ends it at once."""
    server.on["poll"] = [answers(429, {"Retry-After": "1234"}), answers(503, {"Retry-After": "7200"})]
    process = subprocess.Popen(list(map(str, fleet.command("run", "--now"))), env=fleet.environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stdout.readline()
    wait = int(re.search(r"Next contact in (\d+) s", line)[1])
    process.terminate()
    begun = time.monotonic()
    process.wait(timeout=10)
    assert 1234 <= wait <= 1234 + 300 and time.monotonic() - begun < 3 and process.returncode == -15


def test_the_daemon_takes_the_servers_time_between_polls(fleet, server):
    server.sleep = "01:00:00"
    process = subprocess.Popen(list(map(str, fleet.command("run", "--now"))), env=fleet.environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait = int(re.search(r"Next contact in (\d+) s", process.stdout.readline())[1])
    process.terminate()
    process.wait(timeout=10)
    assert 3240 <= wait <= 3960


# ---------------------------------------------------------------- redirects


def redirect(status, where):
    return lambda handler: handler.reply(status, b"", {"Location": where(handler) if callable(where) else where})


def test_a_redirect_on_the_same_host_is_followed(fleet, server):
    server.on["poll"] = [redirect(307, lambda handler: f"{handler.base}?again")]
    fleet.once()
    assert len(server.requests("poll")) == 2 and "Authorization" in server.requests("poll")[1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(fleet, server, status):
    with Server().running() as other:
        server.on["poll"] = redirect(status, lambda handler: f"{other.url}{handler.path}")
        assert "redirects to another address" in fleet.once(code=FAILURE)
        assert other.seen == []


def test_redirects_without_end_end(fleet, server):
    server.on["poll"] = redirect(302, lambda handler: handler.base)
    assert "redirects without end" in fleet.once(code=FAILURE)
    assert len(server.requests("poll")) == 6


def test_a_message_is_not_redirected(fleet, server):
    server.on["attributes"] = redirect(307, lambda handler: f"{handler.base}/configData")
    assert "redirects a message" in fleet.once(code=FAILURE)
    assert len(server.requests("attributes")) == 1


@pytest.mark.parametrize("status", [302, 307])
def test_a_bundle_may_lie_on_another_host_which_does_not_get_the_token(fleet, server, bundle, status):
    with Server().running() as store:
        store.token = None
        store.assign(bundle)
        server.assign(bundle)
        server.on["artifact"] = redirect(status, lambda handler: f"{store.url}{handler.path}")
        fleet.once(code=REBOOT)
        headers, = store.requests("artifact")
        assert "Authorization" not in headers and "Authorization" in server.requests("artifact")[0]


def test_a_link_to_another_host_does_not_get_the_token_either(fleet, server, bundle):
    with Server().running() as store:
        store.token = None
        name = store.assign(bundle).name
        server.assign(bundle, link=f"{store.url}/DEFAULT/controller/v1/device-1/softwaremodules/7/artifacts/{name}")
        fleet.once(code=REBOOT)
        assert "Authorization" not in store.requests("artifact")[0]


@pytest.mark.parametrize("link", ["file:///etc/passwd", "ftp://127.0.0.1/x.keel", "gopher://127.0.0.1/", "/x.keel"])
def test_only_http_is_fetched(fleet, server, bundle, link):
    server.assign(bundle, link=link)
    assert "a deployment that cannot be read" in fleet.once(code=FAILURE)


# ---------------------------------------------------------------- TLS


def test_an_update_over_https_with_the_vendors_authority(ready, tmp_path, authority, bundle):
    with Server(tls=secure(authority)).running() as server:
        fleet = Fleet(ready, server, tmp_path)
        fleet.configure(ca_file=authority / "ca.pem")
        server.assign(bundle)
        assert "unencrypted" not in fleet.once(code=REBOOT)
        assert fleet.staged


@pytest.mark.parametrize("ca", ["other.pem", None])
def test_a_server_of_another_authority_gets_no_token(ready, tmp_path, authority, ca):
    with Server(tls=secure(authority)).running() as server:
        fleet = Fleet(ready, server, tmp_path)
        fleet.configure(**({"ca_file": authority / ca} if ca else {}))
        assert "certificate" in fleet.once(code=FAILURE)
        assert server.seen == []


CAN_HIDE = subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not CAN_HIDE, reason="no mount namespace here")
def test_an_authority_that_is_named_is_the_only_one(ready, tmp_path, authority):
    """The server's is among those of the distribution, which count without ca-file=, and only then."""
    certs = tmp_path / "certs"
    certs.mkdir()
    (certs / "ca.pem").write_bytes((authority / "ca.pem").read_bytes())
    call("openssl", "rehash", certs)
    (certs / "ca-certificates.crt").write_bytes((authority / "other.pem").read_bytes())

    def once(code):
        script = 'mount --bind "$0" /etc/ssl/certs && exec "$@"'
        return call("unshare", "-m", "sh", "-c", script, certs, *fleet.command("once"), code=code, timeout=60,
                    env=fleet.environment()).stderr
    with Server(tls=secure(authority)).running() as server:
        fleet = Fleet(ready, server, tmp_path)
        once(OK)
        assert len(server.requests("poll")) == 1
        fleet.configure(ca_file=authority / "other.pem")
        assert "certificate" in once(FAILURE)
        assert len(server.requests("poll")) == 1


def test_a_certificate_in_place_of_a_token(ready, tmp_path, authority):
    with Server(tls=secure(authority, client=True), token=None).running() as server:
        fleet = Fleet(ready, server, tmp_path)
        fleet.configure(ca_file=authority / "ca.pem", token_file="", certificate=authority / "device.pem",
                        private_key=authority / "device.key")
        fleet.once()
        fleet.configure(ca_file=authority / "ca.pem", token_file="", certificate=authority / "stranger.pem",
                        private_key=authority / "stranger.key")
        fleet.once(code=FAILURE)
        assert len(server.requests("poll")) == 1


def test_from_https_nothing_leads_to_http(ready, tmp_path, authority, bundle):
    with Server(tls=secure(authority)).running() as server, Server().running() as plain:
        plain.token = None
        plain.assign(bundle)
        fleet = Fleet(ready, server, tmp_path)
        fleet.configure(ca_file=authority / "ca.pem")
        path = f"{plain.url}/DEFAULT/controller/v1/device-1/softwaremodules/7/artifacts/{bundle.name}"
        action = server.assign(bundle)
        server.on["artifact"] = redirect(302, path)
        assert "redirects from https" in fleet.once(code=FAILURE)
        action.link = path
        fleet.once()
        assert action.told[-1] == "closed/failure" and "by http only" in action.messages[-1]
        assert plain.seen == []


def test_a_plain_server_is_warned_of(fleet):
    assert "the token is sent unencrypted; use https" in fleet.once()


def test_the_path_of_the_servers_address_is_in_no_line_and_no_record(fleet, server, bundle, site):
    """It may be a secret."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    site.on["open-sesame/DEFAULT/controller/v1/device-1"] = lambda visitor: visitor.reply(200, b'{"error": "down"}')
    fleet.configure(f"{site.url}/open-sesame")
    said = fleet.once(code=FAILURE)
    assert f"{site.url}: the token is sent unencrypted" in said and "no answer to a poll" in said
    assert action.state == "running" and "sesame" not in said + fleet("status") + fleet("status", "--json")
    assert all("sesame" not in file.read_text(errors="replace") for file in fleet.folder.glob("*.json"))


@pytest.mark.parametrize("address", ["http://me:open-sesame@127.0.0.1:9", "http://127.0.0.1:9/?open-sesame"])
def test_an_address_with_a_user_or_a_query_is_ignored_and_in_no_line(fleet, address):
    fleet.configure(address)
    assert "expected URL; ignored" in fleet.once(code=USAGE) and "sesame" not in fleet.said


def test_the_test_server_sends_ranges_as_hawkbit_does(server, bundle):
    """What the tests above rest on."""
    server.token = None
    server.assign(bundle)
    assert send_file
    url = f"{server.url}/DEFAULT/controller/v1/device-1/softwaremodules/7/artifacts/{bundle.name}"
    done = call("curl", "-s", "-r", "10-", "-D", "-", "-o", "/dev/null", url)
    assert "206" in done.stdout and f"bytes 10-{bundle.stat().st_size - 1}/" in done.stdout


def test_an_id_that_comes_again_after_a_failure_is_begun_again_eight_times(fleet, server, factory):
    """goosebit's ids do, when a person forces an update; a server that takes no end has it fetched no more."""
    action = server.assign(factory("2.0", 20, key="stranger"))
    for _ in range(12):
        fleet.once(code=None)
        fleet.once(code=None)
        assert action.told[-1] == "closed/failure"
        action.state = "running"
    assert len(server.requests("artifact")) == 2 * (1 + 8)
