/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold: on every image that a cut leaves, for every system that is entered, for every
 * operation. I1 to I9 are those of docs/PROOF.md. */
#include "tests/sim/powercut.h"

static const char *const verbs[] = { "written", "zeroed", "discarded", "flushed" };

static const struct cut_content *slot_of(const struct powercut_image *im, int slot)
{
	return &im->disk[POWERCUT_A + slot];
}

/* NULL: no whole one. */
static const struct bundles_release *release_in(const struct cut_content *slot)
{
	int r = powercut_view_content(slot, POWERCUT_WHOLE);

	return r == POWERCUT_NONE ? NULL : &powercut_release[r];
}

/* Notes what is wrong, if anything. */
static void fail(struct powercut_walk *w, uint32_t i, const char *wrong)
{
	if (wrong != NULL)
		powercut_walk_fail(w, i, "%s", wrong);
}

/* ---------------------------------------------------------------- the exception */

uint8_t powercut_check_hurt(const struct powercut_walk *w, uint32_t i)
{
	unsigned hurt = 0;

	for (int slot = 0; powercut_map_exact_first && slot < POWERCUT_SLOTS; slot++) {
		const struct cut_content *c = slot_of(w->node[i].im, slot);
		bool bad = w->node[i].hurt >> slot & 1 || cut_content_bad_of(c, 0) != 0;

		if (bad && powercut_first_shows(cut_content_page(c, 0)) != 0)
			hurt |= 1u << slot;
	}
	return (uint8_t)hurt;
}

static enum powercut_torn how_torn(const struct powercut_walk *w, uint32_t i, int slot)
{
	return w->node[i].hurt >> slot & 1 ? POWERCUT_HEALED : POWERCUT_TORN;
}

/* ---------------------------------------------------------------- images */

/* What the state calls whole is whole, byte for byte, and what it says that it is (I6, I7). */
static void check_claim(struct powercut_walk *w, uint32_t i, const struct state *s, int slot)
{
	const struct cut_content *c = slot_of(w->node[i].im, slot);
	const struct state_slot *t = &s->slot[slot];

	if (t->st != STATE_GOOD && !(t->st == STATE_TRIAL && t->tries > 0))
		return;
	if (!t->has_release &&
	    (!powercut_view_mounts(c) || powercut_view_content(c, how_torn(w, i, slot)) >= 0))
		return;
	fail(w, i, check_slot(s, slot, release_in(c)));
}

/* Something that boots is there, however the state reads (I5). */
static void check_candidate(struct powercut_walk *w, uint32_t i, const struct powercut_view *v)
{
	for (int slot = 0; slot < POWERCUT_SLOTS; slot++) {
		const struct cut_content *c = slot_of(w->node[i].im, slot);
		bool bootable = !v->found || (v->s.slot[slot].st != STATE_EMPTY &&
					      v->s.slot[slot].st != STATE_WRITING);

		if (!bootable || !powercut_view_mounts(c))
			continue;
		if (powercut_view_content(c, POWERCUT_WHOLE) >= 0 ||
		    (w->node[i].lost_all && powercut_view_content(c, how_torn(w, i, slot)) >= 0))
			return;
	}
	powercut_walk_fail(w, i, "no slot is left that boots");
}

/* The story took the state away, or began without one. */
static bool may_be_without(const struct powercut_walk *w, uint32_t i)
{
	return w->node[i].lost_all || w->story->no_state;
}

void powercut_check_image(struct powercut_walk *w, uint32_t i)
{
	static struct powercut_view v;

	powercut_view_read(&w->node[i].im->disk[POWERCUT_STATE], &v);
	powercut_check_record(w, i, &v);
	if (!may_be_without(w, i))
		fail(w, i, check_record(v.found ? STORE_FOUND : STORE_LOST));
	check_candidate(w, i, &v);
	powercut_pairs_check_image(w, i, &v);
	if (!v.found)
		return;
	fail(w, i, check_floor(&v.s, 1));
	for (int slot = 0; slot < POWERCUT_SLOTS; slot++)
		check_claim(w, i, &v.s, slot);
}

/* ---------------------------------------------------------------- operations */

static bool has_tries(const struct state *s)
{
	for (int slot = 0; slot < POWERCUT_SLOTS; slot++)
		if (s->slot[slot].st == STATE_TRIAL && s->slot[slot].tries > 0)
			return true;
	return false;
}

/*
 * A slot is touched only while both regions say that it is being written (I6): whichever of them is
 * lost, the other says so. A state that was lost is there again before a slot is.
 */
void powercut_check_op(struct powercut_walk *w, uint32_t i, enum powercut_program program,
		       const struct powercut_op *op)
{
	static struct powercut_view v;
	static uint64_t known;
	const struct cut_content *state = &w->disk[POWERCUT_STATE].durable;
	int slot = powercut_pairs_slot(op->disk);

	if (op->kind == CUT_FLUSH || slot == POWERCUT_NONE)
		return;
	if (known != state->hash) {
		powercut_view_read(state, &v);
		known = state->hash;
	}
	if (!v.found)
		powercut_walk_fail(w, i, "slot %c is %s without a valid record of the state",
				   state_slot_letter(slot), verbs[op->kind & 3]);
	else
		fail(w, i, check_touched(&v.s, v.writing, slot, verbs[op->kind & 3]));
	if (program == POWERCUT_BOOT && v.found && v.s.rebuilt && has_tries(&v.s))
		powercut_walk_fail(w, i,
				   "slot %c is %s by itself while a slot of a rebuilt state "
				   "is still to be tried",
				   state_slot_letter(slot), verbs[op->kind & 3]);
}

/* ---------------------------------------------------------------- what is entered */

static int slot_that_runs(const struct powercut_run *r)
{
	return r->slot[0] - 'a';
}

uint8_t powercut_check_trials(struct powercut_walk *w, uint32_t from, const struct powercut_run *r)
{
	static struct powercut_view v;
	int slot = slot_that_runs(r);
	bool any = false;

	powercut_view_read(&w->disk[POWERCUT_STATE].durable, &v);
	for (int k = 0; k < POWERCUT_SLOTS; k++)
		any |= v.s.slot[k].st == STATE_TRIAL;
	if (!v.found || !any || slot < 0 || slot >= POWERCUT_SLOTS)
		return 0;
	return (uint8_t)(w->node[from].trials + (v.s.slot[slot].st == STATE_TRIAL));
}

void powercut_check_entered(struct powercut_walk *w, uint32_t from, uint32_t to)
{
	static struct powercut_view v;
	unsigned most = STATE_TRIES + (w->story->blind ? 0 : STATE_GRACE);
	int slot, holds;

	if (to == POWERCUT_WALK_NONE || w->node[to].im == NULL) /* looked at before */
		return;
	slot = slot_that_runs(&w->node[to].im->run);
	if (slot < 0 || slot >= POWERCUT_SLOTS) {
		powercut_walk_fail(w, from, "nobody knows which slot was entered");
		return;
	}
	powercut_view_read(&w->node[to].im->disk[POWERCUT_STATE], &v);
	holds = powercut_view_content(slot_of(w->node[to].im, slot), POWERCUT_WHOLE);
	w->node[to].runs = (int8_t)holds;
	if (holds == POWERCUT_NONE && w->node[to].lost_all &&
	    powercut_view_content(slot_of(w->node[to].im, slot), how_torn(w, to, slot)) >= 0)
		w->torn++;
	else
		fail(w, to, check_entered(&v.s, slot, release_in(slot_of(w->node[to].im, slot))));
	powercut_pairs_check_entered(w, to, &v.s, slot);
	/* A state that is made anew gives every slot its tries; a lost region can take the last
	 * charge with it. */
	if (may_be_without(w, to))
		most *= 1 + POWERCUT_SLOTS;
	else if (w->node[to].lost)
		most++;
	if (w->node[to].trials > most)
		powercut_walk_fail(w, to, "a trial is booted for the %uth time",
				   w->node[to].trials);
}

/* ---------------------------------------------------------------- what a system does */

static bool knows_update(const struct state *s, int *trial)
{
	const uint8_t *id = powercut_release[POWERCUT_NEW].id;
	bool known = state_is_rejected(s, id);

	*trial = STATE_NONE;
	for (int i = 0; i < POWERCUT_SLOTS; i++) {
		const struct state_slot *t = &s->slot[i];

		if (!t->has_release || memcmp(t->release, id, STATE_ID_LEN) != 0)
			continue;
		known = true;
		if (t->st == STATE_TRIAL && t->tries > 0)
			*trial = i;
	}
	return known;
}

static enum powercut_program update_acts(const struct powercut_story *s,
					 const struct powercut_node *n, const struct state_slot *t)
{
	if (s->does == POWERCUT_CRASHES)
		return POWERCUT_CRASH_ITSELF;
	if (s->does == POWERCUT_HANGS)
		return POWERCUT_HANG_ITSELF;
	if (s->does == POWERCUT_IS_BAD)
		return t->st == STATE_BAD ? POWERCUT_MARK_CLEAN : POWERCUT_MARK_BAD;
	return n->marked ? POWERCUT_PROGRAMS : POWERCUT_MARK_GOOD;
}

static enum powercut_program old_acts(const struct powercut_story *s, const struct powercut_node *n,
				      const struct state *st)
{
	int trial;

	if (s->unproven && s->command && !knows_update(st, &trial))
		return POWERCUT_INSTALL;
	/* As its unit does at each boot. */
	if (!n->marked)
		return POWERCUT_MARK_GOOD;
	if (!s->command)
		return POWERCUT_PROGRAMS;
	if (!knows_update(st, &trial))
		return POWERCUT_INSTALL;
	return trial != STATE_NONE && st->pref == trial ? POWERCUT_MARK_CLEAN : POWERCUT_PROGRAMS;
}

static enum powercut_standing standing(const struct powercut_node *n, const struct state *s,
				       int slot)
{
	const struct state_slot *t = &s->slot[slot];

	if (t->st != STATE_GOOD || s->open != STATE_NONE)
		return POWERCUT_UNDECIDED;
	if (n->runs == POWERCUT_NEW)
		return POWERCUT_COMMITTED;
	/* Proven, and then left because it went down too often: its streak says so. */
	if (s->slot[1 - slot].st == STATE_GOOD && s->slot[1 - slot].streak >= STATE_STREAK_LIMIT)
		return POWERCUT_REFUSED;
	if (n->switched || s->slot[1 - slot].st == STATE_GOOD)
		return POWERCUT_WENT_BACK;
	/* Both were tried anew, since nothing was left that said which is the newer; where its
	 * source has been emptied since, nobody installs the update again. The state says why. */
	if (n->lost_all && s->slot[1 - slot].st == STATE_TRIAL &&
	    s->slot[1 - slot].reason[0] != '\0')
		return POWERCUT_REFUSED;
	/* Its source took the device down too often: the state says so as well. */
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		if (s->apply[i].count >= STATE_APPLY_LIMIT)
			return POWERCUT_REFUSED;
	return state_is_rejected(s, powercut_release[POWERCUT_NEW].id) ? POWERCUT_REFUSED
								       : POWERCUT_UNDECIDED;
}

unsigned powercut_check_acts(struct powercut_walk *w, uint32_t i, enum powercut_program *first,
			     enum powercut_program also[3])
{
	static struct powercut_view v;
	struct powercut_node *n = &w->node[i];
	int slot = slot_that_runs(&n->im->run);
	const struct powercut_story *s = w->story;
	unsigned more = 0;

	powercut_view_read(&n->im->disk[POWERCUT_STATE], &v);
	n->slot = (int8_t)slot;
	n->runs = (int8_t)powercut_view_content(slot_of(n->im, slot), POWERCUT_WHOLE);
	n->standing = standing(n, &v.s, slot);
	if (n->switched && v.s.pref != slot) /* it may wait for healthy boots of this one */
		*first = n->marked ? POWERCUT_MARK_CLEAN : POWERCUT_MARK_GOOD;
	else if (n->runs == POWERCUT_NEW)
		*first = update_acts(s, n, &v.s.slot[slot]);
	else
		*first = old_acts(s, n, &v.s);
	/* From its first retry on it works, or the distances would grow without end. */
	if (s->does == POWERCUT_FLAKY && n->runs == POWERCUT_NEW && !n->marked &&
	    v.s.slot[slot].retries == 0)
		also[more++] = POWERCUT_CRASH_ITSELF;
	if (s->events & POWERCUT_REBOOTS && *first != POWERCUT_MARK_CLEAN)
		also[more++] = POWERCUT_MARK_CLEAN;
	if (s->events & POWERCUT_ROLLS_BACK && !n->switched && n->marked &&
	    n->runs == POWERCUT_NEW && v.s.slot[1 - slot].st == STATE_GOOD)
		also[more++] = POWERCUT_SWITCH;
	return more;
}
