/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/powercut_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WAY_MAX 1024

static const char *const programs[] = {
	[POWERCUT_BOOT] = "boot",
	[POWERCUT_MARK_GOOD] = "keelboot mark good",
	[POWERCUT_MARK_BAD] = "keelboot mark bad",
	[POWERCUT_MARK_CLEAN] = "keelboot mark clean",
	[POWERCUT_INSTALL] = "keelboot install",
	[POWERCUT_SWITCH] = "keelboot switch other",
	[POWERCUT_PROGRAMS] = "",
};

static const char *const resets[] = {
	[POWERCUT_UNKNOWN] = "nothing tells why",
	[POWERCUT_POWER] = "power cut",
	[POWERCUT_CRASH] = "watchdog",
	[POWERCUT_WARM] = "warm reset",
};

/* ---------------------------------------------------------------- the way to a node */

static unsigned way_to(const struct powercut_walk *w, uint32_t at, uint32_t way[WAY_MAX])
{
	unsigned n = 0;

	for (; at != POWERCUT_WALK_NONE && n < WAY_MAX; at = w->node[at].parent)
		way[n++] = at;
	for (unsigned i = 0; i < n / 2; i++) {
		uint32_t t = way[i];

		way[i] = way[n - 1 - i];
		way[n - 1 - i] = t;
	}
	return n;
}

void powercut_report_step(char *to, size_t size, const struct powercut_node *n)
{
	const char *lost = n->lost ? ", the state was lost" : "";

	if (n->parent == POWERCUT_WALK_NONE)
		snprintf(to, size, "the beginning");
	else if (n->program == POWERCUT_PROGRAMS && !n->up)
		snprintf(to, size, "without power (%s)%s", resets[n->reset], lost);
	else if (n->program_ended)
		snprintf(to, size, "%s, to the end%s", programs[n->program],
			 n->up ? "; its system runs" : "; restarted");
	else
		snprintf(to, size, "%s, %s after %u operations%s", programs[n->program],
			 n->reset == POWERCUT_CRASH ? "reset" : "cut", n->cut_at, lost);
}

__attribute__((format(printf, 2, 3))) static void put(struct powercut_line *l, const char *fmt, ...)
{
	size_t used = strlen(l->way);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->way + used, sizeof(l->way) - used, fmt, ap);
	va_end(ap);
}

static void put_replay(struct powercut_line *l, const struct powercut_walk *w, const uint32_t *way,
		       unsigned n)
{
	const struct powercut_draw *d = &w->apart.now;
	const char *comma = "";

	put(l, "  replay: build/tests/sim/powercut_sim --story %s --w %u --c %u --replay ", l->name,
	    l->w, l->c);
	for (unsigned i = 1; i < n; i++) {
		put(l, "%s%" PRIx64, comma, w->node[way[i]].key);
		comma = ",";
	}
	if (d->is)
		put(l, "%s~%u:%u:%" PRIx64, comma, d->program, d->cut_at, d->seed);
	else if (n == 1)
		put(l, "0");
	put(l, "\n");
}

/* What was drawn stands for itself: the way is that to the node whose program was cut. */
static void put_way(struct powercut_line *l, const struct powercut_walk *w)
{
	static uint32_t way[WAY_MAX];
	const struct powercut_draw *d = &w->apart.now;
	unsigned n = way_to(w, d->is ? d->from : w->violation_at, way);
	char step[160];

	for (unsigned i = 0; i < n; i++) {
		powercut_report_step(step, sizeof(step), &w->node[way[i]]);
		put(l, "  %2u. %s\n", i, step);
	}
	if (d->is)
		put(l, "  %2u. %s, cut after %u operations: an image drawn by seed %" PRIx64 "\n",
		    n, programs[d->program], d->cut_at, d->seed);
	put_replay(l, w, way, n);
	/* Half a command would replay something else. */
	if (strlen(l->way) + 1 < sizeof(l->way) && w->node[way[0]].parent == POWERCUT_WALK_NONE)
		return;
	snprintf(l->way, sizeof(l->way), "  the way has more than %u steps, and is not told\n",
		 n - 1);
}

void powercut_report_take(struct powercut_line *l, const struct powercut_walk *w, double seconds)
{
	const struct powercut_story *s = w->story;

	snprintf(l->name, sizeof(l->name), "%s", s->name);
	snprintf(l->about, sizeof(l->about), "%s", s->about);
	l->w = s->w;
	l->c = s->c;
	l->unit = s->unit;
	l->cut_points = w->cut_points;
	l->raw = w->cut.raw;
	l->images = w->images;
	l->nodes = w->n;
	l->runs = w->runs;
	l->reruns = w->reruns;
	l->cuts = w->max_cuts;
	l->boots = w->max_boots;
	l->given_up_at = w->given_up_at;
	l->fixpoint = w->fixpoint;
	l->endings = w->endings;
	/* All that fewer cuts lead to was looked at, and gone on with from there. */
	l->complete = w->at > 0 ? w->at - 1 : 0;
	l->apart = w->apart.played;
	l->torn = w->torn;
	l->seconds = seconds;
	snprintf(l->violation, sizeof(l->violation), "%s", w->violation);
	if (l->violation[0] != '\0')
		put_way(l, w);
	l->run = true;
}

/* ---------------------------------------------------------------- tables */

static void put_cuts(FILE *f, const char *key, const struct powercut_line *l)
{
	if (l->fixpoint)
		fprintf(f, "\"%s\": \"fixpoint\"", key);
	else
		fprintf(f, "\"%s\": %u", key, l->complete);
}

static void sum_up(struct powercut_line *all, const struct powercut_line *l, unsigned n)
{
	memset(all, 0, sizeof(*all));
	all->fixpoint = true;
	for (unsigned i = 0; i < n; i++) {
		if (l[i].name[0] == '\0')
			continue;
		all->cut_points += l[i].cut_points;
		all->raw = all->raw > UINT64_MAX - l[i].raw ? UINT64_MAX : all->raw + l[i].raw;
		all->images += l[i].images;
		all->runs += l[i].runs;
		all->unit += !l[i].run || l[i].violation[0] != '\0'; /* violations */
		all->c++;					     /* stories */
		if (!l[i].fixpoint && (all->fixpoint || l[i].complete < all->complete))
			all->complete = l[i].complete;
		all->fixpoint &= l[i].fixpoint;
		all->cuts = l[i].cuts > all->cuts ? l[i].cuts : all->cuts;
		all->seconds += l[i].seconds;
		all->apart += l[i].apart;
		all->torn += l[i].torn;
	}
}

static void put_story(FILE *f, const struct powercut_line *l)
{
	fprintf(f,
		"{\"story\": \"%s\", \"sectors\": %u, \"blocks\": %u, "
		"\"physical_sector\": %u, \"cut_points\": %" PRIu64 ", \"raw_images\": %" PRIu64
		", \"distinct_images\": %" PRIu64 ", ",
		l->name, l->w, l->c, l->unit * 512, l->cut_points, l->raw, l->images);
	put_cuts(f, "max_consecutive_cuts", l);
	fprintf(f,
		", \"bounded\": %s, \"longest_way_cuts\": %u, \"runs\": %" PRIu64
		", \"cut_runs\": %" PRIu64 ", \"played_apart\": %u, \"torn_systems\": %" PRIu64
		", \"endings_checked\": %s, \"boots_to_settle\": %u, \"given_up_after_cuts\": %u, "
		"\"seconds\": %.1f, \"died\": %s, \"violations\": %d}",
		l->fixpoint ? "false" : "true", l->cuts, l->runs, l->reruns, l->apart, l->torn,
		l->endings ? "true" : "false", l->boots, l->given_up_at, l->seconds,
		l->run ? "false" : "true", !l->run || l->violation[0] != '\0');
}

void powercut_report_json(FILE *f, const char *size, uint64_t seed, const struct powercut_line *l,
			  unsigned n)
{
	static struct powercut_line all;
	const char *comma = "";

	sum_up(&all, l, n);
	fprintf(f,
		"{\n\"size\": \"%s\", \"stories\": %u, \"cut_points\": %" PRIu64
		", \"raw_images\": %" PRIu64 ", \"distinct_images\": %" PRIu64 ", ",
		size, all.c, all.cut_points, all.raw, all.images);
	put_cuts(f, "max_consecutive_cuts", &all);
	fprintf(f,
		", \"played_apart\": %u, \"seed\": %" PRIu64 ", \"torn_systems\": %" PRIu64
		", \"violations\": %u,\n\"per_story\": [",
		all.apart, seed, all.torn, all.unit);
	for (unsigned i = 0; i < n; i++) {
		if (l[i].name[0] == '\0')
			continue;
		fprintf(f, "%s\n  ", comma);
		put_story(f, &l[i]);
		comma = ",";
	}
	fprintf(f, "\n]}\n");
}

static const char *verdict(const struct powercut_line *l)
{
	return !l->run ? "ITS EXPLORER DIED" : l->violation[0] != '\0' ? "VIOLATION" : l->about;
}

static void put_row(FILE *f, const struct powercut_line *l)
{
	fprintf(f,
		"%-14s %3u %3u %9" PRIu64 " %10" PRIu64 " %12" PRIu64 " %8" PRIu64
		" %9s %5u %6.0f  %s\n",
		l->name, l->w, l->c, l->runs, l->cut_points, l->raw, l->images,
		l->fixpoint ? "fixpoint" : "bounded", l->boots, l->seconds, verdict(l));
}

void powercut_report_table(FILE *f, const char *size, uint64_t seed, const struct powercut_line *l,
			   unsigned n)
{
	static struct powercut_line all;

	sum_up(&all, l, n);
	fprintf(f, "Power cuts, geometry \"%s\"\n\n%-14s %3s %3s %9s %10s %12s %8s %9s %5s %6s\n",
		size, "story", "w", "c", "programs", "cut points", "raw images", "distinct", "cuts",
		"boots", "s");
	for (unsigned i = 0; i < n; i++)
		if (l[i].name[0] != '\0')
			put_row(f, &l[i]);
	fprintf(f,
		"%-14s %3s %3s %9" PRIu64 " %10" PRIu64 " %12" PRIu64 " %8" PRIu64
		" %9s %5s %6.0f\n",
		"all", "", "", all.runs, all.cut_points, all.raw, all.images,
		all.fixpoint ? "fixpoint" : "bounded", "", all.seconds);
	fprintf(f,
		"\nw: sectors that differ in a block; c: blocks behind the head; boots: the most "
		"that it takes\nto come to rest, left alone; fixpoint: any number of cuts one "
		"after the other.\n%u images were played apart, seed %" PRIu64 "; %" PRIu64
		" systems were entered that decision 0042 excepts.\n",
		all.apart, seed, all.torn);
}
