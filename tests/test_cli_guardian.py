# SPDX-License-Identifier: Apache-2.0
"""What the command tells the guardian: a verdict was written, a shutdown begins."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cli_device import FAILURE, KEELBOOT, TOP, USAGE, Device, call, edit, run, sleeping_guardian

DAY = 86400
TRIAL = {"mode": "trial", "deadline": DAY}
WATCHDOG = {"device": "/dev/watchdog0", "timeout": 60, "handover": "system", "feeder": "system"}


@pytest.fixture
def factory_trial():
    """factory_trial(folder): the trial in slot b runs, its attempt is open under token 7."""
    def make(path):
        path.mkdir(exist_ok=True)
        device = Device(path)
        device.init("--slots", "2", "--good", "a", "--trial", "b")
        edit(device, open="b", token=7)
        device.boot("b", 7, status="trial")
        return device
    return make


@pytest.fixture
def dev(factory_trial, tmp_path):
    return factory_trial(tmp_path)


@pytest.fixture
def guardian(dev):
    with sleeping_guardian(dev) as process:
        yield process


def clean(dev) -> bool:
    return b"clean=1\n" in dev.state.read_bytes()


@pytest.mark.parametrize("verdict", ["good", "bad"])
def test_verdicts_nudge_the_guardian(dev, guardian, verdict):
    dev("mark", verdict)
    assert guardian.wait(30) == -signal.SIGUSR1


def test_verdict_that_changes_nothing_wakes_nobody(dev, guardian):
    guardian_file = (dev.run / "guardian").read_text()
    (dev.run / "guardian").unlink()
    dev("mark", "good")
    (dev.run / "guardian").write_text(guardian_file)
    assert "nothing to change" in dev("mark", "good").stdout
    assert guardian.poll() is None


def test_mark_clean_notes_the_shutdown_and_tells_the_guardian(dev, guardian):
    result = dev("mark", "clean")
    assert (result.stdout, result.stderr) == ("", "")
    assert clean(dev)
    assert guardian.wait(30) == -signal.SIGUSR2


def test_mark_clean_without_a_guardian(dev):
    dev("mark", "clean")
    before = dev.state.read_bytes()
    dev("mark", "clean")
    assert clean(dev) and dev.state.read_bytes() == before, "once is enough"


def test_mark_clean_of_a_good_slot_writes_nothing_but_tells_a_keeper(dev, guardian):
    pid = (dev.run / "guardian").read_text()
    (dev.run / "guardian").write_text("1\n")
    dev("mark", "good")
    (dev.run / "guardian").write_text(pid)
    before = dev.state.read_bytes()
    dev("mark", "clean")
    assert dev.state.read_bytes() == before
    assert guardian.wait(30) == -signal.SIGUSR2


def test_mark_clean_of_another_boot_writes_nothing(dev):
    dev.boot("b", 6)
    dev("mark", "clean")
    assert not clean(dev)
    dev.boot("a", 7)
    dev("mark", "clean")
    assert not clean(dev)


def test_mark_clean_outside_of_keelboot_is_nothing(dev):
    for file in dev.run.iterdir():
        file.unlink()
    dev("mark", "clean")
    assert not clean(dev)


@pytest.mark.parametrize("name", ["slot", "token"])
def test_mark_clean_that_cannot_read_what_the_boot_left_fails_and_still_tells(dev, guardian, name):
    (dev.run / name).unlink()
    (dev.run / name).mkdir()
    assert f"{dev.run} cannot be read" in dev("mark", "clean", code=FAILURE).stderr
    assert guardian.wait(30) == -signal.SIGUSR2


def test_mark_clean_that_cannot_read_the_state_fails_and_still_tells(dev, guardian):
    dev.state.unlink()
    dev("mark", "clean", code=FAILURE)
    assert guardian.wait(30) == -signal.SIGUSR2


@pytest.mark.parametrize("words", [("b",), ("--reason", "x")])
def test_mark_clean_takes_neither_slot_nor_reason(dev, words):
    dev("mark", "clean", *words, code=USAGE)
    assert not clean(dev)


@pytest.mark.parametrize("text", ["", "0\n", "1\n", "-5\n", "99999999999\n", "x\n", None])
def test_number_of_somebody_else_is_never_signalled(dev, text):
    """None: a process of another name."""
    other = subprocess.Popen(["/bin/sleep", "600"])
    try:
        (dev.run / "guardian").write_text(f"{other.pid}\n" if text is None else text)
        dev("mark", "good")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


# ---------------------------------------------------------------- the real guardian, at its deadline


NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--"]


class Race:
    """keelboot-guardian itself, as the init of a process namespace of its own: what it does to process 1 and to
    the machine stays in there."""

    DEADLINE = 1
    TRIAL = ("trial", str(DEADLINE), "0")
    GOOD = ("good", "0", "1")       # it has proved itself after one second

    def __init__(self, dev, path, terms=TRIAL, log="65"):
        if subprocess.run([*NAMESPACE, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            pytest.skip("no namespaces here")
        (path / "proc/1").mkdir(parents=True, exist_ok=True)
        (path / "proc/1/comm").write_text("init\n")
        (path / "proc/1/cmdline").write_text("init\0")
        self.log = path / "kmsg"
        script = 'exec 3<>"$1" 4>>"$2" 5<"$3" 6<"$4" 7>/dev/null; shift 4; exec "$@"'
        self.began = time.monotonic()
        self.outer = subprocess.Popen(
            ["sh", "-c", script, "sh", dev.state, self.log, path / "proc", dev.run, *NAMESPACE,
             TOP / "build/keelboot-guardian", "b", "7", *terms, "30", "0", "keep", log],
            stderr=subprocess.DEVNULL)
        children, of = "", Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        while not children and self.outer.poll() is None:       # on a busy machine it may have ended by now
            time.sleep(0.001)
            with contextlib.suppress(OSError):
                children = of.read_text()
        (dev.run / "guardian").write_text(f"{children.strip()}\n")

    def said(self, words) -> bool:
        """True when it said so; False when it ended without."""
        while self.outer.poll() is None and words not in self.log.read_text(errors="replace"):
            time.sleep(0.01)
        return words in self.log.read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.outer.kill()           # takes the namespace with it
        self.outer.wait()


def test_mark_good_against_the_real_guardian_at_its_deadline(factory_trial, tmp_path):
    """Each round moves the command towards the moment in which the other one won, so that both win at some time;
    whoever wins, all of them agree on it."""
    delay, step, winners = 0.8, 0.4, []
    while len(winners) < 8 or (len(set(winners)) < 2 and len(winners) < 40):
        dev = factory_trial(tmp_path / f"round-{len(winners)}")
        with Race(dev, dev.path) as race:
            time.sleep(max(0, race.began + delay - time.monotonic()))
            good = run(*dev.options(), "mark", "good").returncode == 0
            b = dev.json("status")["slots"][1]
            if good:
                assert race.outer.wait(60) == 0 and race.said("slot b has a verdict")
                assert b["state"] == "good" and "rebooting" not in race.log.read_text()
            else:
                assert race.said("slot b was not marked good within 1 s; marked bad; rebooting")
                assert (b["state"], b["reason"]) == ("bad", "deadline")
        if winners and winners[-1] != good:
            step = max(step / 2, 0.01)
        delay = max(0, delay + (step if good else -step))
        winners.append(good)
    print("".join("cg"[not good] for good in winners), f"{delay:.3f}")
    assert set(winners) == {True, False}


@pytest.mark.parametrize("reported", (True, False))
def test_real_guardian_proves_what_reported(factory_trial, tmp_path, reported):
    dev = factory_trial(tmp_path / "device")
    edit(dev, b_st="good", b_tries=0, b_streak=2, b_doubt=1)
    if reported:
        (dev.run / "good").touch()
    with Race(dev, dev.path, Race.GOOD) as race:
        assert race.outer.wait(60) == 0 and race.said("slot b has run for 1 s")
    text = dev("state", "show").stdout
    assert ("b.streak=0" in text, "open=-" in text, "b.doubt" in text) == (reported, reported, not reported)


@pytest.mark.parametrize("log, logged, seen", [("65", True, False), ("66", True, True), ("55", False, False)],
                         ids=["default", "info", "quiet"])
def test_guardian_logs_as_the_boot_does(factory_trial, tmp_path, log, logged, seen):
    """With the levels that keelboot.log= gave the init, on the console of a kernel that shows warnings only."""
    dev = factory_trial(tmp_path / "device")
    edit(dev, b_st="good", b_tries=0, b_streak=2)
    (dev.run / "good").touch()
    master, slave = os.openpty()
    proc, root = dev.path / "proc", dev.path.joinpath("proc", "1", "root")
    for file, text in ((proc / "sys/kernel/printk", "4 4 1 7"), (root / "sys/class/tty/console/active", "ttyKB")):
        file.parent.mkdir(parents=True)
        file.write_text(f"{text}\n")
    (root / "dev").mkdir()
    (root / "dev/ttyKB").symlink_to(os.ttyname(slave))
    with Race(dev, dev.path, Race.GOOD, log) as race:
        assert race.outer.wait(60) == 0
    os.write(slave, b"|")  # its end, for the one that reads
    console = b""
    while not console.endswith(b"|"):
        console += os.read(master, 4096)
    for file in (master, slave):
        os.close(file)
    said = "keelboot-guardian: slot b has run for 1 s"
    assert (said in race.log.read_text(), said in console.decode()) == (logged, seen)


@pytest.fixture
def unproven(factory_trial, tmp_path):
    """unproven(seconds): slot b runs, is good, crashed twice, and is counted; `stable-after=` seconds."""
    def make(seconds):
        dev = factory_trial(tmp_path / "device")
        edit(dev, b_st="good", b_tries=0, b_streak=2)
        dev.boot("b", 7, status="good")
        dev.configure(stable_after=seconds)
        return dev
    return make


def within_a_day(dev, *args) -> str:
    """What the command says in a system that has not run for a day, however long this machine has."""
    up = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    young = ["unshare", "--user", "--map-root-user", "--time", "--boottime", str(60 - up), "--"]
    if up < DAY - 300:
        young = []
    elif subprocess.run([*young, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("this machine has run for a day, and has no time namespaces")
    return call(*young, KEELBOOT, *dev.options(), *args).stdout


def test_report_leaves_the_crashes_and_its_word(unproven):
    dev = unproven(DAY)
    said = within_a_day(dev, "mark", "good")
    assert "Its last resets count as 2 crashes, until it has run for 86400 s, or is shut down in order." in said
    text = dev("state", "show").stdout
    assert "b.streak=2" in text and "open=b" in text
    assert (dev.run / "good").read_bytes() == b""


def test_report_of_a_system_that_has_run_long_enough_is_the_proof(unproven):
    dev = unproven(0)
    dev("mark", "good")
    text = dev("state", "show").stdout
    assert "b.streak=0" in text and "open=-" in text


@pytest.mark.parametrize("reported", (True, False))
def test_orderly_shutdown_proves_what_reported(unproven, reported):
    dev = unproven(DAY)
    if reported:
        within_a_day(dev, "mark", "good")
    within_a_day(dev, "mark", "clean")
    text = dev("state", "show").stdout
    assert ("b.streak=0" in text, "open=-" in text, "clean=1" in text) == (reported, reported, not reported)


# ---------------------------------------------------------------- what status tells of it


def told(dev, guardian=None, watchdog=None, left=80000, **boot):
    """What status says, in JSON and in text, when the boot left that behind."""
    if guardian is not None and guardian.get("deadline"):
        guardian = {**guardian, "due": int(time.clock_gettime(time.CLOCK_MONOTONIC)) + left}
    dev.boot("b", 7, status="trial", guardian=guardian, watchdog=watchdog or WATCHDOG, **boot)
    return dev.json("status"), dev("status").stdout


def test_status_tells_how_long_a_trial_has(dev, guardian):
    facts, text = told(dev, {"pid": guardian.pid, **TRIAL})
    assert facts["guardian"].pop("left") in range(70000, 80001)
    assert facts["guardian"] == {"running": True, "pid": guardian.pid, "overdue": None, **TRIAL}
    assert facts["watchdog"] == WATCHDOG
    assert re.search(r"^Guardian:   slot b has [78]\d{4} s left of 86400 s to be marked good$", text, re.M)
    assert "\nWatchdog:   /dev/watchdog0, 60 s; the system feeds it (handover=system)\n" in text
    assert facts["warnings"] == []


def test_deadline_that_is_past_leaves_nothing(dev, guardian):
    assert told(dev, {"pid": guardian.pid, **TRIAL}, left=-5)[0]["guardian"]["left"] == 0


def test_guardian_that_hangs_past_its_deadline_is_told(dev, guardian):
    facts, text = told(dev, {"pid": guardian.pid, **TRIAL}, left=-90)
    assert not facts["guardian"]["running"] and facts["guardian"]["pid"] == guardian.pid
    assert facts["guardian"]["left"] == 0 and facts["guardian"]["overdue"] in range(90, 150)
    assert re.search(r"^Guardian:   does not answer; the deadline of slot b passed (9|1[0-4])\d s ago$", text, re.M)
    assert facts["warnings"] == [f"the guardian (process {guardian.pid}) does not answer: "
                                 "nothing enforces the deadline of this trial"]


def test_good_slot_has_no_deadline_and_is_watched_until_it_has_proved_itself(dev, guardian):
    """A report does not close the attempt."""
    edit(dev, b_st="good", b_tries=0)
    facts, text = told(dev, {"pid": guardian.pid, **TRIAL, "stable": 600}, left=-90)
    assert (facts["guardian"]["running"], facts["guardian"]["left"], facts["guardian"]["overdue"]) == (True, None, None)
    assert "\nGuardian:   notes when slot b has proved itself, after 600 s\n" in text
    assert facts["warnings"] == []
    _, text = told(dev, {"pid": guardian.pid, "mode": "stable", "deadline": None, "stable": 600})
    assert "\nGuardian:   notes when slot b has proved itself, after 600 s\n" in text
    (dev.run / "guardian").unlink()
    facts, _ = told(dev, {"pid": 77, **TRIAL, "stable": 600})
    assert facts["warnings"] == ["the guardian is gone: only an orderly shutdown records that this boot has "
                                 "proved itself"]


@pytest.fixture
def stopped(guardian):
    guardian.send_signal(signal.SIGSTOP)
    for _ in range(100):
        if Path(f"/proc/{guardian.pid}/stat").read_text().split(") ")[1][0] == "T":
            break
        time.sleep(0.1)
    return guardian


def test_guardian_that_is_stopped_is_told_before_its_deadline(dev, stopped):
    facts, text = told(dev, {"pid": stopped.pid, **TRIAL})
    assert not facts["guardian"]["running"] and facts["guardian"]["left"] > 70000
    assert facts["guardian"]["overdue"] is None
    assert "\nGuardian:   is stopped\n" in text
    assert facts["warnings"] == [f"the guardian (process {stopped.pid}) is stopped: "
                                 "nothing enforces the deadline of this trial"]
    [finding] = [f for f in dev.json("doctor", code=FAILURE)["findings"] if f["id"].startswith("guardian")]
    assert finding["id"] == "guardian-idle" and f"(process {stopped.pid}) is stopped" in finding["text"]


def test_stopped_guardian_feeds_nothing(dev, stopped):
    keeper = {**WATCHDOG, "handover": "keeper", "feeder": "guardian"}
    facts, _ = told(dev, {"pid": stopped.pid, "mode": "keeper", "deadline": None}, keeper)
    assert facts["watchdog"]["feeder"] == "nobody"
    assert facts["warnings"] == [f"the guardian (process {stopped.pid}) is stopped: nobody feeds the watchdog"]


def test_status_tells_of_a_guardian_that_feeds(dev, guardian):
    keeper = {**WATCHDOG, "handover": "keeper", "feeder": "guardian"}
    facts, text = told(dev, {"pid": guardian.pid, "mode": "keeper", "deadline": 300}, keeper)
    assert "\nGuardian:   feeds the watchdog; slot b has" in text
    assert "; the guardian feeds it (handover=keeper)" in text
    pid = (dev.run / "guardian").read_text()
    (dev.run / "guardian").unlink()
    dev("mark", "good")
    (dev.run / "guardian").write_text(pid)
    facts, text = told(dev, {"pid": guardian.pid, "mode": "keeper", "deadline": 300}, keeper)
    assert facts["guardian"]["left"] is None and facts["watchdog"]["feeder"] == "guardian"
    assert "\nGuardian:   feeds the watchdog\n" in text and facts["warnings"] == []


def test_guardian_that_did_its_work_is_no_warning(dev):
    dev("mark", "good")
    release = {**WATCHDOG, "handover": "release", "feeder": "guardian"}
    facts, text = told(dev, {"pid": 77, "mode": "release", "deadline": 300}, release)
    assert facts["guardian"] == {"running": False, "pid": None, "mode": "release", "deadline": 300,
                                 "left": None, "overdue": None}
    assert facts["watchdog"]["feeder"] == "nobody" and facts["warnings"] == []
    assert "\nGuardian:   ended\n" in text and "; nobody feeds it (handover=release)" in text


@pytest.mark.parametrize("mode, why", [("trial", "nothing enforces the deadline of this trial"),
                                       ("release", "nothing enforces the deadline of this trial"),
                                       ("keeper", "nobody feeds the watchdog")])
def test_guardian_that_is_gone_before_its_time_is_a_warning(dev, mode, why):
    facts, _ = told(dev, {"pid": 77, "mode": mode, "deadline": 300})
    assert facts["warnings"] == [f"the guardian is gone: {why}"]


def test_guardian_of_a_bad_slot_that_is_gone_is_a_warning(dev):
    """handover=release: it goes on feeding until the slot is good."""
    dev("mark", "bad")
    facts, _ = told(dev, {"pid": 77, "mode": "release", "deadline": None})
    assert "the guardian is gone: nobody feeds the watchdog" in facts["warnings"]


def test_boot_without_a_guardian_or_a_watchdog(dev):
    facts, text = told(dev, None, {"device": "", "timeout": 0, "handover": "system", "feeder": "nobody"})
    assert facts["guardian"] is None
    assert facts["watchdog"] == {"device": None, "timeout": 0, "handover": "system", "feeder": "nobody"}
    assert "\nGuardian:   none\nWatchdog:   none\n" in text


def test_init_that_is_older_says_nothing_of_them(dev):
    facts, text = dev.json("status"), dev("status").stdout
    assert facts["guardian"] is None and facts["watchdog"] is None
    assert "Guardian:" not in text and "Watchdog:" not in text


@pytest.mark.parametrize("guardian", [7, [], "x", {}, {"mode": 3, "deadline": -1, "due": "x"},
                                      {"mode": "keeper", "deadline": 1e300, "due": 2 ** 70}])
@pytest.mark.parametrize("watchdog", [7, None, {}, {"device": 7, "timeout": -1, "feeder": []}])
def test_nothing_in_boot_json_stops_it(dev, guardian, watchdog):
    dev.boot("b", 7, status="trial", guardian=guardian, watchdog=watchdog)
    assert dev.json("status")["booted"]["slot"] == "b"
    assert dev("status").stdout.startswith("Slot b runs")
