/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/channel/channel_bundle.h"

#include "cli/bundle/bundle_open.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os_file.h"

#include <stdio.h>
#include <string.h>

static enum kb_err hash_file(struct bundle_open *b, uint8_t out[DIGEST_LEN])
{
	static uint8_t buf[256 * 1024];
	struct digest *d = &b->r.digest;
	size_t len = sizeof(buf);

	TRY(digest_begin(d));
	for (uint64_t at = 0; at < b->r.h.total_len; at += len) {
		TRY(os_file_read(b->fd, at, buf, sizeof(buf), &len));
		if (len == 0)
			return KB_EIO;
		TRY(digest_add(d, buf, len));
	}
	return digest_end(d, out);
}

static enum kb_err set_address(struct channel_release *r, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;

	if (r->url[0] == '\0')
		snprintf(r->url, sizeof(r->url), "%s", name);
	if (r->url[strcspn(r->url, " \"#%:<>?[\\]^`{|}")] == '\0' || strcmp(r->url, name) != 0)
		return KB_OK;
	log_err("%s: its name needs other letters in an address; use --url", path);
	return KB_EINVAL;
}

/* It is another file once it is signed, of another SHA-256. */
static enum kb_err check_signed(const struct bundle_open *b)
{
	struct keyring_entry e;
	size_t pos = 0;

	while (keyring_next(b->r.sig, b->r.h.sig_cap, &pos, &e) == KB_OK)
		if (e.tag == KEYRING_TAG_SIGNATURE)
			return KB_OK;
	log_err("%s: not signed, so no device installs it, and signing it makes another file of it; first: keelboot bundle sign %s --key FILE",
		b->path, b->path);
	return KB_EINVAL;
}

static enum kb_err take_bundle(struct channel_release *r, struct bundle_open *b)
{
	const struct manifest *m = &b->r.m;
	uint8_t digest[DIGEST_LEN];
	enum kb_err err = hash_file(b, digest);

	if (err != KB_OK) {
		log_err("%s: cannot be read: %s", b->path, err_text(err));
		return err;
	}
	bytes_hex(r->digest, digest, DIGEST_LEN);
	bytes_hex(r->release, b->r.release.id, sizeof(b->r.release.id));
	snprintf(r->version, sizeof(r->version), "%s", m->version);
	r->size = b->r.h.total_len;
	r->sequence = m->sequence;
	r->ncompatible = m->ncompatible;
	for (unsigned i = 0; i < m->ncompatible; i++)
		snprintf(r->compatible[i], sizeof(r->compatible[i]), "%s", m->compatible[i]);
	return set_address(r, b->path);
}

enum kb_err channel_bundle_read(struct channel_release *r, const char *path)
{
	static struct bundle_open b;
	enum kb_err err;

	bundle_open_init(&b, "inspect", "");
	b.path = path;
	err = bundle_open_file(&b);
	if (err == KB_OK)
		err = check_signed(&b);
	if (err == KB_OK)
		err = take_bundle(r, &b);
	bundle_open_close(&b);
	return err;
}
