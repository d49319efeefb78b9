/* SPDX-License-Identifier: Apache-2.0 */
/* While this is set, what is slept takes a hundredth of its time. */
#pragma once

#include "tests/unit/raw.h"

#include <stdbool.h>

static bool hurry;

/* In front of the C library's. */
int nanosleep(const struct timespec *time, struct timespec *rest)
{
	const struct timespec less = { time->tv_sec / 100,
				       (time->tv_nsec + time->tv_sec % 100 * 1000000000) / 100 };

	return raw_sleep(hurry ? &less : time, rest);
}
