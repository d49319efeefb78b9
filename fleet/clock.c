/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/clock.h"

#include "lib/os.h"

#include <sys/stat.h>

#define SLACK	  60u /* seconds by which a clock is corrected that was right before */
#define CHOSEN	  "/run/keelboot/slot"
/* PID 1 binds it once; the folder is of timesyncd's start, until the file in it. */
#define SYSTEMD	  "/run/systemd/notify"
#define TIMESYNCD "/run/systemd/timesync"
#define ASKED	  TIMESYNCD "/synchronized"

/* Nobody has set the clock since: by the clock of now, that was in this boot, and not later. */
static bool counts_on(const struct clock_marks *m, uint64_t guess)
{
	uint64_t start = m->now > m->uptime ? m->now - m->uptime : 0;

	return guess > 0 && start <= guess + SLACK && guess <= m->now + SLACK;
}

bool clock_is_known(const struct clock_marks *m)
{
	if (m->now < CLOCK_SET)
		return false;
	/* Without that file nobody knows how this boot began. */
	if (m->asked || m->chosen == 0 || m->chosen >= CLOCK_SET)
		return true;
	return !counts_on(m, m->guesses[0]) && !counts_on(m, m->guesses[1]);
}

static uint64_t time_of(const char *path)
{
	struct stat st;

	/* At 1970 itself, there is a file all the same. */
	return stat(path, &st) == 0 ? (uint64_t)(st.st_mtime > 0 ? st.st_mtime : 1) : 0;
}

uint64_t clock_time(void)
{
	const struct clock_marks m = { .now = os_time_s(),
				       .uptime = os_now_ms() / 1000,
				       .chosen = time_of(CHOSEN),
				       .guesses = { time_of(SYSTEMD), time_of(TIMESYNCD) },
				       .asked = time_of(ASKED) > 0 };

	return clock_is_known(&m) ? m.now : 0;
}
