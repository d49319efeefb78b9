# SPDX-License-Identifier: Apache-2.0
"""Updates by a channel file on a web server: who takes what, and what becomes of it, with the real command."""
import hashlib
import json
import time
from pathlib import Path

import pytest
from channel_site import Site, seal
from cli_device import BUSY, FAILURE, NOTHING, REBOOT, USAGE, VERIFY, edit, run

from ddi_server import send_file


def test_an_update_is_good_after_the_trial_and_not_before(device, site, publish, bundle):
    publish(bundle)
    assert "A reboot installs 2.0." in device.once(code=REBOOT)
    assert device.staged and device.record["phase"] == "staged" and not (device.folder / "bundle.keel").exists()
    device.once(code=REBOOT)
    device.reboot()
    device.once()
    assert device.record["phase"] == "trial"
    device.good()
    device.once()
    assert device.record["phase"] == "good"
    assert "nothing in the channel is newer" in device.once()
    assert len(site.requests(bundle.name)) == 1


def test_a_release_that_falls_back_is_not_taken_again(device, publish, site, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    device.reboot()
    device.fall_back("modem does not register")
    said = device.once()
    assert device.record["phase"] == "failed" and "2.0: it fell back here: modem does not register" in said
    publish(bundle)
    assert "it fell back here" in device.once()
    assert len(site.requests(bundle.name)) == 1


def test_what_failed_here_and_is_in_no_slot_any_more_is_not_taken_again(device, publish, site, factory, bundle):
    third = factory("3.0", 30)
    publish(bundle, third)
    device.once(code=REBOOT)
    device.reboot()
    device.fall_back("no")
    assert "2.0" in device.once(code=REBOOT)          # the next best
    device.reboot()
    device.good()
    device.once()
    assert "3.0: it failed here before" in device.once()
    assert len(site.requests(third.name)) == 1


def test_the_file_is_fetched_when_it_changed_and_verified_each_time(device, publish, site):
    publish()
    device.once()
    device.once()
    first, second = site.requests("stable.channel")
    assert "If-None-Match" not in first and second["If-None-Match"] == device.seen["etag"]
    kept = device.folder / "channel"
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert "its document is damaged" in device.once(code=FAILURE)
    device.once()
    assert "If-None-Match" not in site.requests("stable.channel")[-1]


def test_the_newest_release_that_fits_is_taken(device, publish, site, factory, bundle):
    third = factory("3.0", 30)
    publish((third, "--percent", 0), bundle)
    device.once(code=REBOOT)
    assert device.record["version"] == "2.0"
    publish(third, bundle)
    device.once(code=REBOOT)                           # it replaces what is staged
    assert device.record["version"] == "3.0" and device.staged
    publish((third, "--percent", 0), bundle)
    device.once(code=REBOOT)                           # staged, it stays
    assert device.record["version"] == "3.0" and len(site.requests(bundle.name)) == 1


@pytest.mark.parametrize("options, says", [
    (("--percent", 0), "2.0: this device is not in the first 0 %"),
    (("--attribute", "site=lab"), "2.0: it is for site=lab"),
    (("--not-before", "2090-01-02T03:04:05Z"), "2.0: its window opens at 2090-01-02T03:04:05Z"),
    (("--not-after", "2020-01-02T03:04:05Z"), "2.0: its window closed at 2020-01-02T03:04:05Z"),
    (("--from", 11), "2.0: it needs sequence 11 or later first"),
    (("--withdrawn", "no wifi"), "2.0: it is withdrawn: no wifi"),
])
def test_why_nothing_is_taken_is_said(device, publish, site, bundle, options, says):
    publish((bundle, *options))
    assert says in device("once", "--dry-run")
    assert f"Nothing is taken: {says}" in device.once()
    assert not site.requests(bundle.name) and not device.staged
    assert f"nothing is taken: {says}" in device("status")
    assert json.loads(device("status", "--json"))["channel"]["why"] == says


def test_what_the_device_would_refuse_is_not_fetched(device, publish, site, factory):
    publish(factory("9.0", 90, compatible="other-board"))
    assert "9.0: it is not for test-board" in device.once()
    edit(device.dev, floor=25)
    publish(factory("2.0", 20))
    assert "2.0: it is below this device's floor, 25" in device.once()
    assert not [name for name, _ in site.seen if name.endswith(".keel")] and not device.staged


def test_a_condition_that_is_not_known_is_not_met(device, publish, site, factory, bundle):
    third = factory("3.0", 30)
    document = publish.document(third, bundle)
    text = json.loads(document.read_text())
    text["releases"][0]["only-on-mondays"] = True
    document.write_text(json.dumps(text))
    done = run("channel", "sign", document, "--key", publish.key, "-o", publish.folder / "stable.channel", code=VERIFY)
    assert "release 1: unknown key: only-on-mondays" in done.stderr
    site.files["stable.channel"] = seal(document.read_bytes(), publish.key)
    device.once(code=REBOOT)
    assert device.record["version"] == "2.0"
    text["releases"][1]["x-note"] = "for people"
    text["releases"].pop(0)
    text["sequence"] += 1
    document.write_text(json.dumps(text))
    publish.sign(document)


def test_attributes_are_of_the_configuration_and_of_a_file(device, publish, bundle, tmp_path):
    publish((bundle, "--attribute", "site=lab", "--attribute", "model=x/2"))
    device.configure(attributes="site=lab")
    assert "it is for model=x/2" in device.once()
    more = tmp_path / "attributes"
    more.write_text("room=7\nmodel=x/2\n")
    device.configure(attributes="site=lab", attributes_file=more)
    device.once(code=REBOOT)


@pytest.mark.parametrize("text", ["site", "=lab", "site=", "a=b c", "a=" + "x" * 64, "a=\x1b[2J"])
def test_attributes_that_are_none_are_said_and_nothing_is_taken(device, publish, bundle, tmp_path, text):
    publish(bundle)
    (tmp_path / "attributes").write_text(text)
    device.configure(attributes_file=tmp_path / "attributes")
    said = device.once(code=FAILURE)
    assert "expected up to 16 of name=value" in said and "\x1b" not in said and not device.staged
    device.configure(attributes_file=tmp_path / "missing")
    assert "attributes-file=" in device.once(code=FAILURE)


def test_a_step_goes_before_what_needs_it(device, publish, factory, bundle):
    third = factory("3.0", 30)
    publish((third, "--from", 20), bundle)
    device.once(code=REBOOT)
    assert device.record["version"] == "2.0"
    device.reboot()
    device.once()
    device.good()
    device.once(code=REBOOT)
    assert device.record["version"] == "3.0"


def test_what_failed_is_not_tried_again_while_an_older_release_takes_its_place(device, publish, site, bundle, factory):
    """Each by turns would fetch both in each contact."""
    newer = factory("3.0", 30)
    publish(bundle, newer)
    site.files[newer.name] = flip_bytes(newer.read_bytes())
    device.once(code=FAILURE)
    device.once()
    assert device.record["phase"] == "failed" and device.record["version"] == ""
    device.once(code=REBOOT)
    assert device.record["version"] == "2.0" and device.staged
    before = len(site.requests(newer.name))
    for _ in range(3):
        device.once(code=REBOOT)
    assert device.record["version"] == "2.0" and len(site.requests(newer.name)) == before
    publish(bundle, newer)
    device.once(code=REBOOT)
    assert device.record["version"] == "3.0"


def test_as_many_releases_may_fail_as_a_channel_has(device, publish, site, factory):
    bundles = [factory(f"{n}.0", 10 * n) for n in range(2, 12)]
    publish(*bundles)
    for bundle in bundles:
        site.files[bundle.name] = flip_bytes(site.files[bundle.name])
    for _ in range(3 * len(bundles)):
        device.once(code=None)
    before = len(site.seen)
    for _ in range(3):
        device.once()
    assert len(site.seen) == before + 3        # the channel file, and no bundle


def test_what_is_staged_counts_where_the_channel_does_not_name_it(device, publish, bundle, factory):
    publish(bundle, factory("3.0", 30))
    device.once(code=REBOOT)
    assert device.record["version"] == "3.0"
    publish(bundle)
    device.once(code=REBOOT)
    assert device.record["version"] == "3.0" and device.staged


def test_a_server_without_etags_costs_no_writes(device, publish, site, bundle):
    file = publish((bundle, "--percent", 0))
    for headers in ((), {"ETag": 'W/"1"'}):
        site.on[file.name] = lambda visitor, headers=headers: visitor.reply(200, site.files[file.name], headers=headers)
        device.once()
        before = {path.name: path.stat().st_ino for path in device.folder.iterdir()}
        device.once()
        assert {path.name: path.stat().st_ino for path in device.folder.iterdir()} == before
    assert site.requests(file.name)[-1]["If-None-Match"] == 'W/"1"'


def flip_bytes(data):
    return data[:600] + bytes(byte ^ 0xff for byte in data[600:700]) + data[700:]


def window(hours):
    """It opens in so many hours, for two."""
    now = time.time()
    return "--daily", "-".join(time.strftime("%H:00", time.gmtime(now + 3600 * at)) for at in (hours, hours + 2))


def some_of(bundle, length):
    """Then the connection ends."""
    def answer(visitor):
        data = bundle.read_bytes()
        etag = hashlib.sha1(data).hexdigest()
        head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nETag: "{etag}"\r\nAccept-Ranges: bytes\r\n\r\n'
        visitor.raw(head.encode(), data[:length])
    return answer


def test_a_download_that_takes_several_nights_goes_on_beside_an_older_release(device, publish, site, bundle, factory):
    """Outside of its window, that one would take its place, and it would begin anew each night."""
    older = factory("1.9", 19)
    site.on[bundle.name] = [some_of(bundle, 400_000), lambda visitor: visitor.reply(503)]
    publish((bundle, *window(-1)), older)
    device.once(code=FAILURE)
    here = device.record["durable"]
    assert device.record["phase"] == "seen" and here > 300_000
    publish((bundle, *window(3)), older)
    device.once()
    assert device.record["durable"] == here and not site.requests(older.name)
    assert " UTC, and it is fetched further then; nothing older is taken meanwhile" in device("status")
    site.on.pop(bundle.name)
    publish((bundle, *window(-1)), older)
    device.once(code=REBOOT)
    assert device.staged and site.requests(bundle.name)[-1]["Range"] == f"bytes={here}-"
    assert device.record["version"] == "2.0" and not site.requests(older.name)


# ---------------------------------------------------------------- withdrawn


def test_withdrawn_while_it_is_fetched_it_is_forgotten(device, publish, site, bundle):
    publish(bundle)
    site.on[bundle.name] = lambda visitor: visitor.reply(503)
    device.once(code=FAILURE)
    assert device.record["phase"] == "seen"
    publish((bundle, "--withdrawn", "no wifi"))
    assert "2.0 is withdrawn: no wifi" in device.once()
    assert device.record["phase"] == "none"


def test_withdrawn_while_it_is_staged_it_is_unstaged(device, publish, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    publish((bundle, "--withdrawn", "no wifi"))
    assert "it would be dropped" in device("once", "--dry-run", code=REBOOT) and device.staged
    assert "2.0 is withdrawn: no wifi" in device.once()
    assert device.record["phase"] == "none" and not device.dev.json("status")["staged"]
    assert "it is withdrawn" in device.once()


def test_what_an_earlier_release_staged_is_unstaged_when_it_is_withdrawn(device, publish, site, bundle, factory):
    """A newer one has begun since, and did not come yet."""
    newer = factory("3.0", 30)
    publish(bundle)
    device.once(code=REBOOT)
    site.on[newer.name] = lambda visitor: visitor.reply(503)
    publish(bundle, newer)
    device.once(code=FAILURE)
    assert device.record["phase"] == "seen" and device.staged
    publish((bundle, "--withdrawn", "no wifi"), newer)
    assert "2.0 is withdrawn: no wifi; it would be unstaged" in device("once", "--dry-run") and device.staged
    assert "2.0 is withdrawn: no wifi; it is unstaged" in device.once(code=FAILURE)
    assert not device.dev.json("status")["staged"]


def follows(fleet, site):
    """The channel in the place of its server."""
    fleet.configure(server="", token_file="", channel=f"{site.url}/stable.channel")


def test_what_a_server_staged_is_unstaged_when_the_channel_withdraws_it(fleet, server, site, publish, bundle):
    """Whose action was named by that server."""
    server.assign(bundle)
    fleet.once(code=REBOOT)
    follows(fleet, site)
    publish(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged and not site.requests(bundle.name)
    publish((bundle, "--withdrawn", "no wifi"))
    assert "2.0 is withdrawn: no wifi; it would be dropped" in fleet("once", "--dry-run", code=REBOOT) and fleet.staged
    assert "2.0 is withdrawn: no wifi" in fleet.once()
    assert fleet.record["phase"] == "none" and not fleet.dev.json("status")["staged"]


def test_what_is_staged_counts_still_behind_a_server_that_was_followed_meanwhile(device, server, site, publish, bundle):
    """That server's contact took the name of its action from it."""
    publish(bundle)
    device.once(code=REBOOT)
    id = device.record["id"]
    device.configure(channel="", server=server.url, token_file=device.token)
    device.once(code=None)
    assert server.requests("poll") and not device.record["own_id"] and device.staged
    of_server = device.record["server"]
    device.configure()
    device.once(code=REBOOT)
    assert device.record["phase"] == "staged" and device.record["id"] == device.record["own_id"] == id
    assert device.record["server"] != of_server
    publish((bundle, "--withdrawn", "no wifi"))
    assert "2.0 is withdrawn: no wifi" in device.once() and "cannot be read" not in device.said
    assert not device.dev.json("status")["staged"] and len(site.requests(bundle.name)) == 1


def test_what_a_server_brought_and_a_person_unstaged_is_tried_by_the_channel(fleet, server, site, publish, bundle):
    """No file of the channel was here then."""
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.dev("unstage")
    fleet.once()
    assert action.told[-1] == "closed/failure" and fleet.record["release"]
    follows(fleet, site)
    publish(bundle)
    fleet.once(code=REBOOT)
    assert fleet.staged


def test_what_is_staged_counts_again_when_a_newer_release_fails(device, publish, site, bundle, factory):
    """And is not fetched again."""
    newer = factory("3.0", 30)
    publish(bundle)
    device.once(code=REBOOT)
    publish(bundle, newer)
    site.files[newer.name] = flip_bytes(newer.read_bytes())
    device.once(code=FAILURE)
    device.once()
    assert device.record["phase"] == "failed"
    device.once(code=REBOOT)
    assert device.record["phase"] == "staged" and device.record["version"] == "2.0" and device.staged
    assert len(site.requests(bundle.name)) == 1
    device.reboot()
    device.good()
    device.once()
    assert device.record["phase"] == "good"


def test_what_is_staged_counts_again_when_a_newer_release_is_taken_back(device, publish, site, bundle, factory):
    newer = factory("3.0", 30)
    publish(bundle)
    device.once(code=REBOOT)
    publish(bundle, newer)
    site.on[newer.name] = lambda visitor: visitor.reply(503)
    device.once(code=FAILURE)
    publish(bundle)
    device.once(code=REBOOT)
    assert device.record["phase"] == "staged" and len(site.requests(bundle.name)) == 1


def test_a_cut_between_the_stage_and_its_record_is_made_good(device, publish, site, bundle, tmp_path):
    """The channel offers nothing that is staged: else no reboot is asked for, and nothing is reported."""
    device.configure(report=f"{site.url}/reports")
    publish(bundle)
    staged, cut = tmp_path / "staged", tmp_path / "keelboot"
    cut.write_text(f'#!/bin/sh\n{device.keelboot} "$@" || exit\n'
                   f'case " $* " in *" stage --by-fleet "*) touch {staged}; exec sleep 99 ;; esac\n')
    cut.chmod(0o755)
    real, device.keelboot = device.keelboot, cut
    device.killed_when(staged.exists)
    device.keelboot = real
    assert device.staged and device.record["phase"] == "seen"
    device.once(code=REBOOT)
    device.reboot()
    device.good()
    device.once()
    assert [report["phase"] for report in site.reports] == ["seen", "staged", "good"]
    assert len(site.requests(bundle.name)) == 1


def cut_withdrawal(device, publish, bundle):
    """Its record has it, and the release is staged still."""
    publish(bundle)
    device.once(code=REBOOT)
    publish((bundle, "--withdrawn", "no wifi"))
    with device.where_fails("unstage"):
        assert "cannot be withdrawn" in device.once(code=FAILURE)
    assert device.staged and device.record["phase"] == "seen"


def test_a_withdrawal_that_was_cut_is_done_by_the_next_contact(device, publish, bundle):
    cut_withdrawal(device, publish, bundle)
    device.once()
    assert not device.dev.json("status")["staged"] and device.record["phase"] == "none"


def test_so_it_is_where_the_channel_does_not_name_it_any_more(device, publish, bundle):
    cut_withdrawal(device, publish, bundle)
    publish()
    with device.where_fails("unstage"):
        assert "cannot be unstaged" in device.once(code=FAILURE)
    assert device.staged and device.record["phase"] == "seen"
    assert "is not in the channel any more" in device.once()
    assert not device.dev.json("status")["staged"] and device.record["phase"] == "none"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("end", ["good", "failed"])
def test_what_a_boot_installs_after_a_withdrawal_that_was_cut_has_an_end(device, publish, site, bundle, end, named):
    cut_withdrawal(device, publish, bundle)
    device.reboot()
    publish(*([(bundle, "--withdrawn", "no wifi")] if named else []))
    said = device.once()
    assert device.record["phase"] == device.record["reported"] == "trial"
    assert ("it is too late: 2.0 in slot b is on trial" in said) == named
    if end == "good":
        device.good()
    else:
        device.fall_back("no")
    device.once()
    assert device.record["phase"] == device.record["reported"] == end and len(site.requests(bundle.name)) == 1


def test_what_was_staged_and_booted_before_the_record_had_it_has_an_end(device, publish, bundle):
    """The power was cut between the two."""
    publish(bundle)
    device.once(code=REBOOT)
    device.change(phase="seen", reported="seen")
    (device.folder / "bundle.keel").write_bytes(bundle.read_bytes())
    device.reboot()
    device.once()
    assert device.record["phase"] == device.record["reported"] == "trial"
    assert not (device.folder / "bundle.keel").exists()


@pytest.mark.parametrize("end", ["trial", "good", "failed"])
def test_withdrawn_later_it_stays_as_it_is(device, publish, bundle, end):
    publish(bundle)
    device.once(code=REBOOT)
    device.reboot()
    device.once()
    publish((bundle, "--withdrawn", "no wifi"))
    if end == "good":
        device.good()
    elif end == "failed":
        device.fall_back("no")
    said = device.once()
    assert device.record["phase"] == end and device.dev.slot("b")["version"] == "2.0"
    assert ("it is too late" in said) == (end == "trial")


def test_what_the_channel_does_not_name_any_more_stays_once_it_is_staged(device, publish, site, bundle):
    publish(bundle)
    site.on[bundle.name] = [lambda visitor: visitor.reply(503)]
    device.once(code=FAILURE)
    publish()
    assert "is not in the channel any more" in device.once()
    publish(bundle)
    device.once(code=REBOOT)
    publish()
    device.once(code=REBOOT)
    assert device.staged


def test_what_a_person_staged_goes_before_a_channel(device, publish, factory, bundle):
    other = factory("1.5", 15)
    device.dev("stage", other)
    publish(bundle)
    assert "and waits" in device.once()
    assert device.record["phase"] == "fetched"
    publish((bundle, "--withdrawn", "no"))
    device.once()
    assert device.dev.json("status")["staged"] and device.record["phase"] == "none"


def test_what_a_person_unstaged_is_not_staged_again_by_the_same_file(device, publish, site, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    device.dev("unstage")
    said = device.once()
    assert device.record["phase"] == "failed" and "a newer channel file tries it again" in said
    device.once()
    assert not device.staged
    publish(bundle)
    device.once(code=REBOOT)
    assert device.staged and len(site.requests(bundle.name)) == 2


def test_what_is_staged_and_vanished_is_tried_by_a_newer_file(device, publish, site, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    Path(device.dev.json("status")["staged"]["path"]).unlink()
    device.once()
    assert device.record["phase"] == "failed"
    assert device.record["why"] == "staged; the boots skip it: its file is missing"
    publish(bundle)
    device.once(code=REBOOT)
    assert device.staged and len(site.requests(bundle.name)) == 2


def test_nor_is_it_by_a_newer_file_by_which_it_failed_again(device, publish, site, bundle):
    for times in (1, 2, 3):
        publish(bundle)
        device.once(code=REBOOT)
        device.dev("unstage")
        for _ in range(3):
            device.once()
            assert not device.staged and len(site.requests(bundle.name)) == times


# ---------------------------------------------------------------- the way


def test_a_cut_download_goes_on_where_it_ended(device, publish, site, bundle):
    publish(bundle)
    data = bundle.read_bytes()

    def half(visitor):
        head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nETag: "x"\r\n\r\n'
        visitor.raw(head.encode(), data[:5000])
    site.on[bundle.name] = [half, lambda visitor: visitor.reply(503),
                            lambda visitor: send_file(visitor, data, '"x"')]
    device.once(code=FAILURE)
    device.once(code=REBOOT)
    last = site.requests(bundle.name)[-1]
    assert last["Range"] == "bytes=5000-" and last["If-Range"] == '"x"'


@pytest.mark.parametrize("status", [404, 403, 429, 500])
def test_a_bundle_that_comes_late_is_waited_for(device, publish, site, bundle, status):
    publish(bundle)
    site.on[bundle.name] = lambda visitor: visitor.reply(status)
    for _ in range(10):
        assert f"the server answers {status}" in device.once(code=FAILURE)
    device.change(tries=287)
    device.once(code=FAILURE)
    assert device.record["phase"] == "failed"
    del site.on[bundle.name]
    assert "a newer channel file tries it again" in device.once()
    publish(bundle)
    device.once(code=REBOOT)


@pytest.mark.parametrize("status, says", [(404, "does not know this (404); see [fleet]"), (403, "forbids"),
                                          (429, "too many requests"), (500, "it has an error"), (503, "has an error"),
                                          (410, ""), (304, "nothing that this program understands")])
def test_a_channel_that_cannot_be_had_changes_nothing(device, publish, site, bundle, status, says):
    publish(bundle)
    device.once(code=REBOOT)
    record = device.record
    (device.folder / "channel.json").unlink()
    site.on["stable.channel"] = lambda visitor: visitor.reply(status)
    assert says in device.once(code=REBOOT)
    assert device.record == record and device.staged
    device.dev("unstage")
    device.once(code=FAILURE)


def test_redirects_lead_to_another_host_but_not_in_circles(device, publish, site, bundle):
    publish(bundle)
    with Site().running() as cdn:
        cdn.files = dict(site.files)
        site.files = {}
        for name in cdn.files:
            site.on[name] = lambda visitor: visitor.reply(
                302, headers={"Location": f"{cdn.url}{visitor.path}"})
        device.once(code=REBOOT)
        assert cdn.requests("stable.channel") and cdn.requests(bundle.name)
    site.on["stable.channel"] = lambda visitor: visitor.reply(302, headers={"Location": "/stable.channel"})
    assert "redirects without end" in device.once(code=REBOOT)


def test_a_bundle_has_an_address_of_its_own(device, publish, site, bundle):
    site.files["deep/down/2.0.keel"] = bundle.read_bytes()
    publish((bundle, "--url", "deep/down/2.0.keel"))
    device.once(code=REBOOT)
    assert site.requests("deep/down/2.0.keel") and not site.requests(bundle.name)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_http_is_fetched(device, publish, bundle, url):
    publish((bundle, "--url", url))
    assert "no address of a bundle" in device.once(code=FAILURE)


def test_server_and_channel_at_once_are_an_error(device, tmp_path):
    device.configure(server="http://127.0.0.1:1")
    assert "server= and channel= are both set" in device.once(code=USAGE)
    assert "both set" in run("check-config", device.dev.root / "etc/keelboot/system.conf", code=FAILURE).stderr


def test_a_dry_run_writes_nothing(device, publish, site, bundle):
    publish(bundle)
    assert "It would be fetched and staged." in device("once", "--dry-run")
    assert not device.folder.exists() and not site.requests(bundle.name)
    assert "No file of the channel was here yet." in device("status", code=NOTHING)


def test_two_runs_do_not_meet(device, publish):
    import fcntl
    publish()
    device.once()
    with open(device.folder / "lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        device.once(code=BUSY)


def test_status_says_how_it_stands(device, publish, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    said = device("status")
    assert "Channel stable: sequence 1, expires 2" in said and "version 2.0, sequence 20" in said
    assert "the server" not in said
    assert json.loads(device("status", "--json"))["channel"]["name"] == "stable"


def test_while_data_is_not_mounted_nothing_of_a_channel_is_written(device, publish, bundle):
    """It would land on the root file system."""
    publish(bundle)
    (device.dev.run / "devices").write_text("data /dev/null\n")
    assert f"the data partition is not mounted at {device.dev.data}" in device.once(code=FAILURE)
    assert not device.folder.exists()
    (device.dev.run / "devices").unlink()
    device.once(code=REBOOT)
    assert device.seen["sequence"] > 0
