/* SPDX-License-Identifier: Apache-2.0 */
/* One way through a story once more, told step by step. */
#include "tests/sim/powercut_report.h"

#include <inttypes.h>
#include <stdlib.h>

static void tell(const struct powercut_walk *w, unsigned step, uint32_t at)
{
	char text[160];

	powercut_report_step(text, sizeof(text), &w->node[at]);
	printf("%u. %s\n", step, text);
	powercut_view_print(w->node[at].im);
}

/* What a violation of what was played apart has behind its keys: "~PROGRAM:OPERATIONS:SEED". */
static bool take_draw(const char *text, uint32_t from, struct powercut_draw *d)
{
	d->is = true;
	d->from = from;
	return sscanf(text, "%u:%u:%" SCNx64, (unsigned *)&d->program, &d->cut_at, &d->seed) == 3 &&
	       d->program < POWERCUT_PROGRAMS;
}

/* From there, left alone, up to what was passed before; then what the walk asks of all ways. */
static void rest(struct powercut_walk *w, unsigned step, uint32_t at)
{
	printf("Left alone:\n");
	w->uncut = true;
	for (at = w->node[at].next; at != POWERCUT_WALK_NONE && w->violation[0] == '\0';
	     at = w->node[at].next) {
		tell(w, step++, at);
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

/* The image that was drawn of a cut of the node, beside the one that stands for it. False: no such
 * cut. */
static bool draw(struct powercut_walk *w, uint32_t at, const char *text)
{
	if (!take_draw(text, at, &w->apart.wanted))
		return false;
	powercut_walk_expand(w, at);
	if (w->apart.n == 0)
		return false;
	printf("An image that this cut may leave, drawn by its seed:\n");
	powercut_view_print(w->apart.one[0].n.im);
	powercut_apart_replay(w);
	return true;
}

static bool no_such_way(const char *keys)
{
	printf("%s does not come of that\n", keys);
	return false;
}

bool powercut_replay(const struct powercut_story *s, const char *keys)
{
	static struct powercut_walk w;
	uint32_t at = 0;
	unsigned step = 1;
	char *end;

	printf("%s: %s\n", s->name, s->about);
	powercut_walk_begin(&w, s);
	w.loud = true;
	tell(&w, 0, 0);
	for (; *keys != '\0' && *keys != '~'; keys = *end == ',' ? end + 1 : end) {
		uint64_t key = strtoull(keys, &end, 16);

		if (key == 0)
			break;
		powercut_walk_expand(&w, at);
		at = powercut_walk_find(&w, key);
		if (at == POWERCUT_WALK_NONE || w.node[at].im == NULL)
			return no_such_way(keys);
		tell(&w, step++, at);
	}
	if (*keys == '~' && !draw(&w, at, keys + 1))
		return no_such_way(keys);
	if (*keys != '~') {
		printf("From here:\n");
		powercut_walk_expand(&w, at);
		rest(&w, step, at);
	}
	if (w.violation[0] != '\0')
		printf("VIOLATION: %s\n", w.violation);
	return w.violation[0] == '\0';
}
