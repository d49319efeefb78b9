/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a bundle: header, signature, manifest, in this order, each before the next is looked at.
 */
#include "update/bundle/reader.h"

#include "lib/bytes.h"
#include "update/bundle/reader_io.h"
#include "update/bundle/reader_partial.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static enum kb_err read_part(struct reader *r, const char *what, uint64_t off, void *buf,
			     size_t len)
{
	if (reader_io_read(r, off, buf, len) != KB_OK)
		return reader_io_fail(r, KB_EIO, "%s cannot be read: the medium is bad or gone",
				      what);
	return KB_OK;
}

static enum kb_err check_size(struct reader *r, uint64_t size)
{
	uint64_t want = r->h.total_len;

	if (reader_is_partial(r))
		return reader_partial_fits(r);
	if (size < want)
		return reader_io_fail(r, KB_EFORMAT,
				      "truncated: %" PRIu64 " bytes present, %" PRIu64
				      " expected; copy it again",
				      size, want);
	if (size > want && !r->raw)
		return reader_io_fail(r, KB_EFORMAT,
				      "%" PRIu64 " extra bytes behind its end; copy it again",
				      size - want);
	return KB_OK;
}

static enum kb_err open_header(struct reader *r, uint64_t size)
{
	enum kb_err err;

	TRY(reader_partial_open(r, size));
	if (size < READER_HEADER_LEN)
		return reader_io_fail(r, KB_EFORMAT,
				      "shorter than the header of a bundle; copy it again");
	TRY(read_part(r, "its header", 0, r->header, READER_HEADER_LEN));
	err = reader_header_parse(&r->h, r->header);
	if (err == KB_ENEWER)
		return reader_io_fail(r, err, "made for a newer Keelboot; update Keelboot first");
	if (err == KB_EDIGEST)
		return reader_io_fail(r, KB_EFORMAT,
				      "not a bundle, or its header is damaged; copy it again");
	if (err != KB_OK)
		return reader_io_fail(
			r, err,
			"its header is whole, but breaks the format: the bundle was made wrongly; make it again");
	return check_size(r, size);
}

/* Without a keyring only the form of the area is checked. */
static enum kb_err check_form(struct reader *r)
{
	struct keyring_entry e;
	enum kb_err err;
	size_t pos = 0;

	do
		err = keyring_next(r->sig, r->h.sig_cap, &pos, &e);
	while (err == KB_OK);
	if (err != KB_ENOENT)
		return reader_io_fail(r, KB_EFORMAT,
				      "its signature area is damaged; copy it again");
	return KB_OK;
}

static enum kb_err open_signature(struct reader *r, const struct keyring *k)
{
	struct keyring_verdict v;
	enum kb_err err;

	TRY(read_part(r, "its signature area", READER_HEADER_LEN, r->sig, r->h.sig_cap));
	if (k == NULL)
		return check_form(r);
	err = keyring_check(k, r->header, r->sig, r->h.sig_cap, &v);
	if (err == KB_EFORMAT)
		return reader_io_fail(r, err, "its signature area is damaged; copy it again");
	keyring_signers(k, &v, r->signer, sizeof(r->signer));
	if (err != KB_OK)
		keyring_explain(k, &v, r->why, sizeof(r->why));
	return err;
}

static enum kb_err open_manifest(struct reader *r)
{
	uint8_t got[DIGEST_LEN];

	TRY(read_part(r, "its manifest", r->h.manifest_off, r->text, r->h.manifest_len));
	if (digest_buf(&r->digest, r->text, r->h.manifest_len, got) != KB_OK)
		return reader_io_fail(r, KB_EIO, "SHA-256 failed");
	if (memcmp(got, r->h.manifest_digest, DIGEST_LEN) != 0)
		return reader_io_fail(r, KB_EDIGEST, "its manifest is damaged; copy it again");
	TRY(manifest_parse(&r->m, r->text, r->h.manifest_len, r->why, sizeof(r->why)));
	if (manifest_tables_len(&r->m) != r->h.tables_len ||
	    manifest_payload_len(&r->m) != r->h.payload_len)
		return reader_io_fail(
			r, KB_EFORMAT,
			"its header and its manifest contradict each other about the length: the bundle was made wrongly; make it again");
	return KB_OK;
}

/* ---------------------------------------------------------------- the release id */

static enum kb_err add_number(struct digest *d, uint64_t v)
{
	uint8_t b[8];

	bytes_put64(b, v);
	return digest_add(d, b, sizeof(b));
}

static enum kb_err add_text(struct digest *d, const char *text)
{
	size_t len = strlen(text);

	TRY(add_number(d, len));
	return digest_add(d, text, len);
}

/*
 * SHA-256 over what FORMAT.md lists, so that all forms of one release (full, delta, recompressed,
 * signed again) share it.
 */
static enum kb_err release_id(struct digest *d, const struct manifest *m, uint8_t id[DIGEST_LEN])
{
	static const char domain[] = "keelboot release v1"; /* with its NUL */

	TRY(digest_begin(d));
	TRY(digest_add(d, domain, sizeof(domain)));
	TRY(add_number(d, m->ncompatible));
	for (unsigned i = 0; i < m->ncompatible; i++)
		TRY(add_text(d, m->compatible[i]));
	TRY(add_text(d, m->version));
	TRY(add_number(d, m->sequence));
	TRY(add_number(d, m->nimages));
	for (unsigned i = 0; i < m->nimages; i++) {
		TRY(add_text(d, m->image[i].name));
		TRY(add_number(d, m->image[i].size));
		TRY(add_number(d, m->image[i].chunk));
		TRY(digest_add(d, m->image[i].hashes.digest, DIGEST_LEN));
	}
	return digest_end(d, id);
}

/* ---------------------------------------------------------------- opening it */

static enum kb_err set_release(struct reader *r)
{
	if (release_id(&r->digest, &r->m, r->release.id) != KB_OK)
		return reader_io_fail(r, KB_EIO, "SHA-256 failed");
	r->release.sequence = r->m.sequence;
	r->release.allow_downgrade = r->m.allow_downgrade;
	snprintf(r->release.version, sizeof(r->release.version), "%s", r->m.version);
	return KB_OK;
}

static enum kb_err open_in_order(struct reader *r, uint64_t size, const struct keyring *k)
{
	TRY(open_header(r, size));
	TRY(open_signature(r, k));
	TRY(open_manifest(r));
	return set_release(r);
}

enum kb_err reader_open(struct reader *r, int fd, bool raw, uint64_t size, const struct keyring *k)
{
	enum kb_err err;

	/* The last part is large, and is filled only if the bundle is a partial one. */
	memset(r, 0, offsetof(struct reader, part));
	r->part.n = 0;
	r->fd = fd;
	r->raw = raw;
	err = digest_init(&r->digest);
	if (err == KB_OK)
		err = payload_digest_init(&r->payload);
	if (err != KB_OK)
		err = reader_io_fail(r, KB_EIO, "SHA-256 is not available");
	else
		err = open_in_order(r, size, k);
	if (err != KB_OK)
		reader_close(r);
	return err;
}

void reader_close(struct reader *r)
{
	digest_free(&r->digest);
	payload_digest_free(&r->payload);
}
