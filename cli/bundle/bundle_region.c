/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_region.h"

#include "cli/bundle/bundle_suffix.h"
#include "lib/bytes.h"

#include <stdlib.h>
#include <string.h>

#define MATCH_MAX (256u << 10)

/* What a block gets: for each piece, as its neighbour, and for being where one is expected. */
#define VOTE_PIECE     BUNDLE_SEED_WINDOW
#define VOTE_NEIGHBOUR 4u
#define VOTE_EXPECTED  60u
#define VOTE_NEAR      20u
#define NEAR	       2u /* blocks */

enum kb_err bundle_region_alloc(struct bundle_region *r, const struct bundle_seed *seed)
{
	r->seed = seed;
	/* bound: 8 bytes for each block of the seed; the rest by BUNDLE_REGION_MAX */
	r->votes = calloc(seed->nblocks, sizeof(*r->votes));
	r->voted = calloc(seed->nblocks, sizeof(*r->voted));
	/* bound: BUNDLE_REGION_MAX */
	r->bytes = malloc(BUNDLE_REGION_MAX);
	/* bound: a number for each of these */
	r->sorted = malloc(BUNDLE_REGION_MAX * sizeof(*r->sorted));
	r->nvoted = 0;
	return r->votes != NULL && r->voted != NULL && r->bytes != NULL && r->sorted != NULL
		       ? KB_OK
		       : KB_ENOMEM;
}

void bundle_region_free(struct bundle_region *r)
{
	free(r->votes);
	free(r->voted);
	free(r->bytes);
	free(r->sorted);
}

void bundle_region_begin(struct bundle_region *r)
{
	for (uint32_t i = 0; i < r->nvoted; i++)
		r->votes[r->voted[i]] = 0;
	r->nvoted = 0;
}

static void vote(struct bundle_region *r, uint64_t block, uint32_t weight)
{
	if (block >= r->seed->nblocks)
		return;
	if (r->votes[block] == 0)
		r->voted[r->nvoted++] = (uint32_t)block;
	r->votes[block] += weight;
}

void bundle_region_vote(struct bundle_region *r, const uint8_t *t, uint32_t expected)
{
	uint64_t off;

	/* What is before the first block wraps, and is none. */
	for (uint64_t d = 0; expected != BUNDLE_SEED_NONE && d <= 2 * NEAR; d++)
		vote(r, expected + d - NEAR, d == NEAR ? VOTE_EXPECTED : VOTE_NEAR);
	for (size_t i = 0; i + BUNDLE_SEED_WINDOW <= BUNDLE_SEED_BLOCK; i++) {
		uint64_t block;

		if (!bundle_seed_piece(r->seed, t + i, &off))
			continue;
		block = off / BUNDLE_SEED_BLOCK;
		vote(r, block, VOTE_PIECE);
		vote(r, block - 1, VOTE_NEIGHBOUR);
		vote(r, block + 1, VOTE_NEIGHBOUR);
		i += BUNDLE_SEED_WINDOW - 1;
	}
}

/* ---------------------------------------------------------------- what was voted for */

struct candidate {
	uint32_t votes, block;
};

static int by_votes(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->votes != y->votes)
		return x->votes > y->votes ? -1 : 1;
	return x->block < y->block ? -1 : 1;
}

static int by_place(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static enum kb_err choose_blocks(struct bundle_region *r, uint32_t *n)
{
	/* bound: 8 bytes for each block of the seed */
	struct candidate *c = calloc(r->nvoted + 1, sizeof(*c));

	if (c == NULL)
		return KB_ENOMEM;
	for (uint32_t i = 0; i < r->nvoted; i++)
		c[i] = (struct candidate){ r->votes[r->voted[i]], r->voted[i] };
	qsort(c, r->nvoted, sizeof(*c), by_votes);
	*n = r->nvoted < BUNDLE_REGION_BLOCKS ? r->nvoted : BUNDLE_REGION_BLOCKS;
	for (uint32_t i = 0; i < *n; i++)
		r->block[i] = c[i].block;
	free(c);
	qsort(r->block, *n, sizeof(*r->block), by_place);
	return KB_OK;
}

static unsigned first_two(const struct bundle_region *r, size_t i)
{
	return (unsigned)r->bytes[i] << 8 | (i + 1 < r->len ? r->bytes[i + 1] : 0);
}

static void find_prefixes(struct bundle_region *r)
{
	memset(r->first, 0, sizeof(r->first));
	for (size_t i = 0; i < r->len; i++)
		r->first[first_two(r, i) + 1]++;
	for (unsigned i = 0; i < 65536; i++)
		r->first[i + 1] += r->first[i];
}

enum kb_err bundle_region_end(struct bundle_region *r)
{
	uint32_t n;

	TRY(choose_blocks(r, &n));
	for (uint32_t i = 0; i < n; i++)
		memcpy(r->bytes + (size_t)i * BUNDLE_SEED_BLOCK,
		       r->seed->bytes + (uint64_t)r->block[i] * BUNDLE_SEED_BLOCK,
		       BUNDLE_SEED_BLOCK);
	for (uint32_t i = n; i-- > 0;) {
		bool neighbours = i + 1 < n && r->block[i + 1] == r->block[i] + 1;

		r->end[i] = neighbours ? r->end[i + 1] : i + 1;
	}
	r->len = (size_t)n * BUNDLE_SEED_BLOCK;
	TRY(bundle_suffix_sort(r->bytes, r->len, r->sorted));
	find_prefixes(r);
	return KB_OK;
}

/* ---------------------------------------------------------------- searching */

static size_t match_len(const uint8_t *a, const uint8_t *b, size_t most)
{
	size_t i = 0;

	while (i + 8 <= most) {
		uint64_t differ = bytes_get64(a + i) ^ bytes_get64(b + i);

		if (differ != 0)
			return i + (size_t)__builtin_ctzll(differ) / 8;
		i += 8;
	}
	while (i < most && a[i] == b[i])
		i++;
	return i;
}

/* The first suffix that does not stand before t. */
static int32_t lower_bound(const struct bundle_region *r, const uint8_t *t, size_t most)
{
	unsigned two = (unsigned)t[0] << 8 | t[1];
	int32_t low = r->first[two], high = r->first[two + 1];
	size_t same_low = 0, same_high = 0;

	while (low < high) {
		int32_t mid = low + (high - low) / 2;
		size_t at = (size_t)r->sorted[mid], room = r->len - at < most ? r->len - at : most;
		size_t n = same_low < same_high ? same_low : same_high;

		if (n > room)
			n = room;
		n += match_len(r->bytes + at + n, t + n, room - n);
		if (n == most || (n < room && r->bytes[at + n] > t[n])) {
			high = mid;
			same_high = n;
		} else {
			low = mid + 1;
			same_low = n;
		}
	}
	return low;
}

/* As far as the bytes lie side by side in the seed, too. */
static size_t match_at(const struct bundle_region *r, int32_t place, const uint8_t *t, size_t most,
		       uint64_t *off)
{
	size_t at = (size_t)r->sorted[place], block = at / BUNDLE_SEED_BLOCK;
	size_t room = (size_t)r->end[block] * BUNDLE_SEED_BLOCK - at;

	*off = (uint64_t)r->block[block] * BUNDLE_SEED_BLOCK + at % BUNDLE_SEED_BLOCK;
	return match_len(r->bytes + at, t, room < most ? room : most);
}

size_t bundle_region_search(const struct bundle_region *r, const uint8_t *t, size_t most,
			    uint64_t *off)
{
	size_t best = 0;
	uint64_t where;
	int32_t place;

	*off = 0;
	if (most > MATCH_MAX)
		most = MATCH_MAX;
	if (most < 4 || r->len == 0)
		return 0;
	place = lower_bound(r, t, most);
	for (int32_t i = place > 0 ? place - 1 : 0; i <= place && (size_t)i < r->len; i++) {
		size_t n = match_at(r, i, t, most, &where);

		if (n > best) {
			best = n;
			*off = where;
		}
	}
	return best;
}
