/* SPDX-License-Identifier: Apache-2.0 */
/* A state partition, and a copy of it on which something is tried. The floor marks a record. */
#pragma once

#include "tests/unit/states.h"

#include "selector/store_internal.h"
#include "tests/sim/bdev_sim.h"

#define SEEDS 24

enum { READS = 1, WRITES = 2 };

static struct cut_disk disk, trial_disk;
static struct store st;
static enum store_finding found;
static uint8_t cell_bytes[STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));

/* From now on these bytes can be neither read nor written, or one of the two; 0: both again. */
static inline void kill_bytes(struct cut_disk *d, unsigned i, uint64_t from, uint64_t len,
			      unsigned what)
{
	d->dead[i].from = from;
	d->dead[i].to = from + len;
	d->dead[i].reads = what & READS;
	d->dead[i].writes = what & WRITES;
}

static inline void load(struct cut_disk *d, struct state *to)
{
	OK(store_load(&st, &d->bdev, to, &found));
}

static inline uint64_t loaded_mark(struct cut_disk *d)
{
	struct state is;

	load(d, &is);
	return found == STORE_FOUND ? is.floor : UINT64_MAX;
}

static inline enum kb_err try_mark(struct cut_disk *d, uint64_t n)
{
	struct state to;

	TRY(store_load(&st, &d->bdev, &to, &found));
	if (found != STORE_FOUND)
		states_fresh(&to);
	to.floor = n;
	return store_save(&st, &to);
}

/* Loads, sets the floor to n, saves. */
static inline void save_mark(struct cut_disk *d, uint64_t n)
{
	OK(try_mark(d, n));
}

/* One after the other. */
static inline void save_marks(struct cut_disk *d, uint64_t first, uint64_t last)
{
	for (uint64_t n = first; n <= last; n++)
		save_mark(d, n);
}

static inline void save_and_load_mark(struct cut_disk *d, uint64_t n)
{
	save_mark(d, n);
	assert_int_equal(loaded_mark(d), n);
}
