/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/drop.h"

#include "fleet/judge.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

bool drop_is_late(const struct contact *c, char why[ACTION_WHY_MAX + 1])
{
	memcpy(why, c->a.why, sizeof(c->a.why));
	if (c->a.phase >= ACTION_TRIAL)
		return true;
	/* Of a boot that others caused, the record does not know yet. */
	if (judge_is_written(&c->facts, c->a.release))
		return judge_release(&c->facts, c->a.release, why) != ACTION_NONE;
	return judge_is_begun(&c->facts, &c->a, c->a.release, why);
}

void drop_bundle(struct contact *c)
{
	if (c->a.kept == 0)
		files_bundle_drop(&c->files);
}

void drop_action(struct contact *c, const char *why)
{
	contact_print("Action %s: %s", c->a.id, why);
	/* A download that was all that was wanted is kept: the next action may want to install it.
	 */
	if (c->a.phase != ACTION_FETCHED || c->a.only_download == 0)
		drop_bundle(c);
	action_begin(&c->a, "");
	contact_save(c);
}

/* Cut before the end of this, or without an answer, the next contact does the rest; or a boot comes
 * first, and standing_renew() finds what it installed. */
bool drop_staged(struct contact *c, bool without_record, char why[FACTS_TEXT_MAX + 1])
{
	c->a.phase = c->a.reported = ACTION_SEEN;
	snprintf(why, FACTS_TEXT_MAX + 1, "the record cannot be written");
	if (!contact_save(c) && !without_record)
		return false;
	if (c->facts.staged[0] == '\0' || strcmp(c->facts.staged, c->a.release) != 0)
		return true;
	switch (facts_unstage(&c->monitor, why)) {
	case FACTS_OK:
	case FACTS_NOTHING:
		c->facts.staged[0] = '\0';
		/* On a full disk, that made room. */
		c->unsaved = false;
		return true;
	case FACTS_OTHERS:
		c->facts.staged_by_others = true;
		return true;
	default:
		return false;
	}
}

bool drop_unoffered(struct contact *c)
{
	char why[ACTION_WHY_MAX + 1];

	if (judge_is_begun(&c->facts, &c->a, c->a.release, why))
		return false;
	/* What another action staged is not this one's to take back. */
	if (!action_has_staged(&c->a) ||
	    judge_release(&c->facts, c->a.release, why) == ACTION_NONE || drop_staged(c, true, why))
		return true;
	contact_fail(c, "action %s: cannot be unstaged: %s", c->a.id, why);
	return false;
}
