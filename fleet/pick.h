/* SPDX-License-Identifier: Apache-2.0 */
/* Which release of a channel this device takes, and why it takes no other. PURE. */
#pragma once

#include "channel/channel.h"
#include "fleet/facts.h"
#include "fleet/feed_record.h"

#define PICK_ATTRIBUTES_MAX 16

struct pick {
	const struct facts *facts;
	/* of this device */
	const char *id;
	unsigned nattributes;
	struct channel_attribute attribute[PICK_ATTRIBUTES_MAX];
	/* seconds since 1970; clock_unset: by the latest file alone, it is that or any time later
	 */
	uint64_t now;
	bool clock_unset;
	/* sequence of what is staged, also where the channel does not name it; 0: not known */
	uint64_t staged;
	/* the beginnings of releases that failed, and are not tried again by this file; "": none.
	 * Why the release of this action did; NULL: whichever. */
	const char *failed, *failed_why, *action;
	/* the release that is being fetched, or waits to be staged; NULL: none. While nothing but
	 * its part of the day is against it, none of a lower sequence takes its place; nor while
	 * nothing but its window is, and the clock is not set. */
	const char *begun;
	/* set by pick_release(): the release that it names in why fits this device, whose turn is
	 * not yet; NULL: nobody asks */
	bool *waits;
};

/* Adds "name=value name=value", with blanks or line ends between them. false: one is none. */
bool pick_add_attributes(struct pick *p, const char *text);

/* The newest release that this device may take; NULL: why says what keeps it from the newest, or
 * for which one it waits. */
const struct channel_release *pick_release(const struct pick *p, const struct channel *c,
					   char why[ACTION_WHY_MAX + 1]);

/* Where this device stands in the rollout of a release: 0 to 99. It takes part if that is below the
 * percent of it. */
unsigned pick_share(const char *id, const char *release);
