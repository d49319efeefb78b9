/* SPDX-License-Identifier: Apache-2.0 */
/* Breadth first over worlds that differ: each process runs in each of them, is cut after each
 * operation, and has each operation fail. */
#include "tests/sim/datacut.h"
#include "tests/sim/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 16384

enum { WORLDS, RUNS, CUTS, FAULTS };

const struct report_column datacut_walk_columns[] = {
	{ "worlds", "worlds", REPORT_SUM },
	{ "runs", "runs", REPORT_SUM },
	{ "cuts", "images after cuts", REPORT_SUM },
	{ "faults", "faults", REPORT_SUM },
	{ NULL, NULL, REPORT_SUM },
};

static const struct story {
	const char *name;
	bool shares, subvolumes;
} stories[] = {
	{ "copy", false, false },	{ "reflink", true, false },
	{ "btrfs", true, true },	{ "reset", false, false }, /* datacut_anew.c */
	{ "reset-left", false, false },
};

/* ---------------------------------------------------------------- worlds in little room */

struct packed {
	struct packed *next;
	int runs; /* the slot that runs; DATACUT_NOBODY: it is switched off */
	unsigned depth;
	char *text;
};

uint64_t datacut_walk_depth = 4;

static struct packed *first, **last;
static struct set seen;
static struct report_line *line;
static unsigned depth_now;

static void pack(const struct datacut_world *w, int runs)
{
	static char text[TEXT_MAX];
	struct packed *p;
	size_t len;

	memset(text, 0, 64);
	len = (size_t)snprintf(text, sizeof(text), "%d %d %d '%s' '%s' %llu\n", runs, w->committed,
			       w->excused, w->old, w->trial, (unsigned long long)w->s.seq * 0);
	len += datacut_fs_print(&w->fs, text + len, sizeof(text) - len - STATE_PAYLOAD_MAX);
	text[len++] = '\0';
	{
		size_t used = 0;
		struct state s = w->s;

		/* Which record it is makes no difference, but that it is the one that charged. */
		s.open_token = s.open != STATE_NONE;
		if (state_encode(&s, text + len, sizeof(text) - len - 1, &used) != KB_OK)
			abort();
		len += used;
		text[len++] = '\0';
	}
	if (!set_add(&seen, set_key(text, len), 0))
		return;
	p = malloc(sizeof(*p));
	if (p == NULL || (p->text = malloc(len)) == NULL)
		abort();
	memcpy(p->text, text, len);
	p->runs = runs;
	p->depth = depth_now + 1;
	p->next = NULL;
	*last = p;
	last = &p->next;
	line->number[WORLDS]++;
}

static void unpack(struct datacut_world *w, const struct packed *p)
{
	const char *fs = strchr(p->text, '\n') + 1, *state = fs + strlen(fs) + 1;
	int committed, excused, ignored;

	memset(w, 0, sizeof(*w));
	if (sscanf(p->text, "%d %d %d", &ignored, &committed, &excused) != 3)
		abort();
	w->committed = committed != 0;
	w->excused = excused != 0;
	sscanf(strchr(p->text, '\'') + 1, "%7[^']", w->old);
	sscanf(strstr(p->text, "' '") + 3, "%7[^']", w->trial);
	datacut_fs_read(&w->fs, fs);
	if (state_decode(&w->s, state, strlen(state), STATE_FORMAT) != KB_OK)
		abort();
	w->s.seq = 10;
}

/* ---------------------------------------------------------------- one world */

static struct datacut_world cut_world;

static void add_image(const struct datacut_fs *fs)
{
	cut_world.fs = *fs;
	line->number[CUTS]++;
	pack(&cut_world, DATACUT_NOBODY);
}

static const char *const names[DATACUT_DOES] = { "boot",      "boot after a crash",
						 "mark good", "mark bad",
						 "switch",    "switch --once" };

static void violated(const struct packed *p, enum datacut_do what, const char *how, const char *why)
{
	(void)!report_violation(line, "", "%s%s: %s; in the world, at depth %u:\n%s\n%s",
				names[what], how, why, p->depth, p->text,
				p->text + strlen(p->text) + 1);
}

/* After a boot: the system runs, with what it finds; it may be switched off at any time. */
static void go_on(const struct packed *p, struct datacut_world *w, enum datacut_do what, int slot,
		  const char *how)
{
	const char *why;

	if (what > DATACUT_BOOT_CRASH) {
		pack(w, slot);
		pack(w, DATACUT_NOBODY);
		return;
	}
	if (slot == DATACUT_NOBODY) {
		violated(p, what, how, "nothing boots");
		return;
	}
	for (int writes = 0; writes < 2; writes++) {
		struct datacut_world after = *w;

		why = datacut_world_run(&after, slot, writes != 0, how[0] != '\0');
		if (why != NULL) {
			violated(p, what, how, why);
			return;
		}
		pack(&after, slot);
		pack(&after, DATACUT_NOBODY);
	}
}

static void cut_each(const struct packed *p, enum datacut_do what, unsigned turns)
{
	for (unsigned at = 1; at <= turns; at++) {
		bool cut;

		unpack(&cut_world, p);
		datacut_calls.fail_at = 0;
		datacut_calls.cut_at = at;
		(void)!datacut_world_do(&cut_world, what, p->runs, &cut);
		datacut_calls.cut_at = 0;
		if (cut)
			datacut_calls_images(add_image);
	}
}

static void fail_each(const struct packed *p, enum datacut_do what, unsigned turns, int error)
{
	for (unsigned at = 1; at <= turns; at++) {
		static struct datacut_world w;
		bool cut;
		int slot;

		unpack(&w, p);
		datacut_calls.cut_at = 0;
		datacut_calls.fail_at = at;
		datacut_calls.fail_with = error;
		slot = datacut_world_do(&w, what, p->runs, &cut);
		datacut_calls.fail_at = 0;
		line->number[FAULTS]++;
		/* What was not put back is, by a later boot: the state says so. */
		w.excused = w.s.data.phase == STATE_DATA_BACK || w.excused;
		go_on(p, &w, what, slot, error == EIO ? ", with an I/O error" : ", without room");
	}
}

static void run_one(const struct packed *p, enum datacut_do what)
{
	static struct datacut_world w;
	unsigned turns;
	bool cut;
	int slot;

	unpack(&w, p);
	datacut_calls.cut_at = datacut_calls.fail_at = 0;
	slot = datacut_world_do(&w, what, p->runs, &cut);
	if (slot == DATACUT_NOBODY && what > DATACUT_BOOT_CRASH)
		return;
	turns = datacut_calls.turn;
	line->number[RUNS]++;
	if (w.s.data.phase != STATE_DATA_BACK)
		w.excused = false; /* it was put back in the end */
	go_on(p, &w, what, slot, "");
	cut_each(p, what, turns);
	if (p->runs != DATACUT_NOBODY)
		return;
	fail_each(p, what, turns, EIO);
	fail_each(p, what, turns, ENOSPC);
}

const char *datacut_walk_story(unsigned i)
{
	return i < KB_ARRAY_LEN(stories) ? stories[i].name : NULL;
}

void datacut_walk_run(unsigned i, struct report_line *l)
{
	static struct datacut_world w;

	if (strncmp(stories[i].name, "reset", 5) == 0) {
		datacut_anew_run(l, strcmp(stories[i].name, "reset-left") == 0);
		return;
	}
	line = l;
	first = NULL;
	last = &first;
	datacut_calls.shares = stories[i].shares;
	datacut_world_init(&w, stories[i].subvolumes);
	pack(&w, DATACUT_NOBODY);
	for (struct packed *p = first; p != NULL; p = p->next) {
		int from = p->runs == DATACUT_NOBODY ? DATACUT_BOOT : DATACUT_GOOD;
		int end = p->runs == DATACUT_NOBODY ? DATACUT_BOOT_CRASH : DATACUT_ONCE;

		if (p->depth > datacut_walk_depth)
			return;
		depth_now = p->depth;
		for (int what = from; what <= end; what++)
			run_one(p, (enum datacut_do)what);
		if (l->violations > 20)
			return;
	}
}
