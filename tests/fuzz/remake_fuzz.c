/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk with compressed blocks that are made again, by any streams, from a seed that has a block
 * of each compressor. */
#include "tests/fuzz/fuzz.h"
#include "update/decoder/remake.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_MAX 16384u
#define GUARD	  0xa5
#define AREA	  8192u /* of each compressor in the seed */
#define TEXT	  6000u
#define STREAMS	  6u
#define HONEST	  0x10 /* the sources begin with the block of the compressor */
#define BAD_READ  0x80

static uint8_t seed_bytes[REMAKE_PACKERS * AREA];
static size_t packed[REMAKE_PACKERS];
static struct remake *r;
static bool bad;

static enum kb_err read_seed(void *ctx, uint64_t off, void *buf, size_t len)
{
	FUZZ_CHECK(ctx == seed_bytes && len > 0 && off <= sizeof(seed_bytes) &&
		   len <= sizeof(seed_bytes) - off);
	memcpy(buf, seed_bytes + off, len);
	return bad ? KB_EIO : KB_OK;
}

static void set_up(void)
{
	static const struct remake_how how[] = { { 9, 15 }, { 6, 4096 }, { 3, 0 }, { 9, 0 } };
	uint8_t text[TEXT];

	if (r != NULL)
		return;
	r = aligned_alloc(64, sizeof(*r));
	FUZZ_CHECK(r != NULL && remake_init(r) == KB_OK);
	remake_prepare();
	for (unsigned i = 0; i < TEXT; i++)
		text[i] = (uint8_t)(i / 9 * 7 + i % 5);
	for (unsigned i = 0; i < REMAKE_PACKERS; i++) {
		struct remake_arena arena = { .p = r->arena, .size = sizeof(r->arena) };
		struct remake_bytes b = { text, sizeof(text) };

		FUZZ_CHECK(remake_library_of(i)->pack(&arena, how[i], b, seed_bytes + i * AREA,
						      AREA, &packed[i]) == KB_OK);
	}
}

static size_t put_number(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

/* What is in the frame: the lengths of the streams, then these. */
static size_t join(uint8_t *out, struct fuzz_in *in, uint8_t how)
{
	uint8_t honest[32];
	size_t len[STREAMS], n = 0, own = 0, got;
	const uint8_t *p[STREAMS];

	for (unsigned i = 0; i < STREAMS - 1; i++)
		len[i] = fuzz_u16(in);
	len[STREAMS - 1] = in->left;
	for (unsigned i = 0; i < STREAMS; i++) {
		p[i] = fuzz_take(in, len[i], &got);
		len[i] = got;
	}
	if (how & HONEST) {
		own = put_number(honest, (how & 3) * AREA);
		own += put_number(honest + own, packed[how & 3]);
		own += put_number(honest + own, TEXT);
	}
	for (unsigned i = 0; i < STREAMS; i++)
		n += put_number(out + n, len[i] + (i == 0 ? own : 0));
	memcpy(out + n, honest, own);
	n += own;
	for (unsigned i = 0; i < STREAMS; i++) {
		if (len[i] > 0)
			memcpy(out + n, p[i], len[i]);
		n += len[i];
	}
	return n;
}

static size_t compress(uint8_t *dst, size_t room, const uint8_t *src, size_t len)
{
	static ZSTD_CCtx *z;

	if (z == NULL) {
		z = ZSTD_createCCtx();
		ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 21);
		ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
	}
	return ZSTD_compress2(z, dst, room, src, len);
}

/* Every byte of a chunk that was made comes from the streams and the seed, none from what was
 * there, and nothing is written behind it. */
void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	size_t plain = fuzz_u16(&in) % (CHUNK_MAX + 1), len, room;
	static uint8_t one[CHUNK_MAX + 16], other[CHUNK_MAX + 16];
	const struct delta_seed seed = { sizeof(seed_bytes), read_seed, seed_bytes };
	struct remake_chunk c = { .packer = how & 3, .at = fuzz_u32(&in) };
	uint8_t *content = malloc(size + 128), *frame;
	enum kb_err err;

	set_up();
	bad = how & BAD_READ;
	FUZZ_CHECK(content != NULL);
	len = join(content, &in, how);
	room = ZSTD_compressBound(len);
	frame = malloc(room);
	FUZZ_CHECK(frame != NULL);
	c.stored = frame;
	c.stored_len = compress(frame, room, content, len);
	memset(one, 0x5a, plain);
	memset(other, 0x33, plain);
	memset(one + plain, GUARD, 16);
	err = remake_chunk(r, one, plain, &c, &seed);
	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT || (err == KB_EIO && bad));
	for (unsigned i = 0; i < 16; i++)
		FUZZ_CHECK(one[plain + i] == GUARD);
	FUZZ_CHECK(remake_chunk(r, other, plain, &c, &seed) == err);
	FUZZ_CHECK(err != KB_OK || memcmp(one, other, plain) == 0);
	free(content);
	free(frame);
}
