/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bundles may take of the network: [fleet] daily-bytes= and max-bytes=. Bytes are counted in
 * the record of the action, by days, and before they come: after a power cut the count may
 * be too high, and is never too low.
 */
#pragma once

#include "fleet/action.h"
#include "lib/conf.h"

#include <stdbool.h>
#include <stdint.h>

struct limits {
	/* bytes: of all bundles in a day, of one; 0: no limit */
	uint64_t daily, max;
	/* seconds: since 1970, 0: that is not known; since some point in the past, of this boot */
	uint64_t clock_s, uptime_s;
	/* seconds from midnight, UTC, to the begin of this device's day */
	uint64_t late_s;
};

/* As system.conf has them, now, on the device with this id. */
struct limits limits_now(const struct conf *conf, const char *id);

/* When the day of this device begins, in seconds behind midnight: within an hour, at any time of
 * it, so that no fleet goes on at once; the same in each boot. PURE. */
uint64_t limits_late(const char *id);

/* Notes in the record how long the device has run in the day that is counted, while its clock does
 * not know when that ends: a device may be off each night. true: the record has changed. PURE. */
bool limits_count_run(const struct limits *l, struct action *a);

/* Begins another day in the record, where the clock has reached one; or after 24 hours of running,
 * boots together, while it is not set, or stands before the day that is counted. true: the record
 * has changed. A day in which nothing came yet begins anew with each call, and is written with the
 * first byte of it. PURE. */
bool limits_begin_day(const struct limits *l, struct action *a);

/* How many bytes more may come today, if so many came; UINT64_MAX: there is no limit. PURE. */
uint64_t limits_left(const struct limits *l, uint64_t spent);

/* Whether a release is fetched of which so many bytes must come. false: why says what a person can
 * do; what: has so many, such as "its download". PURE. */
bool limits_permit(const struct limits *l, const char *what, uint64_t bytes,
		   char why[ACTION_WHY_MAX + 1]);

/* Why a download of so many bytes waits of which `have` are here, and for what. PURE. */
void limits_explain(const struct limits *l, const struct action *a, uint64_t have, uint64_t size,
		    char why[ACTION_WHY_MAX + 1]);
