/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One image into records and payload, made from a seed. One thread reads, compares and writes, the
 * others look for what differs; what comes out does not depend on how many there are.
 */
#pragma once

#include "cli/bundle/bundle_seed.h"
#include "cli/bundle/bundle_source.h"
#include "cli/bundle/bundle_table.h"

struct bundle_delta {
	/* read from its beginning */
	struct bundle_source *source;
	const struct bundle_seed *seed;
	/* bytes */
	uint32_t chunk;
	unsigned threads;
	/* stored bytes are appended here */
	int payload_fd;
	/* NULL, or called now and then with the bytes of the image that are done */
	void (*progress)(void *ctx, uint64_t done);
	void *ctx;
	/* results; the table has been begun (zeroed) by the caller, who also frees it */
	struct bundle_table records;
	uint64_t payload_len;
	uint8_t payload_digest[DIGEST_LEN];
	/* of the image, as it was read now */
	uint8_t digest[DIGEST_LEN];
	/* MANIFEST_FORM bits that were used */
	unsigned forms;
};

/* Runs it. KB_EIO, KB_ENOMEM, KB_ENOSPC (the disk is full), which it has reported. */
enum kb_err bundle_delta_run(struct bundle_delta *d) KB_MUST_CHECK;
