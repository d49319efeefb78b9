/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that the decoder has not seen, since the slot holds its chunks already: what lies
 * between what it decoded last and what is wanted next. A frame refers to the text before it, and
 * goes on from chunk to chunk. So the decoder gets of the gap what the wanted chunk rests upon: the
 * text before its frame, from the slot, and the chunks of its frame, from the bundle. PURE.
 */
#pragma once

#include "update/bundle/reader.h"

/* Enough for what a frame refers to, and for the frame. */
#define INSTALL_GAP_CHUNKS ((MANIFEST_HISTORY + MANIFEST_FRAME_MAX) / MANIFEST_CHUNK_MIN)

struct install_gap {
	struct reader_chunk chunk[INSTALL_GAP_CHUNKS];
	/* the oldest, how many there are, and how many of those are known to the slot only */
	uint32_t first, n, known;
	/* older ones were dropped */
	bool lost;
};

/* True if the plain bytes of c are text. */
bool install_gap_is_text(const struct reader_chunk *c);

/* Nothing is between. */
void install_gap_clear(struct install_gap *g);

/* A chunk of text, behind the others. */
void install_gap_add(struct install_gap *g, const struct reader_chunk *c);

/*
 * Keeps of the gap what a chunk rests upon that begins a frame, or goes on in one. *fresh: nothing
 * before the gap counts any more.
 */
void install_gap_close(struct install_gap *g, bool begins, bool *fresh);

/*
 * The next chunk for the decoder, after install_gap_close(). NULL: the gap is closed. *known: its
 * plain bytes, from the slot; else it is decoded from the bundle.
 */
const struct reader_chunk *install_gap_next(struct install_gap *g, bool *known);
