/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_squash.h"

#include "lib/bytes.h"
#include "lib/util.h"
#include "update/wire/remake_form.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC	      0x73717368u
#define SUPER_LEN     96u
#define META_MAX      8192u
#define META_RAW      0x8000u
#define DATA_RAW      (1u << 24)
#define DATA_LEN      (DATA_RAW - 1)
#define FRAGMENT_LEN  16u
#define NO_FRAGMENT   UINT32_MAX
#define NOWHERE	      UINT64_MAX
#define HAS_OPTIONS   (1u << 10)
#define OPTIONS_MAX   64u
#define MEMORY	      REMAKE_MEMORY
#define COMPRESSOR_AT 20u

struct squash {
	struct bundle_blocks *b;
	struct bundle_blocks_image image;
	const struct remake_library *library;
	struct remake_arena arena;
	uint64_t inode_table, directory_table, fragment_table, lookup_table, id_table;
	uint32_t nfragments, block_size;
	/* owned: the unpacked inode table, or fragment table */
	uint8_t *table;
	size_t len, room, most;
};

/* ---------------------------------------------------------------- metadata */

/* A damaged head may allow for any size, so room is made for what comes. */
static enum kb_err keep_plain(struct squash *s, const uint8_t *plain, size_t len)
{
	if (len > s->most - s->len)
		return KB_EFORMAT;
	if (s->table == NULL || len > s->room - s->len) {
		size_t room = 2 * s->room + META_MAX;
		/* bound: twice of what came so far */
		uint8_t *more = realloc(s->table, room);

		if (more == NULL)
			return KB_ENOMEM;
		s->table = more;
		s->room = room;
	}
	memcpy(s->table + s->len, plain, len);
	s->len += len;
	return KB_OK;
}

/* Appends what the block of metadata at *at unpacks to, and puts *at behind it. keep false: it is
 * added to the list alone. */
static enum kb_err take_meta(struct squash *s, uint64_t *at, uint64_t end, bool keep)
{
	struct bundle_block block = { .off = *at + 2 };
	uint8_t plain[META_MAX];
	struct remake_bytes from;
	size_t len;
	unsigned head;

	if (*at > end || end - *at < 2)
		return KB_EFORMAT;
	head = bytes_get16(s->image.p + *at);
	block.stored = head & (META_RAW - 1);
	if (block.stored == 0 || block.stored > META_MAX || block.stored > end - block.off)
		return KB_EFORMAT;
	*at = block.off + block.stored;
	from = (struct remake_bytes){ s->image.p + block.off, block.stored };
	len = block.stored;
	if (head & META_RAW)
		memcpy(plain, from.p, from.len);
	else {
		s->arena.used = 0;
		TRY(s->library->unpack(&s->arena, from, plain, sizeof(plain), &len));
		block.plain = (uint32_t)len;
	}
	TRY(bundle_blocks_add(s->b, &block));
	if (!keep)
		return KB_OK;
	return keep_plain(s, plain, len);
}

/* All blocks of metadata from `at` to end, at most `most` bytes of it plain. */
static enum kb_err take_metas(struct squash *s, uint64_t at, uint64_t end, uint64_t most)
{
	bool keep = most > 0;

	free(s->table);
	s->table = NULL;
	s->len = s->room = 0;
	s->most = most + META_MAX;
	if (end > s->image.len || at > end)
		return KB_EFORMAT;
	while (at < end && (!keep || s->len < most))
		TRY(take_meta(s, &at, end, keep));
	return KB_OK;
}

/* ---------------------------------------------------------------- data */

static enum kb_err add_data(struct squash *s, uint64_t off, uint32_t size, uint64_t plain)
{
	struct bundle_block block = { .off = off, .stored = size & DATA_LEN };

	if (block.stored == 0)
		return KB_OK;
	if (plain == 0 || plain > s->block_size || block.stored > s->block_size ||
	    off > s->image.len || block.stored > s->image.len - off)
		return KB_EFORMAT;
	if (!(size & DATA_RAW))
		block.plain = (uint32_t)plain;
	return bundle_blocks_add(s->b, &block);
}

/* The list of a file's blocks is at `list`; fragment: its end lies with others. *next: behind the
 * list. */
static enum kb_err add_squash_file(struct squash *s, size_t list, uint64_t start, uint64_t size,
				   bool fragment, size_t *next)
{
	uint64_t n = size / s->block_size;

	n += !fragment && size % s->block_size != 0;
	if (list > s->len || n > (s->len - list) / 4)
		return KB_EFORMAT;
	for (uint64_t i = 0; i < n; i++, list += 4) {
		uint32_t stored = bytes_get32(s->table + list);
		uint64_t plain = size - i * s->block_size;

		TRY(add_data(s, start, stored, plain < s->block_size ? plain : s->block_size));
		start += stored & DATA_LEN;
	}
	*next = list;
	return KB_OK;
}

static enum kb_err skip_directory_index(struct squash *s, unsigned n, size_t *at)
{
	while (n-- > 0) {
		if (*at > s->len || s->len - *at < 12)
			return KB_EFORMAT;
		*at += 12 + (size_t)bytes_get32(s->table + *at + 8) + 1;
	}
	return KB_OK;
}

/* Inodes by their numbers: directory, file, link, block device, character device, pipe, socket, and
 * the same again with more fields. */
static const uint8_t inode_len[] = { 0, 32, 32, 24, 24, 24, 20, 20, 40, 56, 24, 28, 28, 24, 24 };

enum inode {
	INODE_FILE = 2,
	INODE_LINK = 3,
	INODE_LONG_DIRECTORY = 8,
	INODE_LONG_FILE = 9,
	INODE_LONG_LINK = 10
};

static enum kb_err take_inode(struct squash *s, size_t *at)
{
	const uint8_t *p = s->table + *at;
	size_t left = s->len - *at;
	unsigned type = left >= 16 ? bytes_get16(p) : 0;

	if (type == 0 || type >= KB_ARRAY_LEN(inode_len) || left < inode_len[type])
		return KB_EFORMAT;
	*at += inode_len[type];
	switch (type) {
	case INODE_FILE:
		return add_squash_file(s, *at, bytes_get32(p + 16), bytes_get32(p + 28),
				       bytes_get32(p + 20) != NO_FRAGMENT, at);
	case INODE_LONG_FILE:
		return add_squash_file(s, *at, bytes_get64(p + 16), bytes_get64(p + 24),
				       bytes_get32(p + 44) != NO_FRAGMENT, at);
	case INODE_LINK:
	case INODE_LONG_LINK:
		*at += bytes_get32(p + 20) + (type == INODE_LONG_LINK ? 4u : 0u);
		return KB_OK;
	case INODE_LONG_DIRECTORY:
		return skip_directory_index(s, bytes_get16(p + 32), at);
	default:
		return KB_OK;
	}
}

static enum kb_err take_inodes(struct squash *s)
{
	uint64_t packed = s->directory_table - s->inode_table;
	size_t at = 0;

	/* Whoever packed it so tightly packed nothing that we could use. */
	TRY(take_metas(s, s->inode_table, s->directory_table, packed * 64));
	while (at < s->len)
		TRY(take_inode(s, &at));
	return KB_OK;
}

/* The first block of metadata that an array of places at `array` names. */
static uint64_t first_place(const struct squash *s, uint64_t array)
{
	uint64_t place;

	if (array > s->image.len || s->image.len - array < 8)
		return NOWHERE;
	place = bytes_get64(s->image.p + array);
	return place < array ? place : NOWHERE;
}

static enum kb_err take_fragments(struct squash *s)
{
	uint64_t first = first_place(s, s->fragment_table);
	uint64_t most = (uint64_t)s->nfragments * FRAGMENT_LEN;

	if (s->nfragments == 0)
		return KB_OK;
	if (first == NOWHERE || most > s->image.len)
		return KB_EFORMAT;
	TRY(take_metas(s, first, s->fragment_table, most));
	for (size_t at = 0; at + FRAGMENT_LEN <= s->len && at < most; at += FRAGMENT_LEN)
		TRY(add_data(s, bytes_get64(s->table + at), bytes_get32(s->table + at + 8),
			     s->block_size));
	return KB_OK;
}

/* ---------------------------------------------------------------- the whole */

static bool know_compressor(struct squash *s, unsigned compressor)
{
	static const struct {
		unsigned compressor;
		enum remake_packer packer;
	} known[] = { { 1, REMAKE_ZLIB }, { 4, REMAKE_XZ }, { 5, REMAKE_LZ4 }, { 6, REMAKE_ZSTD } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(known); i++) {
		if (known[i].compressor == compressor) {
			s->b->packer = known[i].packer;
			s->library = remake_library_of(known[i].packer);
			return s->library != NULL;
		}
	}
	return false;
}

/* Of xz, the options have the size of the dictionary. */
static void read_dictionary(struct squash *s)
{
	const uint8_t *p = s->image.p + SUPER_LEN;

	if (s->b->packer == REMAKE_XZ && s->image.len >= SUPER_LEN + OPTIONS_MAX &&
	    (bytes_get16(p) & (META_RAW - 1)) >= 4)
		s->b->dictionary = bytes_get32(p + 2);
}

static bool read_super(struct squash *s)
{
	const uint8_t *p = s->image.p;

	if (s->image.len < SUPER_LEN || bytes_get32(p) != MAGIC || bytes_get16(p + 28) != 4 ||
	    !know_compressor(s, bytes_get16(p + COMPRESSOR_AT)))
		return false;
	s->block_size = s->b->block_size = bytes_get32(p + 12);
	s->nfragments = bytes_get32(p + 16);
	s->id_table = bytes_get64(p + 48);
	s->inode_table = bytes_get64(p + 64);
	s->directory_table = bytes_get64(p + 72);
	s->fragment_table = bytes_get64(p + 80);
	s->lookup_table = bytes_get64(p + 88);
	if (bytes_get16(p + 24) & HAS_OPTIONS)
		read_dictionary(s);
	return s->block_size >= 4096 && s->block_size <= REMAKE_BLOCK_MAX &&
	       s->inode_table <= s->directory_table && s->directory_table <= s->image.len;
}

static enum kb_err take_all(struct squash *s)
{
	uint64_t end = s->id_table;
	const uint64_t behind[] = { s->nfragments > 0 ? s->fragment_table : NOWHERE,
				    s->lookup_table, s->id_table };

	TRY(take_inodes(s));
	TRY(take_fragments(s));
	for (unsigned i = 0; i < KB_ARRAY_LEN(behind); i++) {
		uint64_t first = first_place(s, behind[i]);

		if (first < end && first >= s->directory_table)
			end = first;
	}
	return take_metas(s, s->directory_table, end, 0);
}

enum kb_err bundle_squash_find(struct bundle_blocks *b, struct bundle_blocks_image image)
{
	struct squash s = { .b = b, .image = image };
	enum kb_err err;

	if (!read_super(&s))
		return KB_OK;
	/* bound: REMAKE_MEMORY */
	s.arena.p = aligned_alloc(64, MEMORY);
	s.arena.size = MEMORY;
	err = s.arena.p != NULL ? take_all(&s) : KB_ENOMEM;
	free(s.arena.p);
	free(s.table);
	return err;
}
