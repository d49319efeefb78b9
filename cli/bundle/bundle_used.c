/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_used.h"

#include "update/wire/remake_form.h"

#include <stdlib.h>

#define WANT_MIN 64u /* bytes for which a block is worth being unpacked */

enum kb_err bundle_used_alloc(struct bundle_used *u, const struct bundle_view *view)
{
	u->view = view;
	u->n = 0;
	/* bound: a number for each block, twice */
	u->base = calloc(view->blocks.n, sizeof(*u->base));
	u->block = calloc(view->blocks.n, sizeof(*u->block));
	return u->base != NULL && u->block != NULL ? KB_OK : KB_ENOMEM;
}

void bundle_used_free(struct bundle_used *u)
{
	free(u->base);
	free(u->block);
}

static void want_block(struct bundle_used *u, size_t i, uint64_t len)
{
	if (u->base[i] == 0)
		u->block[u->n++] = (uint32_t)i;
	u->base[i] += (uint32_t)len;
}

void bundle_used_begin(struct bundle_used *u)
{
	for (size_t i = 0; i < u->n; i++)
		u->base[u->block[i]] = 0;
	u->n = 0;
}

static int by_want(const void *a, const void *b, void *base)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t want_x = ((const uint32_t *)base)[x], want_y = ((const uint32_t *)base)[y];

	if (want_x != want_y)
		return want_x > want_y ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The device unpacks them all. */
void bundle_used_choose(struct bundle_used *u)
{
	size_t n = 0, len = 0;

	qsort_r(u->block, u->n, sizeof(*u->block), by_want, u->base);
	for (size_t i = 0; i < u->n; i++) {
		uint32_t block = u->block[i], plain = u->view->blocks.block[block].plain;

		if (u->base[block] < WANT_MIN || plain > REMAKE_VIEW_MAX - len) {
			u->base[block] = 0;
			continue;
		}
		u->block[n++] = block;
		len += plain;
	}
	u->n = n;
	qsort(u->block, u->n, sizeof(*u->block), by_number);
}

void bundle_used_place(struct bundle_used *u, struct bundle_streams *s,
		       struct bundle_stream *sources)
{
	uint64_t end = 0;
	uint32_t base = 1;

	for (size_t i = 0; i < u->n; i++) {
		const struct bundle_block *b = &u->view->blocks.block[u->block[i]];

		bundle_streams_number(s, sources, b->off + b->lead - end);
		bundle_streams_number(s, sources, b->stored - b->lead);
		bundle_streams_number(s, sources, b->plain);
		u->base[u->block[i]] = base;
		base += b->plain;
		end = b->off + b->stored;
	}
}

struct bundle_used_place bundle_used_find(struct bundle_used *u, uint64_t from, uint64_t len,
					  bool wanted)
{
	const struct bundle_view *v = u->view;
	struct bundle_used_place p = { .nowhere = true, .from = from, .len = v->image - from };
	uint64_t end;
	size_t block;

	if (from < v->image) {
		p.nowhere = false;
		return p;
	}
	block = bundle_view_block(v, from, &end);
	p.len = end - from;
	if (block == BUNDLE_VIEW_NONE)
		return p;
	if (wanted)
		want_block(u, block, len < p.len ? len : p.len);
	else if (u->base[block] != 0) {
		p.nowhere = false;
		p.from = v->image + u->base[block] - 1 + (from - v->place[block]);
	}
	return p;
}
