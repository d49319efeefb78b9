/* SPDX-License-Identifier: Apache-2.0 */
/* The seal: what keeps a slot from booting while it is written. */
#pragma once

#include "update/install/install_job.h"

/*
 * Before the first write to the slot: state `writing`, no manifest, no superblocks, all durable.
 * Does nothing the second time.
 */
enum kb_err install_seal_put_on(struct install_job *j) KB_MUST_CHECK;

/* Notes what belongs to the first bytes; plain NULL: zeroes. Only once sealed. */
void install_seal_keep(struct install_job_part *p, uint64_t off, const uint8_t *plain,
		       uint32_t len);

/* Checks the chunks that overlap the heads, then writes the heads. Behind everything else. */
enum kb_err install_seal_take_off(struct install_job *j) KB_MUST_CHECK;

/* Manifest cell, then the state: trial. */
enum kb_err install_seal_commit(struct install_job *j) KB_MUST_CHECK;
