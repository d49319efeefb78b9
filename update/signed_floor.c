/* SPDX-License-Identifier: Apache-2.0 */
#include "update/signed_floor.h"

#include "lib/util.h"

#include <sys/mman.h>
#include <unistd.h>

/* The reader wants a descriptor: that of a copy in memory, as long as a bundle may be. */
enum kb_err signed_floor_open(struct reader *r, const void *blob, size_t len,
			      const struct keyring *keys)
{
	KB_CLEANUP_FD int fd = memfd_create("manifest", MFD_CLOEXEC);

	if (fd < 0 || write(fd, blob, len) != (ssize_t)len)
		return KB_EIO;
	return reader_open(r, fd, true, INT64_MAX, keys);
}

uint64_t signed_floor_bound(struct store *st, const struct keyring *keys, const char *compatible)
{
	static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
	static struct reader r;
	struct store_manifest cell;
	uint64_t bound = 0;

	for (int slot = 0; slot < STATE_SLOTS_MAX; slot++) {
		if (store_manifest_read(st, slot, &cell, blob, sizeof(blob)) != KB_OK)
			continue;
		if (signed_floor_open(&r, blob, cell.len, keys) == KB_OK &&
		    manifest_is_for(&r.m, compatible) && r.m.sequence > bound)
			bound = r.m.sequence;
		reader_close(&r);
	}
	return bound;
}
