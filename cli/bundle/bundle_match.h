/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some blocks of a new image as pieces of a seed: those that are there as they are, those that are
 * nearly there, and what is new. As bsdiff does it: a piece goes on through differences while it
 * agrees more than not, until another fits better.
 */
#pragma once

#include "cli/bundle/bundle_region.h"
#include "update/wire/delta_form.h"

/* What a block of the new image is, if it is none of the seed. */
#define BUNDLE_MATCH_CHANGED BUNDLE_SEED_NONE
#define BUNDLE_MATCH_ZERO    (UINT32_MAX - 1)

struct bundle_match_piece {
	/* in the new blocks, and in the seed */
	uint64_t at, from;
	uint64_t len;
	enum delta_type type;
	/* of DELTA_SEED: no byte differs */
	bool exact;
};

struct bundle_match {
	struct bundle_region region;
	/* set by the caller: the new bytes, and of each block which of the seed it is; and which
	 * is expected to be the first */
	const uint8_t *t;
	const uint32_t *map;
	uint32_t nblocks, expected;
	/* result: grows */
	struct bundle_match_piece *piece;
	size_t n, room;
	bool failed;
	/* inside: see bundle_match.c */
	int64_t drift;
};

/* KB_ENOMEM. bundle_match_free() is due even then. */
enum kb_err bundle_match_alloc(struct bundle_match *m,
			       const struct bundle_seed *seed) KB_MUST_CHECK;
void bundle_match_free(struct bundle_match *m);

/* Makes the pieces. KB_ENOMEM. */
enum kb_err bundle_match_run(struct bundle_match *m) KB_MUST_CHECK;
