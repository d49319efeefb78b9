/* SPDX-License-Identifier: Apache-2.0 */
/* The results of a delta, chunk by chunk, in order: records and payload. */
#pragma once

#include "cli/bundle/bundle_delta.h"
#include "cli/bundle/bundle_hash.h"
#include "cli/bundle/bundle_ways.h"
#include "update/bundle/payload_digest.h"

struct bundle_put {
	struct bundle_delta *d;
	struct payload_digest payload;
	/* of the image, as it is read here */
	struct bundle_hasher hasher;
	struct digest whole;
	/* owned: a chunk, as the device's decoder makes it */
	uint8_t *check;
	/* of the image, which are put */
	uint64_t off;
	/* why it failed, who writes has reported */
	bool reported;
};

/* Of the image of d->source, from its seed. KB_ENOMEM, KB_EIO; bundle_put_free() is due even then.
 */
enum kb_err bundle_put_begin(struct bundle_put *p, struct bundle_delta *d) KB_MUST_CHECK;
void bundle_put_free(struct bundle_put *p);

/*
 * The next chunk, which has len bytes at plain. A copy or a patch is made from its stored bytes
 * before, by the device's own decoder: what it makes here, it makes there. KB_EDIGEST: it is
 * another; KB_ENOMEM, KB_ENOSPC, KB_EIO.
 */
enum kb_err bundle_put_chunk(struct bundle_put *p, const struct bundle_stored *s,
			     const uint8_t *plain, uint32_t len) KB_MUST_CHECK;

/* Behind the last one. KB_EIO. */
enum kb_err bundle_put_end(struct bundle_put *p) KB_MUST_CHECK;
