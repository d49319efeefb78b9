/* SPDX-License-Identifier: Apache-2.0 */
/* While this is set, what is slept takes a hundredth of its time. */
#pragma once

#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool hurry;

/* In front of the C library's. */
int nanosleep(const struct timespec *time, struct timespec *rest)
{
	const struct timespec less = { time->tv_sec / 100,
				       (time->tv_nsec + time->tv_sec % 100 * 1000000000) / 100 };

	return (int)syscall(SYS_nanosleep, hurry ? &less : time, rest);
}
