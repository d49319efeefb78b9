/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_blocks.h"

#include "cli/bundle/bundle_erofs.h"
#include "cli/bundle/bundle_squash.h"

#include <stdlib.h>
#include <string.h>

#define GAP_MAX (128u << 10) /* what is no block is cut into pieces of this length */

static int by_offset(const void *x, const void *y)
{
	const struct bundle_block *a = x, *b = y;

	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return a->stored < b->stored ? -1 : a->stored > b->stored;
}

static enum kb_err fill_gap(struct bundle_blocks *to, uint64_t from, uint64_t end)
{
	while (from < end) {
		struct bundle_block gap = { .off = from };

		gap.stored = end - from < GAP_MAX ? (uint32_t)(end - from) : GAP_MAX;
		TRY(bundle_blocks_add(to, &gap));
		from += gap.stored;
	}
	return KB_OK;
}

/* In order, each once, none over another, and what is between them. */
static enum kb_err make_whole(struct bundle_blocks *to, const struct bundle_blocks *from,
			      uint64_t size)
{
	uint64_t at = 0;

	for (size_t i = 0; i < from->n; i++) {
		const struct bundle_block *b = &from->block[i];

		if (b->off < at || b->stored == 0 || b->off > size || b->stored > size - b->off)
			continue;
		TRY(fill_gap(to, at, b->off));
		TRY(bundle_blocks_add(to, b));
		at = b->off + b->stored;
	}
	return fill_gap(to, at, size);
}

enum kb_err bundle_blocks_find(struct bundle_blocks *b, struct bundle_blocks_image image)
{
	struct bundle_blocks found = { 0 };
	enum kb_err err;

	memset(b, 0, sizeof(*b));
	err = bundle_squash_find(&found, image);
	if (err == KB_OK && found.n == 0)
		err = bundle_erofs_find(&found, image);
	if (err == KB_OK && found.n > 0) {
		qsort(found.block, found.n, sizeof(*found.block), by_offset);
		*b = found;
		b->block = NULL;
		b->n = b->room = 0;
		err = make_whole(b, &found, image.len);
	}
	bundle_blocks_free(&found);
	return err == KB_EFORMAT ? KB_OK : err;
}

void bundle_blocks_free(struct bundle_blocks *b)
{
	free(b->block);
	b->block = NULL;
	b->n = b->room = 0;
}
