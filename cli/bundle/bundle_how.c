/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_how.h"

#include "update/wire/remake_form.h"

#include <stdlib.h>
#include <string.h>

#define ZLIB_LEVELS	9u
#define ZLIB_STRATEGIES 5u
#define ZLIB_WINDOW	15u
#define XZ_PRESET	6u
#define XZ_FILTERS	7u
#define ZSTD_LEVELS	22u
#define LZ4_LEVELS	12u
#define META_MAX	8192u

enum kb_err bundle_how_memory_alloc(struct bundle_how_memory *m)
{
	/* bound: what the device has for it */
	m->arena = aligned_alloc(64, REMAKE_MEMORY);
	m->packed = malloc(REMAKE_BLOCK_MAX);
	return m->arena != NULL && m->packed != NULL ? KB_OK : KB_ENOMEM;
}

void bundle_how_memory_free(struct bundle_how_memory *m)
{
	free(m->arena);
	free(m->packed);
	m->arena = m->packed = NULL;
}

static void add(struct bundle_how *h, uint32_t how, uint32_t size)
{
	if (h->n < BUNDLE_HOW_MAX)
		h->how[h->n++] = (struct remake_how){ how, size };
}

static void begin_zlib(struct bundle_how *h)
{
	for (unsigned strategy = 0; strategy < ZLIB_STRATEGIES; strategy++)
		for (unsigned level = ZLIB_LEVELS; level > 0; level--)
			add(h, level + 16 * strategy, ZLIB_WINDOW);
}

/* mksquashfs takes one preset, and a dictionary as large as a block unless it is said otherwise. */
static void begin_xz(struct bundle_how *h, const struct bundle_blocks *b)
{
	const uint32_t dictionaries[] = { b->block_size, b->dictionary, META_MAX };

	for (unsigned filter = 0; filter < XZ_FILTERS; filter++) {
		for (unsigned i = 0; i < 3; i++) {
			if (dictionaries[i] != 0 && (i == 0 || dictionaries[i] != b->block_size))
				add(h, XZ_PRESET + 16 * filter, dictionaries[i]);
		}
	}
}

static void begin_lz4(struct bundle_how *h, const struct bundle_blocks *b)
{
	for (unsigned level = 0; level <= LZ4_LEVELS; level++)
		add(h, level, b->filled ? b->block_size : 0);
	for (unsigned level = 0; b->filled && level <= LZ4_LEVELS; level++)
		add(h, level + REMAKE_LZ4_LONG, b->block_size);
}

void bundle_how_begin(struct bundle_how *h, const struct bundle_blocks *b)
{
	h->n = 0;
	switch (b->packer) {
	case REMAKE_ZLIB:
		begin_zlib(h);
		break;
	case REMAKE_XZ:
		begin_xz(h, b);
		break;
	case REMAKE_ZSTD:
		for (unsigned level = 1; level <= ZSTD_LEVELS; level++)
			add(h, level, 0);
		break;
	case REMAKE_LZ4:
		begin_lz4(h, b);
		break;
	case REMAKE_PACKERS:
		break;
	}
}

bool bundle_how_makes(enum remake_packer packer, struct remake_how how, struct bundle_how_memory *m,
		      struct remake_bytes text, struct remake_bytes stored)
{
	const struct remake_library *library = remake_library_of(packer);
	struct remake_arena arena = { .p = m->arena, .size = REMAKE_MEMORY };
	size_t len = stored.len;
	enum kb_err err;

	if (library->fill != NULL && how.size != 0)
		err = len > REMAKE_BLOCK_MAX ? KB_EFORMAT
					     : library->fill(&arena, how, text, m->packed,
							     (uint32_t)(len / how.size));
	else
		err = library->pack(&arena, how, text, m->packed, REMAKE_BLOCK_MAX, &len);
	return err == KB_OK && len == stored.len && memcmp(m->packed, stored.p, len) == 0;
}

unsigned bundle_how_find(const struct bundle_how *h, enum remake_packer packer,
			 struct bundle_how_memory *m, struct remake_bytes text,
			 struct remake_bytes stored, unsigned first)
{
	if (first < h->n && bundle_how_makes(packer, h->how[first], m, text, stored))
		return first;
	for (unsigned i = 0; i < h->n; i++) {
		if (i != first && bundle_how_makes(packer, h->how[i], m, text, stored))
			return i;
	}
	return h->n;
}

void bundle_how_keep(struct bundle_how *h, const unsigned hits[BUNDLE_HOW_MAX])
{
	struct bundle_how kept = { .n = 0 };
	bool taken[BUNDLE_HOW_MAX] = { false };

	for (;;) {
		unsigned best = h->n;

		for (unsigned i = 0; i < h->n; i++) {
			if (!taken[i] && hits[i] > 0 && (best == h->n || hits[i] > hits[best]))
				best = i;
		}
		if (best == h->n)
			break;
		taken[best] = true;
		kept.how[kept.n++] = h->how[best];
	}
	*h = kept;
}
