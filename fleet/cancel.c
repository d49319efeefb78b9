/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cancel.h"

#include "fleet/drop.h"
#include "fleet/ends.h"
#include "fleet/judge.h"
#include "fleet/tell.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

void cancel_look(struct contact *c, const char *id)
{
	if (c->a.too_late[0] == '\0' || strcmp(c->a.too_late, id) == 0)
		return;
	c->a.too_late[0] = '\0';
	contact_save(c);
}

/* Once, for as long as the server shows it. */
static void reject(struct contact *c, const char *id, const char *why)
{
	if (strcmp(c->a.too_late, id) == 0 || !tell_cancelled(c, id, false, why))
		return;
	contact_print("Action %s: too late to cancel: %s", id, why);
	snprintf(c->a.too_late, sizeof(c->a.too_late), "%s", id);
	contact_save(c);
}

/* What a person staged is theirs, and the next boot installs it. */
#define STAYS "cancelled; it stays staged here, since a person staged it, too"

static bool stays_staged(const struct contact *c, const char *release)
{
	return c->facts.staged_by_others && release[0] != '\0' &&
	       strcmp(c->facts.staged, release) == 0;
}

static void fail(struct contact *c, const char *id, const char *why)
{
	contact_fail(c, "action %s: cannot be cancelled: %s", id, why);
}

/* The one that is on record, in the phase that decides. */
static void cancel_current(struct contact *c, const char *id)
{
	char why[ACTION_WHY_MAX + 1];

	if (drop_is_late(c, why))
		reject(c, id, why);
	else if (!drop_staged(c, false, why))
		fail(c, id, why);
	else if (tell_cancelled(c, id, true,
				stays_staged(c, c->a.release)
					? STAYS
					: "cancelled; nothing of it was installed"))
		drop_action(c, "cancelled by the server");
}

/* ---------------------------------------------------------------- one that is not on record */

/* There is no record: it was lost, and this action may have been on it. */
static bool is_record_lost(const struct contact *c)
{
	return c->a.phase == ACTION_NONE && c->a.own.release[0] == '\0';
}

/* What this action staged before another one took its place on record. */
static bool has_staged(const struct contact *c, const char *stop)
{
	return c->a.own.release[0] != '\0' && strcmp(c->a.own.id, stop) == 0;
}

/* It has ended, and the server does not know that yet; or something is in a slot that may be its.
 */
static bool is_late(const struct contact *c, const char *stop, char why[ACTION_WHY_MAX + 1])
{
	if (ends_why(c, stop, why))
		return true;
	if (is_record_lost(c))
		return judge_has_trial(&c->facts, why) ||
		       judge_is_begun(&c->facts, &c->a, c->facts.staged, why);
	if (!has_staged(c, stop))
		return false;
	if (judge_is_written(&c->facts, c->a.own.release))
		return judge_release(&c->facts, c->a.own.release, why) != ACTION_NONE;
	return judge_is_begun(&c->facts, &c->a, c->a.own.release, why);
}

/* What is staged may be this action's. An older program noted no id. */
static bool may_be_staged(const struct contact *c, const char *stop)
{
	const char *staged = c->facts.staged;

	if (staged[0] == '\0' || is_record_lost(c))
		return staged[0] != '\0';
	return strcmp(staged, c->a.own.release) == 0 && strcmp(staged, c->a.release) != 0 &&
	       (c->a.own.id[0] == '\0' || has_staged(c, stop));
}

/* false: it is answered, or tried again. */
static bool unstage_other(struct contact *c, const char *id)
{
	char why[FACTS_TEXT_MAX + 1];

	switch (facts_unstage(&c->monitor, why)) {
	case FACTS_OK:
	case FACTS_NOTHING:
		c->facts.staged[0] = '\0';
		return true;
	case FACTS_OTHERS:
		c->facts.staged_by_others = true;
		if (!is_record_lost(c))
			return true;
		reject(c, id, "another release is staged here, and no record says by whom");
		return false;
	default:
		fail(c, id, why);
		return false;
	}
}

static void cancel_other(struct contact *c, const char *id, const char *stop)
{
	char why[ACTION_WHY_MAX + 1];

	if (is_late(c, stop, why)) {
		reject(c, id, why);
		return;
	}
	if (may_be_staged(c, stop) && !unstage_other(c, id))
		return;
	(void)!tell_cancelled(
		c, id, true,
		has_staged(c, stop) && stays_staged(c, c->a.own.release)
			? STAYS
			: "nothing of it is staged here; it was not known, or closed before");
}

void cancel_answer(struct contact *c, const char *id)
{
	char path[URL_ID_MAX + 32], stop[URL_ID_MAX + 1];
	const char *why;
	enum client_end end;

	snprintf(path, sizeof(path), "cancelAction/%s", id);
	end = contact_get(c, path);
	if (end != CLIENT_OK)
		c->failed = c->failed || (end != CLIENT_MISSING && end != CLIENT_OVER);
	else if (ddi_read_cancel(stop, c->client.text, c->client.len, &why) != KB_OK)
		fail(c, id, why);
	else if (c->dry_run)
		contact_print(
			"Action %s would be cancelled, or it would be answered that it is too late.",
			stop);
	else if (strcmp(stop, c->a.id) == 0 && !action_is_closed(&c->a))
		cancel_current(c, id);
	else
		cancel_other(c, id, stop);
}
