# SPDX-License-Identifier: Apache-2.0
"""[fleet] report=: what became of an update, at least once, and in nobody's way."""
import json
import platform
import random
import re
import time

import pytest
from authority import secure
from channel_site import Site
from cli_device import FAILURE, OK, REBOOT


@pytest.fixture(name="told")
def make_told(device, site):
    device.configure(report=f"{site.url}/reports")
    return device


def phases(site):
    return [report["phase"] for report in site.reports]


def test_each_change_is_reported_once(told, site, publish, bundle):
    publish(bundle)
    told.once(code=REBOOT)
    told.once(code=REBOOT)
    assert phases(site) == ["seen", "staged"]
    told.reboot()
    told.once()
    told.good()
    told.once()
    told.once()
    assert phases(site) == ["seen", "staged", "trial", "good"]
    last = site.reports[-1]
    assert last["id"] == "device-1" and last["result"] == "success" and last["reason"] == "2.0 in slot b is good"
    assert last["version"] == "2.0" and last["slot"] == "b" and last["state"] == "good"
    assert last["action-version"] == "2.0" and last["action"] == told.record["id"] and last["time"].startswith("2")
    assert site.reports[0]["version"] == "1.0" and site.reports[0]["result"] == "none"


def test_in_the_clear_none_is_sent_where_no_channel_file_was_believed(told, site, publish, bundle):
    """The page of a hotel answers each request with 200, and would swallow what is told once."""
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    assert f"{site.url}: reports are sent unencrypted; use https" in told.once(code=REBOOT)
    site.on = {what: lambda visitor: visitor.reply(200, b"<html>log in</html>")
               for what in ("reports", "stable.channel")}
    told.change(device_boot="an earlier boot")
    told.once(code=None)
    assert json.loads((told.folder / "reports.json").read_text())["reports"]
    site.on = {}
    told.once(code=REBOOT)
    assert phases(site)[:2] == ["seen", "staged"]


def test_a_report_has_what_the_device_is_when_it_is_sent(told, site, publish, bundle):
    """Kernel, wear and the like; omit= keeps some back. What waits takes no room for them."""
    told.configure(report=f"{site.url}/reports", omit="hardware")
    (told.dev.run / "boot.json").write_text(json.dumps({"slot": "a", "token": 1, "cause": "watchdog"}))
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    told.once(code=REBOOT)
    assert "keelboot." not in (told.folder / "reports.json").read_text() and not site.reports
    told.change(device_boot="an earlier boot")
    del site.on["reports"]
    told.once(code=REBOOT)
    for report in site.reports:
        found = report["attributes"]
        assert found["keelboot.kernel"] == platform.release() and found["keelboot.reset"] == "watchdog"
        assert found["keelboot.boots"] == "2" and int(found["keelboot.writes"]) > 0
        assert found["keelboot.slot.a"] == "1.0, good" and "keelboot.hardware" not in found
    assert phases(site) == ["seen", "staged"]
    # Of whatever is there that is none.
    (told.folder / "reports.json").write_text('{"reports": [7, null]}')
    told.once(code=REBOOT)
    assert site.reports[2:] == [7, None]


@pytest.mark.parametrize("query", ["?signature=hush/hush", "#hush/hush", "?hush=a#b/hush"])
def test_what_an_address_has_behind_its_path_is_in_no_line_and_no_record(told, site, publish, bundle, query):
    """A store signs addresses so: whoever has one fetches."""
    publish((bundle, "--url", bundle.name + query))
    said = [told("once", "--dry-run"), told.once(code=REBOOT), told("status"), json.dumps(told.record),
            json.dumps(site.reports)]
    assert told.record["name"] == bundle.name and f"fetching {bundle.name}" in json.dumps(site.reports)
    publish((bundle, "--url", f"ftp://127.0.0.1/{bundle.name}{query}"))
    (told.folder / "action.json").unlink()
    told.dev("unstage")
    said.append(told.once(code=FAILURE))
    assert f"no address of a bundle: ftp://127.0.0.1/{bundle.name}\n" in said[-1] and "hush" not in " ".join(said)


def test_a_fallback_is_reported_with_its_reason_and_details(told, site, publish, bundle):
    publish(bundle)
    told.once(code=REBOOT)
    told.reboot()
    told.fall_back("modem does not register")
    told.once()
    last = site.reports[-1]
    assert last["result"] == "failure" and last["reason"] == "2.0 in slot b fell back: modem does not register"
    assert any("was rejected: modem does not register" in line for line in last["details"])


def test_a_withdrawal_is_reported(told, site, publish, bundle):
    publish(bundle)
    told.once(code=REBOOT)
    publish((bundle, "--withdrawn", "no wifi"))
    told.once()
    assert phases(site) == ["seen", "staged", "withdrawn"] and site.reports[-1]["reason"] == "2.0 is withdrawn: no wifi"


def test_so_is_that_of_what_an_earlier_release_staged(told, site, publish, bundle, factory):
    """A newer one has begun since."""
    newer = factory("3.0", 30)
    publish(bundle)
    told.once(code=REBOOT)
    id = told.record["id"]
    site.on[newer.name] = lambda visitor: visitor.reply(503)
    publish(bundle, newer)
    told.once(code=FAILURE)
    publish((bundle, "--withdrawn", "no wifi"), newer)
    with told.where_fails("unstage"):
        told.once(code=FAILURE)
    assert phases(site) == ["seen", "staged", "seen"], "it is staged still"
    told.once(code=FAILURE)
    told.once(code=FAILURE)
    assert phases(site) == ["seen", "staged", "seen", "withdrawn"]
    last = site.reports[-1]
    assert (last["action"], last["action-version"], last["reason"]) == (id, "2.0", "2.0 is withdrawn: no wifi")
    assert last["result"] == "none" and told.record["id"] != id


@pytest.mark.parametrize("fetched", [False, True])
def test_an_action_that_the_channel_names_no_more_is_reported(told, site, publish, bundle, fetched):
    publish(bundle)
    if fetched:
        told.once(code=REBOOT)
        publish((bundle, "--withdrawn", "no wifi"))
        with told.where_fails("unstage"):
            told.once(code=FAILURE)
    else:
        site.on[bundle.name] = lambda visitor: visitor.reply(503)
        told.once(code=FAILURE)
    before, id = phases(site), told.record["id"]
    publish()
    told.once()
    told.once()
    assert phases(site) == [*before, "withdrawn"]
    name = "2.0" if fetched else bundle.name
    assert site.reports[-1]["reason"] == f"{name} is not in the channel any more" and site.reports[-1]["action"] == id


def test_reports_are_kept_while_nobody_takes_them_and_no_update_waits(told, site, publish, bundle):
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    assert "answers a report with 503; it is sent again" in told.once(code=REBOOT)
    told.reboot()
    told.once()
    told.good()
    for _ in range(3):
        told.once(code=OK)
    assert not site.reports
    del site.on["reports"]
    told.once()
    assert phases(site) == ["seen", "staged", "trial", "good"]
    assert json.loads((told.folder / "reports.json").read_text()) == {"reports": []}


def test_a_lost_answer_costs_a_second_report_and_no_lost_one(told, site, publish, bundle):
    publish(bundle)

    def lost(visitor):
        site.reports.append("taken, and not acknowledged")
        visitor.raw()
    site.on["reports"] = [lost]
    told.once(code=REBOOT)
    told.once(code=REBOOT)
    assert site.reports.pop(0) == "taken, and not acknowledged" and phases(site) == ["seen", "staged"]


def test_twenty_kills_lose_no_report_and_no_record_of_the_channel(told, site, publish, bundle):
    """Each is a whole new file: a kill leaves the old one or the new one."""
    rest = random.Random(17)

    def cuts():
        for _ in range(10):
            told.cut(rest.uniform(0.02, 0.4))
            for name in "reports.json", "channel.json":
                assert not (told.folder / name).exists() or json.loads((told.folder / name).read_text())
    publish(bundle)
    cuts()
    told.once(code=REBOOT)
    told.reboot()
    cuts()
    told.once()
    told.good()
    told.once()
    assert list(dict.fromkeys(phases(site))) == ["seen", "staged", "trial", "good"]
    assert told.seen["sequence"] == 1 and len(site.requests(bundle.name)) <= 11


@pytest.mark.parametrize("status, kept", [
    (400, False), (409, False), (413, False), (401, True), (403, True), (404, True), (408, True), (425, True),
    (429, True), (500, True), (302, True), (204, False),
])
def test_what_an_answer_means_for_a_report(told, site, publish, bundle, status, kept):
    publish((bundle, "--percent", 0))
    told.once()
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(status, headers={"Location": "/elsewhere"})
    told.once(code=REBOOT)
    assert bool(json.loads((told.folder / "reports.json").read_text())["reports"]) == kept
    assert not site.requests("elsewhere")


def test_the_oldest_of_too_many_are_dropped(told, site, publish, bundle):
    site.on["reports"] = lambda visitor: visitor.reply(500)
    for turn in range(12):
        publish((bundle, *(("--withdrawn", "no") if turn % 2 else ())))
        told.once(code=None)
    kept = json.loads((told.folder / "reports.json").read_text())["reports"]
    assert len(kept) == 16 and kept[-1]["phase"] == "withdrawn"


def test_a_home_that_hangs_costs_one_timeout(told, site, publish, bundle):
    told.configure(report=f"{site.url}/reports", timeout=1)
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.wait_until_gone()
    told.once(code=REBOOT)
    assert 0.5 < site.longest() < 4 and told.was_within(4) and told.staged and len(site.requests("reports")) == 1


def test_a_queue_that_cannot_be_read_is_begun_anew(told, site, publish, bundle):
    publish()
    told.once()
    (told.folder / "reports.json").write_text("[" * 1000)
    publish(bundle)
    told.once(code=REBOOT)
    assert phases(site) == ["seen", "staged"]


def test_without_an_address_nothing_is_kept(device, publish, bundle):
    publish(bundle)
    device.once(code=REBOOT)
    assert not (device.folder / "reports.json").exists()


def test_a_dry_run_reports_nothing(told, site, publish, bundle):
    publish(bundle)
    told("once", "--dry-run")
    assert not site.reports


def test_reports_wait_as_long_as_is_asked_and_updates_do_not(device, publish, site, bundle, factory):
    publish(bundle)
    device.configure(report=f"{site.url}/home")
    site.on["home"] = lambda visitor: visitor.reply(429, b"", {"Retry-After": "3600"})
    device.once(code=REBOOT)
    posts = len(site.requests("home"))
    publish(factory("3.0", 30))
    device.once(code=REBOOT)
    assert posts == 1 == len(site.requests("home")) and device.record["version"] == "3.0"
    kept = json.loads((device.folder / "reports.json").read_text())
    assert len(kept["reports"]) > 1
    site.on["home"] = lambda visitor: visitor.reply(204)
    (device.folder / "reports.json").write_text(json.dumps({**kept, "boot": "another"}))
    device.once(code=REBOOT)
    assert len(site.requests("home")) == 1 + len(kept["reports"])


def test_reports_rest_ever_longer_while_nobody_takes_them(told, site, publish, bundle, factory):
    """By their own times, whether updates come or not. A person who asks does not wait."""
    def kept():
        return json.loads((told.folder / "reports.json").read_text())

    def uptime():
        return int(time.clock_gettime(time.CLOCK_BOOTTIME))
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    for failures in range(1, 7):
        begun = uptime()
        told("once", "--when-due", code=REBOOT)
        assert len(site.requests("reports")) == kept()["failures"] == failures
        longest = min(300 << failures, 3600)
        assert begun + longest // 2 <= kept()["rest"] <= uptime() + longest // 2 + longest
        told("once", "--when-due", code=REBOOT)
        assert len(site.requests("reports")) == failures, "it rests"
        (told.folder / "reports.json").write_text(json.dumps({**kept(), "rest": 0}))
    told("once", "--when-due", code=REBOOT)
    told.once(code=REBOOT)
    assert len(site.requests("reports")) == kept()["failures"] == 8
    publish(factory("3.0", 30))
    del site.on["reports"]
    told("once", "--when-due", code=REBOOT)
    assert len(site.requests("reports")) == 8 and told.record["version"] == "3.0"
    (told.folder / "reports.json").write_text(json.dumps({**kept(), "boot": "another"}))
    told("once", "--when-due", code=REBOOT)
    assert kept() == {"reports": []} and phases(site) == ["seen", "staged", "seen", "staged"]


def test_devices_rest_by_times_of_their_own(told, site, publish, bundle):
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    rests = set()
    for number in range(4):
        told.configure(report=f"{site.url}/reports", id=f"device-{number}")
        told("once", "--when-due", code=REBOOT)
        kept = json.loads((told.folder / "reports.json").read_text())
        rests.add(round((kept["rest"] - time.clock_gettime(time.CLOCK_BOOTTIME)) / 30))
        (told.folder / "reports.json").write_text(json.dumps({"reports": kept["reports"]}))
    assert len(rests) > 1


def test_status_says_that_reports_wait_and_why(told, site, publish, bundle):
    publish(bundle)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    told.once(code=REBOOT)
    said = told("status")
    assert re.search(r"^2 reports for report= wait since 20.*Z\n  not sent yet: answers a report with 503", said, re.M)
    assert len(json.loads(told("status", "--json"))["waiting"]["reports"]) == 2
    del site.on["reports"]
    told.once(code=REBOOT)
    assert "report=" not in told("status")


def test_why_a_device_is_not_in_a_phase_yet_is_reported_once_for_each_change(told, site, publish, bundle):
    """Ten contacts make one report, and one line in the log; a person who asks by hand hears it each time."""
    publish((bundle, "--percent", 0))
    said = [told("once", "--when-due") for _ in range(10)]
    assert ["Nothing is taken: " in one for one in said] == [True] + [False] * 9
    assert "Nothing is taken: 2.0: this device is not in the first 0 %" in told.once()
    assert len(site.requests("reports")) == 1 and phases(site) == ["waiting"]
    report = site.reports[0]
    assert report["reason"] == "2.0: this device is not in the first 0 %" and report["result"] == "none"
    assert report["version"] == "1.0" and report["action"] == report["action-version"] == ""
    publish((bundle, "--attribute", "site=lab"))
    for _ in range(3):
        told.once()
    assert [one["reason"] for one in site.reports[1:]] == ["2.0: it is for site=lab"]
    publish(bundle)
    told.once(code=REBOOT)
    assert phases(site) == ["waiting", "waiting", "seen", "staged"]


def test_a_reason_that_is_none_of_a_phase_is_no_report(told, site, publish, bundle, factory):
    """Nothing is newer; it is withdrawn; it is for other devices."""
    publish()
    told.once()
    publish((bundle, "--withdrawn", "no wifi"))
    told.once()
    publish(factory("2.0", 20, compatible="other"))
    told.once()
    assert not site.reports and "it is not for " in told("status")


def test_a_reason_that_nobody_takes_is_kept_and_a_dry_run_keeps_none(told, site, publish, bundle):
    publish((bundle, "--percent", 0))
    for _ in range(2):
        assert "Nothing is taken: " in told("once", "--dry-run")
    assert not (told.folder / "reports.json").exists()
    site.on["reports"] = lambda visitor: visitor.reply(503)
    for _ in range(3):
        told.once()
    assert len(json.loads((told.folder / "reports.json").read_text())["reports"]) == 1
    del site.on["reports"]
    told.once()
    assert phases(site) == ["waiting"]


# ---------------------------------------------------------------- who it is


@pytest.mark.parametrize("own", [True, False], ids=["the channel's host", "another host"])
def test_the_certificate_of_the_device_goes_to_the_channels_own_host_alone(device, publish, site, authority, bundle,
                                                                           own):
    """As a token does to the server's: another host would learn more than the report says."""
    shown = []
    with Site(tls=secure(authority, client="optional")).running() as channel, \
            Site(tls=secure(authority, client="optional")).running() as other:
        home = channel if own else other

        def note(visitor):
            shown.append(bool(visitor.connection.getpeercert()))
            visitor.reply(204)
        home.on["home"] = note
        device.configure(f"{channel.url}/stable.channel", report=f"{home.url}/home", ca_file=authority / "ca.pem",
                         certificate=authority / "device.pem", private_key=authority / "device.key")
        publish(bundle)
        channel.files = site.files
        device.once(code=REBOOT)
    assert shown and set(shown) == {own}
