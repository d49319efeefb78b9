# SPDX-License-Identifier: Apache-2.0
"""`keelboot health`: the checks, and what follows from them: a verdict, red.d and green.d, a restart."""
import contextlib
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_device import FAILURE, KEELBOOT, NOTHING, OK, USAGE, edit, let_others_in, sleeping_guardian


@pytest.fixture(name="trial")
def make_trial(dev):
    """Slot b runs 2.0 on trial, slot a is good; trial.check() and trial.script() put programs there."""
    dev.init("--good", "a", "--trial", "b", "--version", "2.0", "--sequence", 20)
    edit(dev, open="b", token=7, pref="b", b_tries=2)
    dev.boot("b", 7, status="trial", version="2.0")
    tools = dev.path / "bin"
    tools.mkdir()
    (tools / "reboot").write_text(f"#!/bin/sh\necho reboot >>{dev.path}/rebooted\n")
    (tools / "reboot").chmod(0o755)

    def script(path, body="exit 0"):
        (dev.root / path).parent.mkdir(parents=True, exist_ok=True)
        (dev.root / path).write_text(f"#!/bin/sh\n{body}\n")
        (dev.root / path).chmod(0o755)
    dev.script = script
    dev.check = lambda name, body="exit 0": script(f"etc/keelboot/check.d/{name}", body)
    dev.ran = lambda: (dev.path / "ran").read_text().split() if (dev.path / "ran").exists() else []
    dev.note = lambda word: f"echo {word} >>{dev.path}/ran"
    dev.env = {"PATH": f"{tools}:{os.environ['PATH']}"}
    dev.health = lambda *args, code=OK: dev("health", *args, code=code, env=dev.env)
    dev.rebooted = (dev.path / "rebooted").exists
    return dev


@contextlib.contextmanager
def locked(dev):
    """As by an install; gives what ends that."""
    with subprocess.Popen(["flock", "-n", dev.state, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdin.write(b"held\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"held\n"
        yield holder.stdin.close


def newest(dev) -> dict:
    return dev.json("history")["events"][0]


def test_what_passes_is_marked_good(trial):
    trial.check("10-app")
    said = trial.health().stdout
    assert "The check passed.\nSlot b (2.0) is good and committed.\n" in said
    assert trial.slot("b")["state"] == "good" and (trial.run / "good").exists()
    assert not trial.rebooted() and not (trial.run / "health").exists()


def test_a_trial_that_fails_is_rejected_with_its_reason_and_left(trial):
    trial.check("10-app", "echo starting; echo there is no licence on this device; exit 3")
    said = trial.health(code=OK)          # it became the reboot
    b = trial.slot("b")
    assert (b["state"], b["reason"]) == ("bad", "check 10-app: exit 3: there is no licence on...")
    assert newest(trial)["reason"] == "check 10-app: exit 3: there is no licence on this device"
    assert trial.rebooted() and "Slot b (2.0) is bad: check 10-app" in said.stdout
    assert "check 10-app: exit 3: there is no licence on this device; this release is rejected\n" in said.stderr


def owner(process):
    """None: it is gone by now."""
    with contextlib.suppress(FileNotFoundError):
        return process.stat().st_uid
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="another user, who may have few processes")
def test_a_check_that_forks_without_end_is_ended_and_rejects(trial):
    """While it does, no process can be started: the verdict is written, and the machine restarts."""
    nobody, crowd = let_others_in(trial.path), 54321
    assert nobody
    trial.configure("[health]\ntimeout=3\n")
    trial.check("10-app", "f() { f & f & wait; }\nf 2>/dev/null &\nexec sleep 1000")
    for path in (trial.path, *trial.path.rglob("*")):
        os.chown(path, crowd, crowd, follow_symlinks=False)
    done = trial("health", env=trial.env, user=crowd, code=None,
                 limits=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (100, 100)))
    assert trial.slot("b")["reason"].startswith("check 10-app: timed out") and trial.rebooted(), done.stderr
    left = [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and owner(pid) == crowd]
    assert not left, "what it started is gone, too"


def test_the_guardian_restarts_what_it_guards(trial):
    trial.check("10-app", "exit 1")
    with sleeping_guardian(trial) as guardian:
        said = trial.health(code=FAILURE).stdout
        assert guardian.wait(120) == -signal.SIGHUP, "asked before the verdict, which it would take for the end"
    assert said.endswith("The guardian restarts the machine.\n") and not trial.rebooted()


def test_where_the_verdict_cannot_be_written_it_restarts_all_the_same(trial):
    trial.check("10-app", "exit 1")
    with sleeping_guardian(trial), locked(trial):
        assert "holds the lock" in trial("health", "--wait", 0, env=trial.env).stderr
    assert trial.rebooted() and trial.slot("b")["state"] == "trial"


def test_the_first_that_is_required_ends_it_and_red_runs(trial):
    trial.check("10-a", trial.note("a"))
    trial.check("20-b", f"{trial.note('b')}; exit 1")
    trial.check("30-c", trial.note("c"))
    trial.script("etc/greenboot/check/required.d/10-d.sh", trial.note("d"))
    trial.script("etc/greenboot/check/wanted.d/10-e.sh", trial.note("e"))
    trial.script("usr/lib/greenboot/red.d/10-red.sh", trial.note("red-$KEELBOOT_STAGE-$KEELBOOT_SLOT"))
    trial.script("etc/greenboot/red.d/20-more.sh", f"{trial.note('more')}; exit 1")
    trial.script("etc/greenboot/green.d/10-green.sh", trial.note("green"))
    trial.health()
    assert trial.ran() == ["a", "b", "red-red-b", "more"] and trial.slot("b")["state"] == "bad"


def test_what_is_only_wanted_rejects_nothing_and_green_runs(trial):
    trial.script("usr/lib/greenboot/check/required.d/10-d.sh", trial.note("d"))
    trial.script("etc/greenboot/check/wanted.d/10-e.sh", f"{trial.note('e')}; exit 1")
    trial.script("etc/greenboot/green.d/10-green.sh", trial.note("green-$KEELBOOT_STAGE"))
    trial.script("etc/greenboot/red.d/10-red.sh", trial.note("red"))
    trial.health()
    assert trial.ran() == ["d", "e", "green-green"] and trial.slot("b")["state"] == "good"


def test_greenboot_without_required_checks_rejects(trial):
    trial.script("etc/greenboot/check/wanted.d/10-e.sh")
    trial.health()
    assert trial.slot("b")["reason"] == "check: no required.d" and trial.rebooted()


@pytest.mark.parametrize("target", ("check.d", "/not-mounted/check.d", None), ids=("loop", "link to nothing", "file"))
def test_folder_that_cannot_be_read_rejects_and_red_runs(trial, target):
    """Whatever is in it did not pass."""
    folder = trial.root / "etc/keelboot/check.d"
    if target is None:
        folder.write_text("")
    else:
        folder.symlink_to(target)
    trial.script("etc/greenboot/red.d/10-red.sh", trial.note("red"))
    assert "check.d: cannot be read" in trial.health().stderr
    assert newest(trial)["reason"] == "check: /etc/keelboot/check.d cannot be read"
    assert trial.ran() == ["red"] and trial.slot("b")["state"] == "bad" and trial.rebooted()


def test_too_many_checks_reject(trial):
    for n in range(257):
        trial.check(f"{n:03d}")
    trial.health()
    assert newest(trial)["reason"] == "check: more than 256 programs, up to those in /etc/keelboot/check.d"
    assert trial.rebooted()


def test_a_good_slot_is_rejected_by_nothing(trial):
    edit(trial, b_st="good", b_tries=0)
    trial.check("10-app", "exit 1")
    said = trial.health(code=FAILURE).stderr
    assert "keelboot: check 10-app: exit 1; this boot is not a trial: nothing is rejected\n" in said
    assert trial.slot("b")["state"] == "good" and not trial.rebooted() and not (trial.run / "good").exists()


def test_the_only_slot_is_not_taken_away(trial):
    edit(trial, a_st="bad")
    trial.check("10-app", "exit 1")
    said = trial.health(code=FAILURE).stderr
    assert "keelboot: check 10-app: exit 1; there is no other slot to boot: the trial goes on\n" in said
    assert trial.slot("b")["state"] == "trial" and not trial.rebooted()


def test_a_boot_that_was_not_counted_is_not_judged(trial):
    """keelboot.slot= of a person at the console."""
    trial.boot("b", 0, status="trial")
    trial.check("10-app", "exit 1")
    assert "check 10-app: exit 1; this boot is not a trial" in trial.health(code=FAILURE).stderr
    assert not trial.rebooted()


@pytest.mark.parametrize("st", ("trial", "bad"))
def test_a_boot_that_was_not_counted_proves_nothing(trial, st):
    """Neither its data was migrated, nor has it waited, nor could a check have rejected it."""
    edit(trial, open="-", b_st=st)
    trial.boot("b", 0, status=st)
    said = trial.health(code=NOTHING).stderr
    assert "slot b is not marked good: this boot of it was not counted; boot it as it is chosen, or run " \
        "keelboot mark good" in said
    assert trial.slot("b")["state"] == st and not (trial.run / "good").exists()
    trial("mark", "good")
    assert trial.slot("b")["state"] == "good"


def test_its_halves(trial):
    trial.check("10-app", trial.note("app"))
    trial.script("etc/greenboot/check/required.d/10-d.sh")
    trial.script("etc/greenboot/green.d/10-green.sh", trial.note("green"))
    trial.health("check")
    assert trial.slot("b")["state"] == "trial" and trial.ran() == ["app"]
    trial.health("commit")
    assert trial.slot("b")["state"] == "good" and trial.ran() == ["app", "green"]


def waits(dev) -> str:
    return dev.json("status")["trial"]["waits"]


def until(found, seconds=120):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def begin(dev, *args):
    return subprocess.Popen([KEELBOOT, *map(str, dev.options()), "health", *args], env=dev.env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_a_trial_is_committed_after_its_time_and_another_round(trial):
    trial.configure("[system]\ncommit-after=3\n")
    trial.check("10-app", trial.note("app"))
    said = trial.health().stdout
    assert "The checks passed; they run again in 3 s (commit-after=).\n" in said
    assert trial.ran() == ["app", "app"] and trial.slot("b")["state"] == "good"


def test_a_trial_is_none_the_better_before_its_time(trial):
    trial.configure("[system]\ncommit-after=600\n")
    trial.check("10-app", trial.note("app"))
    with begin(trial) as health:
        until(lambda: "commit-after=" in waits(trial))
        said = trial("status").stdout
        assert re.search(r"on trial: try 1 of 3, waits for: commit-after=, (600|5\d\d) s more\.$", said, re.M)
        assert trial.slot("b")["state"] == "trial" and trial.ran() == ["app"]
        health.kill()


def test_a_trial_that_fails_in_the_second_round_is_rejected(trial):
    trial.configure("[system]\ncommit-after=1\n")
    trial.check("10-app", f"[ ! -e {trial.path}/ran ] || exit 1; {trial.note('app')}")
    trial.health()
    assert trial.slot("b")["reason"] == "check 10-app: exit 1" and trial.rebooted()


def test_state_that_cannot_be_read_at_once_makes_nothing_good_before_its_time(trial):
    trial.configure("[system]\ncommit-after=1\n")
    trial.check("10-app", trial.note("app"))
    for _ in range(5):      # it asks for five seconds; on a busy machine it may not come back in that time
        away = trial.state.rename(trial.path / "away")
        with begin(trial, "commit") as health:
            time.sleep(0.5)
            away.rename(trial.state)
            said = health.communicate(timeout=120)[0]
        if health.returncode == OK:
            break
    assert health.returncode == OK and "(commit-after=)" in said
    assert trial.ran() == ["app"] and trial.slot("b")["state"] == "good"


def test_state_that_cannot_be_read_is_an_error(trial):
    trial.configure("[system]\ncommit-after=1\n")
    trial.state.unlink()
    trial.health("commit", code=FAILURE)
    assert not (trial.run / "good").exists()


def test_a_good_slot_reports_at_once(trial):
    trial.configure("[system]\ncommit-after=600\n")
    edit(trial, b_st="good", b_tries=0)
    trial.health()
    assert (trial.run / "good").exists()


def test_status_tells_which_check_is_waited_for(trial):
    trial.check("10-slow", "sleep 600")
    with begin(trial, "check") as health:
        until(lambda: waits(trial) == "check 10-slow")
        health.kill()
    assert waits(trial) == "`keelboot mark good`", "what is no more does nothing"


@pytest.mark.parametrize("text", ["", "x", "12", "0 check a", "1 check a", "-1 check a", "99999999999 check a",
                                  "{} check", "{} check ", "{} wait", "{} wait x", "{} wait -1", "{} sing",
                                  "\0\xff", "{} check\0a"])
def test_garbage_in_the_run_folder_is_nobody(trial, text):
    (trial.run / "health").write_text(text.format(os.getpid()))
    assert waits(trial) == "`keelboot mark good`"


def test_an_install_that_holds_the_lock_delays_the_report(trial):
    with locked(trial) as unlock, begin(trial, "--wait", "0") as health:
        time.sleep(1)
        assert health.poll() is None
        unlock()
        assert health.wait(120) == OK
    assert trial.slot("b")["state"] == "good"


def test_outside_of_keelboot_nothing_is_done(trial):
    (trial.run / "slot").unlink()
    trial.check("10-app", f"{trial.note('app')}; exit 1")
    assert "Keelboot did not boot the running system" in trial.health(code=NOTHING).stderr
    assert trial.ran() == [] and not trial.rebooted()


@pytest.mark.parametrize("args", [["good"], ["check", "commit"], ["--json"]])
def test_usage(trial, args):
    trial.health(*args, code=USAGE)
