/* SPDX-License-Identifier: Apache-2.0 */
#include "update/install/install_gap.h"

bool install_gap_is_text(const struct reader_chunk *c)
{
	return c->form == READER_ZSTD || c->form == READER_ZSTD_NEXT;
}

void install_gap_clear(struct install_gap *g)
{
	g->first = g->n = g->known = 0;
	g->lost = false;
}

static struct reader_chunk *chunk_at(struct install_gap *g, uint32_t i)
{
	return &g->chunk[(g->first + i) % INSTALL_GAP_CHUNKS];
}

static void drop_oldest(struct install_gap *g, uint32_t n)
{
	g->first = (g->first + n) % INSTALL_GAP_CHUNKS;
	g->n -= n;
}

void install_gap_add(struct install_gap *g, const struct reader_chunk *c)
{
	if (g->n == INSTALL_GAP_CHUNKS) {
		drop_oldest(g, 1);
		g->lost = true;
	}
	*chunk_at(g, g->n++) = *c;
}

/* Where the frame begins that is open behind the gap; 0 also when it was before. */
static uint32_t find_frame(struct install_gap *g)
{
	uint32_t i = g->n;

	while (i > 0 && chunk_at(g, --i)->form != READER_ZSTD)
		;
	return i;
}

void install_gap_close(struct install_gap *g, bool begins, bool *fresh)
{
	uint32_t frame = begins ? g->n : find_frame(g), from = frame, len = 0;

	while (from > 0 && len < MANIFEST_HISTORY)
		len += chunk_at(g, --from)->len;
	*fresh = from > 0 || g->lost;
	drop_oldest(g, from);
	g->known = frame - from;
	g->lost = false;
}

const struct reader_chunk *install_gap_next(struct install_gap *g, bool *known)
{
	const struct reader_chunk *c = chunk_at(g, 0);

	if (g->n == 0)
		return NULL;
	*known = g->known > 0;
	g->known -= *known;
	drop_oldest(g, 1);
	return c;
}
