/* SPDX-License-Identifier: Apache-2.0 */
#include "update/install/install_pipe.h"
#include "lib/bdev.h"
#include "update/bundle/manifest_fits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* For one chunk of at most 1 MiB. Below the 40 s of process 1, which knows not whose fault it is.
 */
#define PIPE_DECODE_MS 30000u
#define PIPE_LACKS \
	"image %s: chunk %u is neither in the partial bundle nor in a slot: a slot has changed; fetch it again"
#define PIPE_UNREAD \
	"image %s: chunk %u is in a slot that cannot be read, and not in the partial bundle; fetch it again"

/* Private memory: what is hashed is what is used. */
static uint8_t plain[MANIFEST_CHUNK_MAX] __attribute__((aligned(BDEV_ALIGN)));

__attribute__((format(printf, 3, 4))) static enum kb_err fail_pipe(struct install_pipe *p,
								   enum kb_err err, const char *fmt,
								   ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
	return err;
}

static enum kb_err reader_said(struct install_pipe *p, enum kb_err err)
{
	return fail_pipe(p, err, "%s", p->r->why[0] != '\0' ? p->r->why : err_text(err));
}

enum kb_err install_pipe_begin(struct install_pipe *p, unsigned image,
			       const struct manifest_encoding *enc)
{
	enum kb_err err;

	/* A walk that was given up may have left requests behind; their answers would be taken for
	 * others. And a decoder keeps its seed. */
	if (p->decoding && (p->dec.asked != p->dec.answered || p->dec.seed != p->seed))
		install_pipe_close(p);
	if (p->full != NULL)
		p->full->begun = false;
	p->nfull = 0;
	p->ended = p->wanted = false;
	p->dec.fresh = true;
	install_gap_clear(&p->gap);
	p->fed = p->taken = 0;
	if (p->slots == 0)
		p->slots = DECODER_SLOTS;
	p->r->why[0] = '\0';
	err = reader_walk_begin(&p->walk, p->r, image, enc);
	if (err != KB_OK)
		return reader_said(p, err);
	if (p->whole != NULL && digest_begin(p->whole) != KB_OK)
		return fail_pipe(p, KB_EIO, "SHA-256 failed");
	return KB_OK;
}

void install_pipe_close(struct install_pipe *p)
{
	if (p->decoding)
		decoder_stop(&p->dec);
	p->decoding = false;
	if (p->full != NULL)
		install_pipe_close(p->full);
}

static const char *image_name(const struct install_pipe *p)
{
	return p->walk.im->name;
}

static enum kb_err read_stored(struct install_pipe *p, const struct reader_chunk *c, void *buf)
{
	if (p->verify != NULL)
		TRY(p->verify(p->ctx));
	if ((c->form != READER_RAW || c->stored == c->len) && reader_stored(p->r, c, buf) == KB_OK)
		return KB_OK;
	return fail_pipe(p, KB_EIO, "image %s: chunk %u cannot be read: the medium is bad or gone",
			 image_name(p), c->index);
}

/* A chunk that the bundle lacks, into plain, checked. */
static enum kb_err obtain_lacking(struct install_pipe *p, const struct reader_chunk *c)
{
	enum kb_err err = install_lack_find(p->lack, p->digest, p->walk.im, c, plain);

	p->seed_unread = err == KB_EIO;
	if (err == KB_EIO)
		return fail_pipe(p, KB_ESEED, PIPE_UNREAD, image_name(p), c->index);
	return err == KB_OK ? err : fail_pipe(p, KB_ESEED, PIPE_LACKS, image_name(p), c->index);
}

/* The stored bytes of c, or, if the text of c is known, its plain ones, as a slot has them. */
static enum kb_err load_input(struct install_pipe *p, const struct reader_chunk *c, bool known)
{
	uint8_t *input = decoder_input(&p->dec);

	if (reader_is_hole(p->r, c)) {
		if (!known)
			return fail_pipe(p, KB_EFORMAT,
					 "image %s: chunk %u, which others rest upon, is missing",
					 image_name(p), c->index);
		TRY(obtain_lacking(p, c));
		memcpy(input, plain, c->len);
		return KB_OK;
	}
	if (known && p->held(p->ctx, c, input) != KB_OK)
		return fail_pipe(p, KB_EIO, "image %s: chunk %u cannot be read back from the slot",
				 image_name(p), c->index);
	return known ? KB_OK : read_stored(p, c, input);
}

static enum kb_err ask_decoder(struct install_pipe *p, const struct reader_chunk *c, bool known)
{
	enum kb_err err;

	if (!p->decoding) {
		err = decoder_start(&p->dec, p->helper, p->seed, p->slots);
		if (err != KB_OK)
			return fail_pipe(p, err, "the decoder cannot be started (%s)", p->helper);
		p->decoding = true;
	}
	TRY(load_input(p, c, known));
	p->dec.at = (uint64_t)c->index * p->walk.im->chunk;
	err = decoder_ask(&p->dec, known ? READER_RAW : c->form, known ? c->len : c->stored,
			  c->len);
	if (err != KB_OK)
		return fail_pipe(p, err, "image %s: the decoder died before chunk %u",
				 image_name(p), c->index);
	return KB_OK;
}

/* The next chunk is where it should be. */
static bool stands_there(struct install_pipe *p, bool hole)
{
	bool (*have)(void *ctx, const struct reader_chunk *c) = hole ? p->have_lacking : p->have;

	return p->next.form != READER_ZERO && have != NULL && have(p->ctx, &p->next);
}

/* Takes the next chunk from the walk. Text that the slot has goes into the gap, and text that is
 * wanted waits until the decoder has what it needs of the gap. */
static enum kb_err walk_on(struct install_pipe *p, struct install_pipe_item *it)
{
	enum kb_err err = reader_walk_next(&p->walk, &p->next);
	bool text, fresh, elsewhere;

	if (err != KB_OK)
		return err;
	it->c = p->next;
	it->passed = false;
	it->hole = reader_is_hole(p->r, &p->next);
	it->had = stands_there(p, it->hole);
	elsewhere = it->had || it->hole;
	text = install_gap_is_text(&p->next);
	p->wanted = (text || reader_form_is_seeded(p->next.form)) && !elsewhere;
	if (text && elsewhere) {
		install_gap_add(&p->gap, &p->next);
	} else if (text) {
		install_gap_close(&p->gap, p->next.form == READER_ZSTD, &fresh);
		p->dec.fresh |= fresh;
	}
	return KB_OK;
}

/* What the decoder needs before the chunk that is wanted, then that. */
static enum kb_err ask_wanted(struct install_pipe *p, struct install_pipe_item *it)
{
	bool known = false;
	const struct reader_chunk *c = NULL;

	if (install_gap_is_text(&p->next))
		c = install_gap_next(&p->gap, &known);
	it->had = it->hole = false;
	it->passed = c != NULL;
	it->c = c != NULL ? *c : p->next;
	p->wanted = it->passed;
	return ask_decoder(p, &it->c, known);
}

/* Takes chunks from the walk until the ring is full, and sets the decoder to work on them. */
static enum kb_err feed_decoder(struct install_pipe *p)
{
	while (!p->ended && p->fed - p->taken < p->slots) {
		struct install_pipe_item *it = &p->ring[p->fed % p->slots];
		enum kb_err err = p->wanted ? KB_OK : walk_on(p, it);

		if (err == KB_ENOENT) {
			p->ended = true;
			return KB_OK;
		}
		if (err != KB_OK)
			return reader_said(p, err);
		if (p->wanted)
			TRY(ask_wanted(p, it));
		p->fed++;
	}
	return KB_OK;
}

static enum kb_err hash_zeroes(struct install_pipe *p, uint32_t len)
{
	if (p->zero_len == len)
		return KB_OK;
	memset(plain, 0, len);
	TRY(digest_buf(p->digest, plain, len, p->zero_hash));
	p->zero_len = len;
	return KB_OK;
}

#define PIPE_SEED_CHANGED \
	" is not what was signed: the slot that holds the version before has changed, or the bundle is damaged"

static enum kb_err fail_seed(struct install_pipe *p, const struct reader_chunk *c, const char *what)
{
	const char *v = p->walk.enc->seed_version;

	return fail_pipe(p, KB_ESEED, "image %s: chunk %u%s%s%s; use a full bundle", image_name(p),
			 c->index, what, v[0] != '\0' ? "; it needs the signed version " : "", v);
}

/* out NULL: the decoder alone needed it. */
static enum kb_err hear_decoder(struct install_pipe *p, const struct reader_chunk *c, uint8_t *out)
{
	enum kb_err err = decoder_get(&p->dec, out, c->len, PIPE_DECODE_MS);

	if (err == KB_OK)
		return KB_OK;
	p->seed_unread = err == KB_EIO;
	if (err == KB_EIO)
		return fail_seed(p, c, ": the slot that holds the version before cannot be read");
	if (err == KB_EFORMAT && reader_form_is_remade(c->form)) /* a block does not unpack */
		return fail_seed(p, c, PIPE_SEED_CHANGED);
	return fail_pipe(p, err, "image %s: chunk %u %s", image_name(p), c->index,
			 err == KB_EFORMAT ? "cannot be decoded: the bundle is damaged"
					   : "crashed the decoder");
}

static enum kb_err obtain_chunk(struct install_pipe *p, const struct reader_chunk *c)
{
	if (c->form == READER_ZERO)
		return hash_zeroes(p, c->len);
	if (c->form == READER_RAW)
		return read_stored(p, c, plain);
	return hear_decoder(p, c, plain);
}

static enum kb_err check_chunk(struct install_pipe *p, const struct reader_chunk *c)
{
	uint8_t got[DIGEST_LEN];

	if (c->form == READER_ZERO)
		memcpy(got, p->zero_hash, sizeof(got));
	else if (digest_buf(p->digest, plain, c->len, got) != KB_OK)
		return fail_pipe(p, KB_EIO, "SHA-256 failed");
	if (memcmp(got, c->hash, sizeof(got)) == 0)
		return KB_OK;
	if (reader_form_is_seeded(c->form))
		return fail_seed(p, c, PIPE_SEED_CHANGED);
	return fail_pipe(p, KB_EDIGEST,
			 "image %s: chunk %u is not what was signed: the bundle is damaged",
			 image_name(p), c->index);
}

/* The blocks of digest=; of zeroes one is hashed for all. */
static enum kb_err add_to_whole(struct install_pipe *p, const struct reader_chunk *c)
{
	bool zero = c->form == READER_ZERO;
	uint8_t hash[DIGEST_LEN];
	uint32_t len;

	if (p->whole == NULL)
		return KB_OK;
	if (zero)
		memset(plain, 0, MANIFEST_DIGEST_BLOCK);
	for (uint32_t at = 0; at < c->len; at += len) {
		const uint8_t *block = zero ? plain : plain + at;
		bool known = zero && at > 0;

		len = c->len - at < MANIFEST_DIGEST_BLOCK ? c->len - at : MANIFEST_DIGEST_BLOCK;
		known &= len == MANIFEST_DIGEST_BLOCK;
		if ((!known && digest_buf(p->digest, block, len, hash) != KB_OK) ||
		    digest_add(p->whole, hash, DIGEST_LEN) != KB_OK)
			return fail_pipe(p, KB_EIO, "SHA-256 failed");
	}
	return KB_OK;
}

/* Behind the last chunk. */
static enum kb_err check_whole(struct install_pipe *p)
{
	uint8_t got[DIGEST_LEN];

	if (p->whole == NULL)
		return KB_ENOENT;
	if (digest_end(p->whole, got) != KB_OK)
		return fail_pipe(p, KB_EIO, "SHA-256 failed");
	if (memcmp(got, p->walk.im->digest, DIGEST_LEN) != 0)
		return fail_pipe(p, KB_EDIGEST, MANIFEST_FITS_NOT_ITS_DIGEST, image_name(p));
	return KB_ENOENT;
}

/* ---------------------------------------------------------------- in place of the seed */

/* For p->full: what is before the chunk that is wanted stands in the slot. */
static bool is_before(void *ctx, const struct reader_chunk *c)
{
	return c->index < ((const struct install_pipe *)ctx)->full->first;
}

static enum kb_err held_before(void *ctx, const struct reader_chunk *c, void *buf)
{
	const struct install_pipe *p = ctx;

	return p->held(p->ctx, c, buf);
}

static enum kb_err begin_full(struct install_pipe *p)
{
	struct install_pipe *f = p->full;

	f->r = p->r;
	f->helper = p->helper;
	f->digest = p->digest;
	f->have = is_before;
	f->held = held_before;
	f->ctx = p;
	f->slots = 1; /* beside a whole one: each slot is memory of two processes */
	TRY(install_pipe_begin(f, p->full_enc->image, p->full_enc));
	f->begun = true;
	return KB_OK;
}

/* Chunk `index` into plain, which both pipes share, checked. */
static enum kb_err obtain_full(struct install_pipe *p, uint32_t index)
{
	struct install_pipe_chunk c = { .c = { .index = UINT32_MAX } };
	enum kb_err err = KB_OK;

	p->full->first = index;
	if (!p->full->begun)
		err = begin_full(p);
	while (err == KB_OK && c.c.index != index)
		err = install_pipe_next(p->full, &c);
	if (err != KB_OK)
		return fail_pipe(p, err, "%s", p->full->why);
	if (c.plain == NULL)
		memset(plain, 0, c.c.len);
	p->nfull++;
	return KB_OK;
}

/* ---------------------------------------------------------------- chunk by chunk */

static enum kb_err obtain_checked(struct install_pipe *p, const struct reader_chunk *c)
{
	enum kb_err err = obtain_chunk(p, c);

	if (err == KB_OK)
		err = check_chunk(p, c);
	if (reader_form_is_seeded(c->form) && p->full != NULL &&
	    (err == KB_ESEED || err == KB_EFORMAT))
		return obtain_full(p, c->index);
	return err;
}

enum kb_err install_pipe_next(struct install_pipe *p, struct install_pipe_chunk *out)
{
	const struct install_pipe_item *it;

	for (;;) {
		TRY(feed_decoder(p));
		if (p->taken == p->fed)
			return check_whole(p);
		it = &p->ring[p->taken % p->slots];
		if (!it->passed)
			break;
		TRY(hear_decoder(p, &it->c, NULL));
		p->taken++;
	}
	*out = (struct install_pipe_chunk){ .c = it->c, .had = it->had };
	if (!it->had) {
		TRY(it->hole ? obtain_lacking(p, &it->c) : obtain_checked(p, &it->c));
		TRY(add_to_whole(p, &it->c));
		if (it->c.form != READER_ZERO)
			out->plain = plain;
	}
	p->taken++;
	return KB_OK;
}
