/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_seed.h"

#include "cli/bundle/bundle_hash.h"
#include "lib/bytes.h"
#include "lib/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TRIES	  32u /* blocks of a chain that are looked at */
#define FOLLOWING 64u /* blocks behind it that count */
#define BITS_MIN  12u
#define BITS_MAX  26u /* 256 MiB of windows: those of images beyond 4 GiB are thinned out */

/* Primes of about 64 bits, as good as others. */
static const uint64_t odd[4] = { 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
				 0xd6e8feb86659fd93 };

static uint64_t hash_window(const uint8_t *p)
{
	uint64_t x = 0;

	for (unsigned i = 0; i < 4; i++)
		x ^= bytes_get64(p + 8 * (size_t)i) * odd[i];
	x ^= x >> 32;
	return x * odd[0];
}

static uint64_t hash_block(const uint8_t *p)
{
	uint64_t x = odd[3];

	for (unsigned i = 0; i < BUNDLE_SEED_BLOCK; i += 8) {
		x = (x ^ bytes_get64(p + i)) * odd[0];
		x ^= x >> 29;
	}
	return x;
}

static unsigned bits_for(uint64_t n)
{
	unsigned bits = BITS_MIN;

	while (bits < BITS_MAX && 1ull << bits < n)
		bits++;
	return bits;
}

static const uint8_t *block_at(const struct bundle_seed *s, uint64_t i)
{
	return s->bytes + i * BUNDLE_SEED_BLOCK;
}

/* From the end, so that of several the first is found. */
static void add_block(struct bundle_seed *s, uint32_t i)
{
	const uint8_t *p = block_at(s, i);
	uint32_t *first;

	if (bytes_all(p, BUNDLE_SEED_BLOCK, 0))
		return;
	first = &s->first[hash_block(p) >> (64 - s->block_bits)];
	s->next[i] = *first;
	*first = i + 1;
	for (uint32_t at = BUNDLE_SEED_BLOCK; at > 0; at -= BUNDLE_SEED_WINDOW) {
		const uint8_t *w = p + at - BUNDLE_SEED_WINDOW;

		s->window[hash_window(w) >> (64 - s->window_bits)] =
			(uint32_t)((uint64_t)(w - s->bytes) / BUNDLE_SEED_WINDOW) + 1;
	}
}

enum kb_err bundle_seed_index(struct bundle_seed *s)
{
	s->block_bits = bits_for((uint64_t)s->nblocks * 4);
	s->window_bits = bits_for(s->size / BUNDLE_SEED_WINDOW);
	/* bound: 20 bytes for each block, and 4 for each 32 bytes of at most 2 GiB */
	s->first = calloc((size_t)1 << s->block_bits, sizeof(*s->first));
	s->next = calloc(s->nblocks, sizeof(*s->next));
	s->window = calloc((size_t)1 << s->window_bits, sizeof(*s->window));
	if (s->first == NULL || s->next == NULL || s->window == NULL)
		return KB_ENOMEM;
	for (uint32_t i = s->nblocks; i-- > 0;)
		add_block(s, i);
	return KB_OK;
}

static enum kb_err hash_all(const struct bundle_seed *s, struct bundle_hasher *h,
			    struct digest *whole, uint8_t digest[DIGEST_LEN])
{
	uint8_t blocks[MANIFEST_CHUNK_MAX / MANIFEST_DIGEST_BLOCK * DIGEST_LEN], hash[DIGEST_LEN];
	uint32_t len;

	TRY(digest_begin(whole));
	for (uint64_t at = 0; at < s->size; at += len) {
		const uint8_t *p = s->bytes + at;
		size_t n = 0;

		len = s->size - at < MANIFEST_DIGEST_BLOCK ? (uint32_t)(s->size - at)
							   : MANIFEST_DIGEST_BLOCK;
		TRY(bundle_hash(h, bytes_all(p, len, 0) ? NULL : p, len, hash, blocks, &n));
		TRY(digest_add(whole, blocks, n));
	}
	return digest_end(whole, digest);
}

static enum kb_err make_digest(const struct bundle_seed *s, uint8_t digest[DIGEST_LEN])
{
	struct bundle_hasher h;
	struct digest whole = { 0 };
	enum kb_err err = bundle_hasher_init(&h);

	if (err == KB_OK)
		err = digest_init(&whole);
	if (err == KB_OK)
		err = hash_all(s, &h, &whole, digest);
	digest_free(&whole);
	bundle_hasher_free(&h);
	return err;
}

enum kb_err bundle_seed_open(struct bundle_seed *s, int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	uint64_t blocks = (uint64_t)end / BUNDLE_SEED_BLOCK + (end % BUNDLE_SEED_BLOCK != 0);
	void *p;

	s->bytes = NULL;
	if (end <= 0 || blocks >= BUNDLE_SEED_NONE)
		return KB_EINVAL;
	s->nblocks = (uint32_t)blocks;
	s->size = blocks * BUNDLE_SEED_BLOCK;
	if (!util_maps(s->size))
		return KB_ENOMEM;
	/* bound: the file; its last page is filled up with zeroes */
	p = mmap(NULL, s->size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return errno == ENOMEM ? KB_ENOMEM : err_errno(errno);
	s->bytes = p;
	return make_digest(s, s->digest);
}

enum kb_err bundle_seed_check(const struct bundle_seed *s)
{
	uint8_t now[DIGEST_LEN];

	TRY(make_digest(s, now));
	return memcmp(now, s->digest, sizeof(now)) == 0 ? KB_OK : KB_EFORMAT;
}

enum kb_err bundle_seed_read(void *ctx, uint64_t off, void *buf, size_t len)
{
	const struct bundle_seed *s = ctx;

	memcpy(buf, s->bytes + off, len);
	return KB_OK;
}

void bundle_seed_close(struct bundle_seed *s)
{
	if (s->bytes != NULL)
		munmap((void *)(uintptr_t)s->bytes, s->size);
	free(s->first);
	free(s->next);
	free(s->window);
	s->bytes = NULL;
	s->first = s->next = s->window = NULL;
}

/* How many blocks are the same from here on. */
static size_t count_same(const struct bundle_seed *s, uint32_t block, const uint8_t *t, size_t most)
{
	size_t n = 0;

	if (most > s->nblocks - block)
		most = s->nblocks - block;
	while (n < most &&
	       memcmp(block_at(s, block + n), t + n * BUNDLE_SEED_BLOCK, BUNDLE_SEED_BLOCK) == 0)
		n++;
	return n;
}

uint32_t bundle_seed_block(const struct bundle_seed *s, const uint8_t *t, size_t nblocks,
			   uint32_t before)
{
	uint32_t best = BUNDLE_SEED_NONE, i;
	unsigned tries = 0;
	size_t run = 0;

	if (before < s->nblocks - 1 && count_same(s, before + 1, t, 1) == 1)
		return before + 1;
	if (nblocks > FOLLOWING)
		nblocks = FOLLOWING;
	i = s->first[hash_block(t) >> (64 - s->block_bits)];
	for (; i != 0 && tries < TRIES; i = s->next[i - 1], tries++) {
		size_t n = count_same(s, i - 1, t, nblocks);

		if (n > run) {
			run = n;
			best = i - 1;
		}
	}
	return best;
}

bool bundle_seed_piece(const struct bundle_seed *s, const uint8_t *t, uint64_t *off)
{
	uint32_t i = s->window[hash_window(t) >> (64 - s->window_bits)];

	if (i == 0)
		return false;
	*off = (uint64_t)(i - 1) * BUNDLE_SEED_WINDOW;
	return memcmp(s->bytes + *off, t, BUNDLE_SEED_WINDOW) == 0;
}
