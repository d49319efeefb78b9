/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_check.h"

#include "cli/output/output.h"
#include "update/bundle/manifest_fits.h"

#include <string.h>

static enum kb_err check_chunk(struct bundle_check *k, struct digest *whole,
			       const struct reader_chunk *c)
{
	const struct bundle_chunk *b = &k->dec.buf;

	TRY(bundle_chunk_decode(&k->dec, c));
	TRY(digest_add(whole, b->blocks, b->blocks_len));
	k->stored += c->stored;
	return KB_OK;
}

static enum kb_err check_chunks(struct bundle_check *k, struct reader *r, const char *path,
				struct digest *whole)
{
	struct reader_chunk c;
	enum kb_err err;

	while ((err = reader_walk_next(&k->walk, &c)) == KB_OK) {
		err = check_chunk(k, whole, &c);
		if (err != KB_OK)
			return output_fail(
				k->why, sizeof(k->why), path, err,
				"image %s, chunk %u (byte %llu of the file): %s%s",
				k->walk.im->name, c.index, (unsigned long long)c.off, err_text(err),
				err == KB_EDIGEST || err == KB_EFORMAT ? "; copy it again" : "");
		/* Whose failure is none of the bundle's. */
		if (k->chunk != NULL)
			TRY(k->chunk(k->ctx, &c, &k->dec.buf));
	}
	if (err == KB_ENOENT)
		return KB_OK;
	return output_fail(k->why, sizeof(k->why), path, err, "image %s: %s", k->walk.im->name,
			   r->why);
}

/* Behind the chunks, which say where the damage is. */
static enum kb_err check_payload(struct bundle_check *k, struct reader *r, const char *path,
				 const struct manifest_encoding *enc)
{
	enum kb_err err = reader_payload_check(r, enc, NULL, NULL);

	if (err == KB_OK)
		return KB_OK;
	return output_fail(k->why, sizeof(k->why), path, err, "image %s: %s",
			   r->m.image[enc->image].name, r->why);
}

static enum kb_err check_encoding(struct bundle_check *k, struct reader *r, const char *path,
				  unsigned image, const struct manifest_encoding *enc,
				  struct digest *whole)
{
	const struct manifest_image *im = &r->m.image[image];
	uint8_t got[DIGEST_LEN];
	enum kb_err err;

	TRY(digest_begin(whole));
	err = reader_walk_begin(&k->walk, r, image, enc);
	if (err != KB_OK)
		return output_fail(k->why, sizeof(k->why), path, err, "image %s: %s", im->name,
				   r->why);
	TRY(check_chunks(k, r, path, whole));
	TRY(digest_end(whole, got));
	if (memcmp(got, im->digest, DIGEST_LEN) != 0)
		return output_fail(k->why, sizeof(k->why), path, KB_EDIGEST,
				   MANIFEST_FITS_NOT_ITS_DIGEST, im->name);
	return check_payload(k, r, path, enc);
}

enum kb_err bundle_check_image(struct bundle_check *k, struct reader *r, const char *path,
			       unsigned image, const struct manifest_encoding *enc)
{
	struct digest whole = { 0 };
	struct delta_seed seed = { .read = bundle_seed_read };
	enum kb_err err = bundle_chunk_decoder_init(&k->dec, r);

	if (k->seed != NULL) {
		seed.size = k->seed->size;
		seed.ctx = (void *)(uintptr_t)k->seed;
		k->dec.seed = &seed;
	}
	if (err == KB_OK)
		err = digest_init(&whole);
	if (err != KB_OK)
		err = output_fail(k->why, sizeof(k->why), path, err, "unable to check it: %s",
				  err_text(err));
	else
		err = check_encoding(k, r, path, image, enc, &whole);
	digest_free(&whole);
	bundle_chunk_decoder_free(&k->dec);
	k->dec.seed = NULL;
	return err;
}
