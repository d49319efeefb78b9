/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each slot's manifest cell, two copies: a page with our header and what we need at hand, then the
 * blob as it was in the bundle. The CRC covers both.
 */
#include "selector/cell.h"
#include "selector/store_internal.h"
#include "lib/bytes.h"

#include <string.h>

#define PAGE	 BDEV_ALIGN
#define BLOB_MAX (STORE_MANIFEST_MAX - PAGE)

/* Places in the first page, behind the header. */
enum {
	AT_RELEASE = CELL_HEADER,
	AT_SEQUENCE = AT_RELEASE + STATE_ID_LEN,
	AT_FLOOR = AT_SEQUENCE + 8,
	AT_VERSION = AT_FLOOR + 8,
};

static const char magic[CELL_MAGIC_LEN + 1] = "KEELSLOT";

static uint8_t page[PAGE] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t back[PAGE] __attribute__((aligned(BDEV_ALIGN)));

static uint64_t copy_offset(const struct store *st, int slot, int copy)
{
	return store_region(st, copy) + STORE_MANIFEST_AT(slot);
}

static void fill_first_page(const struct store *st, uint8_t *p, int slot, int copy,
			    const struct store_manifest *m, const void *blob)
{
	struct cell_info info = {
		.format = 1,
		.min_reader = 1,
		.len = (uint32_t)m->len,
		.size = STORE_MANIFEST_MAX,
		.region = (uint8_t)copy,
		.index = (uint16_t)slot,
		.second = copy == 0 ? 0 : store_second_named(st),
	};
	uint32_t crc;

	memset(p, 0, PAGE);
	cell_put_header(p, magic, &info);
	memcpy(p + AT_RELEASE, m->release, STATE_ID_LEN);
	bytes_put64(p + AT_SEQUENCE, m->sequence);
	bytes_put64(p + AT_FLOOR, m->floor);
	state_set_text((char *)p + AT_VERSION, m->version);
	crc = bytes_crc32c(cell_crc_start(p), p + CELL_HEADER, PAGE - CELL_HEADER);
	cell_put_crc(p, bytes_crc32c(crc, blob, m->len));
}

/* The page with the header goes last, so that no header stands before half a blob. */
static enum kb_err write_copy(struct store *st, int slot, int copy, const struct store_manifest *m,
			      const uint8_t *blob)
{
	uint64_t base = copy_offset(st, slot, copy);

	for (size_t at = 0; at < m->len; at += PAGE) {
		size_t n = m->len - at < PAGE ? m->len - at : PAGE;

		memset(page, 0, PAGE);
		memcpy(page, blob + at, n);
		TRY(bdev_write(st->dev, base + PAGE + at, page, PAGE));
	}
	TRY(bdev_flush(st->dev));
	for (size_t at = 0; at < m->len; at += PAGE) {
		size_t n = m->len - at < PAGE ? m->len - at : PAGE;

		TRY(bdev_drop_cache(st->dev, base + PAGE + at, PAGE));
		TRY(bdev_read(st->dev, base + PAGE + at, back, PAGE));
		if (memcmp(back, blob + at, n) != 0)
			return KB_EIO;
	}
	fill_first_page(st, page, slot, copy, m, blob);
	return store_write_durably(st->dev, base, page, back, PAGE);
}

static bool is_slot(int slot)
{
	return slot >= 0 && slot < STATE_SLOTS_MAX;
}

/* Reads the first page of a copy into `page`. */
static enum kb_err read_first_page(struct store *st, int slot, int copy, struct cell_info *info)
{
	TRY(bdev_read(st->dev, copy_offset(st, slot, copy), page, PAGE));
	if (!cell_get_header(info, page, magic))
		return bytes_all(page, PAGE, 0x00) || bytes_all(page, PAGE, 0xff) ? KB_EBLANK
										  : KB_EFORMAT;
	if (info->min_reader > 1)
		return KB_ENEWER;
	if (info->size != STORE_MANIFEST_MAX || info->len > BLOB_MAX || info->region != copy ||
	    info->index != slot || (copy != 0 && info->second != store_second_named(st)))
		return KB_EFORMAT;
	return KB_OK;
}

static enum kb_err read_copy(struct store *st, int slot, int copy, struct store_manifest *m,
			     uint8_t *blob, size_t size)
{
	struct cell_info info;
	uint32_t crc;

	TRY(read_first_page(st, slot, copy, &info));
	if (blob != NULL && info.len > size)
		return KB_ENOSPC;
	crc = bytes_crc32c(cell_crc_start(page), page + CELL_HEADER, PAGE - CELL_HEADER);
	for (size_t at = 0; at < info.len; at += PAGE) {
		size_t n = info.len - at < PAGE ? info.len - at : PAGE;

		TRY(bdev_read(st->dev, copy_offset(st, slot, copy) + PAGE + at, back, PAGE));
		crc = bytes_crc32c(crc, back, n);
		if (blob != NULL)
			memcpy(blob + at, back, n);
	}
	if (crc != cell_get_crc(page))
		return KB_EFORMAT;
	memcpy(m->release, page + AT_RELEASE, STATE_ID_LEN);
	m->sequence = bytes_get64(page + AT_SEQUENCE);
	m->floor = bytes_get64(page + AT_FLOOR);
	page[AT_VERSION + STATE_STR_MAX] = '\0';
	state_set_text(m->version, (const char *)page + AT_VERSION);
	m->len = info.len;
	return KB_OK;
}

/* True if a later read could take this copy for valid; asked twice, since one may be bad. */
static bool may_be_valid(struct store *st, int slot, int copy)
{
	struct store_manifest m;

	return read_copy(st, slot, copy, &m, NULL, 0) == KB_OK ||
	       read_copy(st, slot, copy, &m, NULL, 0) == KB_OK;
}

enum kb_err store_manifest_write(struct store *st, int slot, const struct store_manifest *m,
				 const void *blob)
{
	enum kb_err failure = KB_OK;
	unsigned good = 0;

	if (!is_slot(slot) || m->len > BLOB_MAX)
		return KB_EINVAL;
	for (int copy = 0; copy < 2; copy++) {
		enum kb_err err = write_copy(st, slot, copy, m, blob);

		if (err == KB_OK)
			good++;
		else if (may_be_valid(st, slot, copy))
			return err; /* it would go on telling of what was there before */
		else
			failure = err;
	}
	return good > 0 ? KB_OK : failure;
}

enum kb_err store_manifest_change(struct store *st, int slot, const struct store_manifest *m,
				  const void *blob)
{
	struct store_manifest is;
	int first;

	if (!is_slot(slot) || m->len > BLOB_MAX)
		return KB_EINVAL;
	first = read_copy(st, slot, 1, &is, NULL, 0) != KB_OK;
	TRY(write_copy(st, slot, first, m, blob));
	return write_copy(st, slot, !first, m, blob);
}

enum kb_err store_manifest_clear(struct store *st, int slot)
{
	enum kb_err failure = KB_OK;
	unsigned cleared = 0;

	if (!is_slot(slot))
		return KB_EINVAL;
	for (int copy = 0; copy < 2; copy++) {
		enum kb_err err;

		memset(page, 0, PAGE);
		err = store_write_durably(st->dev, copy_offset(st, slot, copy), page, back, PAGE);
		if (err == KB_OK)
			cleared++;
		else if (may_be_valid(st, slot, copy))
			return err;
		else
			failure = err;
	}
	return cleared > 0 ? KB_OK : failure;
}

static enum kb_err read_either(struct store *st, int slot, struct store_manifest *m, void *blob,
			       size_t size)
{
	enum kb_err err[2];

	for (int copy = 0; copy < 2; copy++) {
		err[copy] = read_copy(st, slot, copy, m, blob, size);
		if (err[copy] == KB_OK || err[copy] == KB_ENOSPC)
			return err[copy];
	}
	/* One copy that is damaged says more than one that was cleared. */
	return err[0] == KB_EBLANK ? err[1] : err[0];
}

/* What only a read damaged must not cost a slot its boot: both are asked for once more. */
enum kb_err store_manifest_read(struct store *st, int slot, struct store_manifest *m, void *blob,
				size_t size)
{
	enum kb_err err;

	if (!is_slot(slot))
		return KB_EINVAL;
	err = read_either(st, slot, m, blob, size);
	if (err == KB_OK || err == KB_EBLANK || err == KB_ENOSPC)
		return err;
	return read_either(st, slot, m, blob, size);
}

bool store_manifest_lost(struct store *st, int slot)
{
	struct store_manifest m;

	for (int copy = 0; copy < 2; copy++) {
		enum kb_err err = read_copy(st, slot, copy, &m, NULL, 0);

		if (err == KB_OK || err == KB_EBLANK)
			return false;
	}
	return true;
}
