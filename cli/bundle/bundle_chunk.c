/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_chunk.h"

#include "update/decoder/decoder_patch.h"
#include "update/decoder/decoder_zstd.h"

#include <stdlib.h>
#include <string.h>

enum kb_err bundle_chunk_decoder_init(struct bundle_chunk_decoder *d, struct reader *r)
{
	memset(d, 0, sizeof(*d));
	d->r = r;
	TRY(bundle_hasher_init(&d->hasher));
	/* the device's own: what it takes here, it takes there */
	TRY(decoder_zstd_init());
	TRY(decoder_patch_init());
	/* bound: MANIFEST_CHUNK_MAX, one chunk */
	d->buf.plain = malloc(MANIFEST_CHUNK_MAX);
	/* bound: the same, and READER_STORED_MORE */
	d->buf.stored = malloc(MANIFEST_CHUNK_MAX + READER_STORED_MORE);
	/* bound: one struct, of 18 MiB */
	d->remake = aligned_alloc(64, sizeof(*d->remake));
	if (d->buf.plain == NULL || d->buf.stored == NULL || d->remake == NULL)
		return KB_ENOMEM;
	return remake_init(d->remake);
}

void bundle_chunk_decoder_free(struct bundle_chunk_decoder *d)
{
	bundle_hasher_free(&d->hasher);
	free(d->buf.plain);
	free(d->buf.stored);
	free(d->remake);
	d->buf.plain = d->buf.stored = NULL;
	d->remake = NULL;
}

static enum kb_err decode_remade(struct bundle_chunk_decoder *d, const struct reader_chunk *c)
{
	const struct remake_chunk m = {
		.packer = (enum remake_packer)(c->form - READER_REMAKE_ZLIB),
		.at = d->at,
		.stored = d->buf.stored,
		.stored_len = c->stored,
	};

	return remake_chunk(d->remake, d->buf.plain, c->len, &m, d->seed);
}

static enum kb_err decode_stored(struct bundle_chunk_decoder *d, const struct reader_chunk *c)
{
	struct bundle_chunk *b = &d->buf;

	TRY(reader_stored(d->r, c, b->stored));
	if (c->form == READER_ZSTD || c->form == READER_ZSTD_NEXT)
		return decoder_zstd(c->form == READER_ZSTD, b->plain, c->len, b->stored, c->stored);
	if (d->seed == NULL)
		return KB_ESEED;
	if (c->form == READER_COPY)
		return decoder_patch_copy(b->plain, c->len, d->at, b->stored, c->stored, d->seed);
	if (c->form == READER_PATCH)
		return decoder_patch(b->plain, c->len, d->at, b->stored, c->stored, d->seed);
	return decode_remade(d, c);
}

enum kb_err bundle_chunk_decode(struct bundle_chunk_decoder *d, const struct reader_chunk *c)
{
	struct bundle_chunk *b = &d->buf;
	uint8_t hash[DIGEST_LEN];

	b->len = c->len;
	b->hole = c->form == READER_ZERO;
	if (c->form == READER_RAW)
		TRY(reader_stored(d->r, c, b->plain));
	else if (!b->hole)
		TRY(decode_stored(d, c));
	d->at += c->len;
	b->blocks_len = 0;
	TRY(bundle_hash(&d->hasher, b->hole ? NULL : b->plain, b->len, hash, b->blocks,
			&b->blocks_len));
	return memcmp(hash, c->hash, DIGEST_LEN) == 0 ? KB_OK : KB_EDIGEST;
}
