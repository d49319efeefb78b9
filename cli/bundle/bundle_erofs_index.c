/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_erofs_index.h"

#include "lib/bytes.h"

#define HEADER_LEN  8u
#define PADDING	    8u
#define ENTRY_LEN   8u
#define ADVISE_LONG 1u /* entries in packs of 16, where these are aligned */
#define FROM_BITS   12u
#define FROM_MASK   ((1u << FROM_BITS) - 1)
#define SHORT_PACK  2u
#define SHORT_BITS  16u
#define LONG_PACK   16u
#define LONG_BITS   14u
#define PACK_ALIGN  32u

enum entry_type {
	ENTRY_PLAIN = 0,
	ENTRY_HEAD = 1,
	ENTRY_INSIDE = 2, /* of the block before */
	ENTRY_SECOND = 3
};

/* Entries that begin at x->at: 4 bytes each in packs of two up to where longer packs are aligned,
 * then 2 bytes each, then the rest as at first. Each pack ends with the number of a block. */
static void find_packs(struct bundle_erofs_index *x, unsigned advise)
{
	x->first = (PACK_ALIGN - x->at % PACK_ALIGN) / 4 % 8;
	if (x->first > x->total)
		x->first = x->total;
	x->longer = advise & ADVISE_LONG ? (x->total - x->first) / LONG_PACK * LONG_PACK : 0;
}

enum kb_err bundle_erofs_index_begin(struct bundle_erofs_index *x, struct bundle_blocks_image image,
				     uint64_t end, uint64_t size, bool compact)
{
	const uint8_t *p;
	unsigned advise;

	end = (end + 7) / 8 * 8;
	*x = (struct bundle_erofs_index){ .image = image, .compact = compact };
	x->total = (size + BUNDLE_EROFS_BLOCK - 1) / BUNDLE_EROFS_BLOCK;
	if (end > image.len || image.len - end < HEADER_LEN + PADDING ||
	    x->total > (image.len - end) / 2)
		return KB_EFORMAT;
	p = image.p + end;
	advise = bytes_get16(p + 4);
	/* LZ4, blocks of 4096 bytes, and nothing that newer ones have */
	if ((advise & ~ADVISE_LONG) != 0 || (p[6] & 15) != 0 || p[7] != 0)
		return KB_EFORMAT;
	x->at = end + HEADER_LEN + (compact ? 0 : PADDING);
	if (compact)
		find_packs(x, advise);
	return KB_OK;
}

/* ---------------------------------------------------------------- an entry */

struct pack {
	const uint8_t *p;
	/* entries, bits of each, and which of them is meant */
	unsigned n, bits, i;
};

static enum kb_err find_pack(const struct bundle_erofs_index *x, struct pack *k)
{
	uint64_t n = x->n, at = x->at;
	bool longer = n >= x->first && n - x->first < x->longer;

	*k = (struct pack){ .n = SHORT_PACK, .bits = SHORT_BITS };
	if (longer) {
		*k = (struct pack){ .n = LONG_PACK, .bits = LONG_BITS };
		at += x->first * 4;
		n -= x->first;
	} else if (n >= x->first) {
		at += x->first * 4 + x->longer * 2;
		n -= x->first + x->longer;
	}
	k->i = (unsigned)(n % k->n);
	at += n / k->n * (k->n * k->bits / 8 + 4);
	if (at > x->image.len || x->image.len - at < k->n * k->bits / 8 + 4)
		return KB_EFORMAT;
	k->p = x->image.p + at;
	return KB_OK;
}

static unsigned entry_at(const struct pack *k, unsigned i, enum entry_type *type)
{
	unsigned bit = i * k->bits;
	/* behind the entries of a pack, a number of 4 bytes follows */
	unsigned v = bytes_get32(k->p + bit / 8) >> bit % 8;

	*type = (enum entry_type)(v >> FROM_BITS & 3);
	return v & FROM_MASK;
}

/* Each block of the pack counts one from the number at its end. */
static uint64_t block_of(const struct pack *k)
{
	uint64_t n = 1;
	enum entry_type type;

	for (int i = (int)k->i; i > 0;) {
		unsigned low = entry_at(k, (unsigned)--i, &type);

		if (type == ENTRY_INSIDE)
			i -= (int)low;
		n += i >= 0;
	}
	return bytes_get32(k->p + k->n * k->bits / 8) + n;
}

static enum kb_err compact_entry(const struct bundle_erofs_index *x, struct bundle_erofs_head *h,
				 enum entry_type *type)
{
	struct pack k;

	TRY(find_pack(x, &k));
	h->from = entry_at(&k, k.i, type);
	if (*type != ENTRY_INSIDE)
		h->block = block_of(&k);
	return KB_OK;
}

static enum kb_err full_entry(const struct bundle_erofs_index *x, struct bundle_erofs_head *h,
			      enum entry_type *type)
{
	uint64_t at = x->at + x->n * ENTRY_LEN;

	if (at > x->image.len || x->image.len - at < ENTRY_LEN)
		return KB_EFORMAT;
	*type = (enum entry_type)(bytes_get16(x->image.p + at) & 3);
	h->from = bytes_get16(x->image.p + at + 2);
	h->block = bytes_get32(x->image.p + at + 4);
	return KB_OK;
}

enum kb_err bundle_erofs_index_next(struct bundle_erofs_index *x, struct bundle_erofs_head *h)
{
	for (; x->n < x->total; x->n++) {
		enum entry_type type;

		TRY(x->compact ? compact_entry(x, h, &type) : full_entry(x, h, &type));
		if (type == ENTRY_INSIDE)
			continue;
		if (type == ENTRY_SECOND)
			return KB_EFORMAT;
		h->packed = type == ENTRY_HEAD;
		h->from += x->n++ * BUNDLE_EROFS_BLOCK;
		return KB_OK;
	}
	return KB_ENOENT;
}
