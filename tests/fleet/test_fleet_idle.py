# SPDX-License-Identifier: Apache-2.0
"""What keelboot-fleet run holds of the memory between two contacts."""
import contextlib
import os
import time

import pytest
import resident
from authority import secure
from conftest import Fleet
from console import PATIENCE
from daemon import CLOCK, Daemon, between_contacts
from ddi_server import Server

WANTED = 6 * 1024       # KiB
# Of files: with the last steps before the wait, the kernel maps what lies around them.
LITTLE = 1024

# A library whose code was changed by the loader, and needs that: by its pages in the file, it jumps to nowhere.
RELOCATED = CLOCK.replace("int poll(", """
int last_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return (int)syscall(SYS_poll, fds, n, timeout);
}
__asm__(".text\\n.balign 8\\nlast_poll_at: .8byte last_poll\\n");
extern int (*const last_poll_at)(struct pollfd *, nfds_t, int) __attribute__((visibility("hidden")));
int poll(""").replace("(int)syscall(SYS_poll, fds, n, timeout > ", "last_poll_at(fds, n, timeout > ")

# As a filter of system calls may refuse it.
REFUSED = CLOCK.replace("#include <poll.h>", "#include <errno.h>\n#include <poll.h>") + """
int madvise(void *at, size_t size, int advice)
{
	errno = EPERM;
	return -1;
}
"""


@contextlib.contextmanager
def by_tls(ready, authority, folder):
    with Server(tls=secure(authority)).running() as server:
        device = Fleet(ready, server, folder)
        device.configure(ca_file=authority / "ca.pem")
        yield device, server


@pytest.fixture(name="asleep", params=["http", "https"])
def make_asleep(request, ready, authority, tmp_path):
    """Both processes, which wait for twelve hours."""
    with contextlib.ExitStack() as stack:
        if request.param == "https":
            device, server = stack.enter_context(by_tls(ready, authority, tmp_path))
        else:
            server = stack.enter_context(Server().running())
            device = Fleet(ready, server, tmp_path)
        server.sleep = "12:00:00"
        daemon, child = stack.enter_context(between_contacts(device))
        yield daemon.pid, child


def held_in_the_end(*pids):
    """They give back before they wait; who serves orders does when none has come for two seconds."""
    end = time.monotonic() + 10 * PATIENCE
    while max(resident.held(pid)["files"] for pid in pids) > LITTLE and time.monotonic() < end:
        time.sleep(0.1)
    return resident.held(*pids)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root parts from its rights")
def test_between_polls_both_processes_have_little_memory(asleep):
    """No other program may use what they share: each page counts in full, once."""
    held, each = held_in_the_end(*asleep), [resident.held(pid) for pid in asleep]
    print(held, each)
    assert held["all"] <= WANTED and all(one["files"] <= LITTLE for one in each)


def contacts(device, folder, number, *options):
    """What is said up to the wait behind the last of them, or until it ends."""
    said = ""
    with Daemon(device, None, folder, *options).running() as daemon:
        for line in daemon.process.stdout:
            said += line
            if said.count("Next contact") == number:
                break
    return said


def test_a_library_whose_code_the_loader_changed_keeps_it(fleet, tmp_path):
    assert contacts(fleet, tmp_path, 3, RELOCATED, ["-Wl,-z,notext"]).count("Next contact") == 3


def test_where_the_kernel_takes_nothing_back_it_says_so_once(fleet, tmp_path):
    said = contacts(fleet, tmp_path, 3, REFUSED)
    assert said.count("pages of libraries stay in memory: Operation not permitted; allow madvise()") == 1
    assert said.count("Next contact") == 3 and "failed" not in said
