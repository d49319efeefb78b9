/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of an install share: the job that they work on. */
#pragma once

#include "update/install/install.h"
#include "update/install/install_pipe.h"
#include "update/install/install_readback.h"

#define INSTALL_BLOCK 4096u /* what is compared and written as one */
#define INSTALL_HEAD_CHUNKS \
	(INSTALL_SEAL_LEN / MANIFEST_CHUNK_MIN) /* chunks that may overlap the seal */

/* One partition of the target, with the image that goes there. */
struct install_job_part {
	/* readback: to read back by; dev when there is none */
	struct bdev *dev, *readback;
	const struct manifest_image *im;
	/* what failed, for messages: the device, or the class */
	const char *name;
	bool is_file, is_listed;
	unsigned image;
	const struct manifest_encoding *enc;
	/* If enc is of kind seed: that, and the encoding for what it does not give, or NULL. */
	const struct decoder_seed *seed;
	const struct manifest_encoding *full;
	/* What the first bytes will be; written last. Valid once sealed. */
	uint8_t *head;
	/* chunks that overlap it, to be checked before it is written */
	unsigned nhead;
	struct install_readback_item head_chunk[INSTALL_HEAD_CHUNKS];
};

struct install_job {
	struct install *in;
	struct install_job_part part[MANIFEST_IMAGES_MAX];
	unsigned nparts;
	/* being walked */
	struct install_job_part *now;
	/* whole: of an image that is decoded before the first write */
	struct digest digest, whole;
	struct install_pipe pipe, full;
	struct install_readback rb;
	bool sealed;
	/* the payload is verified before the first write, and was not yet */
	bool unverified;
	/* the last chunk needed no write, so the next may not either */
	bool expect_same;
	/* chunks in a row of which the slot held next to nothing */
	unsigned foreign;
	/* of all chunks with data that were looked at: their bytes, and those that the slot held */
	uint64_t seen, held;
	/* So far the slot holds what an install has written that was cut. That counts for neither:
	 * it says nothing of what is behind it. */
	bool resumed;
	/* that the slot could not be read */
	bool warned;
	/* Zeroing that was put off, since devices like it in large pieces */
	uint64_t zero_off, zero_len;
	uint64_t done, total;
	enum install_phase phase;
	uint64_t reported_ms;
};

/* Notes what is wrong and whose fault it is, returns err. The first note stays. Where the slot is
 * to blame its letter goes in front. */
enum kb_err install_job_fail(struct install_job *j, enum install_blame blame, enum kb_err err,
			     const char *fmt, ...)
	__attribute__((format(printf, 4, 5))) KB_MUST_CHECK;

/* A call to a part of the target said err; the text is what cannot be done. Behind it goes why:
 * what is wrong with the FAT, if it is a file of one; else, and that is KB_EIO, that the storage is
 * failing. */
enum kb_err install_job_storage_failed(struct install_job *j, const struct install_job_part *p,
				       enum kb_err err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5))) KB_MUST_CHECK;

/* What install_pipe_next() said; a failure is noted as the bundle's. */
enum kb_err install_job_chunk_failed(struct install_job *j, enum kb_err err) KB_MUST_CHECK;

/* The read-back found something else than what was written. */
enum kb_err install_job_readback_failed(struct install_job *j) KB_MUST_CHECK;

/* Of the install: what is compared and written, in bytes. */
uint64_t install_job_bytes(const struct install_job *j);

/* Adds to the work done, and reports to the caller now and then. */
void install_job_phase(struct install_job *j, enum install_phase phase, uint64_t total);
void install_job_tick(struct install_job *j, uint64_t bytes);
