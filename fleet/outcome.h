/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the server was last reached, and why the last contact failed. The time of this boot is in
 * /run (last_contact.h). The record of the action has the one of its own last write, so that no
 * contact costs a write for it: behind a reboot, the server was reached then, or later.
 */
#pragma once

#include "fleet/contact.h"
#include "fleet/last_contact.h"

struct outcome {
	/* seconds since 1970; 0: not known: it was never reached, or the clock is not set */
	uint64_t time;
	/* it was in this boot: so long ago, in seconds */
	bool in_this_boot;
	uint64_t age;
	struct last_contact last;
};

/* Of the contact that ends here. */
void outcome_note(struct contact *c);

/* By the note and the record; c->a is loaded. */
struct outcome outcome_load(const struct contact *c);
/* For a person. */
void outcome_print(const struct outcome *o);
/* The same for programs, to be released. */
json_object *outcome_json(const struct outcome *o);
