/* SPDX-License-Identifier: Apache-2.0 */
/* When the server is asked next. PURE. */
#pragma once

#include <stdint.h>

struct polling {
	/* between polls, as the server or system.conf has it */
	unsigned sleep_s;
	/* what the server asked for with its last answer; 0: nothing */
	uint64_t retry_after_s;
	/* contacts that failed one after the other */
	unsigned failures;
	/* of this device, so that each has its own times; and a number that differs between
	 * contacts */
	uint64_t seed, n;
};

/* Seconds until the next contact: never below 30 s, nor above a day. */
unsigned polling_wait(const struct polling *p);

/* Seconds until the first one: all devices of a region may have started at once. */
unsigned polling_first(const struct polling *p);
