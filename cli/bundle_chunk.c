/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle_chunk.h"

#include "lib/bytes.h"
#include "update/decoder_zstd.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum kb_err bundle_chunk_alloc(struct bundle_chunk *c, uint32_t len)
{
	c->plain = malloc(len);
	c->spare = malloc(ZSTD_compressBound(len) + READER_STORED_MORE);
	return c->plain != NULL && c->spare != NULL ? KB_OK : KB_ENOSPC;
}

void bundle_chunk_free(struct bundle_chunk *c)
{
	free(c->plain);
	free(c->spare);
	c->plain = c->spare = NULL;
}

/* ---------------------------------------------------------------- encoding */

enum kb_err bundle_chunk_coder_init(struct bundle_chunk_coder *k, bool compress, int level)
{
	memset(k, 0, sizeof(*k));
	TRY(digest_init(&k->digest));
	if (!compress)
		return KB_OK;
	k->zstd = ZSTD_createCCtx();
	if (k->zstd == NULL)
		return KB_ENOSPC;
	/* No checksum: the hash of the chunk says more. */
	if (ZSTD_isError(ZSTD_CCtx_setParameter(k->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(k->zstd, ZSTD_c_contentSizeFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(k->zstd, ZSTD_c_checksumFlag, 0)))
		return KB_EIO;
	return KB_OK;
}

void bundle_chunk_coder_free(struct bundle_chunk_coder *k)
{
	ZSTD_freeCCtx(k->zstd);
	digest_free(&k->digest);
	k->zstd = NULL;
}

/* Nearly all zero chunks have one length; its hash is worth keeping. */
static enum kb_err hash_zeroes(struct bundle_chunk_coder *k, uint32_t len, uint8_t out[DIGEST_LEN])
{
	static const uint8_t zeroes[MANIFEST_CHUNK_MAX];

	if (k->zero_len != len) {
		TRY(digest_buf(&k->digest, zeroes, len, k->zero_hash));
		k->zero_len = len;
	}
	memcpy(out, k->zero_hash, DIGEST_LEN);
	return KB_OK;
}

static void store(struct bundle_chunk *c, enum reader_form form, const uint8_t *bytes, size_t len)
{
	c->form = form;
	c->stored = bytes;
	c->stored_len = (uint32_t)len;
}

enum kb_err bundle_chunk_encode(struct bundle_chunk_coder *k, struct bundle_chunk *c)
{
	size_t n = 0;

	/* c->hole is not set here: another thread is reading it. */
	if (c->hole || bytes_all(c->plain, c->len, 0)) {
		store(c, READER_ZERO, c->plain, 0);
		return hash_zeroes(k, c->len, c->hash);
	}
	TRY(digest_buf(&k->digest, c->plain, c->len, c->hash));
	store(c, READER_RAW, c->plain, c->len);
	if (k->zstd == NULL)
		return KB_OK;
	n = ZSTD_compress2(k->zstd, c->spare, ZSTD_compressBound(c->len), c->plain, c->len);
	if (ZSTD_isError(n))
		return KB_EIO;
	/* What hardly shrinks is quicker to read than to decompress. */
	if (n < c->len - c->len / 64)
		store(c, READER_ZSTD, c->spare, n);
	return KB_OK;
}

/* ---------------------------------------------------------------- decoding */

enum kb_err bundle_chunk_decoder_init(struct bundle_chunk_decoder *d, struct reader *r)
{
	memset(d, 0, sizeof(*d));
	d->r = r;
	TRY(bundle_chunk_coder_init(&d->hasher, false, 0));
	TRY(decoder_zstd_init()); /* the device's own: what it takes here, it takes there */
	return bundle_chunk_alloc(&d->buf, MANIFEST_CHUNK_MAX);
}

void bundle_chunk_decoder_free(struct bundle_chunk_decoder *d)
{
	bundle_chunk_coder_free(&d->hasher);
	bundle_chunk_free(&d->buf);
}

enum kb_err bundle_chunk_decode(struct bundle_chunk_decoder *d, const struct reader_chunk *c)
{
	d->buf.len = c->len;
	d->buf.hole = c->form == READER_ZERO;
	if (c->form == READER_RAW) {
		TRY(reader_stored(d->r, c, d->buf.plain));
	} else if (c->form == READER_ZSTD) {
		TRY(reader_stored(d->r, c, d->buf.spare));
		TRY(decoder_zstd(d->buf.plain, c->len, d->buf.spare, c->stored));
	}
	if (d->buf.hole)
		TRY(hash_zeroes(&d->hasher, c->len, d->buf.hash));
	else
		TRY(digest_buf(&d->hasher.digest, d->buf.plain, c->len, d->buf.hash));
	return memcmp(d->buf.hash, c->hash, DIGEST_LEN) == 0 ? KB_OK : KB_EDIGEST;
}
