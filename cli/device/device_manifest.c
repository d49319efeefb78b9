/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_manifest.h"

#include "update/bundle/reader.h"

#include <string.h>

static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
static struct manifest manifest;

static bool digest_fits(const struct reader_header *h)
{
	uint8_t found[DIGEST_LEN];
	struct digest digest;
	enum kb_err err;

	if (digest_init(&digest) != KB_OK)
		return false;
	err = digest_buf(&digest, blob + h->manifest_off, h->manifest_len, found);
	digest_free(&digest);
	return err == KB_OK && memcmp(found, h->manifest_digest, DIGEST_LEN) == 0;
}

/*
 * It was verified when it was installed. Since then only the medium could change it, which its
 * digest tells; who can write the state partition on purpose can write the floor as well.
 */
static enum kb_err parse_cell(size_t len)
{
	struct reader_header h;
	uint64_t end;
	char why[160];

	if (len < READER_HEADER_LEN)
		return KB_EFORMAT;
	TRY(reader_header_parse(&h, blob));
	if (__builtin_add_overflow(h.manifest_off, h.manifest_len, &end) || end > len)
		return KB_EFORMAT;
	if (!digest_fits(&h))
		return KB_EDIGEST;
	return manifest_parse(&manifest, (const char *)blob + h.manifest_off, h.manifest_len, why,
			      sizeof(why));
}

enum kb_err device_manifest_keep_floor(struct device *d, int slot)
{
	struct store_manifest m;

	TRY(store_manifest_read(&d->store, slot, &m, blob, sizeof(blob)));
	if (!state_holds(&d->state.slot[slot], m.release) || m.floor >= d->state.floor)
		return KB_OK;
	m.floor = d->state.floor;
	return store_manifest_change(&d->store, slot, &m, blob);
}

enum kb_err device_manifest_read(struct device *d, int slot, const struct manifest **m)
{
	const struct state_slot *s = &d->state.slot[slot];
	struct store_manifest stored;

	TRY(store_manifest_read(&d->store, slot, &stored, blob, sizeof(blob)));
	if (!state_holds(s, stored.release))
		return KB_EBLANK;
	TRY(parse_cell(stored.len));
	*m = &manifest;
	return KB_OK;
}
