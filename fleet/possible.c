/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/possible.h"

#include "fleet/phase.h"

#include <stdio.h>
#include <string.h>

bool possible_is(const struct offer *o, char why[ACTION_WHY_MAX + 1])
{
	if (o->bundles == 1 && !o->unclear)
		return true;
	if (o->unclear)
		snprintf(why, ACTION_WHY_MAX + 1, "not understood: " POSSIBLE_UNCLEAR);
	else
		snprintf(
			why, ACTION_WHY_MAX + 1,
			"the action has %u bundles (*.keel, at most %d characters of ASCII): expected one",
			o->bundles, OFFER_NAME_MAX);
	return false;
}

static bool was_asked_about(const struct contact *c, const char *id, char why[ACTION_WHY_MAX + 1])
{
	if (strcmp(c->a.unasked, id) != 0)
		return true;
	snprintf(
		why, ACTION_WHY_MAX + 1,
		"it could not be installed when it was confirmed, so confirm= was not asked about this bundle; assign it anew");
	return false;
}

bool possible_now(const struct contact *c, const struct offer *o, char why[ACTION_WHY_MAX + 1])
{
	return possible_is(o, why) && was_asked_about(c, o->id, why);
}

bool possible_take(struct contact *c, const struct offer *o)
{
	char why[ACTION_WHY_MAX + 1];

	if (possible_now(c, o, why))
		return true;
	phase_set(c, ACTION_FAILED, why);
	return false;
}
