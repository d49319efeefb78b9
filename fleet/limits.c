/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/limits.h"

#include "fleet/clock.h"
#include "lib/bytes.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_S	   86400u
#define LATE_MAX_S 3600u

uint64_t limits_late(const char *id)
{
	return bytes_hash(BYTES_HASH_START, id, strlen(id)) % LATE_MAX_S;
}

struct limits limits_now(const struct conf *conf, const char *id)
{
	return (struct limits){ .daily = conf->fleet_daily_bytes,
				.max = conf->fleet_max_bytes,
				.clock_s = clock_time(),
				.uptime_s = os_now_ms() / 1000,
				.late_s = limits_late(id) };
}

/* 0: the clock does not know. */
static uint64_t today_of(const struct limits *l)
{
	return l->clock_s >= CLOCK_SET ? (l->clock_s - l->late_s) / DAY_S : 0;
}

static bool is_clock_behind(const struct limits *l, const struct action *a)
{
	uint64_t today = today_of(l);

	return today == 0 || today < a->day;
}

/* Of a boot that is new here, all of it came behind what was counted. */
bool limits_count_run(const struct limits *l, struct action *a)
{
	bool restarted = l->uptime_s < a->day_uptime;

	if (!is_clock_behind(l, a) || a->day_bytes == 0 || l->uptime_s == a->day_uptime)
		return false;
	a->day_ran += restarted ? l->uptime_s : l->uptime_s - a->day_uptime;
	a->day_uptime = l->uptime_s;
	return true;
}

/* A clock that jumps back, or begins at 1970 with each boot, gives no bytes anew; one that was
 * ahead by years does not stop updates until then. In another boot, so much uptime is so much time;
 * limits_count_run() adds up what earlier ones had. */
bool limits_begin_day(const struct limits *l, struct action *a)
{
	bool behind = is_clock_behind(l, a), restarted = l->uptime_s < a->day_uptime;
	uint64_t ran = a->day_ran + (restarted ? 0 : l->uptime_s - a->day_uptime);

	/* Nothing came in it yet: it begins with the first byte, and not with the boot. */
	if (behind && ran < DAY_S && a->day_bytes == 0) {
		a->day_uptime = l->uptime_s;
		a->day_ran = 0;
		return false;
	}
	if (behind ? !restarted && ran < DAY_S : today_of(l) == a->day)
		return false;
	a->day_uptime = l->uptime_s;
	if (behind && ran < DAY_S)
		return true;
	a->day = today_of(l);
	a->day_bytes = 0;
	a->day_ran = 0;
	return true;
}

uint64_t limits_left(const struct limits *l, uint64_t spent)
{
	if (l->daily == 0)
		return UINT64_MAX;
	return spent < l->daily ? l->daily - spent : 0;
}

bool limits_permit(const struct limits *l, const char *what, uint64_t bytes,
		   char why[ACTION_WHY_MAX + 1])
{
	if (l->max == 0 || bytes <= l->max)
		return true;
	snprintf(why, ACTION_WHY_MAX + 1,
		 "%s has %" PRIu64 " bytes, and this device allows %" PRIu64
		 "; raise [fleet] max-bytes= there, offer a smaller bundle, or update it by stick",
		 what, bytes, l->max);
	return false;
}

void limits_explain(const struct limits *l, const struct action *a, uint64_t have, uint64_t size,
		    char why[ACTION_WHY_MAX + 1])
{
	char when[80];

	snprintf(when, sizeof(when), "when its next day begins, at 00:%02u:%02u UTC",
		 (unsigned)(l->late_s / 60 % 60), (unsigned)(l->late_s % 60));
	snprintf(
		why, ACTION_WHY_MAX + 1,
		"%" PRIu64 " of %" PRIu64 " bytes are here; daily-bytes=%" PRIu64
		" of this device leaves no more today; it goes on %s",
		have, size, l->daily,
		is_clock_behind(l, a)
			? "after 24 hours of running, since its clock is not set or was later before"
			: when);
}
