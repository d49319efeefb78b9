/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node is looked at next: all those that n cuts lead to, before any that takes one more. A
 * walk that is stopped has then seen every story with so many cuts, and knows how many.
 */
#include "tests/sim/powercut_node.h"

#include <stdlib.h>

void powercut_queue_put(struct powercut_walk *w, uint32_t i)
{
	unsigned cuts = w->node[i].cuts < POWERCUT_LEVELS ? w->node[i].cuts : POWERCUT_LEVELS - 1;
	struct powercut_level *l = &w->level[cuts];

	if (l->n == l->room) {
		l->room = l->room == 0 ? 256 : 2 * l->room;
		l->node = powercut_node_must(realloc(l->node, l->room * sizeof(*l->node)));
	}
	l->node[l->n++] = i;
}

/* A node that was found again with fewer cuts stands in two levels: once it was looked at, it is
 * passed over. */
uint32_t powercut_queue_next(struct powercut_walk *w)
{
	for (; w->at < POWERCUT_LEVELS; w->at++) {
		struct powercut_level *l = &w->level[w->at];

		while (l->done < l->n) {
			uint32_t i = l->node[l->done++];

			if (w->node[i].im != NULL)
				return i;
		}
	}
	return POWERCUT_WALK_NONE;
}

void powercut_queue_free(struct powercut_walk *w)
{
	for (unsigned i = 0; i < POWERCUT_LEVELS; i++)
		free(w->level[i].node);
}
