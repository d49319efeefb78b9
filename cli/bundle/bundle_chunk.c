/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_chunk.h"

#include "lib/bytes.h"
#include "update/decoder/decoder_zstd.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum kb_err bundle_chunk_alloc(struct bundle_chunk *c, uint32_t len)
{
	/* bound: MANIFEST_CHUNK_MAX, for at most JOBS_MAX chunks */
	c->plain = malloc(len);
	/* bound: the same, and READER_STORED_MORE */
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

/* Nearly all zeroes come in two lengths, a chunk and a block; their hashes are worth keeping. */
static enum kb_err hash_zeroes(struct bundle_chunk_coder *k, uint32_t len, uint8_t out[DIGEST_LEN])
{
	static const uint8_t zeroes[MANIFEST_CHUNK_MAX];
	unsigned i = len == MANIFEST_DIGEST_BLOCK;

	if (k->zero[i].len != len) {
		TRY(digest_buf(&k->digest, zeroes, len, k->zero[i].hash));
		k->zero[i].len = len;
	}
	memcpy(out, k->zero[i].hash, DIGEST_LEN);
	return KB_OK;
}

/* Fills c->hash and c->blocks. KB_EIO. */
static enum kb_err hash_chunk(struct bundle_chunk_coder *k, struct bundle_chunk *c, bool zero)
{
	c->blocks_len = 0;
	for (uint32_t at = 0; at < c->len; at += MANIFEST_DIGEST_BLOCK) {
		uint32_t left = c->len - at;
		uint32_t len = left < MANIFEST_DIGEST_BLOCK ? left : MANIFEST_DIGEST_BLOCK;
		uint8_t *out = c->blocks + c->blocks_len;

		TRY(zero ? hash_zeroes(k, len, out)
			 : digest_buf(&k->digest, c->plain + at, len, out));
		c->blocks_len += DIGEST_LEN;
	}
	if (zero)
		return hash_zeroes(k, c->len, c->hash);
	return digest_buf(&k->digest, c->plain, c->len, c->hash);
}

static void store_chunk(struct bundle_chunk *c, enum reader_form form, const uint8_t *bytes,
			size_t len)
{
	c->form = form;
	c->stored = bytes;
	c->stored_len = (uint32_t)len;
}

enum kb_err bundle_chunk_encode(struct bundle_chunk_coder *k, struct bundle_chunk *c)
{
	bool zero = c->hole || bytes_all(c->plain, c->len, 0);
	size_t n;

	TRY(hash_chunk(k, c, zero));
	if (zero) {
		store_chunk(c, READER_ZERO, c->plain, 0);
		return KB_OK;
	}
	store_chunk(c, READER_RAW, c->plain, c->len);
	if (k->zstd == NULL)
		return KB_OK;
	n = ZSTD_compress2(k->zstd, c->spare, ZSTD_compressBound(c->len), c->plain, c->len);
	if (ZSTD_isError(n))
		return KB_EIO;
	/* What hardly shrinks is quicker to read than to decompress. */
	if (n < c->len - c->len / 64)
		store_chunk(c, READER_ZSTD, c->spare, n);
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
	TRY(hash_chunk(&d->hasher, &d->buf, d->buf.hole));
	return memcmp(d->buf.hash, c->hash, DIGEST_LEN) == 0 ? KB_OK : KB_EDIGEST;
}
