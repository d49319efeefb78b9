/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk that is made from a seed, by any streams. */
#include "tests/fuzz/fuzz.h"
#include "update/decoder/delta.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_MAX 8192u
#define GUARD	  0xa5

static uint64_t seed_len;
static unsigned reads;

static enum kb_err read_seed(void *ctx, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;

	FUZZ_CHECK(ctx == &reads && len > 0 && off <= seed_len && len <= seed_len - off);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((off + i) * 7 + (off + i) / 256);
	reads++;
	return KB_OK;
}

static enum kb_err make(const struct delta_streams *s, bool patch, uint8_t *out, size_t len,
			uint64_t at, uint8_t before)
{
	const struct delta_seed seed = { seed_len, read_seed, &reads };

	reads = 0;
	memset(out, before, len);
	memset(out + len, GUARD, 16);
	return patch ? delta_patch(out, len, at, s, &seed)
		     : delta_copy(out, len, at, &s->commands, &seed);
}

static struct delta_stream take(struct fuzz_in *in, size_t len)
{
	size_t got;
	const uint8_t *p = fuzz_take(in, len, &got);

	return (struct delta_stream){ p, p + got };
}

/* Every byte of a chunk that was made comes from the streams and the seed, none from what was
 * there, and nothing is written behind it. */
void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	bool patch = fuzz_u8(&in) & 1;
	size_t len = fuzz_u16(&in) % (CHUNK_MAX + 1);
	uint64_t at = fuzz_u64(&in);
	size_t ncommands = fuzz_u16(&in), ngaps = fuzz_u16(&in), nwords = fuzz_u16(&in);
	struct delta_streams s;
	static uint8_t one[CHUNK_MAX + 16], other[CHUNK_MAX + 16];
	enum kb_err err;

	seed_len = fuzz_u16(&in);
	s.commands = take(&in, ncommands);
	s.gaps = take(&in, ngaps);
	s.words = take(&in, nwords);
	s.literals = take(&in, in.left);
	err = make(&s, patch, one, len, at, 0x5a);
	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT);
	FUZZ_CHECK(reads <= len / 16);
	for (unsigned i = 0; i < 16; i++)
		FUZZ_CHECK(one[len + i] == GUARD);
	FUZZ_CHECK(make(&s, patch, other, len, at, 0x33) == err);
	FUZZ_CHECK(err != KB_OK || memcmp(one, other, len) == 0);
}
