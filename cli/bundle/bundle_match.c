/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_match.h"

#include <stdlib.h>
#include <string.h>

#define SLACK	  8u	      /* bytes by which a match must be better than what goes on */
#define SLACK_FAR 12u	      /* and more if it is far away: the device must seek */
#define FAR	  (64u << 10) /* bytes */
#define MIN_FIRST 6u	      /* shorter pieces at the begin of a run are literals */

/* A run of blocks that changed, [begin, end) of the new bytes. A piece began at `last`, which is
 * `from` in the seed. */
struct run {
	uint64_t begin, end, last;
	int64_t from;
	/* where the search is, and the match that it found there */
	uint64_t scan, len, pos;
};

enum kb_err bundle_match_alloc(struct bundle_match *m, const struct bundle_seed *seed)
{
	memset(m, 0, sizeof(*m));
	return bundle_region_alloc(&m->region, seed);
}

void bundle_match_free(struct bundle_match *m)
{
	bundle_region_free(&m->region);
	free(m->piece);
	m->piece = NULL;
}

/* ---------------------------------------------------------------- pieces */

static bool joins(const struct bundle_match_piece *p, const struct bundle_match_piece *next)
{
	return p->type == next->type && p->exact == next->exact && p->at + p->len == next->at &&
	       (p->type != DELTA_SEED || p->from + p->len == next->from);
}

static void grow_pieces(struct bundle_match *m)
{
	size_t room = m->room == 0 ? 4096 : 2 * m->room;
	/* bound: a piece for each byte of a job, at the very worst */
	struct bundle_match_piece *more = realloc(m->piece, room * sizeof(*more));

	if (more == NULL) {
		m->failed = true;
		return;
	}
	m->piece = more;
	m->room = room;
}

static void add_piece(struct bundle_match *m, const struct bundle_match_piece *p)
{
	if (p->len == 0 || m->failed)
		return;
	if (m->n > 0 && joins(&m->piece[m->n - 1], p)) {
		m->piece[m->n - 1].len += p->len;
		return;
	}
	if (m->n == m->room)
		grow_pieces(m);
	if (!m->failed)
		m->piece[m->n++] = *p;
}

static void add_seed(struct bundle_match *m, uint64_t at, int64_t from, uint64_t len, bool exact)
{
	const struct bundle_match_piece p = { at, (uint64_t)from, len, DELTA_SEED, exact };

	add_piece(m, &p);
}

static void add_literal(struct bundle_match *m, uint64_t at, uint64_t len)
{
	const struct bundle_match_piece p = { at, 0, len, DELTA_LITERAL, false };

	add_piece(m, &p);
}

/* ---------------------------------------------------------------- what agrees */

static bool in_seed(const struct bundle_match *m, int64_t off)
{
	return off >= 0 && (uint64_t)off < m->region.seed->size;
}

static bool is_same(const struct bundle_match *m, uint64_t at, int64_t off)
{
	return in_seed(m, off) && m->region.seed->bytes[off] == m->t[at];
}

/* How far a piece goes on behind `at` so that it agrees most, of `most` bytes. */
static uint64_t extend_forward(const struct bundle_match *m, uint64_t at, int64_t off,
			       uint64_t most)
{
	int64_t score = 0, best = 0;
	uint64_t len = 0;

	for (uint64_t k = 0; k < most && in_seed(m, off + (int64_t)k);) {
		score += is_same(m, at + k, off + (int64_t)k);
		k++;
		if (2 * score - (int64_t)k > best) {
			best = 2 * score - (int64_t)k;
			len = k;
		}
	}
	return len;
}

/* And before it. */
static uint64_t extend_backward(const struct bundle_match *m, uint64_t at, int64_t off,
				uint64_t most)
{
	int64_t score = 0, best = 0;
	uint64_t len = 0;

	for (uint64_t k = 1; k <= most && off >= (int64_t)k; k++) {
		score += is_same(m, at - k, off - (int64_t)k);
		if (2 * score - (int64_t)k > best) {
			best = 2 * score - (int64_t)k;
			len = k;
		}
	}
	return len;
}

/* Of `overlap` bytes from `at` on, how many the first piece should have. */
static uint64_t split_overlap(const struct bundle_match *m, uint64_t at, uint64_t overlap,
			      int64_t first, int64_t second)
{
	int64_t score = 0, best = 0;
	uint64_t len = 0;

	for (uint64_t k = 0; k < overlap; k++) {
		score += is_same(m, at + k, first + (int64_t)k);
		score -= is_same(m, at + k, second + (int64_t)k);
		if (score > best) {
			best = score;
			len = k + 1;
		}
	}
	return len;
}

/* ---------------------------------------------------------------- a run */

/* Ends the piece that goes on before the match at r->scan, which begins another. last: nothing
 * behind the run is found; else the match is what follows it. */
static void end_piece(struct bundle_match *m, struct run *r, bool last, bool matched)
{
	uint64_t forward = extend_forward(m, r->last, r->from, r->scan - r->last);
	uint64_t back = 0, end;

	if (matched)
		back = extend_backward(m, r->scan, (int64_t)r->pos, r->scan - r->last);
	if (forward + back > r->scan - r->last) {
		uint64_t overlap = forward + back - (r->scan - r->last);
		uint64_t keep = split_overlap(m, r->last + forward - overlap, overlap,
					      r->from + (int64_t)(forward - overlap),
					      (int64_t)r->pos - (int64_t)back);

		forward -= overlap - keep;
		back -= keep;
	}
	if (forward < MIN_FIRST && r->last == r->begin)
		forward = 0;
	end = r->scan - back;
	add_seed(m, r->last, r->from, forward, false);
	add_literal(m, r->last + forward, end - (r->last + forward));
	if (last)
		add_seed(m, end, (int64_t)r->pos - (int64_t)back, back, false);
	if (!matched) /* it goes on behind what is new */
		return;
	r->last = end;
	r->from = (int64_t)r->pos - (int64_t)back;
	m->drift = (int64_t)r->pos - (int64_t)r->scan;
}

static bool goes_on(const struct bundle_match *m, uint64_t at)
{
	return is_same(m, at, (int64_t)at + m->drift);
}

static uint64_t slack_of(const struct bundle_match *m, const struct run *r)
{
	int64_t jump = (int64_t)r->pos - (int64_t)r->scan - m->drift;

	return jump > (int64_t)FAR || jump < -(int64_t)FAR ? SLACK + SLACK_FAR : SLACK;
}

/* The next place with a match that is as long as what goes on there agrees, or longer by the
 * slack; false: the end of the run. *agree: by how many bytes what goes on agrees. */
static bool find_match(const struct bundle_match *m, struct run *r, uint64_t *agree)
{
	uint64_t counted = r->scan += r->len;

	*agree = 0;
	for (; r->scan < r->end; r->scan++) {
		r->len = bundle_region_search(&m->region, m->t + r->scan,
					      (size_t)(r->end - r->scan), &r->pos);
		for (; counted < r->scan + r->len; counted++)
			*agree += goes_on(m, counted);
		if ((r->len == *agree && r->len != 0) || r->len > *agree + slack_of(m, r))
			return true;
		if (counted > r->scan)
			*agree -= goes_on(m, r->scan);
		else
			counted = r->scan + 1;
	}
	return false;
}

/* next: where in the seed the run is followed by a block that is there; or -1. */
static void match_run(struct bundle_match *m, uint64_t begin, uint64_t end, int64_t next)
{
	struct run r = {
		.begin = begin,
		.end = end,
		.last = begin,
		.scan = begin,
		.from = (int64_t)begin + m->drift,
	};
	uint64_t agree;

	while (find_match(m, &r, &agree)) {
		if (r.len != agree)
			end_piece(m, &r, false, true);
	}
	r.scan = end;
	if (next >= 0)
		r.pos = (uint64_t)next;
	end_piece(m, &r, true, next >= 0);
}

/* ---------------------------------------------------------------- all blocks */

static int64_t place_of(uint32_t block)
{
	return (int64_t)block * BUNDLE_SEED_BLOCK;
}

static uint32_t count_run(const struct bundle_match *m, uint32_t i)
{
	uint32_t n = 0;

	while (i + n < m->nblocks && m->map[i + n] == BUNDLE_MATCH_CHANGED)
		n++;
	return n;
}

/* What is near where the image goes on in the seed is looked at, too. */
static enum kb_err find_region(struct bundle_match *m)
{
	uint32_t expected = m->expected;

	bundle_region_begin(&m->region);
	for (uint32_t i = 0; i < m->nblocks; i++) {
		if (m->map[i] == BUNDLE_MATCH_CHANGED)
			bundle_region_vote(&m->region, m->t + (size_t)i * BUNDLE_SEED_BLOCK,
					   expected);
		else if (m->map[i] != BUNDLE_MATCH_ZERO)
			expected = m->map[i];
		if (expected != BUNDLE_SEED_NONE)
			expected++;
	}
	return bundle_region_end(&m->region);
}

static uint32_t add_blocks(struct bundle_match *m, uint32_t i)
{
	uint64_t at = (uint64_t)i * BUNDLE_SEED_BLOCK;
	uint32_t n = count_run(m, i), next = i + n < m->nblocks ? m->map[i + n] : BUNDLE_MATCH_ZERO;
	const struct bundle_match_piece zero = { at, 0, BUNDLE_SEED_BLOCK, DELTA_ZERO, true };

	if (n > 0) {
		match_run(m, at, at + (uint64_t)n * BUNDLE_SEED_BLOCK,
			  next == BUNDLE_MATCH_ZERO ? -1 : place_of(next));
		return n;
	}
	if (m->map[i] == BUNDLE_MATCH_ZERO) {
		add_piece(m, &zero);
		return 1;
	}
	add_seed(m, at, place_of(m->map[i]), BUNDLE_SEED_BLOCK, true);
	m->drift = place_of(m->map[i]) - (int64_t)at;
	return 1;
}

enum kb_err bundle_match_run(struct bundle_match *m)
{
	TRY(find_region(m));
	m->n = 0;
	m->failed = false;
	m->drift = m->expected != BUNDLE_SEED_NONE ? place_of(m->expected) : 0;
	for (uint32_t i = 0; i < m->nblocks;)
		i += add_blocks(m, i);
	return m->failed ? KB_ENOMEM : KB_OK;
}
