/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_slots.h"

#include "lib/bytes.h"
#include "selector/cell.h"
#include "selector/store_internal.h"
#include "tests/fuzz/fuzz_bundle.h"

#include <stdio.h>
#include <string.h>

#define PAGE	    FUZZ_SLOTS_PAGE
#define SIG_CAP	    128u
#define VERSION_MAX 96u /* more than belongs there */
#define LONG_MAX    1u

/* Places in the first page: docs/STATE.md. */
enum { AT_CRC = 32, AT_RELEASE = 64, AT_SEQUENCE = 96, AT_FLOOR = 104, AT_VERSION = 112 };

/* What can be wrong with a copy. */
enum {
	HARM_NONE,
	HARM_MAGIC,
	HARM_SIZE,
	HARM_LEN,
	HARM_COPY,
	HARM_SLOT,
	HARM_SIGNATURE,
	HARM_CRC,
	HARM_PAGE,
	HARM_BLOB,
	HARM_ZERO,
	HARM_FF,
};

static const uint8_t *blanks(uint8_t blank)
{
	static uint8_t page[PAGE];

	memset(page, blank, sizeof(page));
	return page;
}

uint64_t fuzz_slots_number(struct fuzz_in *in)
{
	uint8_t v = fuzz_u8(in);

	if (v < 0xe0)
		return v;
	return (v < 0xf0 ? (uint64_t)INT64_MAX : UINT64_MAX) - (v & 0x0f);
}

void fuzz_slots_init(struct fuzz_slots *s)
{
	for (int copy = 0; copy < 2; copy++)
		for (int slot = 0; slot < STATE_SLOTS_MAX; slot++)
			s->copy[copy][slot].there = false;
	s->nlong = 0;
}

/* ---------------------------------------------------------------- the blob */

/* Makes a bundle's begin of the text at SIG_CAP behind the header: lengths, digest, signature. */
static void sign(struct fuzz_slots_copy *c, size_t text_len)
{
	size_t size = READER_HEADER_LEN + SIG_CAP + text_len;

	memset(c->blob, 0, READER_HEADER_LEN + SIG_CAP);
	bytes_put32(c->blob + 40, SIG_CAP);
	bytes_put32(c->blob + 44, (uint32_t)text_len);
	c->given = c->m.len = fuzz_bundle_fix(c->blob, size, size, 2);
	c->is_signed = bytes_get32(c->blob + 40) >= FUZZ_BUNDLE_ENTRY;
}

static size_t put_manifest(char *text, size_t size, const struct store_manifest *m)
{
	static const char *const compatible[] = { "box", "other", "other,box", "boxes" };

	return (size_t)snprintf(
		text, size,
		"[bundle]\nformat=1.0\ncompatible=%s\nversion=2.0\nsequence=%llu\nfloor=%llu\n"
		"allow-downgrade=no\n[image.root]\nsize=4096\nchunk-size=16384\ndigest=%"
		"064d\nhashes-offset=0\n"
		"hashes-length=64\nhashes-digest=%064d\n[encoding.1]\nimage=root\nkind=full\n"
		"forms=zero\ntable-offset=64\ntable-length=51\ntable-digest=%064d\n"
		"payload-offset=0\npayload-length=0\npayload-digest=%064d\n",
		compatible[m->release[0] % 4], (unsigned long long)m->sequence,
		(unsigned long long)m->floor, 0, 0, 0, 0);
}

/* By bits 4 to 6 of the place: a bundle with the numbers of the cell; one with a manifest from the
 * input; bytes as they are; and those, with blank ones behind them. */
static void take_blob(struct fuzz_slots *s, struct fuzz_slots_copy *c, struct fuzz_in *in,
		      uint8_t place)
{
	const size_t most = sizeof(c->blob) - READER_HEADER_LEN - SIG_CAP;
	uint8_t *text = c->blob + READER_HEADER_LEN + SIG_CAP;
	const uint8_t *p;
	size_t want, got;

	c->is_signed = false;
	if ((place & 0x30) == 0x10) {
		sign(c, put_manifest((char *)text, most, &c->m));
		return;
	}
	want = fuzz_u16(in);
	p = fuzz_take(in, want < most ? want : most, &got);
	fuzz_copy((place & 0x30) == 0x20 ? text : c->blob, got, p, got);
	if ((place & 0x30) == 0x20) {
		sign(c, got);
		return;
	}
	c->given = c->m.len = got;
	if (place & 0x40 && s->nlong++ < LONG_MAX && 16 * want > got)
		c->m.len = 16 * want < FUZZ_SLOTS_BLOB_MAX ? 16 * want : FUZZ_SLOTS_BLOB_MAX;
}

static uint32_t crc_blob(uint32_t crc, const struct fuzz_slots_copy *c, size_t len, uint8_t blank)
{
	const uint8_t *fill = blanks(blank);

	crc = bytes_crc32c(crc, c->blob, c->given);
	for (size_t at = c->given; at < len; at += PAGE)
		crc = bytes_crc32c(crc, fill, len - at < PAGE ? len - at : PAGE);
	return crc;
}

/* ---------------------------------------------------------------- a copy */

/* The version as it is to be read: 48 characters at most, of which none can harm a terminal. */
static void take_version(struct fuzz_slots_copy *c, uint8_t *page, struct fuzz_in *in)
{
	size_t len = fuzz_u8(in) % VERSION_MAX, got;
	const uint8_t *p = fuzz_take(in, len, &got);

	fuzz_copy(page + AT_VERSION, got, p, got);
	memset(c->m.version, 0, sizeof(c->m.version));
	for (size_t i = 0; i < STATE_STR_MAX && i < got && p[i] != '\0'; i++)
		c->m.version[i] = (char)(p[i] >= ' ' && p[i] <= '~' ? p[i] : '?');
}

static enum kb_err worth_of_head(uint8_t harm, uint16_t min_reader, uint8_t *page)
{
	if (harm == HARM_ZERO || harm == HARM_FF) {
		memset(page, harm == HARM_ZERO ? 0 : 0xff, PAGE);
		return KB_EBLANK;
	}
	if (harm == HARM_MAGIC)
		return KB_EFORMAT;
	if (min_reader > 1)
		return KB_ENEWER;
	return harm >= HARM_SIZE && harm <= HARM_SLOT ? KB_EFORMAT : KB_OK;
}

/* Header and checksum of a page that has everything else. */
static void seal(struct fuzz_slots_copy *c, uint8_t *page, const struct cell_info *is, uint8_t harm,
		 uint8_t blank)
{
	struct cell_info info = *is;

	if (harm == HARM_SIZE)
		info.size *= 2;
	if (harm == HARM_LEN)
		info.len = FUZZ_SLOTS_BLOB_MAX + 1;
	info.region ^= harm == HARM_COPY;
	info.index ^= harm == HARM_SLOT;
	cell_put_header(page, harm == HARM_MAGIC ? "KEELSTAT" : "KEELSLOT", &info);
	cell_put_crc(page, crc_blob(bytes_crc32c(cell_crc_start(page), page + CELL_HEADER,
						 PAGE - CELL_HEADER),
				    c, info.len, blank));
	if (harm == HARM_CRC)
		page[AT_CRC] ^= 0x10;
	if (harm == HARM_PAGE)
		page[PAGE - 1] ^= 0x10;
	c->intact = harm != HARM_CRC && harm != HARM_PAGE;
	c->head = worth_of_head(harm, info.min_reader, page);
}

static void put(const struct fuzz_slots_copy *c, struct fuzz_bdev *d, uint64_t base,
		const uint8_t *page)
{
	memcpy(fuzz_bdev_cell(d, base), page, PAGE);
	/* Also what the blob does not reach: the input may have been here before. */
	for (size_t at = 0; at < FUZZ_SLOTS_GIVEN; at += PAGE) {
		uint8_t *cell = fuzz_bdev_cell(d, base + PAGE + at);

		memset(cell, d->blank, PAGE);
		if (at < c->given)
			memcpy(cell, c->blob + at, c->given - at < PAGE ? c->given - at : PAGE);
	}
}

void fuzz_slots_put(struct fuzz_slots *s, struct fuzz_bdev *d, struct fuzz_in *in, uint8_t place)
{
	int slot = place & 7, copy = place >> 3 & 1;
	struct fuzz_slots_copy *c = &s->copy[copy][slot];
	struct cell_info info = {
		.format = 1,
		.size = STORE_MANIFEST_MAX,
		.region = (uint8_t)copy,
		.index = (uint16_t)slot,
	};
	uint8_t page[PAGE] = { 0 }, harm = fuzz_u8(in) % 32;

	info.min_reader = fuzz_u8(in) % 4;
	c->there = true;
	c->m.sequence = fuzz_slots_number(in);
	c->m.floor = fuzz_slots_number(in);
	memset(c->m.release, fuzz_u8(in), sizeof(c->m.release));
	take_version(c, page, in);
	take_blob(s, c, in, place);
	if (harm == HARM_SIGNATURE && c->is_signed) {
		c->blob[READER_HEADER_LEN + 30] ^= 0x10;
		c->is_signed = false;
	}
	memcpy(page + AT_RELEASE, c->m.release, STATE_ID_LEN);
	bytes_put64(page + AT_SEQUENCE, c->m.sequence);
	bytes_put64(page + AT_FLOOR, c->m.floor);
	info.len = (uint32_t)c->m.len;
	seal(c, page, &info, harm, d->blank);
	if (harm == HARM_BLOB && c->given > 0) {
		c->blob[c->given / 2] ^= 0x10;
		c->intact = false;
	}
	put(c, d, STORE_MANIFEST(copy, slot), page);
}

static bool is_dead(const struct fuzz_bdev *d, uint64_t off, uint64_t len)
{
	return off < d->dead_to && off + len > d->dead_from;
}

enum kb_err fuzz_slots_worth(const struct fuzz_slots *s, const struct fuzz_bdev *d, int copy,
			     int slot)
{
	const struct fuzz_slots_copy *c = &s->copy[copy][slot];
	uint64_t base = STORE_MANIFEST(copy, slot);

	if (is_dead(d, base, PAGE))
		return KB_EIO;
	if (!c->there)
		return d->blank == 0 || d->blank == 0xff ? KB_EBLANK : KB_EFORMAT;
	if (c->head != KB_OK)
		return c->head;
	if (c->m.len > 0 && is_dead(d, base + PAGE, (c->m.len + PAGE - 1) / PAGE * PAGE))
		return KB_EIO;
	return c->intact ? KB_OK : KB_EFORMAT;
}
