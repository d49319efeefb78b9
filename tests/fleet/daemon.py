# SPDX-License-Identifier: Apache-2.0
"""keelboot-fleet run, with a line on which its bytes are counted."""
import contextlib
import subprocess
from pathlib import Path

from cli_device import call

# Sleeping for long takes a third of a second, and the device's own time goes on by all of it.
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static time_t slept;
int clock_gettime(clockid_t id, struct timespec *t)
{
	int (*next)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int result = next(id, t);
	if (id == CLOCK_BOOTTIME)
		t->tv_sec += slept;
	return result;
}
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int result = (int)syscall(SYS_poll, fds, n, timeout > 5000 ? 300 : timeout);
	if (result == 0 && timeout > 5000)
		slept += timeout / 1000 + 1;
	return result;
}
"""


def children_of(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def between_contacts(device, **options):
    """The daemon after its first contact, and its process that talks to the server."""
    with subprocess.Popen(list(map(str, device.command("run", "--now"))), env=device.environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as daemon:
        for line in daemon.stdout:
            if line.startswith("Next contact"):
                break
        try:
            yield daemon, children_of(daemon.pid)[0]
        finally:
            daemon.kill()


class Daemon:
    """Its device sleeps for short."""

    def __init__(self, device, wire, folder, code=CLOCK, flags=()):
        self.device, self.wire, self.library = device, wire, folder / "sleep.so"
        (folder / "sleep.c").write_text(code)
        call("cc", "-shared", "-fPIC", *flags, "-o", self.library, folder / "sleep.c")
        self.said = ""

    @contextlib.contextmanager
    def running(self):
        with subprocess.Popen(list(map(str, self.device.command("run", "--now"))), text=True,
                              env=self.device.environment(LD_PRELOAD=str(self.library)),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as self.process:
            try:
                yield self
            finally:
                self.process.terminate()

    def contact(self):
        """Bytes on the line of the next one, both ways."""
        before, self.said = self.wire.up + self.wire.down, ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Next contact"):
                break
        else:
            raise AssertionError(f"it ended: {self.said}")
        self.wire.settle()
        return self.wire.up + self.wire.down - before
