/* SPDX-License-Identifier: Apache-2.0 */
/* What attempt_run() boots, in its unit tests. */
#pragma once

#include "selector/attempt.h"
#include "tests/unit/states.h"

/* A machine whose slots behave as told, and which writes down what is done to it. */
struct machine {
	enum kb_err fit[STATE_SLOTS_MAX];
	enum kb_err mounts[STATE_SLOTS_MAX];
	enum kb_err looks[STATE_SLOTS_MAX];
	enum kb_err hands[STATE_SLOTS_MAX];
	bool starts_by_itself[STATE_SLOTS_MAX]; /* the loader; it was asked for this kernel once */
	unsigned fail_saves;			/* bit i: the save number i fails */
	unsigned saves;
	uint64_t seq;
	struct state disk;
	bool taken; /* during the delay the slot is given to an install, which does not end */
	bool next_run_accepts;
	char trace[200];
};

static struct machine m;
static struct state s;	 /* that is booted */
static struct attempt a; /* and how */

static void note(const char *what, int slot)
{
	size_t n = strlen(m.trace);

	snprintf(m.trace + n, sizeof(m.trace) - n, "%s%c ", what,
		 slot == STATE_NONE ? '.' : state_slot_letter(slot));
}

static enum kb_err op_save(void *ctx, struct state *to)
{
	if (m.fail_saves >> m.saves++ & 1) {
		note("fail", to->open);
		return KB_EIO;
	}
	to->seq = ++m.seq;
	if (to->open != STATE_NONE && to->open_token == 0)
		to->open_token = to->seq;
	if (to->handed != 0)
		to->handed = to->open_token;
	note("save", to->open);
	m.disk = *to;
	return KB_OK;
}

static enum kb_err op_preflight(void *ctx, int slot, char *reason)
{
	snprintf(reason, STATE_STR_MAX, "not fit");
	return m.fit[slot];
}

static enum kb_err op_mount(void *ctx, int slot, char *reason)
{
	note("mount", slot);
	snprintf(reason, STATE_STR_MAX, "no mount");
	return m.mounts[slot];
}

static void op_delay(void *ctx, int slot)
{
	note("delay", slot);
	if (m.taken)
		s.slot[slot].st = STATE_WRITING;
}

static bool op_next_run_accepts(void *ctx)
{
	return m.next_run_accepts;
}

static enum kb_err op_look_for_pair(void *ctx, int slot, char *reason)
{
	snprintf(reason, STATE_STR_MAX, "not asked");
	return m.looks[slot];
}

static enum kb_err op_hand_over(void *ctx, int slot, char *reason)
{
	note("hand", slot);
	snprintf(reason, STATE_STR_MAX, "not heard");
	return m.hands[slot];
}

static bool op_go_back(void *ctx, int slot)
{
	note("back", slot);
	return m.starts_by_itself[slot];
}

static const struct attempt_ops ops = { .save = op_save,
					.preflight = op_preflight,
					.mount = op_mount,
					.last_resort_delay = op_delay,
					.next_run_accepts = op_next_run_accepts,
					.look_for_pair = op_look_for_pair,
					.hand_over = op_hand_over,
					.go_back = op_go_back };

static void set_up(void)
{
	memset(&m, 0, sizeof(m));
	a = (struct attempt){ .forced = STATE_NONE };
	states_trial(&s);
}

/* Boots s, of which the disk holds the same. */
static enum kb_err boot(void)
{
	a.disk = m.disk = s;
	m.seq = 100;
	return attempt_run(&a, &s, &ops, NULL);
}

#define DONE(text) assert_string_equal(m.trace, text)

/* And this is done to the machine until a slot is mounted. */
#define BOOTS(text)         \
	do {                \
		OK(boot()); \
		DONE(text); \
	} while (0)
