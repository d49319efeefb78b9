/* SPDX-License-Identifier: Apache-2.0 */
/* The program of `make powercut`. */
#include "tests/sim/powercut_threads.h"
#include "tests/sim/powercut_report.h"

#include <inttypes.h>
#include <string.h>

/* What `make powercut` is for: a story that is lost, or a geometry that shrinks, is noticed. */
#define LEAST_CUT_POINTS 200000u
#define LEAST_IMAGES	 2000000u

static const unsigned apart[] = { 20, 100, POWERCUT_APART_MAX }; /* images that are played apart */

static const char *size_name = "small";
static uint64_t w, c, limit, apart_most = UINT64_MAX, seed = 1;

static const struct report_option options[] = {
	{ "--size", .text = &size_name }, { "--w", .number = &w },
	{ "--c", .number = &c },	  { "--limit", .number = &limit },
	{ "--seed", .number = &seed },	  { "--apart", .number = &apart_most },
	{ NULL, .flag = NULL },
};

static enum powercut_size size(void)
{
	return size_name[0] == 'l'   ? POWERCUT_LONG
	       : size_name[0] == 'm' ? POWERCUT_MIDDLE
				     : POWERCUT_SMALL;
}

static const struct powercut_story *get(unsigned i)
{
	static struct powercut_story s;

	if (powercut_story_get(i, size(), &s) == NULL)
		return NULL;
	s.w = w != 0 ? (unsigned)w : s.w;
	s.c = c != 0 ? (unsigned)c : s.c;
	return &s;
}

static const char *story(unsigned i)
{
	return get(i) != NULL ? get(i)->name : NULL;
}

static bool common(unsigned i)
{
	return size() != POWERCUT_SMALL || !get(i)->heavy;
}

static void run(unsigned i, struct report_line *l)
{
	static struct powercut_walk walk;
	const struct powercut_story *s = get(i);

	powercut_walk_begin(&walk, s);
	walk.limit = limit != 0 ? limit : s->limit;
	walk.apart.most = apart_most < POWERCUT_APART_MAX ? (unsigned)apart_most : apart[size()];
	walk.apart.seed = walk.apart.random = seed;
	powercut_walk_run(&walk);
	powercut_report_take(l, &walk);
	powercut_child_end();
}

static bool replay(unsigned i, const char *way)
{
	return powercut_replay(get(i), way);
}

static void more(FILE *f, const struct report_line *l)
{
	if (l == NULL)
		fprintf(f, ", \"size\": \"%s\", \"seed\": %" PRIu64, size_name, seed);
}

static void end(const struct report_line *all, unsigned *passed, unsigned *failed)
{
	uint64_t cut_points = all->number[POWERCUT_REPORT_CUT_POINTS];
	uint64_t raw = all->number[POWERCUT_REPORT_RAW];

	printf("w: sectors that differ in a block; c: blocks behind the head; boots: the most that "
	       "it takes\nto come to rest, left alone; cuts, fixpoint: any number of them, one "
	       "after the other.\n");
	if (size() == POWERCUT_SMALL || report_asked.story != NULL || limit + w + c > 0 ||
	    (cut_points >= LEAST_CUT_POINTS && raw >= LEAST_IMAGES))
		return;
	printf("all stories: %" PRIu64 " cut points and %" PRIu64
	       " raw images; there have to be %u and %u\n",
	       cut_points, raw, LEAST_CUT_POINTS, LEAST_IMAGES);
	(void)passed;
	*failed += 1;
}

int main(int argc, char **argv)
{
	static const struct report r = {
		.name = "powercut",
		.usage = " [--size small|middle|long] [--w N] [--c N]\n"
			 "       [--limit IMAGES] [--apart IMAGES] [--seed N]",
		.options = options,
		.columns = powercut_report_columns,
		.story = story,
		.common = common,
		.run = run,
		.replay = replay,
		.more = more,
		.end = end,
	};

	return report_main(&r, argc, argv);
}
