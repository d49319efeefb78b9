/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/powercut_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WAY_MAX 1024

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
		snprintf(to, size, "%s, to the end%s", powercut_program_name[n->program],
			 n->up ? "; its system runs" : "; restarted");
	else
		snprintf(to, size, "%s, %s after %u operations%s",
			 powercut_program_name[n->program],
			 n->reset == POWERCUT_CRASH ? "reset" : "cut", n->cut_at, lost);
}

/* Which image was drawn, the walk up to there decides: so all of it is done again. */
static void put_again(FILE *f, const struct powercut_walk *w, const uint32_t *way, unsigned n)
{
	fprintf(f, "--w %u --c %u ", w->story->w, w->story->c);
	if (w->apart.wrong != NULL) {
		fprintf(f, "--limit %" PRIu64 " --apart %u --seed %" PRIu64, w->limit,
			w->apart.most, w->apart.seed);
		return;
	}
	fputs("--replay ", f);
	for (unsigned i = 1; i < n; i++)
		fprintf(f, "%s%" PRIx64, i > 1 ? "," : "", w->node[way[i]].key);
	if (n == 1)
		fputs("0", f);
}

static void put_violation(struct report_line *l, const struct powercut_walk *w)
{
	static uint32_t way[WAY_MAX];
	unsigned n = way_to(w, w->violation_at, way);
	char step[160], *again = NULL;
	size_t len;
	FILE *f = open_memstream(&again, &len);

	if (f == NULL)
		abort();
	put_again(f, w, way, n);
	fclose(f);
	/* Half a command would replay something else. */
	report_violation(
		l, w->node[way[0]].parent == POWERCUT_WALK_NONE ? again : "(the way is too long)",
		"%s", w->violation);
	for (unsigned i = 0; i < n; i++) {
		powercut_report_step(step, sizeof(step), &w->node[way[i]]);
		printf("  %2u. %s\n", i, step);
	}
	if (w->apart.wrong != NULL) {
		printf("  played apart, a cut after %u operations has left:\n",
		       w->apart.wrong->cut_at);
		powercut_view_print(w->apart.wrong->im);
	}
	free(again);
}

const struct report_column powercut_report_columns[] = {
	{ "sectors", "w", REPORT_OWN },
	{ "blocks", "c", REPORT_OWN },
	{ "runs", "programs", REPORT_SUM },
	{ "cut_points", "cut points", REPORT_SUM },
	{ "raw_images", "raw images", REPORT_SUM },
	{ "distinct_images", "distinct", REPORT_SUM },
	{ "max_consecutive_cuts", "cuts", REPORT_LEAST },
	{ "boots_to_settle", "boots", REPORT_MOST },
	{ "cut_runs", NULL, REPORT_SUM },
	{ "played_apart", "apart", REPORT_SUM },
	{ "torn_systems", NULL, REPORT_SUM },
	{ "endings_checked", NULL, REPORT_OWN },
	{ NULL, NULL, REPORT_OWN },
};

void powercut_report_take(struct report_line *l, const struct powercut_walk *w)
{
	/* All that fewer cuts lead to was looked at, and gone on with from there. */
	const uint64_t complete = w->fixpoint ? REPORT_FIXPOINT : w->at > 0 ? w->at - 1 : 0;
	const uint64_t number[] = {
		w->story->w, w->story->c,  w->runs,   w->cut_points,   w->cut.raw, w->images,
		complete,    w->max_boots, w->reruns, w->apart.played, w->torn,	   w->endings,
	};

	memcpy(l->number, number, sizeof(number));
	if (w->violation[0] != '\0')
		put_violation(l, w);
}
