/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/sim/powercut.h"

#define POWERCUT_PAGE_SECTORS  (BDEV_ALIGN / CUT_SECTOR)
#define POWERCUT_PAGE_OUTCOMES 96u
#define POWERCUT_PAGE_CLEAN    POWERCUT_PAGE_SECTORS /* as the place of garbage: there is none */

/* What a page may become. */
struct powercut_outcome {
	struct powercut_class is;
	uint8_t pick[POWERCUT_PAGE_SECTORS]; /* of its places, in their order */
	uint8_t garbage_at;		     /* of its places; POWERCUT_PAGE_CLEAN */
	enum cut_garbage garbage;
};

struct powercut_dirty {
	enum powercut_disk disk;
	uint64_t page;
	enum powercut_page kind;
	bool ignored; /* behind a header that is none */
	bool stands;  /* of a manifest cell: what may come of it is a header */
	unsigned nplaces, place[POWERCUT_PAGE_SECTORS];
	unsigned n;
	struct powercut_outcome out[POWERCUT_PAGE_OUTCOMES];
};

/* Fills g->out. Masked: only what the sectors are equal to counts; exact: every combination. */
void powercut_page_masked(const struct cut_image *im, struct powercut_dirty *g);
void powercut_page_exact(const struct cut_image *im, struct powercut_dirty *g);
/* The geometry is too large. Does not return. */
void powercut_page_die(const char *what);
