/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EFI Boot Guard does with two environments, as a model beside the code; and each way from
 * each state to each choice, cut at each write.
 */
#include "selector/loader/loader_bgplan.h"
#include "selector/state.h"
#include "tests/unit/test.h"

enum { NOTHING = -2 };

/* ---------------------------------------------------------------- the loader: load_config() of it
 */

/* What it starts, and what it makes of the environments. first: which one it finds first. What it
 * starts by an environment that it does not believe is NOTHING that counts. */
static int start(struct loader_bgplan *p, int first)
{
	int order[2] = { first, 1 - first }, newest = 0, before = 0, current;
	uint32_t newest_rev = 0, before_rev = 0;
	struct loader_bgenv *e;

	for (int i = 0; i < 2; i++) {
		const struct loader_bgenv *is = &p->env[order[i]];

		if (is->sound && is->revision > newest_rev) {
			before_rev = newest_rev;
			before = newest;
			newest_rev = is->revision;
			newest = i;
		} else if (is->sound && is->revision > before_rev) {
			before_rev = is->revision;
			before = i;
		}
	}
	e = &p->env[order[newest]];
	current = newest;
	if (e->in_progress) {
		current = before;
	} else if (e->ustate == LOADER_BGENV_TESTING) {
		e->ustate = LOADER_BGENV_FAILED;
		e->revision = 0;
		current = before;
	} else if (e->ustate == LOADER_BGENV_INSTALLED) {
		e->ustate = LOADER_BGENV_TESTING;
	}
	return p->env[order[current]].sound ? p->slot[order[current]] : NOTHING;
}

/* What starts, time after time: the first start, the second, the third. */
struct starts {
	int at[3];
};

static struct starts starts_of(const struct loader_bgplan *p, int first)
{
	struct loader_bgplan is = *p;
	struct starts s;

	for (unsigned i = 0; i < KB_ARRAY_LEN(s.at); i++)
		s.at[i] = start(&is, first);
	return s;
}

static bool starts_always(const struct loader_bgplan *p, int slot)
{
	for (int first = 0; first < 2; first++) {
		struct starts s = starts_of(p, first);

		if (s.at[0] != slot || s.at[1] != slot || s.at[2] != slot)
			return false;
	}
	return true;
}

static bool starts_once(const struct loader_bgplan *p, int once, int then)
{
	for (int first = 0; first < 2; first++) {
		struct starts s = starts_of(p, first);

		if (s.at[0] != once || s.at[1] != then || s.at[2] != then)
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- all states */

static const uint32_t revisions[] = { 0, 1, 2, 7, UINT32_MAX - 1, UINT32_MAX };

#define STATES (6 * 5 * 2 * 3 + 1)

static void set_copy(struct loader_bgplan *p, int copy, unsigned n)
{
	struct loader_bgenv *e = &p->env[copy];

	memset(e, 0, sizeof(*e));
	p->slot[copy] = STATE_NONE;
	if (n == STATES - 1)
		return;
	e->sound = true;
	e->revision = revisions[n % 6];
	e->ustate = (uint8_t)(n / 6 % 5);
	e->in_progress = n / 30 % 2 != 0;
	p->slot[copy] = (int8_t)((int)(n / 60) - 1);
}

static void each_state(void (*visit)(struct loader_bgplan *p))
{
	struct loader_bgplan p = { .is_dead = { false, false } };

	for (unsigned a = 0; a < STATES; a++)
		for (unsigned b = 0; b < STATES; b++) {
			set_copy(&p, 0, a);
			set_copy(&p, 1, b);
			visit(&p);
		}
}

/* As loader_efibg.c has it. */
static enum kb_err read_choice(const struct loader_bgplan *p, struct loader_choice *c)
{
	int carrier, pending;

	*c = (struct loader_choice){ STATE_NONE, STATE_NONE, 0 };
	if (loader_bgplan_look(p, &carrier, &pending) != LOADER_BGPLAN_KNOWN)
		return KB_EFORMAT;
	c->preset = p->slot[carrier];
	c->once = pending < 0 ? STATE_NONE : p->slot[pending];
	return KB_OK;
}

static void believes(struct loader_bgplan *p)
{
	struct loader_choice c;
	int carrier, pending;
	struct starts s[2] = { starts_of(p, 0), starts_of(p, 1) };

	if (loader_bgplan_look(p, &carrier, &pending) != LOADER_BGPLAN_KNOWN)
		return;
	OK(read_choice(p, &c));
	for (int first = 0; first < 2; first++)
		EQUAL((s[first].at[0], pending < 0 ? c.preset : c.once), (s[first].at[1], c.preset),
		      (s[first].at[2], c.preset));
}

TEST(what_is_known_is_what_the_loader_starts)
{
	each_state(believes);
}

/* A state that the loader falls back from by itself is known: nothing is refused for no reason. */
static void knows(struct loader_bgplan *p)
{
	struct loader_choice c;

	for (int slot = 0; slot < 2; slot++)
		if (starts_always(p, slot) && !p->env[0].in_progress && !p->env[1].in_progress &&
		    p->env[0].ustate == LOADER_BGENV_OK && p->env[1].ustate == LOADER_BGENV_OK &&
		    p->env[0].revision != p->env[1].revision)
			EQUAL((read_choice(p, &c), KB_OK), (c.preset, slot), (c.once, STATE_NONE));
}

TEST(plain_states_are_known)
{
	each_state(knows);
}

/* ---------------------------------------------------------------- ways */

static void become(struct loader_bgplan *p, const struct loader_bgplan_step *s)
{
	struct loader_bgenv *e = &p->env[s->copy];

	e->sound = true;
	e->in_progress = false;
	e->ustate = s->ustate;
	e->revision = s->revision;
	p->slot[s->copy] = s->slot;
}

static void cut(struct loader_bgplan *p, const struct loader_bgplan_step *s)
{
	memset(&p->env[s->copy], 0, sizeof(p->env[0]));
	p->slot[s->copy] = STATE_NONE;
}

/* Walks to want, and calls check for what each cut leaves, and for what stands behind each write.
 */
static enum kb_err walk(struct loader_bgplan *p, const struct loader_choice *want,
			bool (*check)(const struct loader_bgplan *p))
{
	struct loader_bgplan_step s;

	for (unsigned i = 0; i <= LOADER_BGPLAN_STEPS; i++) {
		struct loader_bgplan torn = *p;

		TRY(loader_bgplan_next(p, want, &s));
		if (s.copy < 0)
			return KB_OK;
		cut(&torn, &s);
		assert_true(check(&torn));
		become(p, &s);
		assert_true(check(p));
	}
	fail_msg("more than %d writes", LOADER_BGPLAN_STEPS);
	return KB_EIO;
}

static int from, to, once;

static bool starts_either(const struct loader_bgplan *p)
{
	return starts_always(p, from) || starts_always(p, to);
}

static bool starts_preset_or_once(const struct loader_bgplan *p)
{
	return starts_always(p, from) || starts_once(p, once, from);
}

static bool anything(const struct loader_bgplan *p)
{
	(void)p;
	return true;
}

/* A trial that runs is on its way out already: what it falls back to is what counts. */
static void sets_preset(struct loader_bgplan *p)
{
	struct loader_choice is;

	for (to = 0; to < 2; to++) {
		struct loader_choice want = { (int8_t)to, STATE_NONE, 0 };
		struct loader_bgplan at = *p;

		if (read_choice(p, &is) != KB_OK || is.preset == STATE_NONE ||
		    is.once != STATE_NONE)
			continue;
		from = is.preset;
		OK(walk(&at, &want, starts_either));
		assert_true(starts_always(&at, to));
		EQUAL((read_choice(&at, &is), KB_OK), (is.preset, to), (is.once, STATE_NONE));
	}
}

TEST(preset_is_the_old_one_or_the_new_one_whatever_is_cut)
{
	each_state(sets_preset);
}

static void sets_once(struct loader_bgplan *p)
{
	struct loader_choice is;

	for (once = 0; once < 2; once++) {
		struct loader_bgplan at = *p;
		struct loader_choice want;

		if (read_choice(p, &is) != KB_OK || is.preset == STATE_NONE ||
		    is.once != STATE_NONE)
			continue;
		from = is.preset;
		want = (struct loader_choice){ is.preset, (int8_t)once, 0 };
		OK(walk(&at, &want, starts_preset_or_once));
		assert_true(starts_once(&at, once, from));
		EQUAL((read_choice(&at, &is), KB_OK), (is.preset, from), (is.once, once));
	}
}

TEST(what_is_started_once_is_followed_by_the_preset_whatever_is_cut)
{
	each_state(sets_once);
}

static bool never_without(const struct loader_bgplan *p)
{
	for (int first = 0; first < 2; first++) {
		struct starts s = starts_of(p, first);

		for (unsigned i = 0; i < KB_ARRAY_LEN(s.at); i++)
			if (s.at[i] != from && s.at[i] != once)
				return false;
	}
	return true;
}

static void forgets_once(struct loader_bgplan *p)
{
	struct loader_choice is, want;
	struct loader_bgplan at = *p;

	if (read_choice(p, &is) != KB_OK || is.preset == STATE_NONE || is.once == STATE_NONE)
		return;
	from = is.preset;
	once = is.once;
	want = (struct loader_choice){ is.preset, STATE_NONE, 0 };
	OK(walk(&at, &want, never_without));
	assert_true(starts_always(&at, from));
}

TEST(once_is_forgotten_and_the_preset_stays)
{
	each_state(forgets_once);
}

/* One that is sound is enough to get to a preset: what a power cut in any write leaves. */
static void mends(struct loader_bgplan *p)
{
	bool ends = p->env[0].revision == UINT32_MAX || p->env[1].revision == UINT32_MAX;
	struct loader_choice is;

	for (to = 0; to < 2; to++) {
		struct loader_choice want = { (int8_t)to, STATE_NONE, 0 };
		struct loader_bgplan at = *p;
		enum kb_err err = walk(&at, &want, anything);

		if (!p->env[0].sound && !p->env[1].sound)
			EQUAL((err, KB_EFORMAT));
		else if (!ends)
			EQUAL((err, KB_OK));
		if (err == KB_OK)
			EQUAL((read_choice(&at, &is), KB_OK), (is.preset, to),
			      (is.once, STATE_NONE));
	}
}

TEST(one_sound_environment_is_enough_to_set_a_preset)
{
	each_state(mends);
}

/* ---------------------------------------------------------------- a life, in words */

static struct loader_bgplan life(uint32_t revision_a, uint8_t ustate_b, uint32_t revision_b)
{
	return (struct loader_bgplan){
		.env = { { .sound = true, .revision = revision_a },
			 { .sound = true, .ustate = ustate_b, .revision = revision_b } },
		.slot = { 0, 1 }
	};
}

TEST(trial_takes_one_write_and_so_does_its_commitment)
{
	const struct loader_choice trial = { 0, 1, 0 }, good = { 1, STATE_NONE, 0 };
	struct loader_bgplan p = life(2, LOADER_BGENV_OK, 1);
	struct loader_bgplan_step s;

	OK(loader_bgplan_next(&p, &trial, &s));
	EQUAL((s.copy, 1), (s.slot, 1), (s.ustate, LOADER_BGENV_INSTALLED), (s.revision, 3));
	become(&p, &s);
	OK(loader_bgplan_next(&p, &trial, &s));
	EQUAL((s.copy, -1));
	EQUAL((start(&p, 0), 1));
	OK(loader_bgplan_next(&p, &good, &s));
	EQUAL((s.copy, 1), (s.slot, 1), (s.ustate, LOADER_BGENV_OK), (s.revision, 3));
}

TEST(equal_revisions_are_said_and_told_apart)
{
	const struct loader_choice want = { 1, STATE_NONE, 0 };
	struct loader_bgplan p = life(5, LOADER_BGENV_OK, 5);
	struct loader_bgplan_step s;
	int carrier, pending;

	EQUAL((loader_bgplan_look(&p, &carrier, &pending), LOADER_BGPLAN_EQUAL));
	OK(loader_bgplan_next(&p, &want, &s));
	EQUAL((s.copy, 0), (s.slot, 0), (s.ustate, LOADER_BGENV_FAILED), (s.revision, 0));
}

TEST(lone_trial_has_nothing_to_fall_back_to)
{
	struct loader_bgplan p = life(0, LOADER_BGENV_TESTING, 5);
	int carrier, pending;

	p.env[0].sound = false;
	EQUAL((loader_bgplan_look(&p, &carrier, &pending), LOADER_BGPLAN_ALONE));
	p.env[0] = (struct loader_bgenv){ .sound = true,
					  .revision = 4,
					  .ustate = LOADER_BGENV_TESTING };
	EQUAL((loader_bgplan_look(&p, &carrier, &pending), LOADER_BGPLAN_UNSETTLED));
	p.env[1].sound = p.env[0].sound = false;
	EQUAL((loader_bgplan_look(&p, &carrier, &pending), LOADER_BGPLAN_DAMAGED));
	p = life(0, LOADER_BGENV_OK, 0);
	EQUAL((loader_bgplan_look(&p, &carrier, &pending), LOADER_BGPLAN_NONE));
}

TEST(lone_trial_is_made_good_in_its_place_only_where_the_other_cannot_be_written)
{
	const struct loader_choice good = { 1, STATE_NONE, 0 };
	struct loader_bgplan p = life(0, LOADER_BGENV_TESTING, 5);
	struct loader_bgplan_step s;

	p.env[0].sound = false;
	OK(loader_bgplan_next(&p, &good, &s));
	EQUAL((s.copy, 0), (s.slot, 1), (s.ustate, LOADER_BGENV_OK), (s.revision, 6));
	p.is_dead[0] = true;
	OK(loader_bgplan_next(&p, &good, &s));
	EQUAL((s.copy, 1), (s.slot, 1), (s.ustate, LOADER_BGENV_OK), (s.revision, 5));
}

TEST_MAIN("loader_bgplan")
