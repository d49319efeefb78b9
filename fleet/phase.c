/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/phase.h"

#include "fleet/drop.h"

#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void phase_set(struct contact *c, enum action_phase phase, const char *why)
{
	if (phase == ACTION_FAILED)
		drop_bundle(c);
	c->a.phase = phase;
	c->a.tries = 0;
	if (why != c->a.why)
		snprintf(c->a.why, sizeof(c->a.why), "%s", why);
	contact_print("Action %s: %s", c->a.id, c->a.why);
	contact_save(c);
}

static void count(struct contact *c, uint64_t *tries, unsigned max, const char *what,
		  const char *why)
{
	char text[ACTION_WHY_MAX + 1];

	snprintf(text, sizeof(text), "%s: %.300s", what, why);
	contact_fail(c, "action %s: %s", c->a.id, text);
	if (++*tries >= max)
		phase_set(c, ACTION_FAILED, text);
	else
		contact_save(c);
}

void phase_try(struct contact *c, const char *what, const char *why, unsigned max)
{
	/* Of another kind: what was before it is no part of this row. */
	if (c->a.tries_max != max)
		c->a.tries = 0;
	c->a.tries_max = max;
	count(c, &c->a.tries, max, what, why);
}

void phase_unclear(struct contact *c, const char *what, const char *why)
{
	count(c, &c->a.unclear, ACTION_TRIES_MAX, what, why);
}

void phase_skip(struct contact *c, const struct offer *o)
{
	if (o->download == OFFER_SKIP && c->a.phase == ACTION_SEEN)
		snprintf(c->a.why, sizeof(c->a.why),
			 "%s, %" PRIu64 " bytes, waits: the server wants no download yet", o->name,
			 o->size);
}
