/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_frame.h"

#include "lib/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define WINDOW_LOG 22 /* 4 MiB: MANIFEST_FRAME_MAX; history is reached from all of such a frame */
/* Each chunk may end a block early: a header of 3 bytes. */
#define SPARE_LEN  (ZSTD_COMPRESSBOUND(MANIFEST_FRAME_MAX) + BUNDLE_FRAME_CHUNKS * 16u)

enum kb_err bundle_frame_alloc(struct bundle_frame *f)
{
	/* bound: what a frame refers to and the frame, for at most JOBS_MAX frames */
	f->text = malloc(MANIFEST_HISTORY + MANIFEST_FRAME_MAX);
	/* bound: a frame, and what zstd may make it longer by */
	f->spare = malloc(SPARE_LEN);
	return f->text != NULL && f->spare != NULL ? KB_OK : KB_ENOMEM;
}

void bundle_frame_free(struct bundle_frame *f)
{
	free(f->text);
	free(f->spare);
	f->text = f->spare = NULL;
}

void bundle_frame_begin(struct bundle_frame *f, const struct bundle_frame *before)
{
	size_t all = before != NULL ? before->history + before->len : 0;

	f->history = all < MANIFEST_HISTORY ? all : MANIFEST_HISTORY;
	if (before != NULL)
		memcpy(f->text, before->text + all - f->history, f->history);
	f->len = 0;
	f->n = 0;
}

uint8_t *bundle_frame_room(struct bundle_frame *f)
{
	return f->text + f->history + f->len;
}

void bundle_frame_add(struct bundle_frame *f, uint32_t len, bool hole)
{
	struct bundle_frame_chunk *c = &f->chunk[f->n++];

	c->len = len;
	c->zero = hole || bytes_all(bundle_frame_room(f), len, 0);
	if (!c->zero)
		f->len += len;
}

/* ---------------------------------------------------------------- encoding */

static bool set_parameter(ZSTD_CCtx *z, ZSTD_cParameter name, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(z, name, value));
}

enum kb_err bundle_frame_coder_init(struct bundle_frame_coder *k, bool compress, int level,
				    uint32_t size)
{
	k->zstd = NULL;
	k->size = size;
	TRY(bundle_hasher_init(&k->hasher));
	if (!compress)
		return KB_OK;
	k->zstd = ZSTD_createCCtx();
	if (k->zstd == NULL)
		return KB_ENOMEM;
	/* No checksum: the hash of a chunk says more. */
	if (!set_parameter(k->zstd, ZSTD_c_compressionLevel, level) ||
	    !set_parameter(k->zstd, ZSTD_c_windowLog, WINDOW_LOG) ||
	    !set_parameter(k->zstd, ZSTD_c_contentSizeFlag, 0) ||
	    !set_parameter(k->zstd, ZSTD_c_checksumFlag, 0))
		return KB_EIO;
	return KB_OK;
}

void bundle_frame_coder_free(struct bundle_frame_coder *k)
{
	ZSTD_freeCCtx(k->zstd);
	bundle_hasher_free(&k->hasher);
	k->zstd = NULL;
}

/* One of the text from chunk i on, of as many chunks as fit, at least one. */
static enum kb_err begin_frame(struct bundle_frame_coder *k, const struct bundle_frame *f,
			       unsigned i, const uint8_t *plain)
{
	size_t before = (size_t)(plain - f->text), len = 0;
	size_t history = before < MANIFEST_HISTORY ? before : MANIFEST_HISTORY;

	for (; i < f->n && (len == 0 || len + f->chunk[i].len <= k->size); i++)
		len += f->chunk[i].zero ? 0 : f->chunk[i].len;
	/* The frame does not name its size, but little text needs little memory. */
	if (ZSTD_isError(ZSTD_CCtx_reset(k->zstd, ZSTD_reset_session_only)) ||
	    ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(k->zstd, len)) ||
	    ZSTD_isError(ZSTD_CCtx_refPrefix(k->zstd, plain - history, history)))
		return KB_EIO;
	k->left = len;
	return KB_OK;
}

/* The blocks of a chunk, up to its end; those of the first come behind the header of the frame. */
static enum kb_err compress_chunk(struct bundle_frame_coder *k, struct bundle_frame *f, unsigned i,
				  const uint8_t *plain)
{
	struct bundle_frame_chunk *c = &f->chunk[i];
	ZSTD_inBuffer in = { plain, c->len, 0 };
	ZSTD_outBuffer out = { f->spare, SPARE_LEN, f->stored_len };

	c->form = k->left == 0 ? READER_ZSTD : READER_ZSTD_NEXT;
	if (k->left == 0)
		TRY(begin_frame(k, f, i, plain));
	if (ZSTD_compressStream2(k->zstd, &out, &in, ZSTD_e_flush) != 0)
		return KB_EIO;
	k->left -= c->len;
	c->stored_len = (uint32_t)(out.pos - f->stored_len);
	f->stored_len = out.pos;
	return KB_OK;
}

static enum kb_err encode_chunk(struct bundle_frame_coder *k, struct bundle_frame *f, unsigned i,
				const uint8_t *plain)
{
	struct bundle_frame_chunk *c = &f->chunk[i];

	TRY(bundle_hash(&k->hasher, c->zero ? NULL : plain, c->len, c->hash, f->blocks,
			&f->blocks_len));
	c->form = c->zero ? READER_ZERO : READER_RAW;
	c->stored_len = c->zero ? 0 : c->len;
	if (!c->zero && k->zstd != NULL)
		return compress_chunk(k, f, i, plain);
	f->stored_len += c->stored_len;
	return KB_OK;
}

enum kb_err bundle_frame_encode(struct bundle_frame_coder *k, struct bundle_frame *f)
{
	const uint8_t *plain = f->text + f->history;

	f->blocks_len = f->stored_len = 0;
	f->stored = k->zstd != NULL ? f->spare : plain;
	k->left = 0;
	for (unsigned i = 0; i < f->n; i++) {
		TRY(encode_chunk(k, f, i, plain));
		plain += f->chunk[i].zero ? 0 : f->chunk[i].len;
	}
	return KB_OK;
}
