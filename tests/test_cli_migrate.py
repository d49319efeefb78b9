# SPDX-License-Identifier: Apache-2.0
"""`keelboot health migrate`: what a release does to data on trial, and how that is undone."""
import fcntl
import os
import resource
import signal

import pytest
from cli_device import FAILURE, OK, USAGE, add_event, edit

BEGUN = "began to migrate data"
BACK = "migrated data back"
HISTORY = 3 << 20  # docs/STATE.md


@pytest.fixture(name="trial")
def make_trial(dev):
    """Slot b runs 2.0 on trial, slot a is good; trial.program() puts one into migrate.d, which notes its stage."""
    dev.init("--good", "a", "--trial", "b", "--version", "2.0", "--sequence", 20)
    token = dev.json("status")["state"]["sequence"]
    edit(dev, open="b", token=token, pref="b", b_tries=2)
    dev.boot("b", token, status="trial", version="2.0")
    tools = dev.path / "bin"
    tools.mkdir()
    (tools / "reboot").write_text(f"#!/bin/sh\necho reboot >>{dev.path}/ran\n")
    (tools / "reboot").chmod(0o755)

    def program(name, body="", root=dev.root):
        path = root / "usr/lib/keelboot/migrate.d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {name} $KEELBOOT_STAGE >>{dev.path}/ran\n{body}\n")
        path.chmod(0o755)
    dev.program = program
    dev.ran = lambda: (dev.path / "ran").read_text().splitlines() if (dev.path / "ran").exists() else []
    dev.env = {"PATH": f"{tools}:{os.environ['PATH']}"}
    dev.health = lambda *args, code=OK: dev("health", *args, code=code, env=dev.env)
    dev.events = lambda: [e["reason"] for e in dev.json("history")["events"] if e["kind"] == "migrate"]
    return dev


def next_boot(trial, slot="a"):
    (trial.run / "migrated").unlink(missing_ok=True)
    edit(trial, open="-", b_st="bad", b_tries=0, pref="a")
    trial.boot(slot, 0, status="good", version="1.0")


def test_programs_of_a_trial_run_once_in_a_boot_in_their_order(trial):
    trial.program("20-b")
    trial.program("10-a")
    trial.health("migrate")
    trial.health("migrate")
    trial.health()
    assert trial.ran() == ["10-a migrate", "20-b migrate"] and trial.events() == [BEGUN]
    assert trial.slot("b")["state"] == "good"
    assert "2.0 in slot b began to migrate data" in trial("history").stdout


def test_they_run_before_the_checks_of_whoever_calls_nothing_else(trial):
    trial.program("10-a")
    trial.health("check", code=OK)
    assert trial.ran() == ["10-a migrate"]


def test_one_that_fails_is_undone_and_rejects_with_its_output(trial):
    trial.program("10-a")
    trial.program("20-b", "[ $KEELBOOT_STAGE = rollback ] || { echo opening; echo no such table >&2; exit 3; }")
    trial.program("30-c")
    trial.health("migrate", code=None)
    assert trial.ran() == ["10-a migrate", "20-b migrate", "30-c rollback", "20-b rollback", "10-a rollback", "reboot"]
    assert trial.slot("b")["state"] == "bad"
    why = trial("why").stdout
    assert "2.0 in slot b was rejected: migrate 20-b: exit 3: no such table (command)" in why
    assert "  opening\n  no such table\n" in why
    assert trial.events() == [BACK, BEGUN]


def test_none_of_them_can_be_switched_off(trial):
    """A link to /dev/null is that of a check only: a migration that did not run is not done."""
    trial.program("10-a")
    (trial.root / "usr/lib/keelboot/migrate.d/20-b").symlink_to("/dev/null")
    trial.health("migrate", code=None)
    assert trial.slot("b")["reason"] == "migrate 20-b: not an executable file"


def test_a_check_that_fails_undoes_them_too(trial):
    trial.program("10-a")
    trial.health("migrate")
    check = trial.root / "etc/keelboot/check.d/10-app"
    check.parent.mkdir(parents=True)
    check.write_text("#!/bin/sh\nexit 1\n")
    check.chmod(0o755)
    trial.health("check", code=None)
    assert trial.ran() == ["10-a migrate", "10-a rollback", "reboot"] and trial.events() == [BACK, BEGUN]


def test_one_that_hangs_is_ended_and_rejects(trial):
    trial.configure("[health]\nmigrate-timeout=1\n")
    trial.program("10-a", "[ $KEELBOOT_STAGE = rollback ] || sleep 1000")
    trial.health("migrate", code=None)
    assert trial.slot("b")["reason"].startswith("migrate 10-a: timed out")


def test_what_cannot_be_recorded_is_not_begun(trial):
    trial.program("10-a")
    trial.state.chmod(0o400)
    with open(trial.state, "rb") as state:

        fcntl.flock(state, fcntl.LOCK_EX)
        trial("health", "migrate", "--wait", 0, code=None, env=trial.env)
    assert [line for line in trial.ran() if "migrate" in line] == []


def test_what_the_history_does_not_take_is_not_begun(trial):
    """The records can be written, and what stands behind them cannot."""
    def limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (HISTORY, HISTORY))
    trial.program("10-a")
    trial("health", "migrate", code=None, env=trial.env, limits=limits)
    assert [line for line in trial.ran() if "migrate" in line] == []
    assert trial.slot("b")["reason"] == "migrate: cannot be recorded"


def last_resort(trial):
    edit(trial, a_st="bad", b_st="bad", b_tries=0)
    trial.program("10-a", "[ ! -e $(dirname $0)/fails ]")


def test_a_bad_slot_that_is_the_last_resort_migrates_before_it_becomes_good(trial):
    """When it was rejected, its data went back to what other releases know."""
    last_resort(trial)
    trial.health()
    assert trial.ran() == ["10-a migrate"] and trial.slot("b")["state"] == "good"


def test_a_bad_slot_whose_migration_fails_stays_bad_and_runs(trial):
    last_resort(trial)
    (trial.root / "usr/lib/keelboot/migrate.d/fails").mkdir()
    said = trial.health(code=FAILURE).stderr
    assert "keelboot: migrate 10-a: exit 1; this boot is not a trial: nothing is rejected" in said
    assert trial.slot("b")["state"] == "bad" and "reboot" not in trial.ran()


def test_a_good_slot_migrates_nothing(trial):
    trial.program("10-a")
    edit(trial, b_st="good", b_tries=0)
    trial.health("migrate")
    assert trial.ran() == [] and trial.events() == []


def test_next_try_of_a_trial_does_not_record_it_again(trial):
    trial.program("10-a")
    trial.health("migrate")
    (trial.run / "migrated").unlink()
    trial.health("migrate")
    assert trial.ran() == ["10-a migrate"] * 2 and trial.events() == [BEGUN]


def test_without_programs_nothing_is_written(trial):
    before = trial.state.read_bytes()
    trial.health("migrate")
    assert trial.state.read_bytes() == before


def test_a_trial_that_nothing_can_replace_does_not_become_good_without_it(trial):
    trial.program("10-a", "exit 1")
    edit(trial, a_st="bad")
    said = trial.health("migrate", code=FAILURE).stderr
    assert "keelboot: migrate 10-a: exit 1; there is no other slot to boot: the trial goes on\n" in said
    trial.health(code=FAILURE)
    assert trial.ran() == ["10-a migrate"] * 2 and trial.slot("b")["state"] == "trial"


def test_a_state_that_cannot_be_read_does_not_keep_checks_from_running(trial):
    trial.state.unlink()
    check = trial.root / "etc/keelboot/check.d/10-app"
    check.parent.mkdir(parents=True)
    check.write_text("#!/bin/sh\n")
    check.chmod(0o755)
    assert "The check passed." in trial.health("check").stdout


GONE = "could not migrate data back"


def overwrite(trial, slot="a"):
    """A stick writes 2.1 over 2.0, which had begun; then this slot starts."""
    edit(trial, b_version="2.1", b_sequence=21)
    (trial.run / "migrated").unlink(missing_ok=True)
    (trial.path / "ran").unlink()
    if slot == "a":
        next_boot(trial)


def test_release_that_finds_half_migrated_data_says_so_and_goes_on(trial):
    trial.program("10-a")
    trial.health("migrate")
    overwrite(trial, "b")
    said = trial.health("migrate").stderr
    assert "slot b: 2.0 began to migrate data, and was overwritten before that was undone" in said
    assert trial.ran() == ["10-a migrate"] and trial.events() == [BEGUN, GONE, BEGUN]
    told = [e for e in trial.json("history")["events"] if e["reason"] == GONE]
    assert [(e["version"], e["slot"], e["detail"]) for e in told] == [("2.0", "b", "its slot was overwritten")]
    assert "2.0 could not migrate its data back" in trial("status").stdout
    (trial.run / "migrated").unlink()
    assert trial.health("migrate").stderr == "" and trial.events() == [BEGUN, GONE, BEGUN]
    trial.health()
    assert "migrate its data back" not in trial("status").stdout, "2.1 is good with that data"


def test_slot_that_is_good_says_it_too_once(trial):
    trial.program("10-a")
    trial.health("migrate")
    overwrite(trial)
    assert "was overwritten before that was undone" in trial.health("migrate").stderr
    (trial.run / "migrated").unlink()
    assert trial.health("migrate").stderr == ""
    assert trial.ran() == [] and trial.events() == [GONE, BEGUN]


def test_what_cannot_be_recorded_is_said_again_in_the_next_boot(trial):
    trial.program("10-a")
    trial.health("migrate")
    overwrite(trial)
    with open(trial.state, "rb") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        said = trial("health", "migrate", "--wait", 0, env=trial.env).stderr
    assert "the next boot tells it again" in said
    (trial.run / "migrated").unlink()
    assert "was overwritten" in trial.health("migrate").stderr and trial.events() == [GONE, BEGUN]


def test_data_of_a_release_that_became_good_is_not_missed(trial):
    trial.program("10-a")
    trial.health()
    overwrite(trial)
    assert trial.health("migrate").stderr == "" and trial.events() == [BEGUN]


def test_data_that_went_back_is_not_missed(trial):
    trial.program("10-a", "[ $KEELBOOT_STAGE = rollback ]")
    trial.health("migrate", code=None)
    overwrite(trial)
    assert trial.health("migrate").stderr == "" and trial.events() == [BACK, BEGUN]


def test_a_word_that_is_not_known(trial):
    assert "expected migrate, check, commit" in trial.health("sideways", code=USAGE).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
class TestOthersRoot:
    """What a release that crashed had begun: undone by the one that runs, with the other's programs."""

    @pytest.fixture(name="crashed")
    def make_crashed(self, trial, tmp_path):
        tree = tmp_path / "tree"
        for folder in ("bin", "lib", "dev", "proc", "tmp", "usr/lib/keelboot/migrate.d"):
            (tree / folder).mkdir(parents=True, exist_ok=True)
        (tree / str(trial.data)[1:]).mkdir(parents=True)
        (tree / "bin/sh").write_bytes(open("/bin/busybox", "rb").read())
        (tree / "bin/sh").chmod(0o755)
        for name in ("10-a", "20-b"):
            program = tree / "usr/lib/keelboot/migrate.d" / name
            program.write_text(f"#!/bin/sh\necho {name} $KEELBOOT_STAGE $KEELBOOT_SLOT $KEELBOOT_VERSION >>"
                               f"{trial.data}/ran\n[ ! -e {trial.data}/fails ] || {{ echo no space; exit 1; }}\n")
            program.chmod(0o755)
        os.system(f"mke2fs -q -F -t ext4 -d {tree} {trial.slots['b']} 2>/dev/null")
        trial.program("10-a")
        trial.health("migrate")
        next_boot(trial)
        trial.undone = lambda: (trial.data / "ran").read_text().splitlines()
        return trial

    def test_it_is_undone_last_first_and_once(self, crashed):
        said = crashed.health("migrate").stdout
        assert "Slot b (2.0) had begun to migrate data: it is migrated back." in said
        assert crashed.undone() == ["20-b rollback b 2.0", "10-a rollback b 2.0"]
        assert crashed.events() == [BACK, BEGUN]
        (crashed.run / "migrated").unlink()
        crashed.health("migrate")
        assert len(crashed.undone()) == 2
        assert "other-root" not in open("/proc/mounts").read()

    def test_one_that_fails_is_tried_in_three_boots_and_told(self, crashed):
        (crashed.data / "fails").write_text("")
        for _ in range(5):
            crashed.health("migrate", code=None)
            (crashed.run / "migrated").unlink(missing_ok=True)
        assert len(crashed.undone()) == 6
        assert crashed.events() == ["could not migrate data back"] * 3 + [BEGUN]
        told = crashed.json("history")["events"][0]
        assert told["detail"] == "rollback 20-b: exit 1: no space"

    def test_release_that_is_installed_again_is_undone_by_its_own(self, crashed):
        add_event(crashed, "install", slot="b", version="2.0", sequence=20)
        crashed.health("migrate")
        assert crashed.undone() == ["20-b rollback b 2.0", "10-a rollback b 2.0"]

    def test_trial_undoes_what_a_third_slot_has_begun(self, crashed):
        """Before it migrates for itself."""
        edit(crashed, a_st="trial", a_tries=2, open="a", token=9)
        crashed.boot("a", 9, status="trial", version="3.0")
        crashed.program("10-a", f"cp {crashed.data}/ran {crashed.data}/before")
        crashed.health("migrate")
        assert (crashed.data / "before").read_text() == (crashed.data / "ran").read_text()
        assert len(crashed.undone()) == 2 and crashed.events() == [BEGUN, BACK, BEGUN]

    def test_a_slot_that_holds_another_release_is_left_alone(self, crashed):
        edit(crashed, b_version="3.0", b_sequence=30)
        crashed.health("migrate")
        assert not (crashed.data / "ran").exists()

    def test_a_slot_that_cannot_be_mounted_is_told(self, crashed):
        crashed.slots["b"].write_bytes(bytes(1 << 20))
        assert "data is not migrated back: cannot be mounted" in crashed.health("migrate", code=FAILURE).stderr
        assert crashed.events()[0] == "could not migrate data back"

    def test_what_cannot_be_undone_of_another_release_is_not_the_fault_of_this_one(self, crashed):
        crashed.slots["b"].write_bytes(bytes(1 << 20))
        crashed.health("check")
        crashed.health()
        assert (crashed.run / "good").exists()

    def test_a_slot_that_must_be_verified_is_not_run_from(self, crashed):
        crashed.configure("[system]\nverify-slot=always\n")
        assert "dm-verity" in crashed.health("migrate", code=FAILURE).stderr
        assert not (crashed.data / "ran").exists()
