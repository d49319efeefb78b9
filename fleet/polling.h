/* SPDX-License-Identifier: Apache-2.0 */
/* When the server is asked next. PURE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct polling {
	/* between polls, as polling_interval() has it */
	unsigned sleep_s;
	/* what the server asked for with its last answer; 0: nothing */
	uint64_t retry_after_s;
	/* contacts that failed one after the other */
	unsigned failures;
	/* no wait since the start lies behind this one: it is the first contact's */
	bool first;
	/* of this device, so that each has its own times; and a number that differs between
	 * contacts */
	uint64_t seed, n;
};

/* Seconds between polls. said_s: what the server wants, in its last answer; 0: none came, or it
 * says nothing. Then it is poll_s, of system.conf, but no less than kept_s, what it wanted before:
 * else a server that is back after an outage meets devices that have forgotten that. */
unsigned polling_interval(unsigned poll_s, unsigned kept_s, unsigned said_s);

/* Whether what it wants now is worth a write: hawkBit may add something by chance to each. */
bool polling_is_news(unsigned kept_s, unsigned said_s);

/* Seconds until the next contact: never below 30 s, nor above a day. Behind the first one, it is at
 * any time from an hour to the interval, if that is longer: else those that came together in the
 * first hour would do so again. */
unsigned polling_wait(const struct polling *p);

/* Seconds until the first one: all devices of a region may have started at once. It is at most an
 * hour: a device may run for no longer each day. */
unsigned polling_first(const struct polling *p);
