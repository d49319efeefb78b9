/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that several processes share, with a volatile cache, and with the one fault that
 * ioerr_fault.h tells. It keeps two contents: what it answers with, and what is durable. Which
 * sectors survive a power cut in which order is cut_disk's subject, not this one's.
 */
#pragma once

#include "lib/bdev.h"
#include "tests/sim/ioerr_fault.h"

struct ioerr_disk;

/* One way to open it. */
struct ioerr_disk_end {
	struct bdev bdev; /* first: a struct bdev * is one of these */
	struct ioerr_disk *disk;
	const uint8_t *from; /* what a read sees */
	enum ioerr_fault_target target;
};

/* Contents are shared. The page cache has what was written, and the medium may have lost. */
struct ioerr_disk {
	/* Through the page cache, past it, and, past all faults, what is durable: to be read. */
	struct ioerr_disk_end cached, direct, durably;
	uint8_t *cache, *now, *durable;
	uint8_t *page; /* of each, what is known of it */
	int fd;	       /* of `now`, for those who read it as a file */
	uint64_t size;
};

/* Shared memory for it, all zero. Ends the process when there is none. */
void ioerr_disk_init(struct ioerr_disk *d, uint64_t size, enum ioerr_fault_target cached,
		     enum ioerr_fault_target direct);
void ioerr_disk_free(struct ioerr_disk *d);
/* Durably, past all faults. */
void ioerr_disk_put(struct ioerr_disk *d, uint64_t off, const void *data, size_t len);
/* Power fails: what was not flushed is gone (or, with keep, is durable). */
void ioerr_disk_restart(struct ioerr_disk *d, bool keep);
