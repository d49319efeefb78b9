# SPDX-License-Identifier: Apache-2.0
"""The scripts for init systems other than systemd: what each calls, in a slot and in a system that is guarded."""

import os
import subprocess

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
