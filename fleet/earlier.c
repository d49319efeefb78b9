/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/earlier.h"

#include "fleet/judge.h"
#include "fleet/reboot.h"
#include "fleet/report.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool is_own_staged(const struct contact *c)
{
	return c->facts.staged[0] != '\0' && strcmp(c->facts.staged, c->a.own.release) == 0;
}

/* It is no action's any more. */
static bool is_left(const struct contact *c)
{
	return is_own_staged(c) && !c->facts.staged_by_others &&
	       strcmp(c->a.own.release, c->a.release) != 0 &&
	       !judge_is_written(&c->facts, c->a.own.release);
}

/* NULL: the channel does not name it. */
static const struct channel_release *find_own(const struct contact *c,
					      const struct channel *channel)
{
	for (unsigned i = 0; i < channel->nreleases; i++)
		if (strcmp(channel->release[i].release, c->a.own.release) == 0)
			return &channel->release[i];
	return NULL;
}

uint64_t earlier_sequence(const struct contact *c)
{
	return is_own_staged(c) ? c->a.own.sequence : 0;
}

/* ---------------------------------------------------------------- withdrawn */

void earlier_note(struct contact *c, const char *version, const char *why)
{
	snprintf(c->a.own.version, sizeof(c->a.own.version), "%s", version);
	snprintf(c->a.own.withdrawn, sizeof(c->a.own.withdrawn), "%s", why);
}

void earlier_forget(struct contact *c)
{
	c->a.own.withdrawn[0] = '\0';
}

/* What the channel says of it now; r: NULL, nothing. Durable before it is unstaged; on a full disk,
 * no boot may install it all the same. */
static void heed(struct contact *c, const struct channel_release *r)
{
	char text[CHANNEL_REASON_MAX + 80] = "", why[ACTION_WHY_MAX + 1];

	if (r == NULL)
		return;
	if (r->withdrawn[0] != '\0' &&
	    (!is_left(c) || judge_is_begun(&c->facts, &c->a, c->a.own.release, why)))
		return;
	if (r->withdrawn[0] != '\0')
		snprintf(text, sizeof(text), "%.48s is withdrawn: %s", r->version, r->withdrawn);
	if (strcmp(text, c->a.own.withdrawn) == 0)
		return;
	earlier_note(c, r->version, text);
	contact_save(c);
}

/* false: it stays, for now. */
static bool unstage(struct contact *c)
{
	char why[ACTION_WHY_MAX + 1];
	int code;

	if (!is_left(c) || judge_is_begun(&c->facts, &c->a, c->a.own.release, why))
		return false;
	contact_print("%s; it %s unstaged", c->a.own.withdrawn, c->dry_run ? "would be" : "is");
	if (c->dry_run)
		return false;
	code = facts_unstage(&c->monitor, why);
	if (code == FACTS_OK || code == FACTS_NOTHING) {
		c->facts.staged[0] = '\0';
		/* On a full disk, that made room. */
		c->unsaved = false;
		return true;
	}
	if (code == FACTS_OTHERS) {
		c->facts.staged_by_others = true;
		return false;
	}
	contact_fail(c, "%s: cannot be unstaged: %s", c->a.own.version, why);
	return false;
}

/* Channels call an action by the beginning of its release. */
static void name_own(char id[URL_ID_MAX + 1], const struct action *a)
{
	snprintf(id, URL_ID_MAX + 1, "%.*s", FEED_ID_LEN, a->own.release);
}

/* Cut behind the report, it is sent again. */
static bool report_own(struct contact *c)
{
	char id[URL_ID_MAX + 1];
	bool kept;

	name_own(id, &c->a);
	kept = report_withdrawn(c, id, c->a.own.version, c->a.own.withdrawn);
	if (kept)
		earlier_forget(c);
	contact_save(c);
	return kept;
}

bool earlier_withdraw(struct contact *c, const struct channel *channel)
{
	heed(c, find_own(c, channel));
	if (c->a.own.withdrawn[0] == '\0')
		return true;
	/* A boot came before. */
	if (judge_is_written(&c->facts, c->a.own.release)) {
		earlier_forget(c);
		contact_save(c);
		return true;
	}
	if ((is_own_staged(c) && !unstage(c)) || c->dry_run)
		return true;
	return report_own(c);
}

/* ---------------------------------------------------------------- under way again */

void earlier_resume(struct contact *c, const struct channel *channel)
{
	const struct channel_release *r = find_own(c, channel);
	char why[ACTION_WHY_MAX + 1];

	if (!is_left(c) || c->a.own.withdrawn[0] != '\0' || c->dry_run ||
	    (c->a.phase != ACTION_NONE && c->a.phase != ACTION_FAILED) ||
	    judge_unasked(&c->facts, c->a.own.release, why) != ACTION_STAGED)
		return;
	if (r != NULL) {
		snprintf(c->a.own.version, sizeof(c->a.own.version), "%s", r->version);
		c->a.own.sequence = r->sequence;
	}
	/* An older program staged it, and noted no more than its release. */
	if (c->a.own.version[0] == '\0')
		return;
	/* A server that was followed meanwhile has taken the name from it (action_bind()). */
	if (c->a.own.id[0] == '\0') {
		name_own(c->a.own.id, &c->a);
		c->a.server = c->client.server;
	}
	action_begin(&c->a, c->a.own.id);
	memcpy(c->a.release, c->a.own.release, sizeof(c->a.release));
	memcpy(c->a.version, c->a.own.version, sizeof(c->a.version));
	c->a.sequence = c->a.own.sequence;
	c->a.phase = ACTION_STAGED;
	reboot_note(c, why);
	memcpy(c->a.why, why, sizeof(c->a.why));
	contact_print("Action %s: %s", c->a.id, c->a.why);
	contact_save(c);
}
