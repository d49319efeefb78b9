/* SPDX-License-Identifier: Apache-2.0 */
/* What is not on the disk: which slot runs, what is staged, and what the server heard. */
#include "tests/sim/fleetcut.h"

struct fleetcut_around_log *fleetcut_around_log;

void fleetcut_around_fresh(struct fleetcut_around *is)
{
	*is = (struct fleetcut_around){ .stands = { FLEETCUT_WORKS, FLEETCUT_EMPTY } };
}

void fleetcut_around_begin(const struct filecut_image *im)
{
	struct fleetcut_around_log *log = fleetcut_around_log;

	log->before = log->now;
	log->n = 0;
	log->wrong = NULL;
	fleetcut_ends_count(im, log->due);
}

int fleetcut_around_slot(const struct fleetcut_around *is, unsigned action)
{
	for (int i = 0; i < 2; i++)
		if (is->stands[i] != FLEETCUT_EMPTY && is->has[i] == action)
			return i;
	return -1;
}

/* ---------------------------------------------------------------- within a contact */

static void note(void)
{
	struct fleetcut_around_log *log = fleetcut_around_log;

	bundles_must(log->n < KB_ARRAY_LEN(log->change), "changes");
	log->change[log->n].nops = fleetcut_run_rec->nops;
	log->change[log->n++].is = log->now;
}

void fleetcut_around_stage(unsigned action)
{
	fleetcut_around_log->now.staged = (uint8_t)action;
	note();
}

/* It is good, and an older one runs. */
static bool is_fallback(const struct fleetcut_around *is, unsigned action)
{
	int slot = fleetcut_around_slot(is, action);

	return slot >= 0 && slot != is->booted && is->has[is->booted] < action;
}

static bool is_true(const struct fleetcut_around *is, unsigned action, bool success)
{
	if ((is->bare >> action & 1) != 0)
		return !success;
	return success ? (is->was_good >> action & 1) != 0 && !is_fallback(is, action)
		       : (is->fell_back >> action & 1) != 0;
}

static const char *judge(const struct fleetcut_around_log *log, unsigned action, bool success)
{
	uint8_t took = log->now.took[action];

	if (action == 0 || action > log->now.newest)
		return "the server hears an end of no action";
	if (!is_true(&log->now, action, success))
		return "the server hears another end than the action had";
	if (took == FLEETCUT_FAILURE && success)
		return "the server hears of a success behind the failure that it has";
	return took != FLEETCUT_NOTHING && log->due[action] == 0
		       ? "an end is sent again, of which is noted that the server has it"
		       : NULL;
}

void fleetcut_around_hear(unsigned action, bool success)
{
	struct fleetcut_around_log *log = fleetcut_around_log;
	const char *wrong = judge(log, action, success);

	log->wrong = log->wrong != NULL ? log->wrong : wrong;
	if (action >= FLEETCUT_ACTIONS)
		return;
	log->due[action] -= log->due[action] > 0;
	log->now.took[action] = success ? FLEETCUT_SUCCESS : FLEETCUT_FAILURE;
	note();
}

/* ---------------------------------------------------------------- between two */

/* The bundle of the third one is too large for here. */
static bool assign(struct fleetcut_around *is)
{
	is->newest += is->newest < 2;
	return true;
}

static bool assign_bare(struct fleetcut_around *is)
{
	if (is->newest + 1u == FLEETCUT_ACTIONS)
		return false;
	is->bare |= (uint8_t)(1u << ++is->newest);
	return true;
}

static bool boot_staged(struct fleetcut_around *is)
{
	uint8_t slot = !is->booted;

	if (is->staged == 0)
		return false;
	is->has[slot] = is->staged;
	is->stands[slot] = FLEETCUT_TRIAL;
	is->booted = slot;
	is->staged = 0;
	is->boots ^= 1;
	return true;
}

static bool prove(struct fleetcut_around *is)
{
	if (is->stands[is->booted] != FLEETCUT_TRIAL)
		return false;
	is->stands[is->booted] = FLEETCUT_WORKS;
	is->was_good |= (uint8_t)(1u << is->has[is->booted]);
	return true;
}

static bool fall_back(struct fleetcut_around *is)
{
	uint8_t from = is->booted, to = !from;

	if (is->stands[to] != FLEETCUT_WORKS || is->has[to] > is->has[from])
		return false;
	if (is->stands[from] == FLEETCUT_TRIAL)
		is->stands[from] = FLEETCUT_BAD;
	is->fell_back |= (uint8_t)(1u << is->has[from]);
	is->booted = to;
	is->boots ^= 1;
	return true;
}

bool fleetcut_around_happens(struct fleetcut_around *is, enum fleetcut_verb v)
{
	static bool (*const events[FLEETCUT_VERBS])(struct fleetcut_around *) = {
		[FLEETCUT_ASSIGN] = assign,    [FLEETCUT_BARE] = assign_bare,
		[FLEETCUT_BOOT] = boot_staged, [FLEETCUT_GOOD] = prove,
		[FLEETCUT_BACK] = fall_back,
	};

	return events[v](is);
}
