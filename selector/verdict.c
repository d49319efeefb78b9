/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/verdict.h"

#include "selector/data.h"
#include "selector/plan.h"

#include <string.h>

static bool is_whole_slot(const struct state *s, int slot)
{
	return slot >= 0 && slot < s->nslots && state_is_whole(&s->slot[slot]);
}

static bool token_fits(const struct state *s, int slot, uint64_t token)
{
	if (s->open != STATE_NONE)
		return s->open == slot && s->open_token == token && token != 0;
	return token == 0 || s->slot[slot].st == STATE_GOOD;
}

static void drop_staged(struct state *s, const uint8_t *release)
{
	if (s->staged.source == STATE_SRC_NONE ||
	    memcmp(s->staged.release, release, STATE_ID_LEN) != 0)
		return;
	s->staged = (struct state_staged){ .source = STATE_SRC_NONE };
}

static void forgive_applies(struct state *s, bool committed)
{
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++) {
		if (committed || plan_apply_forgivable(s, (enum state_source)i))
			s->apply[i] = (struct state_apply){ 0 };
	}
}

static void commit(struct state *s, struct state_slot *t, uint64_t floor)
{
	uint8_t retries = t->retries; /* until it has proved itself */

	if (t->has_release) {
		/* A floor above its own release would forbid to install again what runs. */
		if (floor > t->sequence)
			floor = t->sequence;
		state_add_applied(s, t->release);
		drop_staged(s, t->release);
	}
	if (floor > s->floor) {
		s->floor = floor;
		s->installs = 0; /* what was before it does not come back: no turns are taken */
	}
	s->back = 0; /* the slot that is good from now on says it */
	memset(s->unwritable, 0, sizeof(s->unwritable));
	s->nunwritable = 0;
	t->st = STATE_GOOD;
	t->ever_good = true;
	t->tries = 0;
	t->grace = STATE_GRACE;
	state_trust(t);
	t->retries = retries;
	state_set_text(t->reason, "");
	s->lr = STATE_NONE;
}

/*
 * Does the slot that reports become the preferred one? A rejected release that works does where an
 * older one is preferred that is in doubt, or lost its trust: else the older one comes back, and
 * stays. A trial does, but where a newer one was installed since: that would never be tried.
 */
static bool takes_over(const struct state *s, const struct state_slot *t)
{
	const struct state_slot *p = &s->slot[s->pref];

	if (t->st == STATE_TRIAL && p->st == STATE_TRIAL && p->tries > 0)
		return t->sequence >= p->sequence;
	if (t->st == STATE_TRIAL || !state_is_usable(p))
		return true;
	return t->st == STATE_BAD && (state_lost_trust(p) || state_is_in_doubt(p)) &&
	       t->sequence > p->sequence;
}

static void come_closer(struct state_slot *t)
{
	if (!state_is_trusted(t) && t->wait > 0)
		t->wait--;
}

/* Is there another slot to go to? at_all: also one that the next crash takes its trust from. */
static bool is_another_fit(const struct state *s, int slot, bool at_all)
{
	for (int i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		if (i != slot && state_is_fit(t) && (at_all || !state_is_in_doubt(t)))
			return true;
	}
	return false;
}

/* The slot runs, and the others are in no better case: they come closer to a chance. */
static void outlast_doubt(struct state *s, int slot)
{
	s->slot[slot].doubt = 0;
	for (int i = 0; i < s->nslots; i++)
		if (i != slot)
			come_closer(&s->slot[i]);
}

/* What resets took that nothing explains is given back, and those that had it let it go. */
static void change_places(struct state *s, int slot)
{
	struct state_slot *t = &s->slot[slot];

	t->streak = STATE_STREAK_LIMIT - 1;
	t->doubt = 0;
	t->wait = 0;
	for (int i = 0; i < s->nslots; i++)
		if (i != slot && state_is_in_doubt(&s->slot[i]))
			state_add_doubt(&s->slot[i]);
}

/*
 * Every slot that reports is reset soon after, without a known cause: it is the plug rather than
 * the slots. Then the preferred one goes on, and no report leads to a last resort.
 */
static void weigh_doubt(struct state *s, int slot)
{
	struct state_slot *t = &s->slot[slot];

	if (t->st != STATE_GOOD || t->doubt == 0)
		return;
	if (state_is_in_doubt(t) && !is_another_fit(s, slot, true))
		outlast_doubt(s, slot);
	else if (state_lost_trust(t) && slot == s->pref && !is_another_fit(s, slot, false))
		change_places(s, slot);
}

/* Its kernel could not write it. */
static void note_came_up(struct state *s, int slot)
{
	if (s->open == slot)
		s->handed = 0;
}

enum kb_err verdict_good(struct state *s, int slot, uint64_t token, uint64_t floor_of_release,
			 bool *committed)
{
	struct state_slot *t;

	*committed = false;
	if (!is_whole_slot(s, slot))
		return KB_EINVAL;
	if (!token_fits(s, slot, token))
		return KB_ESTALE;
	t = &s->slot[slot];
	if (takes_over(s, t))
		s->pref = (int8_t)slot;
	if (t->st != STATE_GOOD) {
		commit(s, t, floor_of_release);
		data_commit(s, slot);
		*committed = true;
	}
	weigh_doubt(s, slot);
	note_came_up(s, slot);
	if (t->has_release)
		state_del_rejected(s, t->release);
	s->clean = false;
	s->last = (int8_t)slot;
	s->lr_count = 0;
	forgive_applies(s, *committed);
	if (!state_any_retries(s))
		s->installs = 0;
	s->rebuilt = false;
	return KB_OK;
}

enum kb_err verdict_proven(struct state *s, int slot, uint64_t token)
{
	struct state_slot *t;

	if (slot < 0 || slot >= s->nslots || s->slot[slot].st != STATE_GOOD)
		return KB_EINVAL;
	if (!token_fits(s, slot, token))
		return KB_ESTALE;
	t = &s->slot[slot];
	if (s->open != STATE_NONE && s->pref != slot)
		come_closer(&s->slot[s->pref]); /* once for each boot */
	state_trust(t);
	t->grace = STATE_GRACE;
	state_set_text(t->reason, "");
	state_close_attempt(s);
	s->last = (int8_t)slot;
	s->lr = STATE_NONE;
	s->lr_count = 0;
	if (!state_any_retries(s))
		s->installs = 0;
	return KB_OK;
}

/* A good slot beside this one: trusted ones first, the one that proved itself last before others.
 */
static int find_other_good(const struct state *s, int slot)
{
	int best = STATE_NONE, best_rank = 4;

	for (int i = 0; i < s->nslots; i++) {
		int rank = !state_is_trusted(&s->slot[i]) * 2 + (s->last != i);

		if (i == slot || s->slot[i].st != STATE_GOOD || rank >= best_rank)
			continue;
		best = i;
		best_rank = rank;
	}
	return best;
}

enum kb_err verdict_bad(struct state *s, int slot, const char *reason)
{
	struct state_slot *t;
	int other;

	if (!is_whole_slot(s, slot))
		return KB_EINVAL;
	t = &s->slot[slot];
	t->grace = 0;
	t->streak = 0;
	t->doubt = 0;
	state_set_text(t->reason, reason);
	state_reject(s, t);
	if (s->open == slot)
		state_close_attempt(s);
	if (s->oneshot == slot)
		s->oneshot = STATE_NONE;
	other = find_other_good(s, slot);
	if (s->pref == slot && other != STATE_NONE)
		s->pref = (int8_t)other;
	return KB_OK;
}

enum kb_err verdict_clean(struct state *s, int slot, uint64_t token)
{
	if (slot == STATE_NONE || s->open != slot || token == 0 || s->open_token != token)
		return KB_ESTALE;
	s->clean = true;
	note_came_up(s, slot);
	return KB_OK;
}

static bool has_failed(const struct state *s, const struct state_slot *t)
{
	return !state_is_fit(t) || (t->has_release && state_is_rejected(s, t->release));
}

/* Without this the choice would have no effect: only slots that are trusted boot for good. */
static void give_another_chance(struct state_slot *t, uint8_t tries)
{
	state_trust(t);
	if (state_is_fit(t))
		return;
	t->st = STATE_TRIAL;
	t->tries = tries;
	t->grace = STATE_GRACE;
}

enum kb_err verdict_switch(struct state *s, int slot, bool once, bool force, uint8_t tries)
{
	struct state_slot *t;

	if (s->newer)
		return KB_ENEWER;
	if (!is_whole_slot(s, slot))
		return KB_EINVAL;
	t = &s->slot[slot];
	if (t->sequence < s->floor)
		return KB_EDOWNGRADE;
	if (has_failed(s, t) && !force)
		return KB_EREJECTED;
	if (once) {
		s->oneshot = (int8_t)slot;
		return KB_OK;
	}
	if (has_failed(s, t)) {
		give_another_chance(t, tries);
		data_retry(s);
	}
	s->pref = (int8_t)slot;
	s->oneshot = STATE_NONE;
	return KB_OK;
}
