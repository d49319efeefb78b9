/* SPDX-License-Identifier: Apache-2.0 */
/* With which parameters a compressor makes the blocks of an image. */
#pragma once

#include "cli/bundle/bundle_blocks.h"

#include <stdbool.h>

#define BUNDLE_HOW_MAX 64u

struct bundle_how {
	/* the likeliest first */
	struct remake_how how[BUNDLE_HOW_MAX];
	unsigned n;
};

/* What a thread needs to try. */
struct bundle_how_memory {
	/* owned, as is packed */
	uint8_t *arena;
	uint8_t *packed;
};

/* KB_ENOMEM. bundle_how_memory_free() is due even then. */
enum kb_err bundle_how_memory_alloc(struct bundle_how_memory *m) KB_MUST_CHECK;
void bundle_how_memory_free(struct bundle_how_memory *m);

/* All that may come about in an image with such blocks. */
void bundle_how_begin(struct bundle_how *h, const struct bundle_blocks *b);

/* Whether it makes the stored bytes of the text; of a text that goes on, of its begin. */
bool bundle_how_makes(enum remake_packer packer, struct remake_how how, struct bundle_how_memory *m,
		      struct remake_bytes text, struct remake_bytes stored);

/* Which of them does, `first` before all others; h->n: none. */
unsigned bundle_how_find(const struct bundle_how *h, enum remake_packer packer,
			 struct bundle_how_memory *m, struct remake_bytes text,
			 struct remake_bytes stored, unsigned first);

/* Keeps those that made a sample, the most frequent first: hits[] counts for each. */
void bundle_how_keep(struct bundle_how *h, const unsigned hits[BUNDLE_HOW_MAX]);
