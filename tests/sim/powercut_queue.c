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

/* ---------------------------------------------------------------- some at once */

/* What is run of a node, if anything: the boot, or what its system does first. */
static enum powercut_program first_program(struct powercut_walk *w, uint32_t i)
{
	enum powercut_act first, also[3];

	if (!w->node[i].up)
		return POWERCUT_BOOT;
	powercut_check_acts(w, i, &first, also);
	switch (first) {
	case POWERCUT_ACT_GOOD:
		return POWERCUT_MARK_GOOD;
	case POWERCUT_ACT_BAD:
		return POWERCUT_MARK_BAD;
	case POWERCUT_ACT_INSTALL:
		return POWERCUT_INSTALL;
	case POWERCUT_ACT_SWITCH:
		return POWERCUT_SWITCH;
	case POWERCUT_ACT_REBOOT:
		return POWERCUT_MARK_CLEAN;
	case POWERCUT_ACT_NOTHING:
	case POWERCUT_ACT_CRASH:
	case POWERCUT_ACT_HANG:
		break;
	}
	return POWERCUT_PROGRAMS;
}

static unsigned idle_worker(const struct powercut_walk *w)
{
	unsigned k = 1;

	while (k < POWERCUT_WORKERS && w->busy[k])
		k++;
	return k;
}

static bool begin(struct powercut_walk *w, uint32_t i)
{
	struct powercut_node *n = &w->node[i];
	unsigned k = idle_worker(w);
	struct powercut_job job;

	if (k == POWERCUT_WORKERS)
		return false;
	n->asked = true;
	n->ahead = first_program(w, i);
	if (n->ahead == POWERCUT_PROGRAMS)
		return true;
	job = powercut_walk_job(w, i, n->ahead);
	w->busy[k] = true;
	n->worker = (uint8_t)k;
	powercut_child_submit(k, &job, n->im);
	return true;
}

void powercut_queue_look_ahead(struct powercut_walk *w)
{
	const struct powercut_level *l = &w->level[w->at];

	for (uint32_t k = l->done; k < l->n && k < l->done + POWERCUT_WORKERS; k++) {
		const struct powercut_node *n = &w->node[l->node[k]];

		if (n->im != NULL && !n->asked && !begin(w, l->node[k]))
			return;
	}
}
