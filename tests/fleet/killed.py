# SPDX-License-Identifier: Apache-2.0
"""The end of a program with all that it started, as a power cut ends them."""
import os
import signal
import time
from pathlib import Path


def is_left(group: int) -> bool:
    """One that has ended counts as gone, whoever is to wait for it: process 1 takes its time, or never does."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = file.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except OSError:     # it has just gone
            continue
        if int(of) == group and state not in "ZX":
            return True
    return False


def kill_all(running) -> None:
    """running: a process with a session of its own. None of its processes is left behind this."""
    os.killpg(running.pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while is_left(running.pid):
        assert time.monotonic() < end, "killed, and still there"
        time.sleep(0.01)
