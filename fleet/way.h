/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways to an update. What becomes of it on the device is the same. */
#pragma once

#include "fleet/contact.h"

struct way {
	/* Asks, takes what is offered, and answers. known: what the device says is in c->facts;
	 * without that, nothing is taken. */
	void (*converse)(struct contact *c, bool known);
	/* Answers how the action stands, if that is not known yet. */
	void (*tell)(struct contact *c);
	/* Keeps the end of the action, which is not known yet, so that another one may begin.
	 * false: it cannot be kept. NULL: it is always known. */
	bool (*put_aside)(struct contact *c);
};

/* By a server that speaks hawkBit's Direct Device Integration. */
extern const struct way way_ddi;
/* By a channel file on any web server. */
extern const struct way way_channel;
