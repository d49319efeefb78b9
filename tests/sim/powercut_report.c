/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/powercut.h"

static const char *const resets[] = {
	[POWERCUT_UNKNOWN] = "unexplained",
	[POWERCUT_POWER] = "power cut",
	[POWERCUT_CRASH] = "watchdog",
	[POWERCUT_WARM] = "warm reset",
};

/* ---------------------------------------------------------------- the way to a node */

static void name_step(char *to, size_t size, const struct powercut_node *n)
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

/* The keys of the nodes on the way to that one, without the beginning. */
static void put_keys(FILE *f, const struct powercut_walk *w, uint32_t at)
{
	uint32_t parent = w->node[at].parent;

	if (parent == POWERCUT_WALK_NONE)
		return;
	put_keys(f, w, parent);
	fprintf(f, "%" PRIx64 ",", w->node[at].key);
}

static unsigned print_steps(const struct powercut_walk *w, uint32_t at)
{
	unsigned n = at == POWERCUT_WALK_NONE ? 0 : print_steps(w, w->node[at].parent);
	char step[160];

	if (at == POWERCUT_WALK_NONE)
		return 0;
	name_step(step, sizeof(step), &w->node[at]);
	printf("  %2u. %s\n", n, step);
	return n + 1;
}

/* Which image was drawn, the walk up to there decides: so all of it is done again. */
static void put_violation(struct report_line *l, const struct powercut_walk *w)
{
	const struct powercut_apart *a = &w->apart;
	char *again = NULL;
	size_t len;
	FILE *f = open_memstream(&again, &len);

	if (f == NULL)
		abort();
	fprintf(f, "--w %u --c %u ", w->story->w, w->story->c);
	if (a->wrong != NULL) {
		fprintf(f, "--limit %" PRIu64 " --apart %u --seed %" PRIu64, w->limit, a->most,
			a->seed);
	} else {
		fputs("--replay ", f);
		put_keys(f, w, w->violation_at);
		fputs("0", f);
	}
	fclose(f);
	report_violation(l, again, "%s", w->violation);
	print_steps(w, w->violation_at);
	if (a->wrong != NULL) {
		printf("  played apart, a cut after %u operations has left:\n", a->wrong->cut_at);
		powercut_view_print(w->story, a->wrong->im);
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

/* ---------------------------------------------------------------- one way once more, step by step
 */

static void print_node(const struct powercut_walk *w, unsigned step, uint32_t at)
{
	char text[160];

	name_step(text, sizeof(text), &w->node[at]);
	printf("%u. %s\n", step, text);
	powercut_view_print(w->story, w->node[at].im);
}

/* From there, left alone, up to what was passed before; then what the walk asks of all ways. */
static void follow_to_rest(struct powercut_walk *w, unsigned step, uint32_t at)
{
	printf("Left alone:\n");
	w->uncut = true;
	for (at = w->node[at].next; at != POWERCUT_WALK_NONE && w->violation[0] == '\0';
	     at = w->node[at].next) {
		print_node(w, step++, at);
		if (w->node[at].looked) {
			printf("And so on.\n");
			break;
		}
		powercut_walk_expand(w, at);
	}
	w->loud = false;
	if (w->violation[0] == '\0')
		powercut_end_settle(w);
	if (w->violation[0] == '\0')
		powercut_end_check(w);
}

bool powercut_report_replay(const struct powercut_story *s, const char *keys)
{
	static struct powercut_walk w;
	uint32_t at = 0;
	unsigned step = 1;
	char *end;

	printf("%s: %s\n", s->name, s->about);
	powercut_walk_begin(&w, s);
	w.loud = true;
	print_node(&w, 0, 0);
	for (; *keys != '\0'; keys = *end == ',' ? end + 1 : end) {
		uint64_t key = strtoull(keys, &end, 16);

		if (key == 0)
			break;
		powercut_walk_expand(&w, at);
		at = powercut_walk_find(&w, key);
		if (at == POWERCUT_WALK_NONE || w.node[at].im == NULL) {
			printf("%s does not come of that\n", keys);
			return false;
		}
		print_node(&w, step++, at);
	}
	printf("From here:\n");
	powercut_walk_expand(&w, at);
	follow_to_rest(&w, step, at);
	if (w.violation[0] != '\0')
		printf("VIOLATION: %s\n", w.violation);
	return w.violation[0] == '\0';
}
