/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keelboot-verify reports to process 1 about a slot: its exit code, and on descriptor 3 a
 * fixed struct. Process 1 never parses a manifest, and believes nothing of this before
 * verify_answer_check() has passed it.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

#define VERIFY_ANSWER_MAGIC 0x315245566c65654bULL /* "KeelVER1" */
#define VERIFY_ANSWER_HEX   132			  /* of up to 64 bytes, with NUL */

/* The exit code, with the numbers that the command uses too (cli/output/output.h). */
enum verify_slot_end {
	VERIFY_SLOT_OK = 0,
	VERIFY_SLOT_FAILED = 1,
	VERIFY_SLOT_USAGE = 3,
	VERIFY_SLOT_UNVERIFIED =
		5,		 /* no key that we accept signed it, or it is another release's */
	VERIFY_SLOT_FOREIGN = 6, /* made for another device */
};

struct verify_answer {
	uint64_t magic;
	/* id, computed from the manifest that was signed */
	uint8_t release[32];
	/* 1: the root has a dm-verity tree; 0: all below is zero */
	uint32_t verity;
	/* bytes */
	uint32_t data_block, hash_block;
	/* 0 */
	uint32_t reserved;
	/* bytes; the data ends where the tree begins */
	uint64_t image_size, tree_off;
	char algorithm[16];
	/* hexadecimal, like the salt */
	char root_hash[VERIFY_ANSWER_HEX];
	/* "-": none */
	char salt[VERIFY_ANSWER_HEX];
};

/* KB_OK, or KB_EFORMAT: something in it is not as keelboot-verify would have written it. PURE. */
enum kb_err verify_answer_check(const struct verify_answer *a) KB_MUST_CHECK;
