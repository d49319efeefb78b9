/* SPDX-License-Identifier: Apache-2.0 */
/* What parent and decoder say to each other. Both come from one executable, so host order will do.
 */
#pragma once

#include "update/wire/manifest_limits.h"
#include "update/wire/reader_form.h"

#include <stdint.h>

#define DECODER_SLOTS 3u /* chunks in flight, so that decoding overlaps hashing and writing */

#define DECODER_WIRE_STORED_MAX (MANIFEST_CHUNK_MAX + 4096u)
#define DECODER_WIRE_AREA	(DECODER_WIRE_STORED_MAX + MANIFEST_CHUNK_MAX)

/* The answer when the limits are in force, before any request. */
#define DECODER_WIRE_HELLO 0x6b6c6f48u

/*
 * READER_ZSTD, READER_ZSTD_NEXT: to be decoded. READER_COPY, READER_PATCH, READER_REMAKE_…: to be
 * made from the seed, which the decoder reads by itself. READER_RAW: the stored bytes are plain;
 * frames that follow may refer to them. Nothing is written then.
 */
struct decoder_ask {
	uint32_t slot, form, stored, plain;
	/* 1: no frame from here on refers to anything before */
	uint32_t fresh;
	/* bytes: where the chunk is in its image, and the size of the seed */
	uint64_t at, seed;
};

enum decoder_status {
	DECODER_DONE,	 /* exactly `plain` bytes */
	DECODER_BAD,	 /* it breaks the format */
	DECODER_NO_SEED, /* the seed cannot be read */
};

struct decoder_answer {
	uint32_t slot;
	/* enum decoder_status, or DECODER_WIRE_HELLO */
	uint32_t status;
};
