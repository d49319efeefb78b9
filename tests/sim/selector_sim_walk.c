/* SPDX-License-Identifier: Apache-2.0 */
/* Breadth first over all distinct worlds, to the fixpoint. */
#include "tests/sim/selector_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct sim_world w;
	uint32_t parent;
	const char *step;
};

#define NO_PARENT UINT32_MAX

uint64_t sim_walk_states, sim_walk_transitions;
unsigned sim_walk_number;

static const struct sim_config *cfg;
static struct node *nodes;
static uint32_t nnodes, room, at;
static uint32_t *table; /* index + 1 of a node; 0: free */
static uint64_t table_size;
static const char *broken;
static struct sim_world broken_world;

static void *must(void *p)
{
	if (p == NULL) {
		fputs("selector_sim: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

static uint64_t hash(const struct sim_world *w)
{
	const uint8_t *p = (const uint8_t *)w;
	uint64_t h = 0x9e3779b97f4a7c15u, v;
	size_t i;

	for (i = 0; i + 8 <= sizeof(*w); i += 8) {
		memcpy(&v, p + i, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	for (; i < sizeof(*w); i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h ^ h >> 29;
}

/* The place of w in the table: its own, or a free one. */
static uint64_t place(const struct sim_world *w)
{
	uint64_t i = hash(w) & (table_size - 1);

	while (table[i] != 0 && memcmp(&nodes[table[i] - 1].w, w, sizeof(*w)) != 0)
		i = (i + 1) & (table_size - 1);
	return i;
}

static void grow_table(void)
{
	free(table);
	table_size = table_size == 0 ? 1u << 16 : 2 * table_size;
	table = must(calloc(table_size, sizeof(*table)));
	for (uint32_t i = 0; i < nnodes; i++)
		table[place(&nodes[i].w)] = i + 1;
}

static void add(const struct sim_world *w, uint32_t parent, const char *step)
{
	uint64_t i;

	if ((uint64_t)nnodes * 2 >= table_size)
		grow_table();
	i = place(w);
	if (table[i] != 0)
		return;
	if (nnodes == room) {
		room = room == 0 ? 1u << 16 : 2 * room;
		nodes = must(realloc(nodes, room * sizeof(*nodes)));
	}
	nodes[nnodes] = (struct node){ *w, parent, step };
	table[i] = ++nnodes;
}

void sim_walk_emit(const struct sim_world *w, const char *step)
{
	sim_walk_transitions++;
	add(w, at, step);
}

void sim_walk_violate(const char *what, const struct sim_world *w)
{
	if (broken != NULL)
		return;
	broken = what;
	broken_world = *w;
}

bool sim_walk_violated(void)
{
	return broken != NULL;
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

	sim_after_rot(cfg, w);
	do {
		b.w = *w;
		sim_boot_run(&b);
		sim_boot_check(&b, w);
		if (b.booted && !sim_walk_violated())
			sim_after(&b, w);
	} while (!sim_walk_violated() && sim_boot_next(&b));
	if (!sim_walk_violated() && !sim_live(cfg, w))
		sim_walk_violate("I3: a working slot is never reached", w);
}

bool sim_walk(const struct sim_config *config, const struct sim_world *starts, unsigned n)
{
	uint64_t before = sim_walk_transitions;

	cfg = config;
	sim_walk_number++;
	nnodes = 0;
	broken = NULL;
	if (table != NULL)
		memset(table, 0, table_size * sizeof(*table));
	for (unsigned i = 0; i < n; i++)
		add(&starts[i], NO_PARENT, "start");
	for (at = 0; at < nnodes && broken == NULL; at++) {
		struct sim_world w = nodes[at].w;

		visit(&w);
	}
	sim_walk_states += nnodes;
	printf("%s: %u states, %llu transitions%s\n", cfg->name, nnodes,
	       (unsigned long long)(sim_walk_transitions - before),
	       broken == NULL ? "" : ": VIOLATED");
	if (broken == NULL)
		return true;
	printf("%s: %s\n  how it came to it:\n", cfg->name, broken);
	print_trace(at - 1);
	printf("  there:\n");
	sim_world_print(cfg, &broken_world);
	return false;
}
