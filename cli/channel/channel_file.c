/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/channel/channel_file.h"

#include "cli/output/inputs.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/crypto/digest.h"
#include "update/wire/manifest_limits.h"

#include <errno.h>
#include <string.h>

static const char magic[READER_MAGIC_LEN] = "KEELCHAN"; /* without its NUL */

static uint8_t bytes[CHANNEL_FILE_MAX + 1];

static enum kb_err refuse(const char *path, enum kb_err err, const char *what)
{
	log_err("%s: %s", path, what);
	return err;
}

static enum kb_err read_bytes(const char *path, size_t *len)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_file_open_path(path, &fd);

	inputs_note(path);
	if (err == KB_OK)
		err = os_file_read(fd, 0, bytes, sizeof(bytes), len);
	if (err != KB_OK)
		return refuse(path, err, strerror(errno));
	if (*len > CHANNEL_FILE_MAX)
		return refuse(path, KB_EFORMAT, "larger than a channel file may be");
	return KB_OK;
}

/* ---------------------------------------------------------------- the envelope */

_Static_assert(MANIFEST_MAX <= CHANNEL_DOCUMENT_MAX, "what the header allows has room");

static enum kb_err split_bytes(struct channel_file *f, const char *path, size_t len)
{
	enum kb_err err;

	if (len < READER_HEADER_LEN)
		return refuse(path, KB_EFORMAT, "shorter than the header of a channel file");
	memcpy(f->header, bytes, READER_HEADER_LEN);
	err = reader_header_parse_as(&f->h, f->header, magic);
	if (err == KB_ENEWER)
		return refuse(path, err, "made for a newer Keelboot; update Keelboot first");
	if (err != KB_OK)
		return refuse(path, KB_EFORMAT, "not a channel file, or its header is damaged");
	if (f->h.tables_len != 0 || f->h.payload_len != 0 || f->h.total_len != len)
		return refuse(path, KB_EFORMAT, "not as long as its header says");
	f->len = f->h.manifest_len;
	memcpy(f->sig, bytes + READER_HEADER_LEN, f->h.sig_cap);
	memcpy(f->text, bytes + f->h.manifest_off, f->len);
	return KB_OK;
}

static enum kb_err check_area_form(const struct channel_file *f)
{
	struct keyring_entry e;
	enum kb_err err;
	size_t pos = 0;

	do
		err = keyring_next(f->sig, f->h.sig_cap, &pos, &e);
	while (err == KB_OK);
	return err == KB_ENOENT ? KB_OK : err;
}

static enum kb_err check_signatures(struct channel_file *f, const char *path,
				    const struct keyring *given)
{
	struct keyring_verdict v;
	struct keyring ring;
	char why[160];
	enum kb_err err;

	if (given == NULL)
		return check_area_form(f) == KB_OK
			       ? KB_OK
			       : refuse(path, KB_EFORMAT, "its signature area is damaged");
	ring = *given; /* the keys are borrowed */
	ring.document = KEYRING_CHANNEL;
	err = keyring_check(&ring, f->header, f->sig, f->h.sig_cap, &v);
	if (err == KB_EFORMAT)
		return refuse(path, err, "its signature area is damaged");
	if (err == KB_OK) {
		keyring_signers(&ring, &v, f->signer, sizeof(f->signer));
		return KB_OK;
	}
	keyring_explain(&ring, &v, why, sizeof(why));
	return refuse(path, err, why);
}

static enum kb_err hash_text(const struct channel_file *f, uint8_t out[DIGEST_LEN])
{
	struct digest d;
	enum kb_err err = digest_init(&d);

	if (err == KB_OK)
		err = digest_buf(&d, f->text, f->len, out);
	digest_free(&d);
	return err;
}

static enum kb_err check_text(const struct channel_file *f, const char *path)
{
	uint8_t digest[DIGEST_LEN];

	if (hash_text(f, digest) != KB_OK)
		return refuse(path, KB_EIO, "SHA-256 failed");
	if (memcmp(digest, f->h.manifest_digest, DIGEST_LEN) != 0)
		return refuse(path, KB_EDIGEST, "its document is damaged");
	return KB_OK;
}

static enum kb_err parse_text(struct channel_file *f, const char *path)
{
	char why[CHANNEL_WHY];
	const char *wrong;
	enum kb_err err;

	f->o = strict_parse(f->text, f->len, &wrong);
	if (f->o == NULL)
		return refuse(path, KB_EFORMAT, wrong);
	err = channel_read(&f->c, f->o, why);
	return err == KB_OK ? KB_OK : refuse(path, err, why);
}

static enum kb_err open_bytes(struct channel_file *f, const char *path, size_t len,
			      const struct keyring *ring)
{
	TRY(split_bytes(f, path, len));
	TRY(check_signatures(f, path, ring));
	TRY(check_text(f, path));
	return parse_text(f, path);
}

enum kb_err channel_file_open(struct channel_file *f, const char *path, const struct keyring *ring)
{
	size_t len = 0;

	memset(f, 0, sizeof(*f));
	TRY(read_bytes(path, &len));
	return open_bytes(f, path, len, ring);
}

/* ---------------------------------------------------------------- a document */

static enum kb_err make_header(struct channel_file *f)
{
	f->h = (struct reader_header){
		.sig_cap = CHANNEL_FILE_SIG_CAP,
		.manifest_len = (uint32_t)f->len,
		.manifest_off = READER_HEADER_LEN + CHANNEL_FILE_SIG_CAP,
	};
	f->h.tables_off = f->h.payload_off = f->h.total_len = f->h.manifest_off + f->len;
	TRY(hash_text(f, f->h.manifest_digest));
	reader_header_write_as(&f->h, f->header, magic);
	return KB_OK;
}

/* Whoever signs it knows each of its keys. */
static enum kb_err refuse_unknown(const struct channel_file *f, const char *path)
{
	for (unsigned i = 0; i < f->c.nreleases; i++) {
		if (f->c.release[i].unknown[0] == '\0')
			continue;
		log_err("%s: release %u: unknown key: %s", path, i + 1, f->c.release[i].unknown);
		return KB_EFORMAT;
	}
	return KB_OK;
}

static enum kb_err open_document(struct channel_file *f, const char *path, size_t len)
{
	if (len == 0 || len > CHANNEL_DOCUMENT_MAX)
		return refuse(path, KB_EFORMAT, "empty, or larger than the document may be");
	memcpy(f->text, bytes, len);
	f->len = len;
	TRY(parse_text(f, path));
	TRY(refuse_unknown(f, path));
	return make_header(f);
}

enum kb_err channel_file_open_any(struct channel_file *f, const char *path, bool *fresh)
{
	size_t len = 0;

	memset(f, 0, sizeof(*f));
	TRY(read_bytes(path, &len));
	*fresh = len < READER_MAGIC_LEN || memcmp(bytes, magic, READER_MAGIC_LEN) != 0;
	return *fresh ? open_document(f, path, len) : open_bytes(f, path, len, NULL);
}

void channel_file_free(struct channel_file *f)
{
	json_object_put(f->o);
	f->o = NULL;
}
