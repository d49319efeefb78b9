/* SPDX-License-Identifier: Apache-2.0 */
/* What a chunk is stored as: the smallest of what was tried. Of the two ways to place words, both
 * are tried at first, then the one that was better. */
#pragma once

#include "update/bundle/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUNDLE_WAYS 2u

struct bundle_ways {
	/* owned: of each way, room for its frame */
	uint8_t *frame[BUNDLE_WAYS];
	/* chunks that both were tried for, and what they gave */
	unsigned tried;
	uint64_t sum[BUNDLE_WAYS];
};

struct bundle_stored {
	enum reader_form form;
	/* borrowed */
	const uint8_t *p;
	uint32_t len;
};

/* room: bytes of a frame. KB_ENOMEM; bundle_ways_free() is due even then. */
enum kb_err bundle_ways_alloc(struct bundle_ways *w, size_t room) KB_MUST_CHECK;
void bundle_ways_free(struct bundle_ways *w);

/* Nothing is known of which way is better. */
void bundle_ways_begin(struct bundle_ways *w);

bool bundle_ways_is_worth(const struct bundle_ways *w, unsigned way);

/* The words of a way begin at multiples of this, where they can. */
unsigned bundle_ways_align(unsigned way);

/* It gave n bytes for a chunk of `plain` ones, or 0: it does not fit. */
void bundle_ways_note(struct bundle_ways *w, unsigned way, size_t n, uint32_t plain);

/* The chunk as it is; and n bytes at p instead, if there are some, and fewer. */
struct bundle_stored bundle_stored_raw(const uint8_t *plain, uint32_t len);
void bundle_stored_try(struct bundle_stored *s, enum reader_form form, const uint8_t *p, size_t n);
