/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/signed_floor.h"

#include "lib/os_file.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The reader wants a descriptor: that of a copy in memory, as long as a bundle may be. */
enum kb_err signed_floor_open(struct reader *r, const void *blob, size_t len,
			      const struct keyring *keys)
{
	KB_CLEANUP_FD int fd = -1;

	if (os_file_memory(blob, len, &fd) != KB_OK) {
		snprintf(r->why, sizeof(r->why), "no memory for a copy of it: %s", strerror(errno));
		return KB_EIO;
	}
	return reader_open(r, fd, true, INT64_MAX, keys);
}

/* The sequence that one of these keys vouches for; 0: none of them does. */
static uint64_t sequence_by(const struct keyring_key *key, unsigned n, const void *blob, size_t len,
			    const char *compatible)
{
	static struct reader r;
	struct keyring one = { .n = n };
	uint64_t sequence = 0;

	memcpy(one.key, key, n * sizeof(*key));
	if (signed_floor_open(&r, blob, len, &one) == KB_OK && manifest_is_for(&r.m, compatible))
		sequence = r.m.sequence;
	reader_close(&r);
	return sequence;
}

/* Whose key was retired since, or was enough before two had to sign, was trusted when it came. */
uint64_t signed_floor_bound(struct store *st, const struct keyring *keys, const char *compatible)
{
	static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
	struct store_manifest cell;
	uint64_t bound = 0, signed_by[2];

	for (int slot = 0; slot < STATE_SLOTS_MAX; slot++) {
		if (store_manifest_read(st, slot, &cell, blob, sizeof(blob)) != KB_OK)
			continue;
		signed_by[0] = sequence_by(keys->key, keys->n, blob, cell.len, compatible);
		signed_by[1] =
			sequence_by(keys->retired, keys->nretired, blob, cell.len, compatible);
		for (unsigned i = 0; i < KB_ARRAY_LEN(signed_by); i++)
			if (signed_by[i] > bound)
				bound = signed_by[i];
	}
	return bound;
}
