/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/dry.h"

#include "fleet/limits.h"
#include "fleet/possible.h"

#include <inttypes.h>
#include <string.h>

static void print_fetching(const struct contact *c, const struct offer *o)
{
	const struct limits l = limits_now(c->conf, c->client.id);
	struct action a = c->a;
	char why[ACTION_WHY_MAX + 1];
	bool parts = c->conf->fleet_partial != CONF_PARTIAL_NO,
	     fits = limits_permit(&l, "its download", o->size, why);

	if (!fits && !parts) {
		contact_print("It would be closed as failed: %s.", why);
		return;
	}
	contact_print("It would be fetched%s%s.", parts ? " in parts" : "",
		      o->update == OFFER_SKIP || o->window_closed ? ", and not staged yet"
								  : " and staged");
	if (!fits)
		contact_print("These may have %" PRIu64 " bytes (max-bytes=).", l.max);
	limits_begin_day(&l, &a);
	if (l.daily > 0)
		contact_print("%" PRIu64 " bytes may be fetched today (daily-bytes=).",
			      limits_left(&l, a.day_bytes));
}

void dry_print(const struct contact *c, const struct offer *o)
{
	static const char *const wishes[] = {
		[OFFER_SKIP] = "no", [OFFER_ATTEMPT] = "yes", [OFFER_FORCED] = "yes, forced"
	};
	char why[ACTION_WHY_MAX + 1];

	if (o->unclear && strcmp(c->a.unasked, o->id) == 0) {
		contact_print("Action %s cannot be understood, and would be closed as failed.",
			      o->id);
		return;
	}
	if (o->unclear) {
		contact_print("Action %s cannot be understood; after %d such contacts it would be "
			      "closed as failed.",
			      o->id, ACTION_TRIES_MAX);
		return;
	}
	contact_print("Action %s: %s, %" PRIu64 " bytes; download: %s; update: %s%s", o->id,
		      o->name, o->size, wishes[o->download], wishes[o->update],
		      o->window_closed ? "; the maintenance window is closed" : "");
	if (o->bundles != 1)
		contact_print("It has %u bundles, and would be closed as failed.", o->bundles);
	else if (c->a.phase >= ACTION_STAGED && strcmp(c->a.id, o->id) == 0)
		contact_print("It is %s here; nothing would be fetched.",
			      action_phase_name(c->a.phase));
	else if (!possible_now(c, o, why))
		contact_print("It would be closed as failed: %s.", why);
	else if (o->download == OFFER_SKIP)
		contact_print("Nothing would be fetched now.");
	else
		print_fetching(c, o);
}
