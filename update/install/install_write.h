/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the chunks of an image to the slot, as far as its blocks differ. */
#pragma once

#include "update/install/install_job.h"

/* For the pipe: whether the slot holds this chunk already. */
bool install_write_has(void *job, const struct reader_chunk *c);

/* The same of a chunk that the bundle lacks: it is looked at whatever the slot held before it. */
bool install_write_has_lacking(void *job, const struct reader_chunk *c);

/* For the pipe: what the slot holds of a chunk that it has, also under the seal. */
enum kb_err install_write_held(void *job, const struct reader_chunk *c, void *buf) KB_MUST_CHECK;

/*
 * True: what the slot holds of the next chunks with data is not looked at, they are written as they
 * are. It held next to nothing of those before, so that reading it costs more than it saves.
 */
bool install_write_is_blind(const struct install_job *j);

/* Brings one chunk of j->now to the slot, as far as blocks differ. */
enum kb_err install_write_chunk(struct install_job *j,
				const struct install_pipe_chunk *pc) KB_MUST_CHECK;

/* Behind the last chunk of a part: what was put off. */
enum kb_err install_write_end(struct install_job *j) KB_MUST_CHECK;

/* Clears old superblocks behind the image, and gives the rest back to the device. */
enum kb_err install_write_rest(struct install_job *j, struct install_job_part *p) KB_MUST_CHECK;
