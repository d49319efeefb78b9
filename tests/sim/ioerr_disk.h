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
	enum ioerr_fault_target target;
	bool cached; /* through the page cache: sees what the medium has lost until it is dropped */
};

struct ioerr_disk {
	struct ioerr_disk_end cached, direct;
	uint8_t *now, *durable; /* shared */
	int fd;			/* of `now`, for those who read it as a file */
	uint8_t *dirty;		/* shared; a byte for each page: not flushed */
	uint8_t *used;		/* the same: ever written, all others are zero */
	uint64_t size;
	/* What the medium has lost of what was written, and the page cache has not: a byte for
	 * each page that there is, and the pages. Shared. */
	uint8_t *is_lost, *lost;
};

/* Shared memory for it, all zero. Ends the process when there is none. */
void ioerr_disk_init(struct ioerr_disk *d, uint64_t size, enum ioerr_fault_target cached,
		     enum ioerr_fault_target direct);
void ioerr_disk_free(struct ioerr_disk *d);
/* Durably, past all faults. */
void ioerr_disk_put(struct ioerr_disk *d, uint64_t off, const void *data, size_t len);
/* Power fails: what was not flushed is gone (or, with keep, is durable). */
void ioerr_disk_restart(struct ioerr_disk *d, bool keep);
/* Reads what is durable, past all faults: a bdev of its own. */
void ioerr_disk_look(struct ioerr_disk *d, struct ioerr_disk_end *e);
