/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/state_bundle.h"

#include "cli/stage/incoming.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"
#include "update/bundle/reader.h"

#include <stdio.h>
#include <string.h>

static struct reader reader;
static uint8_t blob[READER_HEADER_LEN + READER_SIG_CAP_MAX + MANIFEST_MAX];

enum kb_err state_bundle_read(const char *file, struct plan_release *r)
{
	KB_CLEANUP_FD int fd = -1;
	uint64_t size;
	enum kb_err err;

	TRY(incoming_open(file, &fd, &size));
	err = reader_open(&reader, fd, false, size, NULL);
	if (err != KB_OK) {
		log_err("%s: %s", file, reader.why[0] != '\0' ? reader.why : err_text(err));
		return err;
	}
	*r = reader.release;
	reader_close(&reader);
	return KB_OK;
}

enum kb_err state_bundle_store(struct device *d, int slot)
{
	struct store_manifest m = { .sequence = reader.release.sequence, .floor = d->state.floor };
	uint8_t *p = blob;
	enum kb_err err;

	memcpy(m.release, reader.release.id, sizeof(m.release));
	state_set_text(m.version, reader.release.version);
	memcpy(p, reader.header, READER_HEADER_LEN);
	p += READER_HEADER_LEN;
	memcpy(p, reader.sig, reader.h.sig_cap);
	p += reader.h.sig_cap;
	memcpy(p, reader.text, reader.h.manifest_len);
	p += reader.h.manifest_len;
	m.len = (size_t)(p - blob);
	err = store_manifest_write(&d->store, slot, &m, blob);
	if (err != KB_OK)
		log_err("%s: unable to write the manifest of slot %c: %s", d->state_path,
			state_slot_letter(slot), err_text(err));
	return err;
}

enum kb_err state_bundle_invent(struct plan_release *r, const char *version, uint64_t sequence)
{
	uint8_t text[128] = "keelboot factory image";
	struct digest digest;
	enum kb_err err;

	*r = (struct plan_release){ .sequence = sequence };
	state_set_text(r->version, version);
	bytes_put64(text + 32, sequence);
	memcpy(text + 40, r->version, sizeof(r->version));
	TRY(digest_init(&digest));
	err = digest_buf(&digest, text, sizeof(text), r->id);
	digest_free(&digest);
	return err;
}
