/* SPDX-License-Identifier: Apache-2.0 */
/* One chunk of an image with compressed blocks to stored bytes: the smallest of copy, patch, remake
 * and raw. */
#pragma once

#include "cli/bundle/bundle_match.h"
#include "cli/bundle/bundle_streams.h"
#include "cli/bundle/bundle_text.h"
#include "cli/bundle/bundle_used.h"
#include "cli/bundle/bundle_ways.h"
#include "update/decoder/remake.h"

/* What a thread keeps. */
struct bundle_remade {
	const struct bundle_view *view;
	struct bundle_streams s;
	struct bundle_stream sources, pieces;
	struct bundle_ways ways;
	struct bundle_used used;
	/* what is put next, as it grows */
	struct bundle_remade_run {
		enum delta_type type;
		struct bundle_streams_text text;
		const uint8_t *was;
		uint64_t from;
	} run;
	uint64_t as_is;
	unsigned nblocks;
	size_t text_len;
	uint64_t budget;
	/* only what is used of the view is counted */
	bool counting;
	/* by which the chunk is made again; and the result */
	struct remake *remake;
	uint8_t *check;
};

struct bundle_remade_chunk {
	/* its bytes, and where they are in the image */
	const uint8_t *plain;
	uint64_t at;
	uint32_t len;
	/* what it is made of, and the pieces of that text */
	const struct bundle_text *text;
	const struct bundle_match_piece *piece;
	size_t npieces;
	/* the first of its parts that reaches into the chunk */
	size_t first;
	/* the result, valid until the next one */
	struct bundle_stored stored;
};

/* KB_ENOMEM, KB_EIO. bundle_remade_free() is due even then. */
enum kb_err bundle_remade_alloc(struct bundle_remade *r,
				const struct bundle_view *view) KB_MUST_CHECK;
void bundle_remade_free(struct bundle_remade *r);

/* Before the chunks of a job: nothing is known of which way is better. */
void bundle_remade_begin(struct bundle_remade *r);

/* Makes the stored bytes of c, and the chunk from them again. KB_EIO, KB_EDIGEST. */
enum kb_err bundle_remade_make(struct bundle_remade *r, struct bundle_remade_chunk *c,
			       const struct bundle_text_image *im) KB_MUST_CHECK;
