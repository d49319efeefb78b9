/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One image into hashes, records and payload. One thread reads and writes, the others
 * hash and compress frames; what comes out does not depend on how many there are.
 */
#pragma once

#include "cli/bundle/bundle_source.h"
#include "cli/bundle/bundle_table.h"

struct bundle_encode {
	/* read from its beginning */
	struct bundle_source *source;
	/* bytes */
	uint32_t chunk;
	/* with zstd; else raw and zero only */
	bool compress;
	/* of zstd; bytes of text in one frame, at most MANIFEST_FRAME_MAX */
	int level;
	uint32_t frame;
	/* that compress */
	unsigned threads;
	/* stored bytes are appended here; -1: there are none, only hashes */
	int payload_fd;
	/* NULL, or called now and then with the bytes of the image that are done */
	void (*progress)(void *ctx, uint64_t done);
	void *ctx;
	/* results */
	struct bundle_table hashes, records;
	/* of the whole image */
	uint8_t digest[DIGEST_LEN];
	uint64_t payload_len;
	/* bytes of the image in chunks that are not zero */
	uint64_t plain_len;
	uint8_t payload_digest[DIGEST_LEN];
	/* MANIFEST_FORM bits that were used */
	unsigned forms;
};

/*
 * Runs it. The tables have been begun (zeroed) by the caller, who also frees them. KB_EIO,
 * KB_ENOMEM, KB_ENOSPC (the disk is full), which it has reported.
 */
enum kb_err bundle_encode_run(struct bundle_encode *e) KB_MUST_CHECK;
