/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: the clock of processes beside process 1. */
#include "lib/os_clock.h"

#include <time.h>

uint64_t os_clock_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
