/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/standing.h"

#include "fleet/bring.h"
#include "fleet/drop.h"
#include "fleet/judge.h"
#include "fleet/reboot.h"

#include <stdio.h>
#include <string.h>

/* A boot found that a slot had changed since then. */
static bool is_fetched_anew(struct contact *c, bool lacked)
{
	if (!lacked || !bring_anew(c))
		return false;
	c->a.reported = ACTION_SEEN;
	return true;
}

/* Neither staged nor in a slot: a boot refused it, or a person did something else. */
static enum action_phase explain_loss(struct contact *c, char why[ACTION_WHY_MAX + 1])
{
	char reason[FACTS_TEXT_MAX + 1];
	bool lacked;

	if (c->a.phase == ACTION_GOOD)
		return judge_replaced(&c->facts, c->a.version, c->a.sequence, why);
	lacked = facts_refusal(&c->monitor, c->a.version, c->a.sequence, false, reason);
	if (reason[0] != '\0')
		snprintf(why, ACTION_WHY_MAX + 1, "%s was not installed: %s", c->a.version, reason);
	else
		snprintf(
			why, ACTION_WHY_MAX + 1,
			"%s is neither staged nor in a slot: it was unstaged, or another release took its place",
			c->a.version);
	return is_fetched_anew(c, lacked) ? ACTION_SEEN : ACTION_FAILED;
}

/* A boot installed what this action staged, and the record does not have that: a cut came before,
 * or a cancellation or withdrawal did not get to its end. */
static bool is_installed_unseen(const struct contact *c)
{
	const struct action *a = &c->a;

	return (a->phase == ACTION_SEEN || a->phase == ACTION_FETCHED) && action_has_staged(a) &&
	       judge_is_written(&c->facts, a->release);
}

/* While the server does not know the end, it is none yet: a day later, what was good may have
 * fallen back. */
static bool is_undecided(const struct contact *c)
{
	const struct action *a = &c->a;

	return a->phase == ACTION_STAGED || a->phase == ACTION_TRIAL ||
	       (a->phase == ACTION_GOOD && action_owes(a)) || is_installed_unseen(c);
}

static bool is_here(const struct contact *c, const char *release)
{
	return release[0] != '\0' &&
	       (strcmp(c->facts.staged, release) == 0 || judge_is_written(&c->facts, release));
}

bool standing_settle(struct contact *c)
{
	struct action *a = &c->a;

	return action_settle(a, is_here(c, a->own.release), is_here(c, a->before.release));
}

void standing_renew(struct contact *c)
{
	char why[ACTION_WHY_MAX + 1];
	enum action_phase phase;

	if (!is_undecided(c))
		return;
	phase = judge_asked(&c->facts, c->a.release, why);
	if (phase == ACTION_NONE)
		phase = explain_loss(c, why);
	if (phase == ACTION_STAGED)
		reboot_note(c, why);
	if (phase == c->a.phase && strcmp(why, c->a.why) == 0)
		return;
	if (phase != c->a.phase)
		c->a.tries = 0;
	if (c->a.phase < ACTION_STAGED && !c->dry_run)
		drop_bundle(c);
	c->a.phase = phase;
	memcpy(c->a.why, why, sizeof(c->a.why));
	contact_print("Action %s: %s", c->a.id, c->a.why);
	contact_save(c);
}
