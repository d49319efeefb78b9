/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking over the chunks of an image. Two tables advance side by side: the hashes, and the records
 * of an encoding. A page is read once into private memory, compared with its entry in the signed
 * list, and used from there.
 */
#include "lib/bytes.h"
#include "update/bundle/reader_io.h"

#include <string.h>

#define NO_PAGE UINT32_MAX

static bool is_usable(const struct manifest_encoding *e, const struct reader_seeds *seeds)
{
	return e->kind == MANIFEST_ENC_FULL ||
	       (e->kind == MANIFEST_ENC_SEED && seeds != NULL && seeds->have(seeds->ctx, e->seed));
}

static bool lacks_compressor(const struct reader *r, unsigned image)
{
	for (unsigned i = 0; i < r->m.nencodings; i++) {
		if (r->m.encoding[i].image == image && r->m.encoding[i].lacks_compressor)
			return true;
	}
	return false;
}

static enum kb_err fail_unknown(struct reader *r, unsigned image)
{
	return reader_io_fail(
		r, KB_ENEWER,
		lacks_compressor(r, image)
			? "image %s is stored for compressors that this Keelboot lacks, or has in another version; use a full bundle"
			: "image %s is stored in a way that needs a newer Keelboot; update Keelboot first",
		r->m.image[image].name);
}

/* e could be used, on a device that has its seed. */
static enum kb_err fail_without(struct reader *r, const char *image,
				const struct manifest_encoding *e, const char *absent)
{
	bool named = e->seed_version[0] != '\0';
	char hex[2 * DIGEST_LEN + 1];

	bytes_hex(hex, e->seed, DIGEST_LEN);
	return reader_io_fail(
		r, KB_ESEED,
		"image %s: the bundle has only the differences from %s%s%simage %.16s, which %s",
		image, named ? "version " : "", e->seed_version, named ? ", " : "", hex,
		absent != NULL ? absent : "no slot has; use a full bundle");
}

enum kb_err reader_pick_encoding(struct reader *r, unsigned image, const struct reader_seeds *seeds,
				 const struct manifest_encoding **enc)
{
	const struct manifest_encoding *delta = NULL, *best = NULL;

	for (unsigned i = 0; i < r->m.nencodings; i++) {
		const struct manifest_encoding *e = &r->m.encoding[i];

		if (e->image != image)
			continue;
		if (e->kind == MANIFEST_ENC_SEED)
			delta = e;
		if (is_usable(e, seeds) && (best == NULL || e->payload_len < best->payload_len))
			best = e;
	}
	if (best == NULL && delta == NULL)
		return fail_unknown(r, image);
	if (best == NULL)
		return fail_without(r, r->m.image[image].name, delta,
				    seeds != NULL ? seeds->absent : NULL);
	*enc = best;
	return KB_OK;
}

enum kb_err reader_carried_encoding(struct reader *r, unsigned image,
				    const struct reader_seeds *seeds,
				    const struct manifest_encoding **enc)
{
	unsigned n = r->part.encoding[image];

	if (n == 0 || n > r->m.nencodings || r->m.encoding[n - 1].image != image)
		return reader_io_fail(r, KB_EFORMAT,
				      "image %s: the partial bundle carries no encoding of it",
				      r->m.image[image].name);
	*enc = &r->m.encoding[n - 1];
	if ((*enc)->kind == MANIFEST_ENC_UNKNOWN)
		return fail_unknown(r, image);
	if (is_usable(*enc, seeds))
		return KB_OK;
	return fail_without(r, r->m.image[image].name, *enc, seeds != NULL ? seeds->absent : NULL);
}

/* ---------------------------------------------------------------- pages */

/* Reads len bytes of a table at off (from the header's tables_off) and compares their hash. */
static enum kb_err read_checked(struct reader *r, const char *what, uint64_t off, void *buf,
				size_t len, const uint8_t digest[DIGEST_LEN])
{
	uint8_t got[DIGEST_LEN];

	if (reader_io_read(r, r->h.tables_off + off, buf, len) != KB_OK)
		return reader_io_fail(r, KB_EIO, "%s cannot be read: the medium is bad or gone",
				      what);
	if (digest_buf(&r->digest, buf, len, got) != KB_OK)
		return reader_io_fail(r, KB_EIO, "SHA-256 failed");
	if (memcmp(got, digest, DIGEST_LEN) != 0)
		return reader_io_fail(r, KB_EDIGEST, "%s is damaged; copy it again", what);
	return KB_OK;
}

static uint32_t hash_pages(const struct reader_walk *w)
{
	return (w->nchunks + READER_PAGE_HASHES - 1) / READER_PAGE_HASHES;
}

/* A full page and its entry in the list, over and over; the last page may be shorter. */
static uint64_t enc_pages(const struct manifest_table *t)
{
	uint64_t each = READER_PAGE + (uint64_t)DIGEST_LEN;

	return t->len / each + (t->len % each != 0);
}

static size_t enc_page_len(const struct manifest_table *t, uint32_t page)
{
	uint64_t pages = enc_pages(t);

	if (page + 1 < pages)
		return READER_PAGE;
	return (size_t)(t->len - DIGEST_LEN * pages - READER_PAGE * (pages - 1));
}

static enum kb_err load_hash_page(struct reader_walk *w, uint32_t page)
{
	uint32_t left = w->nchunks - page * READER_PAGE_HASHES;
	size_t len = (left < READER_PAGE_HASHES ? left : READER_PAGE_HASHES) * (size_t)DIGEST_LEN;
	uint64_t off = w->im->hashes.off + DIGEST_LEN * (uint64_t)hash_pages(w) +
		       (uint64_t)page * READER_PAGE;

	TRY(read_checked(w->r, "a page of its hashes", off, w->hash_page, len,
			 w->hash_list + (size_t)page * DIGEST_LEN));
	w->hash_page_no = page;
	return KB_OK;
}

/* What is left of the page before: nothing, or zeroes up to the full size of one. */
static enum kb_err end_enc_page(struct reader_walk *w)
{
	size_t rest = w->enc_page_len - w->enc_pos;

	if (w->enc_page_no == NO_PAGE)
		return KB_OK;
	if (rest != 0 && (w->enc_page_no + 1 == enc_pages(&w->enc->table) ||
			  !bytes_all(w->enc_page + w->enc_pos, rest, 0)))
		return reader_io_fail(w->r, KB_EFORMAT, "bytes follow the records of a page");
	return KB_OK;
}

static enum kb_err load_enc_page(struct reader_walk *w)
{
	const struct manifest_table *t = &w->enc->table;
	uint32_t page = w->enc_page_no + 1; /* 0 after NO_PAGE */
	uint64_t pages = enc_pages(t);

	TRY(end_enc_page(w));
	if (page >= pages)
		return reader_io_fail(w->r, KB_EFORMAT, "records are missing");
	w->enc_page_len = enc_page_len(t, page);
	TRY(read_checked(w->r, "a page of its records",
			 t->off + DIGEST_LEN * pages + (uint64_t)page * READER_PAGE, w->enc_page,
			 w->enc_page_len, w->enc_list + (size_t)page * DIGEST_LEN));
	w->enc_page_no = page;
	w->enc_pos = READER_PAGE_HEAD;
	w->enc_left = bytes_get32(w->enc_page + 4);
	if (bytes_get32(w->enc_page) != w->next || bytes_get64(w->enc_page + 8) != w->payload ||
	    w->enc_left == 0 || w->enc_left > w->nchunks - w->next)
		return reader_io_fail(w->r, KB_EFORMAT, "a page of records is out of place");
	return KB_OK;
}

/* ---------------------------------------------------------------- records */

/* LEB128 of at most 32 bits, in its only spelling. */
static enum kb_err get_varint(struct reader_walk *w, uint32_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 35 && w->enc_pos < w->enc_page_len; shift += 7) {
		uint8_t b = w->enc_page[w->enc_pos++];

		v |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		if ((b == 0 && shift > 0) || v > UINT32_MAX)
			return KB_EFORMAT;
		*out = (uint32_t)v;
		return KB_OK;
	}
	return KB_EFORMAT;
}

static bool stored_fits(enum reader_form form, uint32_t stored, uint32_t plain)
{
	switch (form) {
	case READER_ZERO:
		return stored == 0;
	case READER_RAW:
		return stored == plain;
	case READER_ZSTD:
	case READER_ZSTD_NEXT:
	case READER_COPY:
	case READER_PATCH:
	case READER_REMAKE_ZLIB:
	case READER_REMAKE_XZ:
	case READER_REMAKE_ZSTD:
	case READER_REMAKE_LZ4:
		return stored > 0 && stored <= plain + READER_STORED_MORE;
	}
	return false;
}

/* A chunk goes on only in a frame that has begun, and that has room for it. */
static bool frame_fits(struct reader_walk *w, const struct reader_chunk *c)
{
	if (c->form == READER_ZSTD)
		w->frame = 0;
	else if (c->form != READER_ZSTD_NEXT)
		return true;
	else if (w->frame == 0 || w->frame > MANIFEST_FRAME_MAX - c->len)
		return false;
	w->frame += c->len;
	return true;
}

static enum kb_err get_record(struct reader_walk *w, struct reader_chunk *c)
{
	uint32_t params;
	uint8_t form;

	if (w->enc_pos >= w->enc_page_len)
		return KB_EFORMAT;
	form = w->enc_page[w->enc_pos++];
	if (form >= READER_FORMS || !(w->enc->forms & MANIFEST_FORM(form)))
		return KB_EFORMAT;
	c->form = (enum reader_form)form;
	TRY(get_varint(w, &c->stored));
	TRY(get_varint(w, &params));
	if (params != 0 || !stored_fits(c->form, c->stored, c->len) || !frame_fits(w, c))
		return KB_EFORMAT;
	/* payload never exceeds payload_len, so this cannot wrap. */
	return c->stored <= w->enc->payload_len - w->payload ? KB_OK : KB_EFORMAT;
}

/* ---------------------------------------------------------------- the walk */

static enum kb_err load_lists(struct reader_walk *w)
{
	const struct manifest_table *t = &w->enc->table;
	uint64_t pages = enc_pages(t);

	/* The last page has to hold its head and a record at least. */
	if (pages == 0 || pages * DIGEST_LEN > READER_PAGE ||
	    t->len <= DIGEST_LEN * pages + READER_PAGE * (pages - 1) + READER_PAGE_HEAD)
		return reader_io_fail(w->r, KB_EFORMAT, "its table of records has a wrong length");
	TRY(read_checked(w->r, "the list of its hash pages", w->im->hashes.off, w->hash_list,
			 DIGEST_LEN * (size_t)hash_pages(w), w->im->hashes.digest));
	return read_checked(w->r, "the list of its record pages", t->off, w->enc_list,
			    DIGEST_LEN * (size_t)pages, t->digest);
}

enum kb_err reader_walk_begin(struct reader_walk *w, struct reader *r, unsigned image,
			      const struct manifest_encoding *enc)
{
	w->r = r;
	w->im = &r->m.image[image];
	w->enc = enc;
	w->next = 0;
	w->nchunks = manifest_chunks(w->im);
	w->payload = 0;
	w->frame = 0;
	w->hash_page_no = w->enc_page_no = NO_PAGE;
	w->enc_pos = w->enc_page_len = 0;
	w->enc_left = 0;
	if (enc->kind == MANIFEST_ENC_UNKNOWN || enc->image != image)
		return reader_io_fail(r, KB_ENEWER, "an encoding that this program cannot use");
	return load_lists(w);
}

static enum kb_err end_walk(struct reader_walk *w)
{
	TRY(end_enc_page(w));
	if (w->enc_page_no + 1 != enc_pages(&w->enc->table) || w->payload != w->enc->payload_len)
		return reader_io_fail(w->r, KB_EFORMAT,
				      "there are more stored bytes or records than chunks");
	return KB_ENOENT;
}

enum kb_err reader_walk_next(struct reader_walk *w, struct reader_chunk *c)
{
	uint32_t at = w->next % READER_PAGE_HASHES;

	if (w->next == w->nchunks)
		return end_walk(w);
	if (at == 0)
		TRY(load_hash_page(w, w->next / READER_PAGE_HASHES));
	if (w->enc_left == 0)
		TRY(load_enc_page(w));
	c->index = w->next;
	c->len = manifest_chunk_len(w->im, w->next);
	memcpy(c->hash, w->hash_page + (size_t)at * DIGEST_LEN, DIGEST_LEN);
	if (get_record(w, c) != KB_OK)
		return reader_io_fail(w->r, KB_EFORMAT, "the record of chunk %u is invalid",
				      w->next);
	c->off = w->r->h.payload_off + w->enc->payload_off + w->payload;
	w->payload += c->stored;
	w->enc_left--;
	w->next++;
	return KB_OK;
}

enum kb_err reader_walk_all(struct reader_walk *w, struct reader *r, unsigned image,
			    const struct manifest_encoding *enc)
{
	struct reader_chunk c;
	enum kb_err err = reader_walk_begin(w, r, image, enc);

	while (err == KB_OK)
		err = reader_walk_next(w, &c);
	return err == KB_ENOENT ? KB_OK : err;
}

enum kb_err reader_stored(const struct reader *r, const struct reader_chunk *c, void *buf)
{
	return reader_io_read(r, c->off, buf, c->stored);
}
