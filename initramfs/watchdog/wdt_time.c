/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/watchdog/wdt_time.h"

#include "lib/os.h"

#define LEAST_S 7 /* nobody's hardware counts less at most */

/* At least s, and all bits set: a register that holds fewer of them has its longest time, not 0. */
static unsigned all_ones(unsigned s)
{
	unsigned n = LEAST_S;

	while (n < s)
		n = 2 * n + 1;
	return n;
}

/* False: it takes another time than this, so that its driver knows what it can do; or tells not. */
static bool try_timeout(int fd, unsigned set_s, unsigned *left_s)
{
	unsigned took_s = set_s;

	return os_wdt_timeout(fd, &took_s) == KB_OK && took_s == set_s &&
	       os_wdt_left(fd, left_s) == KB_OK;
}

/* A second of it may have begun, and hardware counts in steps of its own. */
static bool is_whole(unsigned set_s, unsigned left_s)
{
	return left_s + 1 + set_s / 8 >= set_s;
}

unsigned wdt_time_cut(int fd, unsigned wanted_s)
{
	unsigned top_s = all_ones(wanted_s), left_s, less_s;

	if (!try_timeout(fd, top_s, &left_s) || is_whole(top_s, left_s))
		return 0;
	/* Where the kernel feeds between, what is left is the hardware's longest time, whatever was
	 * set. A register that cuts has less of less. */
	if (!try_timeout(fd, top_s - 2, &less_s) || less_s + 2 > left_s)
		return 0;
	for (unsigned s = top_s / 2; s >= LEAST_S; s /= 2) {
		if (try_timeout(fd, s, &left_s) && is_whole(s, left_s))
			return s;
	}
	return 0;
}

unsigned wdt_time_longest(int fd, unsigned now_s, unsigned wanted_s)
{
	unsigned took_s = wanted_s, low = now_s, high = wanted_s, best = now_s;

	if (os_wdt_timeout(fd, &took_s) == KB_OK)
		return took_s;
	while (high > low + 1) {
		unsigned middle = low + (high - low) / 2;

		took_s = middle;
		if (os_wdt_timeout(fd, &took_s) == KB_OK) {
			low = middle;
			best = took_s;
		} else {
			high = middle;
		}
	}
	return best;
}
