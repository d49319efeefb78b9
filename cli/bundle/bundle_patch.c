/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_patch.h"

#include "lib/util.h"

#include <string.h>

enum kb_err bundle_patch_alloc(struct bundle_patch *p, const struct bundle_seed *seed)
{
	memset(p, 0, sizeof(*p));
	p->seed = seed;
	TRY(bundle_streams_alloc(&p->s, BUNDLE_PATCH_ROOM));
	return bundle_ways_alloc(&p->ways, bundle_streams_frame_room(&p->s));
}

void bundle_patch_free(struct bundle_patch *p)
{
	bundle_streams_free(&p->s);
	bundle_ways_free(&p->ways);
	memset(p, 0, sizeof(*p));
}

/* ---------------------------------------------------------------- streams */

/* The part of a piece that lies in the chunk. */
static struct bundle_match_piece cut_piece(const struct bundle_match_piece *x,
					   const struct bundle_patch_chunk *c)
{
	uint64_t end = x->at + x->len, last = c->in_job + c->len;
	struct bundle_match_piece cut = *x;

	if (cut.at < c->in_job) {
		cut.from += c->in_job - cut.at;
		cut.at = c->in_job;
	}
	cut.len = (end < last ? end : last) - cut.at;
	return cut;
}

/* One command for neighbours that lie side by side in the seed, too. */
static size_t join_pieces(struct bundle_match_piece *x, const struct bundle_match_piece *piece,
			  size_t i, size_t n, const struct bundle_patch_chunk *c)
{
	while (++i < n && piece[i].at < c->in_job + c->len) {
		struct bundle_match_piece next = cut_piece(&piece[i], c);

		if (next.type != x->type ||
		    (x->type == DELTA_SEED && next.from != x->from + x->len))
			break;
		x->len += next.len;
	}
	return i;
}

static void put_piece(struct bundle_patch *p, const struct bundle_patch_chunk *c,
		      const struct bundle_match_piece *x)
{
	uint64_t in_chunk = x->at - c->in_job;
	const struct bundle_streams_text t = { c->plain + in_chunk, x->len, c->at + in_chunk };

	if (x->type == DELTA_SEED)
		bundle_streams_seed(&p->s, &t, p->seed->bytes + x->from, x->from);
	else if (x->type == DELTA_LITERAL)
		bundle_streams_literal(&p->s, &t);
	else
		bundle_streams_zero(&p->s, t.len);
}

static void put_pieces(struct bundle_patch *p, const struct bundle_patch_chunk *c,
		       const struct bundle_match_piece *piece, size_t n)
{
	bundle_streams_begin(&p->s, c->at);
	for (size_t i = 0; i < n && piece[i].at < c->in_job + c->len;) {
		struct bundle_match_piece x = cut_piece(&piece[i], c);

		i = join_pieces(&x, piece, i, n, c);
		put_piece(p, c, &x);
	}
	p->s.full |= p->s.ncommands > c->len / DELTA_COMMAND_BYTES;
}

/* ---------------------------------------------------------------- stored bytes */

void bundle_patch_begin(struct bundle_patch *p)
{
	bundle_ways_begin(&p->ways);
}

static enum kb_err try_way(struct bundle_patch *p, struct bundle_patch_chunk *c, unsigned way)
{
	const struct bundle_stream *const streams[] = { &p->s.commands, &p->s.gaps, &p->s.words,
							&p->s.literals };
	size_t stored;

	TRY(bundle_streams_compress(&p->s, streams, KB_ARRAY_LEN(streams), c->len + DELTA_MORE,
				    p->ways.frame[way], &stored));
	bundle_stored_try(&c->stored, READER_PATCH, p->ways.frame[way], stored);
	bundle_ways_note(&p->ways, way, stored, c->len);
	return KB_OK;
}

enum kb_err bundle_patch_make(struct bundle_patch *p, struct bundle_patch_chunk *c,
			      const struct bundle_match_piece *piece, size_t n)
{
	c->stored = bundle_stored_raw(c->plain, c->len);
	for (unsigned i = 0; i < BUNDLE_WAYS; i++) {
		if (!bundle_ways_is_worth(&p->ways, i))
			continue;
		p->s.align = bundle_ways_align(i);
		put_pieces(p, c, piece, n);
		if (!p->s.needs_patch) {
			bundle_stored_try(&c->stored, READER_COPY, p->s.commands.p,
					  p->s.full ? 0 : p->s.commands.n);
			return KB_OK; /* it has no words */
		}
		TRY(try_way(p, c, i));
	}
	p->ways.tried++;
	return KB_OK;
}
