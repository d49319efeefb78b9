# SPDX-License-Identifier: Apache-2.0
"""What an earlier action of a channel staged, while a newer one is begun: cut or failed at each step, its end is
reported."""
import contextlib
import random

import pytest
from cli_device import FAILURE, REBOOT
from test_channel_story import flip_bytes

WITHDRAWN = "2.0 is withdrawn: no wifi"


@pytest.fixture(name="told")
def make_told(device, site):
    device.configure(report=f"{site.url}/reports")
    return device


@pytest.fixture(name="newer")
def make_newer(told, publish, site, bundle, factory):
    """It does not come, and 2.0 is staged."""
    newer = factory("3.0", 30)
    publish(bundle)
    told.once(code=REBOOT)
    site.on[newer.name] = lambda visitor: visitor.reply(503)
    publish(bundle, newer)
    told.once(code=FAILURE)
    assert phases(site) == ["seen", "staged", "seen"] and told.staged and told.record["version"] == ""
    return newer


def phases(site):
    return [report["phase"] for report in site.reports]


def is_staged(told):
    return bool(told.dev.json("status")["staged"])


def reasons(site):
    return [report["reason"] for report in site.reports if report["phase"] == "withdrawn"]


@contextlib.contextmanager
def sleeping(told, verb, behind):
    """This verb of keelboot does, behind what it does or before; gives whether it has begun to."""
    sign, slow, real = told.dev.path / "sleeps", told.dev.path / "slow-keelboot", told.keelboot
    done = f'{real} "$@" || exit' if behind else ":"
    slow.write_text(f'#!/bin/sh\ncase " $* " in *" {verb} "*) {done}; touch {sign}; exec sleep 99 ;; esac\n'
                    f'exec {real} "$@"\n')
    slow.chmod(0o755)
    told.keelboot = slow
    yield sign.exists
    told.keelboot = real


# ---------------------------------------------------------------- withdrawn


@pytest.mark.parametrize("named", [True, False], ids=["named", "named no more"])
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
def test_a_cut_beside_the_unstage_loses_no_report(told, site, publish, bundle, newer, behind, named):
    publish((bundle, "--withdrawn", "no wifi"), newer)
    with sleeping(told, "unstage", behind) as sleeps:
        told.killed_when(sleeps)
    assert is_staged(told) != behind and not reasons(site)
    if not named:
        publish(newer)
    told("once", "--dry-run", code=None)
    assert is_staged(told) != behind and not reasons(site)
    for _ in range(2):
        told.once(code=FAILURE)
    assert not is_staged(told) and reasons(site) == [WITHDRAWN]
    last = site.reports[-1]
    assert last["action-version"] == "2.0" and last["action"] == site.reports[0]["action"]
    assert told.record["own_withdrawn"] == "" and told.record["phase"] == "seen"


def test_what_cannot_be_unstaged_is_when_the_channel_names_it_no_more(told, site, publish, bundle, newer):
    publish((bundle, "--withdrawn", "no wifi"), newer)
    with told.where_fails("unstage"):
        told.once(code=FAILURE)
        publish(newer)
        told.once(code=FAILURE)
    assert is_staged(told) and not reasons(site)
    told.once(code=FAILURE)
    assert not is_staged(told) and reasons(site) == [WITHDRAWN]


def test_so_it_is_where_it_was_on_record_when_it_was_withdrawn(told, site, publish, bundle, factory):
    newer = factory("3.0", 30)
    publish(bundle)
    told.once(code=REBOOT)
    site.on[newer.name] = lambda visitor: visitor.reply(503)
    publish((bundle, "--withdrawn", "no wifi"), newer)
    with told.where_fails("unstage"):
        told.once(code=FAILURE)
    assert is_staged(told) and told.record["version"] == "" and not reasons(site)
    publish(newer)
    told.once(code=FAILURE)
    assert not is_staged(told) and reasons(site) == [WITHDRAWN]


def test_a_withdrawal_that_is_taken_back_before_it_is_done_is_forgotten(told, site, publish, bundle, newer):
    publish((bundle, "--withdrawn", "no wifi"), newer)
    with told.where_fails("unstage"):
        told.once(code=FAILURE)
    publish(bundle, newer)
    told.once(code=FAILURE)
    publish(newer)
    told.once(code=FAILURE)
    assert told.staged and not reasons(site) and told.record["own_withdrawn"] == ""


def test_what_a_boot_installs_before_it_is_unstaged_is_not_reported_as_withdrawn(told, site, publish, bundle, newer):
    publish((bundle, "--withdrawn", "no wifi"), newer)
    with sleeping(told, "unstage", False) as sleeps:
        told.killed_when(sleeps)
    told.reboot()
    told.once(code=FAILURE)
    assert not reasons(site) and told.record["own_withdrawn"] == "" and site.reports[-1]["phase"] == "device"
    assert "slot b: 2.0, trial" in site.reports[-1]["details"]


# ---------------------------------------------------------------- a stage of the newer one that fails, or is cut


def fails_to_stage(told, publish, bundle, newer, how):
    """2.0 is staged, and 3.0 is not: its stage failed, or was cut."""
    publish(bundle)
    told.once(code=REBOOT)
    publish(bundle, newer)
    if how == "fails":
        with told.where_fails("stage --by-fleet"):
            told.once(code=FAILURE)
    else:
        with sleeping(told, "stage --by-fleet", False) as sleeps:
            told.killed_when(sleeps)
    assert told.dev.json("status")["staged"]["version"] == "2.0" and told.record["version"] == "3.0"


@pytest.fixture(name="unstaged", params=["fails", "is cut"])
def make_unstaged(told, publish, bundle, factory, request):
    newer = factory("3.0", 30)
    fails_to_stage(told, publish, bundle, newer, request.param)
    return newer


def test_what_was_staged_before_is_unstaged_where_it_is_withdrawn(told, site, publish, bundle, unstaged):
    publish((bundle, "--withdrawn", "no wifi"), (unstaged, "--withdrawn", "no wifi, too"))
    told.once()
    assert not is_staged(told) and WITHDRAWN in reasons(site)


def test_the_newer_one_takes_its_place_at_the_next_contact(told, unstaged):
    told.once(code=REBOOT)
    assert told.dev.json("status")["staged"]["version"] == "3.0" and told.record["phase"] == "staged"
    assert told.record["before"] == "" and told.record["own"] == told.record["release"]


def test_a_boot_that_installs_it_meanwhile_is_awaited(told, site, unstaged):
    told.reboot()
    staged = told.record["before"]
    assert "waits until 2.0 in slot b has ended its trial" in told.once()
    assert staged and told.record["own"] == staged
    told.good()
    told.once(code=REBOOT)
    assert told.dev.json("status")["staged"]["version"] == "3.0"


@contextlib.contextmanager
def unwritable(told, *names):
    """What takes the place of these files cannot be written."""
    for name in names:
        (told.folder / f"{name}.new").unlink(missing_ok=True)
        (told.folder / f"{name}.new").mkdir()
    yield
    for name in names:
        (told.folder / f"{name}.new").rmdir()


@pytest.mark.parametrize("begun", [True, False], ids=["a newer one is begun", "it is on record"])
def test_a_report_that_can_be_neither_kept_nor_sent_comes_later(told, site, publish, bundle, factory, begun):
    """Nothing else is begun until then."""
    newer = factory("3.0", 30)
    publish(bundle)
    told.once(code=REBOOT)
    if begun:
        site.on[newer.name] = [lambda visitor: visitor.reply(503)]
        publish(bundle, newer)
        told.once(code=FAILURE)
    site.on["reports"] = lambda visitor: visitor.reply(503)
    publish((bundle, "--withdrawn", "no wifi"), newer)
    asked = len(site.requests(newer.name))
    with unwritable(told, "reports.json"):
        for _ in range(2):
            told.once(code=FAILURE)
    assert not is_staged(told) and len(site.requests(newer.name)) == asked
    del site.on["reports"]
    told.once(code=REBOOT)
    assert reasons(site) == [WITHDRAWN] and told.record["version"] == "3.0"


@pytest.mark.parametrize("names", [["action.json"], ["reports.json"], ["action.json", "reports.json"]], ids="+".join)
def test_where_nothing_can_be_written_it_is_unstaged_and_reported(told, site, publish, bundle, newer, names):
    publish((bundle, "--withdrawn", "no wifi"), newer)
    with unwritable(told, *names):
        told.once(code=FAILURE)
    assert not is_staged(told) and reasons(site)[:1] == [WITHDRAWN]
    told.once(code=FAILURE)
    assert not is_staged(told) and set(reasons(site)) == {WITHDRAWN}


@pytest.mark.parametrize("begun", [True, False], ids=["a newer one is begun", "it is on record"])
def test_twenty_kills_lose_no_report_of_a_withdrawal(told, site, publish, bundle, factory, begun):
    rest, newer = random.Random(23), factory("3.0", 30)
    site.on[newer.name] = lambda visitor: visitor.reply(503)
    for turn in range(5):
        site.reports.clear()
        publish(bundle)
        told.once(code=REBOOT)
        if begun:
            publish(bundle, newer)
            told.once(code=FAILURE)
        publish((bundle, "--withdrawn", f"turn {turn}"), *([newer] if begun else []))
        for _ in range(4):
            told.cut(rest.uniform(0.05, 0.5))
        told.once(code=FAILURE if begun else None)
        assert set(reasons(site)) == {f"2.0 is withdrawn: turn {turn}"} and not is_staged(told)
        publish()
        told.once()


# ---------------------------------------------------------------- named no more


@pytest.mark.parametrize("end", ["named no more", "withdrawn", "failed"])
def test_what_is_staged_counts_again_also_where_the_channel_names_it_no_more(told, site, publish, bundle, newer, end):
    """A reboot is asked for, and its end is reported."""
    id = site.reports[0]["action"]
    site.on.pop(newer.name)
    if end == "failed":
        publish(newer)
        site.files[newer.name] = flip_bytes(newer.read_bytes())
        for _ in range(2):
            told.once(code=None)
    else:
        publish(*([(newer, "--withdrawn", "no")] if end == "withdrawn" else []))
    told.once(code=REBOOT)
    assert told.staged and (told.record["id"], told.record["version"], told.record["sequence"]) == (id, "2.0", 20)
    told.reboot()
    told.once(code=None)
    told.good()
    told.once(code=None)
    assert phases(site)[-3:] == ["staged", "trial", "good"] and site.reports[-1]["action"] == id
    assert len(site.requests(bundle.name)) == 1


def test_an_older_release_does_not_take_its_place(told, site, publish, bundle, newer, factory):
    older = factory("1.9", 19)
    publish(older)
    told.once(code=REBOOT)
    assert told.staged and told.record["version"] == "2.0" and not site.requests(older.name)


def test_what_an_older_program_staged_stays_as_it_is(told, site, publish, newer):
    """Its version is not in the record."""
    told.change(own_version="", own_sequence=0)
    publish()
    told.once()
    assert told.staged and told.record["phase"] == "none"
