/* SPDX-License-Identifier: Apache-2.0 */
/* Breadth first over all distinct worlds, to the fixpoint. */
#include "tests/sim/selector_sim.h"

#include "tests/sim/cut_content.h"

#include <stdlib.h>

struct node {
	struct sim_world w;
	uint32_t parent;
	const char *step;
};

#define NO_PARENT UINT32_MAX
#define KINDS	  64

uint32_t sim_walk_most = UINT32_MAX;
static const char **kinds; /* of steps, of all stories; the same text may be there twice */
static uint64_t transitions;

static const struct sim_config *cfg;
static struct node *nodes;
static uint32_t nnodes, room, at;
static struct set known;
static const char *broken;
static struct sim_world broken_world;

void sim_walk_begin(void)
{
	kinds = report_share(KINDS * sizeof(*kinds));
}

/* Other stories do so, too, at the same time. */
static void note_kind(const char *step)
{
	const char *there;

	for (unsigned i = 0; i < KINDS; i++) {
		there = NULL;
		if (__atomic_compare_exchange_n(&kinds[i], &there, step, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED) ||
		    there == step)
			return;
	}
	abort();
}

unsigned sim_walk_kinds(void)
{
	unsigned n = 0, twin;

	for (unsigned i = 0; i < KINDS && kinds[i] != NULL; i++) {
		for (twin = 0; twin < i && strcmp(kinds[twin], kinds[i]) != 0; twin++)
			;
		n += twin == i;
	}
	return n;
}

static void add(const struct sim_world *w, uint32_t parent, const char *step)
{
	if (!set_add(&known, set_key(w, sizeof(*w)), nnodes))
		return;
	nodes = cut_content_room(nodes, nnodes, &room, sizeof(*nodes));
	nodes[nnodes++] = (struct node){ *w, parent, step };
	note_kind(step);
}

void sim_walk_emit(const struct sim_world *w, enum sim_event event, const char *step)
{
	struct sim_world x = *w;

	x.event = (uint8_t)event;
	transitions++;
	add(&x, at, step);
}

void sim_walk_violate(const char *what, const struct sim_world *w)
{
	if (broken != NULL)
		return;
	broken = what;
	broken_world = *w;
}

static void print_trace(uint32_t i)
{
	if (nodes[i].parent != NO_PARENT)
		print_trace(nodes[i].parent);
	printf("  %s\n", nodes[i].step);
	sim_world_print(cfg, &nodes[i].w);
}

static void visit(const struct sim_world *w)
{
	struct sim_boot b = { .cfg = cfg, .w = *w };
	const char *what;

	sim_after_rot(cfg, w);
	do {
		b.w = *w;
		sim_boot_run(&b);
		sim_boot_check(&b, w);
		if (b.handed && broken == NULL)
			sim_after_handed(&b, w);
		if (b.booted && broken == NULL)
			sim_after(&b, w);
		if (cfg->rescue && !b.booted && !b.handed)
			sim_walk_emit(&b.w, SIM_SOFT, "nothing was booted, restarted");
	} while (broken == NULL && sim_boot_next(&b));
	if (broken == NULL && !sim_live(cfg, w))
		sim_walk_violate("I3: a working slot is never reached", w);
	if (broken == NULL && cfg->pairs && (what = sim_live_restarts(cfg, w)) != NULL)
		sim_walk_violate(what, w);
}

void sim_walk(const struct sim_config *config, const struct sim_world *starts, unsigned n,
	      struct report_line *l)
{
	cfg = config;
	for (unsigned i = 0; i < n; i++)
		add(&starts[i], NO_PARENT, "start");
	for (at = 0; at < nnodes && at < sim_walk_most && broken == NULL; at++) {
		struct sim_world w = nodes[at].w;

		visit(&w);
	}
	l->number[SIM_WALK_STATES] = at;
	l->number[SIM_WALK_TRANSITIONS] = transitions;
	if (broken == NULL || !report_violation(l, "", "%s", broken))
		return;
	printf("  how it came to it:\n");
	print_trace(at - 1);
	printf("  there:\n");
	sim_world_print(cfg, &broken_world);
}
