/* SPDX-License-Identifier: Apache-2.0 */
/* One way through a story once more, told step by step. */
#include "tests/sim/powercut.h"

static void tell(const struct powercut_walk *w, unsigned step, uint32_t at)
{
	char text[160];

	powercut_report_step(text, sizeof(text), &w->node[at]);
	printf("%u. %s\n", step, text);
	powercut_view_print(w->node[at].im);
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
		tell(&w, step++, at);
	}
	printf("From here:\n");
	powercut_walk_expand(&w, at);
	rest(&w, step, at);
	if (w.violation[0] != '\0')
		printf("VIOLATION: %s\n", w.violation);
	return w.violation[0] == '\0';
}
