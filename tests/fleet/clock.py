# SPDX-License-Identifier: Apache-2.0
"""The clock of a device whose own is not set, as behind a start without a battery."""
from cli_device import call

LIBRARY = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
/* seconds that are added; open before rights are given up */
static int file = -1;
__attribute__((constructor)) static void begin(void)
{
	file = open(getenv("CLOCK_FILE"), O_RDONLY | O_CLOEXEC);
}
static int look(clockid_t id, struct timespec *t)
{
	int result = (int)syscall(SYS_clock_gettime, id, t);
	char text[32] = "";
	if (id != CLOCK_REALTIME || file < 0 || pread(file, text, sizeof(text) - 1, 0) <= 0)
		return result;
	t->tv_sec += atol(text);
	return result;
}
int clock_gettime(clockid_t id, struct timespec *t)
{
	return look(id, t);
}
time_t time(time_t *to)
{
	struct timespec t;
	look(CLOCK_REALTIME, &t);
	if (to != NULL)
		*to = t.tv_sec;
	return t.tv_sec;
}
int gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec t;
	(void)zone;
	look(CLOCK_REALTIME, &t);
	*tv = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
	return 0;
}
"""


class Clock:
    """It counts from whatever it is set to; the machine's own is left alone. It may be set while a program runs."""

    def __init__(self, folder):
        self.file, self.library = folder / "clock", folder / "clock.so"
        (folder / "clock.c").write_text(LIBRARY)
        call("cc", "-shared", "-fPIC", "-o", self.library, folder / "clock.c")
        self.add(0)

    @property
    def environment(self):
        """Of a device that has it."""
        return {"CLOCK_FILE": str(self.file), "LD_PRELOAD": str(self.library)}

    def add(self, seconds):
        self.file.write_text(f"{int(seconds):<31}")
