/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a partial bundle: which ranges of a bundle follow, one behind the other.
 * docs/FORMAT.md describes it. Nobody signs it, and nothing is believed because of it. PURE.
 */
#pragma once

#include "lib/err.h"
#include "update/wire/manifest_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTIAL_FORM_HEAD 28u /* bytes of a head, with its checksum, beside its ranges */
#define PARTIAL_FORM_EACH 16u /* of a range */
#define PARTIAL_FORM_MAX  4096u
#define PARTIAL_FORM_LEN  (PARTIAL_FORM_HEAD + PARTIAL_FORM_MAX * PARTIAL_FORM_EACH)

/* The detail of the history's event where a boot drops one since a slot has changed: whoever
 * fetched it begins anew then. */
#define PARTIAL_FORM_DROPPED "data, which lacks a part"

struct partial_form {
	/* of each image the encoding that is carried, counted from 1; 0: none */
	uint8_t encoding[MANIFEST_IMAGES_MAX];
	uint32_t n;
	struct partial_form_range {
		/* of the bundle; and of this file, which follows from those before */
		uint64_t off, len, at;
	} range[PARTIAL_FORM_MAX];
};

/* True when a file begins as a partial bundle does: 24 bytes of it. */
bool partial_form_is(const uint8_t raw[24]);

/* How long its head is. 0: that cannot be. */
size_t partial_form_len(const uint8_t raw[24]);

/*
 * Reads a whole head. KB_EDIGEST: damaged; KB_ENEWER; KB_EFORMAT: ranges that are empty, too many,
 * not in order, or that touch; or the first of which does not begin at 0.
 */
enum kb_err partial_form_parse(struct partial_form *p, const uint8_t *raw,
			       size_t len) KB_MUST_CHECK;

/* Writes the head of p into raw, of PARTIAL_FORM_LEN bytes; its length. Sets `at` of the ranges. */
size_t partial_form_write(struct partial_form *p, uint8_t *raw);

/* How long a file with this head is. */
uint64_t partial_form_size(const struct partial_form *p);

/* The range that has all of the `len` bytes of the bundle at `off`; NULL: some are missing. */
const struct partial_form_range *partial_form_find(const struct partial_form *p, uint64_t off,
						   uint64_t len);
