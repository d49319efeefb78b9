/* SPDX-License-Identifier: Apache-2.0 */
/* A block, in a list and in an image. */
#include "cli/bundle/bundle_blocks.h"

#include <stdlib.h>

enum kb_err bundle_blocks_add(struct bundle_blocks *b, const struct bundle_block *block)
{
	if (b->n == b->room) {
		size_t room = b->room == 0 ? 4096 : 2 * b->room;
		/* bound: blocks of the image that are at least a byte, each found a few times */
		struct bundle_block *more = realloc(b->block, room * sizeof(*more));

		if (more == NULL)
			return KB_ENOMEM;
		b->block = more;
		b->room = room;
	}
	b->block[b->n++] = *block;
	return KB_OK;
}

struct remake_bytes bundle_block_packed(const struct bundle_block *b, const uint8_t *p)
{
	return (struct remake_bytes){ p + b->off + b->lead, b->stored - b->lead };
}
