/* SPDX-License-Identifier: Apache-2.0 */
/* What a server learns of the device itself, besides its actions. */
#pragma once

#include "fleet/facts.h"
#include "lib/conf.h"

#define ATTRIBUTES_MAX	     (18 + FACTS_SLOTS_MAX)
#define ATTRIBUTES_VALUE_MAX 127 /* hawkBit's bound */

struct attributes {
	unsigned n;
	const char *name[ATTRIBUTES_MAX];
	char value[ATTRIBUTES_MAX][ATTRIBUTES_VALUE_MAX + 1];
	/* of those whose change is worth a message; never 0. Its upper half is of the release that
	 * runs, and of its slot */
	uint64_t hash;
};

/* Without those that [fleet] omit= names. boots: of the device, as the record has them. */
void attributes_collect(struct attributes *t, const struct facts *f, const struct conf *conf,
			uint64_t boots);

/* Whether a change that is seen in the first contact of a boot is sent in the second one: in half
 * of all boots, unless release or slot are other ones. Where a region got its power back, each
 * device has another reset to say. hash, known: of what is here, and of what the server has. boot:
 * the boot's id. PURE. */
bool attributes_wait(uint64_t hash, uint64_t known, const char *boot);

/* Whether a change may be sent now: eight in a row, then one each hour. now: in seconds of some
 * clock; due: what attributes_sent() said last, 0: nothing. PURE, both. */
bool attributes_may_go(uint64_t due, uint64_t now);
uint64_t attributes_sent(uint64_t due, uint64_t now);
