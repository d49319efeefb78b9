# SPDX-License-Identifier: Apache-2.0
"""The scripts for init systems other than systemd: what each calls, in a slot and in a system that is guarded."""

import os
import subprocess
import time

import pytest
from cli_device import TOP

EARLY, LATE = "keelboot-early.init", "keelboot.init"
STUB = '#!/bin/sh\necho "$*" >>"$NOTES"\nexit "${CODE:-0}"\n'


@pytest.fixture(name="script")
def make_script(tmp_path):
    """Calls one with a word; says which commands it called, and how it ended."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/keelboot").write_text(STUB)
    (tmp_path / "bin/keelboot").chmod(0o755)

    def call(name: str, word: str, mark: str = "", code: int = 0) -> tuple:
        folder, notes = tmp_path / f"run-{mark}", tmp_path / "notes"
        folder.mkdir(exist_ok=True)
        if mark:
            (folder / mark).write_text("b\n")
        notes.write_text("")
        env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "KEELBOOT_RUN": str(folder), "NOTES": str(notes),
               "CODE": str(code)}
        done = subprocess.run(["sh", TOP / "hooks/system" / name, word], env=env, capture_output=True, check=False)
        return notes.read_text().splitlines(), done.returncode
    return call


def test_release_migrates_before_services_start(script):
    assert script(EARLY, "start", "slot") == (["health migrate"], 0)
    assert script(EARLY, "start", "slot", code=1) == (["health migrate"], 1)
    assert "# Default-Start:     S\n" in (TOP / "hooks/system" / EARLY).read_text()


def test_guarded_boot_is_counted_before_services_start(script):
    assert script(EARLY, "start") == (["guard begin"], 0)
    assert script(EARLY, "start", code=2) == (["guard begin"], 0), "nothing to guard"
    assert script(EARLY, "start", code=1) == (["guard begin"], 1)


@pytest.mark.parametrize("mark, called", [("slot", "mark clean"), ("guard.json", "guard clean"), ("", "mark clean")])
def test_shutdown_is_announced_to_whoever_counts(script, mark, called):
    assert script(LATE, "stop", mark) == ([called], 0)
    assert script(LATE, "stop", mark, code=1) == ([called], 1)


@pytest.mark.parametrize("word", ["restart", "reload", "force-reload"])
def test_package_manager_that_restarts_services_changes_nothing(script, word):
    assert script(EARLY, word, "slot") == script(LATE, word, "slot") == ([], 0)
    assert script(EARLY, "stop", "slot") == ([], 0)


# ---------------------------------------------------------------- taking it out of the initramfs

@pytest.mark.parametrize("cmdline, remains", [
    ("quiet root=UUID=12-34 ro", True), ("root=UUID=56", False), ("root=PARTLABEL=root-a", True), ("quiet", False),
    ("root=/dev/vda2", True), ("root=/dev/vda3", False), ("root=keelboot", False)])
def test_it_stays_where_the_boot_loader_names_no_root_that_is_here(tmp_path, cmdline, remains):
    """An update gives a slot another UUID, and nothing in it makes the boot loader's configuration anew."""
    for name in ("disk/by-uuid/12-34", "disk/by-partlabel/root-a", "vda2"):
        (tmp_path / "dev" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dev" / name).write_text("")
    (tmp_path / "cmdline").write_text(f"BOOT_IMAGE=/vmlinuz {cmdline}\n")
    env = {**os.environ, "KEELBOOT_RUN": str(tmp_path), "KEELBOOT_PROC": str(tmp_path),
           "KEELBOOT_DEV": str(tmp_path / "dev")}

    def ask():
        return subprocess.run([TOP / "hooks/lib/root-remains"], env=env, text=True, capture_output=True, check=False)
    assert ask().returncode == 0, "Keelboot did not boot this system"
    (tmp_path / "slot").write_text("b\n")
    done = ask()
    assert done.returncode == (0 if remains else 1) and ("would not boot" in done.stderr) != remains


# ---------------------------------------------------------------- keelboot-fleet

FLEET_STUB = """#!/bin/sh
echo "run $*" >>"$NOTES"
read -r code <"$CODES"
[ "$code" = stay ] || exit "$code"
trap 'echo ended >>"$NOTES"; exit 0' TERM
while :; do sleep 0.1; done
"""


class Fleet:
    """The start script of keelboot-fleet, with a program in its place that ends as `says` has it, or stays."""

    def __init__(self, folder):
        self.notes, self.codes, self.run = folder / "notes", folder / "codes", folder / "run"
        (folder / "bin").mkdir()
        (folder / "bin/keelboot-fleet").write_text(FLEET_STUB)
        (folder / "bin/keelboot-fleet").chmod(0o755)
        (folder / "bin/logger").write_text("#!/bin/sh\nexec cat >>\"$LOG\"\n")
        (folder / "bin/logger").chmod(0o755)
        self.run.mkdir()
        (self.run / "slot").write_text("a\n")
        self.log = folder / "log"
        self.env = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "KEELBOOT_RUN": str(self.run), "LOG": str(self.log),
                    "NOTES": str(self.notes), "CODES": str(self.codes), "KEELBOOT_PAUSE": "0.2"}

    def says(self, code):
        self.codes.write_text(f"{code}\n")

    def call(self, word, code=0):
        done = subprocess.run([TOP / "hooks/fleet/keelboot-fleet.init", word], env=self.env, text=True,
                              capture_output=True, timeout=120, check=False)
        assert code in (None, done.returncode), done.stdout + done.stderr
        return done.stdout

    def until(self, text, times=1):
        end = time.monotonic() + 120
        while not self.notes.exists() or self.notes.read_text().count(text) < times:
            assert time.monotonic() < end, f"no {text}"
            time.sleep(0.05)

    def until_stopped(self):
        end = time.monotonic() + 120
        while "is running" in self.call("status", code=None):
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture(name="fleet")
def make_fleet(tmp_path):
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.call("stop")


def test_fleet_runs_once_until_it_is_stopped(fleet):
    fleet.says("stay")
    fleet.call("start")
    fleet.until("run run")
    assert "runs already" in fleet.call("start") and "is running" in fleet.call("status")
    fleet.call("stop")
    fleet.until("ended")
    assert "is stopped" in fleet.call("status", code=3) and fleet.notes.read_text().count("run run") == 1


def test_fleet_is_over_when_stop_returns(fleet):
    """A start at once would meet its lock."""
    stub = fleet.notes.parent / "bin/keelboot-fleet"
    stub.write_text(FLEET_STUB.replace("trap '", "trap 'sleep 1; "))
    fleet.says("stay")
    fleet.call("start")
    fleet.until("run run")
    fleet.call("restart")
    fleet.until("run run", 2)
    assert fleet.notes.read_text().splitlines()[:3] == ["run run", "ended", "run run"]


@pytest.mark.parametrize("code", (0, 1))
def test_fleet_that_fails_or_whose_reboot_comes_to_nothing_is_started_again(fleet, code):
    fleet.says(code)
    fleet.call("start")
    fleet.until("run run", 3)
    assert f"keelboot-fleet: ended with exit code {code}; again in 0.2 s" in fleet.log.read_text()


def test_fleet_that_lacks_a_key_is_left_alone(fleet):
    fleet.says(3)
    fleet.call("start")
    fleet.until("run run")
    fleet.until_stopped()
    time.sleep(0.5)
    assert fleet.notes.read_text().count("run run") == 1


def test_fleet_is_not_started_where_no_slot_runs(fleet):
    (fleet.run / "slot").unlink()
    fleet.says("stay")
    assert "no slot of Keelboot runs" in fleet.call("start")
    assert "is stopped" in fleet.call("status", code=3)


def test_fleet_ends_nobody_who_has_its_number_by_now(fleet):
    with subprocess.Popen(["sleep", "60"]) as other:
        (fleet.run / "fleet.pid").write_text(f"{other.pid}\n")
        fleet.call("stop")
        assert other.poll() is None
        other.kill()
