# SPDX-License-Identifier: Apache-2.0
"""The device reboots by itself what is staged: at once, in a window, without files that forbid it, with consent."""
import json
import re
import time

import pytest
from cli_device import FAILURE, OK, REBOOT, run
from daemon import Daemon


def clock(hours):
    return time.strftime("%H:%M", time.localtime(time.time() + hours * 3600))


def test_by_default_others_reboot_and_the_exit_code_says_when(fleet, server, bundle, rebooted):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    assert not rebooted() and "the reboot is left to others" in fleet("status")


def test_at_once(fleet, server, bundle, rebooted):
    action = server.assign(bundle)
    fleet.configure(reboot="yes")
    fleet("once", "--dry-run")
    assert not rebooted()
    said = fleet.once()
    assert said.index("A reboot installs 2.0.") < said.index("Reboots.") and rebooted() == 1
    assert action.messages[-1] == "reboots by itself at once" and "reboots by itself at once" in fleet("status")
    assert fleet.record["boots"] == 1
    fleet.reboot()
    fleet.once()
    assert rebooted() == 1


def test_what_cannot_reboot_says_so_and_leaves_it_to_others(fleet, server, bundle):
    server.assign(bundle)
    fleet.configure(reboot="yes")
    tools = fleet.dev.path / "bin"
    tools.mkdir()
    (tools / "reboot").write_text("#!/nonexistent\n")
    (tools / "reboot").chmod(0o755)
    fleet.path = f"{tools}:{fleet.path}"
    assert '"reboot" cannot be started: No such file or directory' in fleet.once(code=REBOOT)


def test_a_boot_that_leaves_it_staged_is_not_repeated_for_all_time(fleet, server, bundle, rebooted):
    server.assign(bundle)
    fleet.configure(reboot="yes")
    for n in range(5):
        fleet.once()
        fleet.change(boot=f"another-{n}")
    assert rebooted() == 3


def test_a_window_is_waited_for(fleet, server, bundle, rebooted):
    server.assign(bundle)
    fleet.configure(reboot="yes", reboot_window=f"{clock(2)}-{clock(3)}")
    said = fleet.once()
    assert re.search(r"The reboot that installs 2\.0 waits: reboot-window=[\d:-]{11}; it is \d\d:\d\d here\.", said)
    assert not rebooted() and fleet.staged and fleet.record["boots"] == 0
    assert f"reboots by itself, between {clock(2)[:2]}" in fleet("status")
    fleet.configure(reboot="yes", reboot_window=f"{clock(-1)}-{clock(1)}")
    fleet.once()
    assert rebooted() == 1


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_no_reboot_while_a_file_forbids_it_also_when_forced(fleet, server, bundle, rebooted, folder):
    busy = fleet.dev.path / "busy"
    server.assign(bundle)
    fleet.configure(reboot="yes", reboot_inhibit=f"/nonexistent/file {busy}{'/' if folder else ''}")
    if folder:
        busy.mkdir()
    (busy / "pump" if folder else busy).touch()
    assert f"waits: {busy}{'/' if folder else ''} is there (reboot-inhibit=)." in fleet.once()
    assert not rebooted()
    (busy / "pump" if folder else busy).unlink()
    fleet.once()
    assert rebooted() == 1


def test_a_file_in_the_place_of_a_folder_forbids_it_too(fleet, server, bundle, rebooted):
    """The configuration says FOLDER/, and the application makes a file."""
    busy = fleet.dev.path / "busy"
    fleet.configure(reboot="yes", reboot_inhibit=f"{busy}//")
    busy.touch()
    server.assign(bundle, force="forced")
    assert f"{busy}// is there (reboot-inhibit=)" in fleet.once() and not rebooted()
    # Nothing can be below a file.
    fleet.configure(reboot="yes", reboot_inhibit=f"{busy}/locks/")
    fleet.once()
    assert rebooted() == 1


def test_a_soft_action_waits_for_consent_and_a_forced_one_does_not(fleet, server, bundle, rebooted):
    """Also one that is forced later: hawkBit's time-forced actions, and a person who loses patience."""
    asked = fleet.dev.path / "asked"
    action = server.assign(bundle, download="attempt", update="attempt")
    fleet.configure(reboot="yes", reboot_consent=f"echo $1 >>{asked}; echo the patient sleeps; exit 1")
    said = fleet.once()
    assert "waits: reboot-consent= says no: the patient sleeps." in said and asked.read_text() == "2.0\n"
    fleet.once()
    assert not rebooted() and len(server.requests("deployment")) == 1
    action.download = action.update = "forced"
    assert "Action 1 is forced now." in fleet.once()
    assert rebooted() == 1 and len(server.requests("deployment")) == 2
    fleet.once()
    assert len(server.requests("deployment")) == 2 and len(asked.read_text().split()) == 2


def test_a_window_that_closes_again_holds_the_reboot_back(fleet, server, bundle, rebooted):
    """Staged at its end, consented to hours later."""
    asked, consent = fleet.dev.path / "asked", fleet.dev.path / "consent"
    action = server.assign(bundle, window="available", update="attempt")
    fleet.configure(reboot="yes", reboot_consent=f"cd {fleet.dev.path}; echo $1 >>asked; test -e consent")
    assert "waits: reboot-consent= says no" in fleet.once()
    consent.touch()
    action.window = "unavailable"
    said = fleet.once()
    assert "The reboot that installs 2.0 waits: the server's maintenance window is closed." in said
    server.on["poll"] = [lambda handler: handler.error(503)]
    fleet.once(code=FAILURE)
    assert not rebooted() and fleet.staged and len(asked.read_text().split()) == 1
    action.window = "available"
    fleet.once()
    assert rebooted() == 1 and len(server.requests("artifact")) == 1


def test_nor_are_others_asked_for_the_reboot_outside_of_that_window(fleet, server, bundle):
    action = server.assign(bundle, window="available")
    fleet.once(code=REBOOT)
    held = "no reboot is asked for until a contact finds the server's maintenance window open; " \
           "the server does not say when"
    assert held not in fleet("status")
    action.window = "unavailable"
    fleet.once()
    fleet.once()
    assert f"  {held}\n" in fleet("status")
    action.window = "available"
    fleet.once(code=REBOOT)
    assert held not in fleet("status")
    assert fleet.staged and action.told == ["proceeding/none"] * 2


def test_consent_is_given(fleet, server, bundle, rebooted):
    server.assign(bundle, download="attempt", update="attempt")
    fleet.configure(reboot="yes", reboot_consent='test "$1" = 2.0')
    fleet.once()
    assert rebooted() == 1


def test_a_program_that_does_not_answer_consents_to_nothing(fleet, server, bundle, rebooted):
    server.assign(bundle, download="attempt", update="attempt")
    fleet.configure(reboot="yes", reboot_consent="sleep 100", timeout=1)
    start = time.monotonic()
    assert "waits: reboot-consent= gave no answer for 1 s." in fleet.once()
    assert not rebooted() and time.monotonic() - start < 60


def test_a_reboot_that_waits_does_not_wait_for_the_server(fleet, server, bundle, rebooted, tmp_path):
    """The daemon looks twice a minute; the server is away, and the next contact hours off."""
    busy = fleet.dev.path / "busy"
    busy.touch()
    server.assign(bundle)
    server.sleep = "12:00:00"
    fleet.configure(reboot="yes", reboot_inhibit=busy)
    with Daemon(fleet, None, tmp_path).running() as daemon:
        for line in daemon.process.stdout:
            if line.startswith("Next contact"):
                break
        polls = len(server.requests("poll"))
        busy.unlink()
        rest = daemon.process.communicate(timeout=120)[0]
    assert daemon.process.returncode == OK
    assert rebooted() == 1 and len(server.requests("poll")) == polls and rest.endswith("Reboots.\n")


def test_a_look_that_fails_does_not_end_the_looks(fleet, server, bundle, rebooted, tmp_path):
    """The device cannot be looked at for a while, in which the window opens."""
    busy, broken = fleet.dev.path / "busy", fleet.dev.path / "broken"
    busy.touch()
    server.assign(bundle)
    server.sleep = "12:00:00"
    fleet.configure(reboot="yes", reboot_inhibit=busy)
    with fleet.where_fails("status", broken), Daemon(fleet, None, tmp_path).running() as daemon:
        for line in daemon.process.stdout:
            if line.startswith("Next contact"):
                polls = len(server.requests("poll"))
                broken.touch()
            if "nothing is fetched or answered" in line:
                busy.unlink()
                broken.unlink()
                break
        said = daemon.process.communicate(timeout=120)[0]
    assert rebooted() == 1 and len(server.requests("poll")) == polls and said.endswith("Reboots.\n")


@pytest.mark.parametrize("keys, says", [
    ({"reboot_window": "2-4"}, "reboot-window=2-4: expected a time of the day as 22:30-04:00"),
    ({"reboot_window": "22:00-22:00"}, "expected a time of the day"),
    ({"reboot_window": "24:00-25:00"}, "expected a time of the day"),
    ({"reboot_inhibit": "/run/busy busy"}, "reboot-inhibit=busy: expected absolute paths"),
], ids=["no-minutes", "empty", "no-such-hour", "relative"])
def test_with_a_policy_that_cannot_be_understood_the_reboot_waits(fleet, server, bundle, rebooted, keys, says):
    """And nothing else: the next release may bring one that can be."""
    server.assign(bundle)
    fleet.configure(reboot="yes", **keys)
    said = fleet.once()
    assert says in said and "The reboot that installs 2.0 waits: a part of system.conf is ignored" in said
    assert says in run("check-config", fleet.dev.root / "etc/keelboot/system.conf", code=FAILURE).stderr
    assert fleet.staged and not rebooted()


def test_lists_may_have_commas(fleet, server, bundle, rebooted):
    busy = fleet.dev.path / "busy"
    busy.touch()
    server.assign(bundle)
    fleet.configure(reboot="yes", reboot_inhibit=f"/nonexistent/a,{busy}", omit="kernel,hardware")
    assert f"waits: {busy} is there" in fleet.once()
    assert not {"keelboot.kernel", "keelboot.hardware"} & set(server.attributes)


def test_what_a_person_installed_meanwhile_goes_before(fleet, server, bundle, rebooted, factory):
    """Its trial is not to be disturbed by a reboot of ours."""
    server.assign(bundle)
    fleet.configure(reboot="yes", reboot_window=f"{clock(2)}-{clock(3)}")
    fleet.once()
    fleet.dev("install", factory("1.5", 15))
    fleet.configure(reboot="yes")
    said = fleet.once()
    assert "The reboot that installs 2.0 waits until 1.5 in slot b has ended its trial." in said
    assert not rebooted() and fleet.staged


@pytest.mark.parametrize("letters", [178, 300], ids=["value", "line"])
def test_no_reboot_while_a_line_of_the_configuration_is_ignored(fleet, server, bundle, rebooted, letters):
    """It may be the one that forbids it."""
    server.assign(bundle)
    fleet.configure(reboot="yes", reboot_inhibit="/" + letters * "x")
    assert "ignored" in (said := fleet.once())
    assert "waits: a part of system.conf is ignored, which may forbid it; see keelboot check-config." in said
    assert not rebooted() and fleet.staged


def test_a_record_of_another_release_is_read(fleet, server, bundle):
    """An update, or the way back, brings another keelboot-fleet, which knows other keys."""
    server.assign(bundle)
    fleet.once(code=REBOOT)
    record = {key: value for key, value in fleet.record.items() if key not in ("forced", "edition", "boots", "own")}
    (fleet.folder / "action.json").write_text(json.dumps({**record, "of-the-future": [1]}))
    fleet.reboot()
    said = fleet.once()
    assert "cannot be read" not in said and "2.0 in slot b is on trial" in said
    assert len(server.requests("artifact")) == 1
