/* SPDX-License-Identifier: Apache-2.0 */
/* The stored bytes of an encoding as one, without decoding them. */
#include "update/bundle/reader_io.h"

#include <inttypes.h>
#include <string.h>

/* Small enough for a processor's cache. */
#define PIECE (256u << 10)

static enum kb_err add_all(struct reader *r, const struct manifest_encoding *enc,
			   void (*tick)(void *ctx, uint64_t bytes), void *ctx)
{
	static uint8_t piece[PIECE];
	uint64_t from = r->h.payload_off + enc->payload_off;

	for (uint64_t at = 0; at < enc->payload_len;) {
		uint64_t left = enc->payload_len - at;
		size_t len = left < PIECE ? (size_t)left : PIECE;

		if (reader_io_read(r, from + at, piece, len) != KB_OK)
			return reader_io_fail(r, KB_EIO,
					      "its payload cannot be read at byte %" PRIu64
					      " of the bundle: the medium is bad or gone",
					      from + at);
		if (payload_digest_add(&r->payload, piece, len) != KB_OK)
			return reader_io_fail(r, KB_EIO, "SHA-256 failed");
		at += len;
		if (tick != NULL)
			tick(ctx, len);
	}
	return KB_OK;
}

enum kb_err reader_payload_check(struct reader *r, const struct manifest_encoding *enc,
				 void (*tick)(void *ctx, uint64_t bytes), void *ctx)
{
	uint8_t got[DIGEST_LEN];

	if (payload_digest_begin(&r->payload) != KB_OK)
		return reader_io_fail(r, KB_EIO, "SHA-256 failed");
	TRY(add_all(r, enc, tick, ctx));
	if (payload_digest_end(&r->payload, got) != KB_OK)
		return reader_io_fail(r, KB_EIO, "SHA-256 failed");
	if (memcmp(got, enc->payload_digest, sizeof(got)) != 0)
		return reader_io_fail(
			r, KB_EDIGEST,
			"its payload is not what was signed: the bundle is damaged; copy it again");
	return KB_OK;
}
