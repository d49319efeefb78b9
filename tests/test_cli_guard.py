# SPDX-License-Identifier: Apache-2.0
"""`keelboot guard`: trials of deployments that are not Keelboot's, with commands, a guardian and a reboot that only
take notes. tests/boot/test_health_guard.py has a real ostree."""

import fcntl
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_device import BUSY, FAILURE, KEELBOOT, NOTHING, OK, USAGE, document, run

CURRENT, NEXT, THIRD = "a" * 64, "b" * 64, "c" * 64
CONF = "[system]\ntries=2\ncommit-deadline=60\n[watchdog]\ndevice=off\n[guard]\n" \
       "bad=. {bin}/bad\ngood=. {bin}/good\ntimeout={timeout}\n{more}"
BAD = "echo \"bad $KEELBOOT_DEPLOYMENT $KEELBOOT_GOOD $KEELBOOT_REASON\" >>{notes}\n{then}\n"
# Its name is what the command knows the guardian by; it notes its arguments, and each signal.
GUARDIAN = """\
#!/usr/bin/python3
import os, signal, sys
notes = {notes!r}
def note(text):
    with open(notes, "a") as file:
        file.write(text + "\\n")
wanted = {{signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM}}
note("guardian " + " ".join(sys.argv[1:]))
while (got := signal.sigwait(wanted)) != signal.SIGTERM:
    note("guardian hears " + signal.Signals(got).name)
    if got == signal.SIGUSR1 and os.path.exists({ends!r}):
        break
"""
JOB = 16        # GUARDIAN_PROGRAM_EXIT
OPEN, CLOSED, GOOD, RECORDED = (JOB + number for number in (1, 2, 3, 5))


class System:
    """A system with ostree's marks, in a folder; each boot() has another run folder."""

    def __init__(self, path):
        self.root, self.run_dir, self.notes_file = path / "root", path / "run", path / "notes"
        self.boots, self.ends = 0, path / "guardian-ends"
        for folder in ("etc/keelboot", "proc", "sysroot/ostree/boot.1/acme/k", "usr/lib/keelboot/check.d"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "proc/cmdline").write_text("quiet ostree=/ostree/boot.1/acme/k/0 rw\n")
        self.bin = path / "bin"
        self.bin.mkdir()
        self.tool("keelboot-guardian", GUARDIAN.format(notes=str(self.notes_file), ends=str(self.ends)))
        self.tool("reboot", f"#!/bin/sh\necho reboot >>{self.notes_file}\n")
        self.conf()
        self.check("exit 0")

    def tool(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def conf(self, more="", then="", timeout=60):
        """timeout: seconds that each command gets."""
        text = CONF.format(bin=self.bin, more=more, timeout=timeout)
        (self.root / "etc/keelboot/system.conf").write_text(text)
        self.tool("bad", BAD.format(notes=self.notes_file, then=then))
        self.tool("good", f"echo \"good $KEELBOOT_DEPLOYMENT\" >>{self.notes_file}\n")

    def check(self, text):
        path = self.root / "usr/lib/keelboot/check.d/10-app"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def __call__(self, *args, code=OK, guardian="keelboot-guardian"):
        env = {"PATH": f"{self.bin}:{os.environ['PATH']}", "KEELBOOT_GUARDIAN": str(self.bin / guardian)}
        return run(*args, "--conf-root", self.root, "--run-dir", self.run_dir, code=code, env=env)

    def status(self):
        return document("guard", "status", "--conf-root", self.root, "--run-dir", self.run_dir)

    def entry(self, commit):
        return next(one for one in self.status()["deployments"] if one["id"] == commit)

    def end_guardian(self):
        try:
            pid = int((self.run_dir / "guardian").read_text())
            os.kill(pid, signal.SIGTERM)
            # Nobody here waits for it: it may stay as a zombie.
            while "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text():
                time.sleep(0.05)
        except (OSError, ValueError):
            pass

    def boot(self, commit, code=OK, **options):
        """A new boot of this commit, up to `guard begin`."""
        self.end_guardian()
        self.boots += 1
        self.run_dir = self.run_dir.with_name(f"run{self.boots}")
        self.notes_file.write_text("")
        link = self.root / "sysroot/ostree/boot.1/acme/k/0"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../../deploy/acme/deploy/{commit}.0")
        said = self("guard", "begin", code=code, **options).stderr
        if (self.run_dir / "guardian").exists():
            self.await_note("guardian - ")
        return said

    def notes(self):
        return self.notes_file.read_text().splitlines()

    def await_note(self, text):
        for _ in range(1200):
            if any(note.startswith(text) for note in self.notes()):
                return
            time.sleep(0.05)
        raise AssertionError(f"no \"{text}\": {self.notes()}")

    def record(self):
        return self.root / "var/lib/keelboot/guard.json"

    def make_good(self, commit):
        self.boot(commit)
        self("health")
        return self


@pytest.fixture(name="system")
def make_system(tmp_path):
    one = System(tmp_path)
    yield one
    one.end_guardian()


def test_deployment_is_on_trial_until_it_is_good(system):
    assert "aaaaaaaaaaaa is on trial: attempt 1 of 2" in system.boot(CURRENT)
    assert system.status()["trial"]
    told = system("health").stdout
    assert "Deployment aaaaaaaaaaaa is good." in told
    assert f"good {CURRENT}" in system.notes()
    system.await_note("guardian hears SIGUSR1")
    assert system.entry(CURRENT)["verdict"] == "good" and not system.status()["trial"]
    assert "runs, which is good" in system("status").stdout


def test_good_deployment_is_not_judged_again(system):
    system.make_good(CURRENT)
    before = system.record().stat()
    system.boot(CURRENT)
    system("health")
    system("guard", "clean")
    assert system.notes() == [] and system.record().stat().st_ino == before.st_ino


def test_good_deployment_whose_check_fails_later_stays(system):
    system.make_good(CURRENT)
    system.boot(CURRENT)
    system.check("exit 1")
    assert "not rejected: it is not on trial" in system("health", code=FAILURE).stdout
    assert system.notes() == []


def test_failed_check_rejects_and_the_guardian_is_asked(system):
    system.conf(timeout=2)
    system.make_good(CURRENT).boot(NEXT)
    assert system.notes() == [f"guardian - 0 trial 60 0 300 0 keep 65 62 {os.path.realpath(KEELBOOT)}"]
    system.check("echo no modem; exit 3")
    told = system("health", code=FAILURE).stdout
    assert "rejected: check 10-app: exit 3: no modem" in told and "The guardian runs" in told
    assert system.entry(NEXT) | {"time": 0} == {
        "id": NEXT, "verdict": "bad", "attempts": 1, "rollbacks": 0, "reason": "check 10-app: exit 3: no modem",
        "time": 0}
    system.await_note("guardian hears SIGUSR1")
    assert [note for note in system.notes() if "hears" in note] == ["guardian hears SIGHUP", "guardian hears SIGUSR1"]
    # What the guardian does then, once.
    system("guard", "look", code=CLOSED)
    system("guard", "look", code=CLOSED)
    assert [note for note in system.notes() if note.startswith("bad")] == \
        [f"bad {NEXT} {CURRENT} check 10-app: exit 3: no modem"]
    assert system.entry(NEXT)["rollbacks"] == 1
    words = system("guard", "why").stdout
    assert f"deployment: {NEXT}\n" in words and "reason: check 10-app: exit 3: no modem\n" in words
    assert "--- kernel log" in words and "--- bad=\n" in words


def test_without_a_guardian_the_command_does_it(system):
    system.make_good(CURRENT).boot(NEXT)
    system.end_guardian()
    system.check("exit 1")
    system("health", code=None)
    assert system.notes()[-2:] == [f"bad {NEXT} {CURRENT} check 10-app: exit 1", "reboot"]


def test_verdict_is_durable_before_the_command_runs(system):
    """bad= sees it in the record: a command that restarts the machine at once loses nothing."""
    system.make_good(CURRENT)
    system.conf(then=f"cp {system.record()} {system.root}/seen")
    system.boot(NEXT)
    system("guard", "deadline", code=RECORDED)
    seen = json.loads((system.root / "seen").read_text())["deployments"][0]
    assert (seen["verdict"], seen["rollbacks"], seen["reason"]) == ("bad", 1, "not marked good within 60 s")


def test_deadline_of_a_good_deployment_changes_nothing(system):
    system.make_good(CURRENT).boot(NEXT)
    system("guard", "look", code=OPEN)
    system("health")
    system("guard", "deadline", code=GOOD)
    assert not [note for note in system.notes() if note.startswith("bad")]


def test_attempts_used_up_are_left_early(system):
    """Two boots that never came to a verdict: the third runs bad= before anything else starts."""
    system.make_good(CURRENT)
    assert "attempt 1 of 2" in system.boot(NEXT)
    assert "attempt 2 of 2" in system.boot(NEXT)
    system.ends.write_text("")      # "the machine restarts"
    said = system.boot(NEXT, code=FAILURE)
    assert "is left: crashed or hung in each of 2 boots" in said
    system.await_note("guardian hears SIGUSR1")
    assert system.notes()[0].startswith("guardian - 0 trial 0 0 ")
    system("guard", "look", code=CLOSED)
    assert system.entry(NEXT)["rollbacks"] == 1


def test_rollback_that_does_not_help_is_tried_so_often_and_no_more(system):
    system.make_good(CURRENT).boot(NEXT)
    system("guard", "deadline", code=RECORDED)
    system.ends.write_text("")
    assert "is left: not marked good" in system.boot(NEXT, code=FAILURE)
    system("guard", "look", code=CLOSED)
    assert system.entry(NEXT)["rollbacks"] == 2
    before = system.record().stat().st_ino
    said = system.boot(NEXT)
    assert "stays, though it is bad: bad= did not help" in said
    for _ in range(2):
        system("guard", "look", code=OPEN)  # a CLOSED would restart the machine
    assert system.notes() == [] and system.record().stat().st_ino == before
    assert "was rejected: not marked good" in system("guard").stdout
    # Whoever has repaired it marks it good; and its checks do.
    system("health")
    assert system.entry(NEXT)["verdict"] == "good"


# What is to time out has two seconds.
HANGS = ("sleep 60", "sleep 60 & sleep 60", "sleep 30", "yes")


@pytest.mark.parametrize("command, what", [
    ("sleep 60", "timed out"), ("sleep 60 & sleep 60", "timed out"), ("exit 5", "exit 5"), ("kill -9 $$", "signal 9"),
    ("yes", "timed out"), ("/no/such/command", "exit 127: /bin/sh: ")])
def test_rollback_that_fails_or_hangs_has_an_end(system, command, what):
    system.make_good(CURRENT)
    system.conf(then=command, timeout=2 if command in HANGS else 60)
    system.boot(NEXT)
    begin = time.monotonic()
    said = system("guard", "deadline", code=RECORDED).stderr
    assert time.monotonic() - begin < 30 and f"bad= failed: {what}" in said
    assert what in system("guard", "why").stdout


def test_first_deployment_is_never_left(system):
    """Nothing was good before: there is nothing to go back to."""
    said = system.boot(CURRENT)
    assert "attempt 1 of 2; no other deployment was marked good" in said
    system.check("exit 1")
    assert "not rejected: no other" in system("health", code=FAILURE).stdout
    system("guard", "deadline", code=CLOSED)
    for _ in range(3):
        system.boot(CURRENT)
    assert not [note for note in system.notes() if note.startswith("bad")]


def test_record_that_cannot_be_written_leaves_nothing(system):
    system.make_good(CURRENT).boot(NEXT)
    folder = system.root / "var/lib/keelboot"
    (folder / "guard.json.new").mkdir()
    system("guard", "deadline", code=CLOSED)
    assert not [note for note in system.notes() if note.startswith("bad")]
    assert "cannot be judged" in system.boot(THIRD, code=FAILURE)
    assert system.notes() == []


def test_rollback_that_cannot_be_counted_does_not_run(system):
    """The verdict is there, and the disk is full since."""
    system.make_good(CURRENT).boot(NEXT)
    system.check("exit 1")
    system("health", code=FAILURE)
    full = system.root / "var/lib/keelboot/guard.json.new"
    full.mkdir()
    for _ in range(2):
        system("guard", "look", code=JOB)
    system("guard", "deadline", code=CLOSED)
    assert not [note for note in system.notes() if note.startswith("bad")]
    full.rmdir()
    system("guard", "look", code=CLOSED)
    assert len([note for note in system.notes() if note.startswith("bad")]) == 1


def test_deadline_waits_for_a_verdict_that_is_being_recorded(system):
    """Its last words take up to 25 s. A deadline that does not wait restarts the machine without bad=."""
    system.make_good(CURRENT).boot(NEXT)
    lock = system.run_dir / "guard.lock"
    with subprocess.Popen(["flock", lock, "sleep", "12"]) as holder:
        while subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 0:
            assert holder.poll() is None
        begin = time.monotonic()
        system("guard", "deadline", code=RECORDED)
        assert time.monotonic() - begin > 9
    assert [note for note in system.notes() if note.startswith("bad")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"deployments": 3}', '{"deployments": [{"id": "x"}]}', "\0" * 20,
                                  '{"deployments": [{"id": "x", "verdict": "great"}]}'])
def test_damaged_record_is_as_none(system, text):
    system.make_good(CURRENT)
    system.record().write_text(text)
    assert "damaged" in system.boot(CURRENT)
    assert system.status()["deployments"][0]["verdict"] == "trial"
    assert len(system.status()["deployments"]) == 1


def test_shutdowns_give_an_attempt_back_five_times(system):
    system.make_good(CURRENT)
    for _ in range(5):
        assert "attempt 1 of 2" in system.boot(NEXT)
        system("guard", "clean")
        system("guard", "clean")
    for number in (1, 2):
        assert f"attempt {number} of 2" in system.boot(NEXT)
        system("guard", "clean")
    assert system.entry(NEXT)["attempts"] == 2


def test_guardian_hears_of_a_shutdown_that_cannot_be_recorded(system):
    """As while good= holds the lock: else the shutdown has no deadline, and that of the trial goes on."""
    system.make_good(CURRENT).boot(NEXT)
    with open(system.run_dir / "guard.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        system("--wait", "0", "guard", "clean", code=BUSY)
        system.await_note("guardian hears SIGUSR2")


def test_shutdown_after_a_verdict_changes_nothing(system):
    system.make_good(CURRENT).boot(NEXT)
    system("guard", "deadline", code=RECORDED)
    system("guard", "clean")
    assert (system.entry(NEXT)["verdict"], system.entry(NEXT)["attempts"]) == ("bad", 1)


def test_good_command_that_was_cut_runs_again(system):
    system.boot(CURRENT)
    system("health")
    record = json.loads(system.record().read_text())
    record["deployments"][0]["blessed"] = False
    system.record().write_text(json.dumps(record))
    system.boot(CURRENT)
    system("health")
    assert system.notes() == [f"good {CURRENT}"]


def test_good_command_that_fails_is_told(system):
    system.boot(CURRENT)
    system.tool("good", "false")
    assert "is good, but [guard] good= failed: exit 1" in system("health").stderr
    assert system.entry(CURRENT)["verdict"] == "good"


def test_good_command_that_failed_runs_at_the_next_start(system):
    """What it speaks to may come up later."""
    system.boot(CURRENT)
    system.tool("good", "false")
    system("health")
    system.tool("good", f"echo now >>{system.notes_file}")
    for ran in (["now"], []):
        system.boot(CURRENT)
        system("health")
        assert system.notes() == ran


# ---------------------------------------------------------------- which deployment, and is it a trial?

@pytest.mark.parametrize("cmdline, release, wanted", [
    ("composefs=?abc0 quiet", "", "abc0"), ("composefs=abc0", "", "abc0"), ("roothash=12 usrhash=34", "", "12"),
    ("usrhash=34", "", "34"), ("quiet", 'NAME=x\nIMAGE_ID=acme\nIMAGE_VERSION="7.2"\n', "acme 7.2"),
    ("xroothash=1", "IMAGE_VERSION=8\n", "image 8")])
def test_deployments_of_others_are_known(system, cmdline, release, wanted):
    (system.root / "proc/cmdline").write_text(cmdline)
    (system.root / "usr/lib/os-release").write_text(release)
    system.boot(CURRENT)
    assert system.status()["deployment"] == wanted


def test_unknown_deployment_is_an_error(system):
    (system.root / "proc/cmdline").write_text("quiet")
    assert "set [guard] deployment=" in system.boot(CURRENT, code=FAILURE)
    (system.root / "proc/cmdline").write_text("ostree=/ostree/boot.0/gone/0")
    assert "not known which deployment runs" in system.boot(CURRENT, code=FAILURE)


@pytest.mark.parametrize("command, wanted", [("echo seven", "seven"), ("echo; echo '  '", None), ("false", None),
                                             ("sleep 30", None), ("printf 'a\\nb'", "b")])
def test_command_names_the_deployment(system, command, wanted):
    system.conf(more=f"deployment={command}\n", timeout=2 if command in HANGS else 60)
    system.boot(CURRENT, code=OK if wanted else FAILURE)
    if wanted:
        assert system.status()["deployment"] == wanted


def test_command_says_what_is_a_trial(system):
    system.conf(more=f"trial=test -e {system.root}/trial\n")
    system.boot(CURRENT)
    assert not system.status()["trial"] and system.notes() == []
    system("health")                    # so that there is one to go back to
    assert system.entry(CURRENT)["verdict"] == "good"
    (system.root / "trial").write_text("")
    assert "attempt 1 of 2" in system.boot(CURRENT)
    assert "attempt 2 of 2" in system.boot(CURRENT)


@pytest.mark.parametrize("command, why", [("/nonexistent/trial", "exit 127"), ("sleep 30", "timed out"),
                                          ("kill -9 $$", "signal 9")])
def test_command_that_does_not_say_it_leaves_nothing_unguarded(system, command, why):
    """Early in a boot, its file system may not be mounted yet."""
    system.conf(more=f"trial={command}\n", timeout=2 if command in HANGS else 60)
    said = system.boot(CURRENT)
    assert f"[guard] trial= gives no answer: {why}" in said and "never good, and counts as a trial" in said
    assert "attempt 1 of 2" in said
    system("health")
    assert "was good, and counts as no trial" in system.boot(CURRENT) and not system.status()["trial"]


def test_record_is_bounded_and_keeps_the_last_good_one(system):
    system.make_good(CURRENT)
    for number in range(12):
        system.boot(f"{number:064x}")
    known = [one["id"] for one in system.status()["deployments"]]
    assert len(known) == 8 and CURRENT in known and known[0] == f"{11:064x}"


# ---------------------------------------------------------------- around it

def test_what_was_marked_good_last_is_the_fallback_also_where_the_clock_went_back(system):
    """A device without a clock of its own is at 1970 until the network comes."""
    system.make_good(CURRENT)
    record = json.loads(system.record().read_text())
    record["deployments"][0]["time"] = int(time.time()) + 10 ** 6
    system.record().write_text(json.dumps(record))
    system.make_good(NEXT)
    system.boot(THIRD)
    system("guard", "deadline", code=RECORDED)
    assert f"bad {THIRD} {NEXT} not marked good within 60 s" in system.notes()


def test_nothing_to_guard(system):
    (system.root / "etc/keelboot/system.conf").write_text("[guard]\ngood=true\n")
    system.boot(CURRENT, code=NOTHING)
    for words in (("begin",), (), ("good",), ("bad",)):
        assert "Nothing to guard: system.conf has no bad= in [guard]." in system("guard", *words, code=NOTHING).stdout
    assert "nothing to guard" in system("guard", "--json", code=NOTHING).stderr
    system.conf()
    system.run_dir.mkdir(exist_ok=True)
    (system.run_dir / "slot").write_text("a\n")
    system("guard", "begin", code=NOTHING)
    assert system.notes() == [] and not system.record().exists()


def test_status_and_why_are_those_of_a_guarded_system(system):
    """Also where the guard has not begun: no initramfs is asked for, and no state partition."""
    assert re.search(r"begin.*did not run", system("status", code=FAILURE).stderr)
    system.make_good(CURRENT)
    assert "No deployment was rejected." in system("why", code=NOTHING).stdout
    assert json.loads(system("why", "--json").stdout)["words"] is None
    system.boot(NEXT)
    system("guard", "bad", "--reason", "no modem")
    assert "reason: no modem" in system("why").stdout
    words = json.loads(system("why", "--json").stdout)
    assert words == json.loads(system("guard", "why", "--json").stdout) and "reason: no modem" in words["words"]
    assert "only the last failure is kept" in system("why", "2", code=NOTHING).stderr


def test_begin_runs_once_in_a_boot(system):
    system.boot(CURRENT)
    system("guard", "begin", code=NOTHING)
    assert system.entry(CURRENT)["attempts"] == 1


def test_guardian_that_is_missing_is_told(system):
    system.make_good(CURRENT)
    system.boot(NEXT, code=FAILURE, guardian="none")
    assert system.entry(NEXT)["attempts"] == 1
    assert "The guardian is gone: nothing enforces the deadline" in system("guard").stdout


def test_usage(system):
    assert "expected status, why" in system("guard", "what", code=USAGE).stderr
    assert "did not run in this boot" in system("guard", "good", code=None).stderr
    assert "No deployment was rejected." in system("guard", "why", code=NOTHING).stdout
    assert re.search(r"begin.*did not run", system("guard", code=FAILURE).stderr)


def test_last_words_are_bounded_and_readable(system):
    system.make_good(CURRENT)
    system.tool("dmesg", "#!/bin/sh\nprintf '\\033[2J'; head -c 100000 /dev/zero | tr '\\0' x\n")
    system.boot(NEXT)
    system("guard", "deadline", code=RECORDED)
    words = (system.root / "var/lib/keelboot/last-words").read_bytes()
    assert len(words) <= 65536 and b"\033" not in words
