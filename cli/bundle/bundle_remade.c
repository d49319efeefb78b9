/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_remade.h"

#include "lib/util.h"

#include <stdlib.h>
#include <string.h>

enum kb_err bundle_remade_alloc(struct bundle_remade *r, const struct bundle_view *view)
{
	memset(r, 0, sizeof(*r));
	r->view = view;
	TRY(bundle_streams_alloc(&r->s, REMAKE_STREAMS_MAX));
	TRY(bundle_used_alloc(&r->used, view));
	/* bound: REMAKE_STREAMS_MAX */
	r->sources.p = malloc(REMAKE_STREAMS_MAX);
	r->pieces.p = malloc(REMAKE_STREAMS_MAX);
	TRY(bundle_ways_alloc(&r->ways, bundle_streams_frame_room(&r->s)));
	/* bound: a chunk, and one struct */
	r->check = malloc(MANIFEST_CHUNK_MAX);
	r->remake = aligned_alloc(64, sizeof(*r->remake));
	if (r->sources.p == NULL || r->pieces.p == NULL || r->check == NULL || r->remake == NULL)
		return KB_ENOMEM;
	return remake_init(r->remake);
}

void bundle_remade_free(struct bundle_remade *r)
{
	bundle_streams_free(&r->s);
	free(r->sources.p);
	free(r->pieces.p);
	bundle_ways_free(&r->ways);
	bundle_used_free(&r->used);
	free(r->check);
	free(r->remake);
}

void bundle_remade_begin(struct bundle_remade *r)
{
	bundle_ways_begin(&r->ways);
}

/* ---------------------------------------------------------------- commands */

static void end_run(struct bundle_remade *r)
{
	struct bundle_remade_run *n = &r->run;

	if (n->text.len > 0 && !r->counting) {
		if (n->type == DELTA_SEED)
			bundle_streams_seed(&r->s, &n->text, n->was, n->from);
		else if (n->type == DELTA_LITERAL)
			bundle_streams_literal(&r->s, &n->text);
		else
			bundle_streams_zero(&r->s, n->text.len);
	}
	n->text.len = 0;
}

static void add_run(struct bundle_remade *r, const struct bundle_remade_run *next)
{
	struct bundle_remade_run *n = &r->run;

	if (n->text.len > 0 && n->type == next->type && n->text.p + n->text.len == next->text.p &&
	    (n->type != DELTA_SEED ||
	     (n->from + n->text.len == next->from && n->was + n->text.len == next->was))) {
		n->text.len += next->text.len;
		return;
	}
	end_run(r);
	*n = *next;
}

/* Of a run whose bytes are at `from` of the view: as much as lies in the image, in a block, or in
 * neither. */
static uint64_t translate(struct bundle_remade *r, struct bundle_remade_run *n)
{
	struct bundle_used_place p = bundle_used_find(&r->used, n->from, n->text.len, r->counting);

	if (p.nowhere)
		n->type = DELTA_LITERAL;
	n->from = p.from;
	return p.len;
}

static void add_seed_run(struct bundle_remade *r, const uint8_t *text, uint64_t len, uint64_t from,
			 uint64_t at)
{
	while (len > 0) {
		struct bundle_remade_run n = { .type = DELTA_SEED,
					       .text = { text, len, at },
					       .was = r->view->seed.bytes + from,
					       .from = from };
		uint64_t most = translate(r, &n);

		if (n.text.len > most)
			n.text.len = most;
		add_run(r, &n);
		text += n.text.len;
		from += n.text.len;
		at += n.text.len;
		len -= n.text.len;
	}
}

/* The pieces of [from, from + len) of the text. */
static void add_text(struct bundle_remade *r, const struct bundle_remade_chunk *c, size_t from,
		     size_t len)
{
	const struct bundle_match_piece *p = c->piece;
	size_t low = 0, high = c->npieces;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (p[mid].at <= from)
			low = mid;
		else
			high = mid;
	}
	for (size_t end = from + len; from < end; low++) {
		uint64_t skip = from - p[low].at, n = p[low].len - skip;
		struct bundle_remade_run run = { .type = p[low].type };

		if (n > end - from)
			n = end - from;
		run.text = (struct bundle_streams_text){ c->text->p + from, n, from };
		if (p[low].type == DELTA_SEED)
			add_seed_run(r, run.text.p, n, p[low].from + skip, from);
		else
			add_run(r, &run);
		from += n;
	}
}

/* ---------------------------------------------------------------- parts */

static void end_as_is(struct bundle_remade *r)
{
	end_run(r);
	if (r->as_is > 0 && !r->counting)
		bundle_streams_number(&r->s, &r->pieces,
				      r->as_is << REMAKE_LEN_SHIFT | REMAKE_AS_IS);
	r->as_is = 0;
}

/* Of the compressed bytes, the chunk has `take`, behind `skip`; of filled blocks all. */
static void add_made(struct bundle_remade *r, const struct bundle_remade_chunk *c,
		     const struct bundle_part *part, uint64_t skip, uint64_t take)
{
	bool filled = part->type == BUNDLE_PART_FILLED;

	end_as_is(r);
	add_text(r, c, part->text, part->text_len);
	end_run(r);
	r->nblocks++;
	r->text_len += part->text_len;
	r->budget += part->text_len / DELTA_COMMAND_BYTES;
	if (r->counting)
		return;
	bundle_streams_number(&r->s, &r->pieces,
			      part->text_len << REMAKE_LEN_SHIFT |
				      (filled ? REMAKE_FILL : REMAKE_BLOCK));
	bundle_streams_number(&r->s, &r->pieces, filled ? part->len / part->how.size : skip);
	if (!filled)
		bundle_streams_number(&r->s, &r->pieces, take);
	bundle_streams_number(&r->s, &r->pieces, part->how.how);
	bundle_streams_number(&r->s, &r->pieces, part->how.size);
}

static void add_part(struct bundle_remade *r, const struct bundle_remade_chunk *c,
		     const struct bundle_text_image *im, const struct bundle_part *part)
{
	const struct bundle_view *v = r->view;
	uint64_t from = part->off > c->at ? part->off : c->at;
	uint64_t end = part->off + part->len, last = c->at + c->len, len;
	uint64_t in_block = from - im->blocks.block[part->block].off;
	struct bundle_remade_run literal = { .type = DELTA_LITERAL };

	len = (end < last ? end : last) - from;
	if (part->type >= BUNDLE_PART_BLOCK && part->text_len <= REMAKE_TEXT_MAX - r->text_len) {
		add_made(r, c, part, in_block, len);
		return;
	}
	r->as_is += len;
	literal.text = (struct bundle_streams_text){ c->plain + (from - c->at), len, from };
	if (part->type == BUNDLE_PART_SAME)
		add_seed_run(r, literal.text.p, len,
			     v->blocks.block[im->same[part->block]].off + in_block, from);
	else if (part->type >= BUNDLE_PART_BLOCK || part->text == SIZE_MAX)
		add_run(r, &literal);
	else
		add_text(r, c, part->text + (size_t)(from - part->off), (size_t)len);
}

static void add_parts(struct bundle_remade *r, const struct bundle_remade_chunk *c,
		      const struct bundle_text_image *im, bool counting)
{
	r->counting = counting;
	r->nblocks = 0;
	r->text_len = 0;
	r->budget = c->len / DELTA_COMMAND_BYTES;
	for (size_t i = c->first; i < c->text->nparts; i++) {
		const struct bundle_part *part = &c->text->part[i];

		if (part->off >= c->at + c->len)
			break;
		add_part(r, c, im, part);
	}
	end_as_is(r);
}

/* ---------------------------------------------------------------- stored bytes */

/* No block is unpacked or made again. */
static bool is_patch(const struct bundle_remade *r)
{
	return r->used.n == 0 && r->nblocks == 0;
}

/* The frame of what the parts need: all streams, or those of a patch. */
static enum kb_err compress(struct bundle_remade *r, const struct bundle_remade_chunk *c,
			    uint8_t *frame, size_t *n)
{
	const struct bundle_stream *const all[] = { &r->sources, &r->pieces,  &r->s.commands,
						    &r->s.gaps,	 &r->s.words, &r->s.literals };

	if (is_patch(r))
		return bundle_streams_compress(&r->s, all + 2, 4, c->len + DELTA_MORE, frame, n);
	return bundle_streams_compress(&r->s, all, KB_ARRAY_LEN(all), REMAKE_STREAMS_MAX, frame, n);
}

static enum kb_err try_remade_way(struct bundle_remade *r, struct bundle_remade_chunk *c,
				  const struct bundle_text_image *im, unsigned way)
{
	size_t n;

	r->sources.n = r->pieces.n = 0;
	bundle_streams_begin(&r->s, c->at);
	r->s.align = bundle_ways_align(way);
	bundle_used_place(&r->used, &r->s, &r->sources);
	add_parts(r, c, im, false);
	r->s.full |= r->s.ncommands > r->budget;
	if (is_patch(r) && !r->s.needs_patch) {
		bundle_stored_try(&c->stored, READER_COPY, r->s.commands.p,
				  r->s.full ? 0 : r->s.commands.n);
		return KB_OK;
	}
	TRY(compress(r, c, r->ways.frame[way], &n));
	bundle_stored_try(&c->stored,
			  is_patch(r) ? READER_PATCH : READER_REMAKE_ZLIB + r->view->blocks.packer,
			  r->ways.frame[way], n);
	bundle_ways_note(&r->ways, way, n, c->len);
	return KB_OK;
}

/* By the device's own decoder, as bundle_put_chunk() does with other forms. */
static enum kb_err check_remade(struct bundle_remade *r, struct bundle_remade_chunk *c)
{
	const struct delta_seed seed = { .size = r->view->image,
					 .read = bundle_seed_read,
					 .ctx = (void *)(uintptr_t)&r->view->seed };
	const struct remake_chunk m = { .packer = r->view->blocks.packer,
					.at = c->at,
					.stored = c->stored.p,
					.stored_len = c->stored.len };
	enum kb_err err;

	if (!reader_form_is_remade(c->stored.form))
		return KB_OK;
	err = remake_chunk(r->remake, r->check, c->len, &m, &seed);
	if (err == KB_EFORMAT) { /* more than a device takes */
		c->stored = bundle_stored_raw(c->plain, c->len);
		return KB_OK;
	}
	TRY(err);
	return memcmp(r->check, c->plain, c->len) == 0 ? KB_OK : KB_EDIGEST;
}

enum kb_err bundle_remade_make(struct bundle_remade *r, struct bundle_remade_chunk *c,
			       const struct bundle_text_image *im)
{
	c->stored = bundle_stored_raw(c->plain, c->len);
	bundle_used_begin(&r->used);
	add_parts(r, c, im, true);
	bundle_used_choose(&r->used);
	for (unsigned way = 0; way < BUNDLE_WAYS; way++) {
		if (bundle_ways_is_worth(&r->ways, way))
			TRY(try_remade_way(r, c, im, way));
	}
	r->ways.tried += c->stored.form != READER_COPY;
	return check_remade(r, c);
}
