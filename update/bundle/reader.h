/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle that is read: header, signature, manifest, then pages, each checked when it is read into
 * private memory and never read again from the medium. Only the pages in use are in memory.
 */
#pragma once

#include "selector/plan.h"
#include "update/crypto/digest.h"
#include "update/keys/keyring.h"
#include "update/bundle/manifest.h"
#include "update/bundle/payload_digest.h"
#include "update/wire/partial_form.h"
#include "update/wire/reader_form.h"
#include "update/wire/reader_header.h"

#define READER_PAGE	   65536u
#define READER_PAGE_HASHES 2048u /* in a page of hashes, except the last */
#define READER_PAGE_HEAD   16u	 /* first_chunk u32, nchunks u32, payload_off u64 */
#define READER_STORED_MORE 4096u /* by so much may stored bytes exceed the plain ones */

struct reader {
	/* borrowed; positioned reads only */
	int fd;
	/* a device: what follows total_len is ignored; in a file nothing may */
	bool raw;
	uint8_t header[READER_HEADER_LEN];
	struct reader_header h;
	uint8_t sig[READER_SIG_CAP_MAX];
	/* the manifest as it was signed */
	char text[MANIFEST_MAX];
	struct manifest m;
	/* id etc., of the manifest */
	struct plan_release release;
	/* who signed, "a, b" if more had to */
	char signer[64];
	struct digest digest;
	struct payload_digest payload;
	/* after a failure: what is wrong, for a person */
	char why[MANIFEST_WHY];
	/* of a partial bundle, what it has; n is 0 for one that has all */
	struct partial_form part;
};

/*
 * Reads and checks header, signature, manifest. r is large: static or mapped. keyring NULL: no
 * signature is checked (only for `bundle inspect`, which says so). `size` is that of the file or
 * device. KB_EFORMAT, KB_ENEWER, KB_ESIG, KB_EDIGEST, KB_EIO; r->why says what.
 */
enum kb_err reader_open(struct reader *r, int fd, bool raw, uint64_t size,
			const struct keyring *k) KB_MUST_CHECK;
void reader_close(struct reader *r);

/* Chunks may be missing: docs/FORMAT.md, "Partial bundles". */
static inline bool reader_is_partial(const struct reader *r)
{
	return r->part.n > 0;
}

struct reader_chunk {
	uint32_t index;
	/* plain bytes */
	uint32_t len;
	/* of the plain bytes: signed */
	uint8_t hash[DIGEST_LEN];
	enum reader_form form;
	/* of the stored bytes in the file */
	uint64_t off;
	/* their number; at most len + 4096 */
	uint32_t stored;
};

/* A walk over the chunks of an image, in order, with one page of hashes and one of the encoding in
 * memory. */
struct reader_walk {
	struct reader *r;
	const struct manifest_image *im;
	const struct manifest_encoding *enc;
	uint32_t next, nchunks;
	/* offset of the next stored bytes within the encoding's payload */
	uint64_t payload;
	/* plain bytes so far of the zstd frame that began last; 0: none did */
	uint32_t frame;
	/* private copies of the digest lists and of the pages in use */
	uint8_t hash_list[READER_PAGE], hash_page[READER_PAGE];
	uint8_t enc_list[READER_PAGE], enc_page[READER_PAGE];
	/* UINT32_MAX: none */
	uint32_t hash_page_no, enc_page_no;
	size_t enc_pos, enc_page_len;
	/* records left in the page */
	uint32_t enc_left;
};

/* Which images this device has, by their digest=. */
struct reader_seeds {
	bool (*have)(void *ctx, const uint8_t digest[DIGEST_LEN]);
	void *ctx;
	/* what to say of one that it has not: NULL: no slot has it */
	const char *absent;
};

/*
 * Of the encodings of an image, the one with the smallest payload that this device can use: of kind
 * full, or of kind seed if seeds (NULL: none) has that. The manifest says of which forms, so
 * nothing is read for it. KB_ESEED: there are such, but not from what the device has; KB_ENEWER:
 * none is known. r->why says so.
 */
enum kb_err reader_pick_encoding(struct reader *r, unsigned image, const struct reader_seeds *seeds,
				 const struct manifest_encoding **enc) KB_MUST_CHECK;

/*
 * The encoding that a partial bundle carries for an image. KB_EFORMAT: none, or another image's;
 * KB_ESEED, KB_ENEWER: it cannot be used here. r->why says so.
 */
enum kb_err reader_carried_encoding(struct reader *r, unsigned image,
				    const struct reader_seeds *seeds,
				    const struct manifest_encoding **enc) KB_MUST_CHECK;

/*
 * Starts at chunk 0: reads and checks the lists. r and enc must outlive w. KB_EIO, KB_EDIGEST,
 * KB_EFORMAT, KB_ENEWER (an encoding that cannot be walked). After a failure, here or in
 * reader_walk_next(), r->why says what is wrong.
 */
enum kb_err reader_walk_begin(struct reader_walk *w, struct reader *r, unsigned image,
			      const struct manifest_encoding *enc) KB_MUST_CHECK;

/*
 * The next chunk; KB_ENOENT after the last one, once all lengths were found exact. KB_EIO,
 * KB_EDIGEST, KB_EFORMAT; the walk is over then.
 */
enum kb_err reader_walk_next(struct reader_walk *w, struct reader_chunk *c) KB_MUST_CHECK;

/* A whole walk, which reads the tables and nothing of the payload. Errors of the two. */
enum kb_err reader_walk_all(struct reader_walk *w, struct reader *r, unsigned image,
			    const struct manifest_encoding *enc) KB_MUST_CHECK;

/*
 * Compares the stored bytes of an encoding, also one that this program cannot use, with
 * payload-digest=. It reads them once, and decodes nothing. tick (NULL: none) is called with the
 * bytes of each step. KB_EDIGEST, KB_EIO; r->why says what is wrong.
 */
enum kb_err reader_payload_check(struct reader *r, const struct manifest_encoding *enc,
				 void (*tick)(void *ctx, uint64_t bytes), void *ctx) KB_MUST_CHECK;

/* A partial bundle lacks its stored bytes. */
bool reader_is_hole(const struct reader *r, const struct reader_chunk *c);

/* Reads the stored bytes of a chunk into buf, which holds c->stored bytes (none for READER_ZERO).
 * KB_EIO, also on a short read. */
enum kb_err reader_stored(const struct reader *r, const struct reader_chunk *c,
			  void *buf) KB_MUST_CHECK;
