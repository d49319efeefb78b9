# SPDX-License-Identifier: Apache-2.0
"""No wait of the two processes on each other, and on Keelboot's command, is without end."""
import os
import signal
import subprocess
import time

import pytest
from cli_device import FAILURE, KEELBOOT, REBOOT, call
from daemon import children_of

# From when who hangs writes a number into the file, time goes by so many times as fast.
CLOCK = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static int passed = -1;
__attribute__((constructor)) static void begin(void)
{
	passed = open(getenv("PASSED"), O_RDONLY | O_CLOEXEC);
}
int clock_gettime(clockid_t id, struct timespec *t)
{
	static time_t since;
	int result = (int)syscall(SYS_clock_gettime, id, t);
	char text[32] = "";
	if (id != CLOCK_MONOTONIC || passed < 0 || pread(passed, text, sizeof(text) - 1, 0) <= 0 || atol(text) == 0)
		return result;
	since = since > 0 ? since : t->tv_sec;
	t->tv_sec += atol(text) * (t->tv_sec - since);
	return result;
}
"""


@pytest.fixture(name="passes")
def make_passes(fleet, tmp_path):
    """A file that says how fast time goes by."""
    file = tmp_path / "passed"
    file.write_text("0")
    (tmp_path / "clock.c").write_text(CLOCK)
    call("cc", "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c")
    fleet.more = {"LD_PRELOAD": str(tmp_path / "clock.so"), "PASSED": str(file)}
    return file


def hangs(fleet, word, passes, times):
    """The command, when one of its words is this: it says nothing, while time goes by."""
    broken = fleet.dev.path / "hangs"
    broken.write_text(f'#!/bin/sh\ncase " $* " in *" {word} "*) echo {times} >{passes}; exec sleep 40 ;; '
                      f'esac\nexec {KEELBOOT} "$@"\n')
    broken.chmod(0o755)
    fleet.keelboot = broken


@pytest.mark.parametrize("word, partial", [("--by-fleet", "no"), ("--index", "no"), ("--ranges", "auto")])
def test_a_command_that_stands_still_is_ended_and_tried_again(fleet, server, bundle, passes, word, partial):
    fleet.configure(partial=partial)
    action = server.assign(bundle)
    hangs(fleet, word, passes, 200)
    said = fleet.once(code=FAILURE)
    assert "was ended: it stood still, as behind a disk that hangs" in said and fleet.was_within(40)
    assert fleet.record["tries"] == 1 and "closed/failure" not in action.told
    assert "stood still" in fleet("status")
    fleet.keelboot, fleet.more = KEELBOOT, {}
    fleet.once(code=REBOOT)
    assert action.told[-1] == "proceeding/none"


def test_one_that_never_works_is_closed_in_the_end(fleet, server, bundle, passes):
    action = server.assign(bundle)
    hangs(fleet, "--by-fleet", passes, 200)
    fleet.once(code=FAILURE)
    fleet.change(tries=7)
    passes.write_text("0")
    assert "not staged: " in fleet.once(code=FAILURE)
    assert action.told[-1] == "closed/failure"


def test_within_its_time_it_is_waited_for(fleet, server, bundle, passes):
    """600 s, and two more for each MiB of the bundle."""
    server.assign(bundle)
    hangs(fleet, "--by-fleet", passes, 20)
    with subprocess.Popen(list(map(str, fleet.command("once"))), env=fleet.environment(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as run:
        end = time.monotonic() + 60
        while passes.read_text().strip() != "20":
            assert time.monotonic() < end and run.poll() is None
            time.sleep(0.1)
        time.sleep(10)
        assert run.poll() is None
        os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root parts from its rights")
def test_when_the_one_without_rights_dies_so_does_the_other(fleet, server):
    with subprocess.Popen(list(map(str, fleet.command("run"))), env=fleet.environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as daemon:
        assert daemon.stdout.readline().startswith("Next contact")
        child, = children_of(daemon.pid)
        os.kill(child, signal.SIGKILL)
        assert daemon.wait(timeout=30) == 1
