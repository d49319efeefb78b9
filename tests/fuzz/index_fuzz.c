/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a bundle: its tables of hashes and of records, whose digests are right and signed.
 * The input is the pages of records; those that an image has are also made by the product's writer,
 * and then read.
 */
#include "cli/bundle/bundle_table.h"
#include "lib/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK	   16384u
#define CHUNKS_MAX 6000u
#define PAGES_MAX  4u

static uint8_t hashes[CHUNKS_MAX * DIGEST_LEN];
static uint8_t pages[PAGES_MAX * READER_PAGE];
static struct reader reader;
static struct reader_walk walk;
static uint64_t frame; /* plain bytes of the one that began last */

struct index {
	uint32_t nchunks, last;
	uint64_t payload_len;
	size_t pages_len;
	uint32_t harm; /* a byte of the tables that is changed afterwards; 0: none */
	bool cut;      /* the medium ends inside the tables */
	const struct reader_chunk *want; /* form and stored of each; NULL: whatever it is */
};

static void set_hashes(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bytes_put32(hashes + (size_t)i * DIGEST_LEN, i);
}

/* All pages but the last are full; an input says only where they begin. */
static void take_pages(struct index *x, struct fuzz_in *in)
{
	static size_t used = sizeof(pages);

	memset(pages, 0, used);
	x->pages_len = 0;
	for (unsigned i = 0; i < PAGES_MAX && in->left > 0; i++) {
		size_t want = fuzz_u16(in), got;
		const uint8_t *p = fuzz_take(in, want, &got);

		fuzz_copy(pages + (size_t)i * READER_PAGE, got, p, got);
		x->pages_len = (size_t)i * READER_PAGE + got;
	}
	used = x->pages_len;
}

static bool has_seed(void *ctx, const uint8_t digest[DIGEST_LEN])
{
	(void)digest;
	return *(const bool *)ctx;
}

/* The same records as a delta: picked where its seed is, refused with a reason where it is not. */
static void check_picked(const struct index *x)
{
	struct manifest_encoding *own = &reader.m.encoding[0];
	const struct manifest_encoding *enc;
	enum manifest_encoding_kind kind = own->kind;
	bool has = (x->nchunks & 1) != 0;
	struct reader_seeds seeds = { .have = has_seed, .ctx = &has };

	FUZZ_CHECK(reader_pick_encoding(&reader, 0, NULL, &enc) == KB_OK && enc == own);
	FUZZ_CHECK(reader_pick_encoding(&reader, 1, NULL, &enc) == KB_ENEWER);
	own->kind = MANIFEST_ENC_SEED;
	snprintf(own->seed_version, sizeof(own->seed_version), "%s", x->cut ? "" : "1.0");
	FUZZ_CHECK(reader_pick_encoding(&reader, 0, NULL, &enc) == KB_ESEED);
	FUZZ_CHECK(reader_pick_encoding(&reader, 0, &seeds, &enc) == (has ? KB_OK : KB_ESEED));
	FUZZ_CHECK(fuzz_printable(reader.why, sizeof(reader.why)) && reader.why[0] != '\0');
	own->kind = kind;
}

/* The head of a partial bundle may name any. */
static void check_carried(const struct index *x)
{
	struct manifest_encoding *own = &reader.m.encoding[0];
	const struct manifest_encoding *enc = NULL;
	enum manifest_encoding_kind kind = own->kind;
	bool has = (x->nchunks & 1) != 0;
	struct reader_seeds seeds = { .have = has_seed, .ctx = &has };

	for (unsigned n = 0; n < 256; n += 1 + n / 4) {
		reader.part.encoding[0] = (uint8_t)n;
		FUZZ_CHECK((reader_carried_encoding(&reader, 0, NULL, &enc) == KB_OK) == (n == 1));
	}
	reader.part.encoding[0] = 1;
	own->kind = MANIFEST_ENC_SEED;
	FUZZ_CHECK(reader_carried_encoding(&reader, 0, NULL, &enc) == KB_ESEED);
	FUZZ_CHECK(reader_carried_encoding(&reader, 0, &seeds, &enc) == (has ? KB_OK : KB_ESEED));
	own->kind = MANIFEST_ENC_UNKNOWN;
	FUZZ_CHECK(reader_carried_encoding(&reader, 0, &seeds, &enc) == KB_ENEWER);
	own->kind = kind;
}

static enum kb_err start(const struct index *x, bool sign)
{
	const struct manifest_encoding *enc;
	struct manifest_encoding other;
	struct fuzz_image im = { .size = (uint64_t)(x->nchunks - 1) * CHUNK + x->last,
				 .chunk = CHUNK,
				 .hashes = hashes,
				 .pages = pages,
				 .pages_len = x->pages_len,
				 .payload_len = x->payload_len,
				 .sign = sign };
	uint64_t size, off, len;
	uint8_t byte;
	int fd;

	size = fuzz_bundle_build(&im, &fd);
	FUZZ_CHECK(size > 0);
	FUZZ_CHECK(reader_open(&reader, fd, false, size, sign ? fuzz_bundle_keys() : NULL) ==
		   KB_OK);
	check_picked(x);
	check_carried(x);
	FUZZ_CHECK(reader_pick_encoding(&reader, 0, NULL, &enc) == KB_OK);
	len = fuzz_bundle_tables(&off);
	if (x->harm != 0) {
		off += x->harm % len;
		FUZZ_CHECK(pread(fd, &byte, 1, (off_t)off) == 1);
		byte ^= 0x80;
		FUZZ_CHECK(pwrite(fd, &byte, 1, (off_t)off) == 1);
	}
	if (x->cut)
		FUZZ_CHECK(ftruncate(fd, (off_t)(off + (x->harm != 0 ? 0 : len / 2))) == 0);
	memset(&walk, 0xa5, sizeof(walk));
	other = *enc;
	other.kind = MANIFEST_ENC_UNKNOWN;
	FUZZ_CHECK(reader_walk_begin(&walk, &reader, 0, &other) == KB_ENEWER);
	return reader_walk_begin(&walk, &reader, 0, enc);
}

static void check_chunk(const struct index *x, const struct reader_chunk *c, uint32_t i,
			uint64_t payload)
{
	FUZZ_CHECK(c->index == i && i < x->nchunks);
	FUZZ_CHECK(c->len == (i + 1 < x->nchunks ? CHUNK : x->last));
	FUZZ_CHECK(memcmp(c->hash, hashes + (size_t)i * DIGEST_LEN, DIGEST_LEN) == 0);
	FUZZ_CHECK(c->form == READER_ZERO || c->form == READER_RAW || c->form == READER_ZSTD ||
		   c->form == READER_ZSTD_NEXT);
	if (i == 0)
		frame = 0;
	FUZZ_CHECK(c->form != READER_ZSTD_NEXT || frame > 0);
	if (c->form == READER_ZSTD)
		frame = 0;
	if (c->form == READER_ZSTD || c->form == READER_ZSTD_NEXT)
		frame += c->len;
	FUZZ_CHECK(frame <= MANIFEST_FRAME_MAX);
	FUZZ_CHECK(c->form != READER_ZERO || c->stored == 0);
	FUZZ_CHECK(c->form != READER_RAW || c->stored == c->len);
	FUZZ_CHECK(c->stored <= c->len + READER_STORED_MORE);
	FUZZ_CHECK(c->off == reader.h.payload_off + payload);
	FUZZ_CHECK(payload + c->stored <= x->payload_len);
	FUZZ_CHECK(x->want == NULL ||
		   (c->form == x->want[i].form && c->stored == x->want[i].stored));
}

/* The walk that is told of no chunk ends as the other one did. */
static void check_walk_all(bool whole)
{
	const struct manifest_encoding *enc;

	FUZZ_CHECK(reader_pick_encoding(&reader, 0, NULL, &enc) == KB_OK);
	FUZZ_CHECK((reader_walk_all(&walk, &reader, 0, enc) == KB_OK) == whole);
}

/* Walks to the end; true if all was in order. */
static bool go(const struct index *x, bool sign)
{
	enum kb_err err = start(x, sign);
	uint64_t payload = 0;
	uint32_t i = 0;

	while (err == KB_OK) {
		struct reader_chunk c;

		err = reader_walk_next(&walk, &c);
		if (err != KB_OK)
			break;
		check_chunk(x, &c, i++, payload);
		payload += c.stored;
	}
	FUZZ_CHECK(err == KB_ENOENT ||
		   (fuzz_printable(reader.why, sizeof(reader.why)) && reader.why[0] != '\0'));
	if (err == KB_ENOENT) {
		FUZZ_CHECK(i == x->nchunks && payload == x->payload_len);
		FUZZ_CHECK(x->harm == 0 && !x->cut);
	}
	FUZZ_CHECK(err != KB_EDIGEST || x->harm != 0);
	FUZZ_CHECK(err != KB_EIO || x->cut);
	check_walk_all(err == KB_ENOENT);
	reader_close(&reader);
	return err == KB_ENOENT;
}

/* The records that the input asks for, written by the product: they are read as what they are. */
static void check_written(struct index *x, struct fuzz_in *in)
{
	static struct reader_chunk want[CHUNKS_MAX];
	struct bundle_table t = { 0 };

	x->payload_len = 0;
	for (uint32_t i = 0; i < x->nchunks; i++) {
		uint32_t v = fuzz_u16(in), len = i + 1 < x->nchunks ? CHUNK : x->last;
		enum reader_form form = (enum reader_form)(v % 3);
		uint32_t stored = form == READER_ZERO  ? 0
				  : form == READER_RAW ? len
						       : 1 + v % (len + READER_STORED_MORE);

		want[i] = (struct reader_chunk){ .form = form, .stored = stored };
		FUZZ_CHECK(bundle_table_record(&t, i, x->payload_len, form, stored) == KB_OK);
		x->payload_len += stored;
	}
	FUZZ_CHECK(t.len <= sizeof(pages));
	memcpy(pages, t.pages, t.len);
	x->pages_len = t.len;
	bundle_table_free(&t);
	x->want = want;
	FUZZ_CHECK(go(x, false) == (x->harm == 0 && !x->cut));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	struct index x = { 0 };

	x.nchunks = 1 + fuzz_u16(&in) % (how & 2 ? CHUNKS_MAX : 100);
	x.last = how & 1 ? CHUNK : 4096;
	x.payload_len = fuzz_u32(&in) % (1u << 28);
	x.cut = (how & 0x30) == 0x30;
	if ((how & 0x0c) == 0x0c)
		x.harm = fuzz_u32(&in);
	set_hashes(x.nchunks);
	if (how & 0x80) {
		check_written(&x, &in);
		return;
	}
	take_pages(&x, &in);
	if (x.pages_len > 0)
		go(&x, (how & 0x40) != 0);
}
