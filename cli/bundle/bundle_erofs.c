/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_erofs.h"

#include "cli/bundle/bundle_erofs_index.h"
#include "lib/bytes.h"

#include <stdlib.h>
#include <string.h>

#define SUPER_AT    1024u
#define SUPER_LEN   128u
#define MAGIC	    0xe0f5e1e2u
#define BLOCK	    BUNDLE_EROFS_BLOCK
#define BLOCK_BITS  12u
#define PADDED	    0x1u /* zeroes stand before a block */
#define CONFIGURED  0x2u /* lengths and algorithms are said, or blocks are larger */
#define INODE_SLOT  32u
#define DIRENT_LEN  12u
#define TYPE_FILE   1u
#define TYPE_FOLDER 2u
#define TEXT_MAX    (1u << 20)
#define SHARED_MIN  64u /* files may have blocks in common, but not this often */

enum layout {
	LAYOUT_PLAIN = 0,
	LAYOUT_FULL_INDEX = 1,
	LAYOUT_INLINE = 2,
	LAYOUT_COMPACT_INDEX = 3
};

struct erofs {
	struct bundle_blocks *b;
	struct bundle_blocks_image image;
	/* where inodes are counted from */
	uint64_t inodes;
	/* owned: the folders that are still to be read */
	uint64_t *folder;
	size_t n, room;
	/* entries that may still come: more are none that end; and blocks */
	uint64_t left, blocks_left;
	/* owned: a bit for each place of an inode; of a file with several names, one is enough */
	uint8_t *seen;
};

struct inode {
	enum layout layout;
	uint64_t size, data;
	/* behind it and its attributes */
	uint64_t end;
};

static enum kb_err read_inode(const struct erofs *e, uint64_t number, struct inode *i)
{
	const struct bundle_blocks_image *im = &e->image;
	uint64_t at = number * INODE_SLOT;
	const uint8_t *p;
	unsigned format, attributes;
	bool large;

	if (number > im->len / INODE_SLOT || e->inodes > im->len - at ||
	    im->len - at - e->inodes < 2 * (uint64_t)INODE_SLOT)
		return KB_EFORMAT;
	at += e->inodes;
	p = im->p + at;
	format = bytes_get16(p);
	attributes = bytes_get16(p + 2);
	large = format & 1;
	i->layout = (enum layout)(format >> 1 & 7);
	i->size = large ? bytes_get64(p + 8) : bytes_get32(p + 8);
	i->data = (uint64_t)bytes_get32(p + 16) << BLOCK_BITS;
	i->end = at + (large ? 2 : 1) * (uint64_t)INODE_SLOT;
	if (attributes > 0)
		i->end += 12 + 4 * ((uint64_t)attributes - 1);
	return i->end <= im->len ? KB_OK : KB_EFORMAT;
}

/* ---------------------------------------------------------------- files */

/* A piece of a file that is one block: up to where the next begins. */
static enum kb_err add_erofs_block(struct erofs *e, const struct bundle_erofs_head *h,
				   uint64_t next, bool goes_on)
{
	struct bundle_block block = { .off = h->block << BLOCK_BITS, .next = goes_on };

	if (next < h->from || block.off > e->image.len || e->image.len - block.off < BLOCK)
		return KB_EFORMAT;
	block.stored = BLOCK;
	if (h->packed && next - h->from <= TEXT_MAX)
		block.plain = (uint32_t)(next - h->from);
	if (e->blocks_left-- == 0)
		return KB_EFORMAT;
	while (h->packed && block.lead < BLOCK - 1 && e->image.p[block.off + block.lead] == 0)
		block.lead++;
	return bundle_blocks_add(e->b, &block);
}

static enum kb_err add_erofs_file(struct erofs *e, const struct inode *i)
{
	struct bundle_erofs_index index;
	struct bundle_erofs_head h, next;
	bool goes_on = false;
	enum kb_err err = bundle_erofs_index_begin(&index, e->image, i->end, i->size,
						   i->layout == LAYOUT_COMPACT_INDEX);

	if (err != KB_OK) /* with what we do not follow */
		return KB_OK;
	err = bundle_erofs_index_next(&index, &h);
	while (err == KB_OK && h.from < i->size) { /* one at the end is none */
		err = bundle_erofs_index_next(&index, &next);
		if (err != KB_OK || next.from > i->size)
			next.from = i->size;
		TRY(add_erofs_block(e, &h, next.from, goes_on));
		goes_on = h.packed;
		h = next;
	}
	return err == KB_ENOENT ? KB_OK : err;
}

/* ---------------------------------------------------------------- folders */

static enum kb_err push_folder(struct erofs *e, uint64_t number)
{
	if (e->n == e->room) {
		size_t room = e->room == 0 ? 1024 : 2 * e->room;
		/* bound: entries that there may be, in `left` */
		uint64_t *more = realloc(e->folder, room * sizeof(*more));

		if (more == NULL)
			return KB_ENOMEM;
		e->folder = more;
		e->room = room;
	}
	e->folder[e->n++] = number;
	return KB_OK;
}

/* The inode lies in the image. */
static bool is_seen(struct erofs *e, uint64_t number)
{
	uint8_t bit = (uint8_t)(1u << number % 8);
	bool seen = e->seen[number / 8] & bit;

	e->seen[number / 8] |= bit;
	return seen;
}

static enum kb_err take_entry(struct erofs *e, uint64_t number, unsigned type)
{
	struct inode i;

	if (e->left-- == 0)
		return KB_EFORMAT;
	if (type == TYPE_FOLDER)
		return push_folder(e, number);
	if (type != TYPE_FILE)
		return KB_OK;
	TRY(read_inode(e, number, &i));
	if (is_seen(e, number))
		return KB_OK;
	if (i.layout != LAYOUT_FULL_INDEX && i.layout != LAYOUT_COMPACT_INDEX)
		return KB_OK;
	return add_erofs_file(e, &i);
}

static bool is_dots(const uint8_t *name, size_t len)
{
	len = strnlen((const char *)name, len);
	return (len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0);
}

/* One block of a folder, or its end. */
static enum kb_err take_entries(struct erofs *e, const uint8_t *p, size_t len)
{
	size_t n = len >= DIRENT_LEN ? bytes_get16(p + 8) / DIRENT_LEN : 0;

	if (n == 0 || n * DIRENT_LEN > len)
		return KB_EFORMAT;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *entry = p + i * DIRENT_LEN;
		size_t name = bytes_get16(entry + 8);
		size_t end = i + 1 < n ? bytes_get16(entry + DIRENT_LEN + 8) : len;

		if (name > end || end > len)
			return KB_EFORMAT;
		if (!is_dots(p + name, end - name))
			TRY(take_entry(e, bytes_get64(entry), entry[10]));
	}
	return KB_OK;
}

static enum kb_err take_folder(struct erofs *e, uint64_t number)
{
	const struct bundle_blocks_image *im = &e->image;
	struct inode i;
	uint64_t whole;

	TRY(read_inode(e, number, &i));
	if (i.layout != LAYOUT_PLAIN && i.layout != LAYOUT_INLINE)
		return KB_OK;
	whole = i.layout == LAYOUT_PLAIN ? i.size : i.size / BLOCK * BLOCK;
	if (whole > 0 && (i.data > im->len || whole > im->len - i.data))
		return KB_EFORMAT;
	for (uint64_t at = 0; at < whole; at += BLOCK)
		TRY(take_entries(e, im->p + i.data + at, whole - at < BLOCK ? whole - at : BLOCK));
	if (i.size == whole)
		return KB_OK;
	if (i.size - whole > im->len - i.end)
		return KB_EFORMAT;
	return take_entries(e, im->p + i.end, i.size - whole);
}

/* ---------------------------------------------------------------- the whole */

enum kb_err bundle_erofs_find(struct bundle_blocks *b, struct bundle_blocks_image image)
{
	const uint8_t *p = image.p + SUPER_AT;
	struct erofs e = { .b = b,
			   .image = image,
			   .left = image.len / DIRENT_LEN,
			   .blocks_left = image.len / SHARED_MIN };
	enum kb_err err;

	if (image.len < SUPER_AT + SUPER_LEN || bytes_get32(p) != MAGIC || p[12] != BLOCK_BITS ||
	    (bytes_get32(p + 80) & ~(PADDED | CONFIGURED)) != 0 ||
	    remake_library_of(REMAKE_LZ4) == NULL)
		return KB_OK;
	b->packer = REMAKE_LZ4;
	b->block_size = BLOCK;
	b->filled = true;
	e.inodes = (uint64_t)bytes_get32(p + 40) << BLOCK_BITS;
	/* bound: a bit for each 32 bytes of the image */
	e.seen = calloc(1, image.len / INODE_SLOT / 8 + 1);
	err = e.seen != NULL ? push_folder(&e, bytes_get16(p + 14)) : KB_ENOMEM;
	while (err == KB_OK && e.n > 0)
		err = take_folder(&e, e.folder[--e.n]);
	free(e.folder);
	free(e.seen);
	return err;
}
