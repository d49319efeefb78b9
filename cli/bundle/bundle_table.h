/* SPDX-License-Identifier: Apache-2.0 */
/* The two kinds of table of a bundle, built page by page in memory: 37 bytes a chunk in all. */
#pragma once

#include "update/bundle/reader.h"

struct bundle_table {
	/* grows */
	uint8_t *pages;
	size_t len, room;
	/* where the page of records that is being filled begins */
	size_t page;
	unsigned npages;
	/* after bundle_table_end(): the digests of the pages */
	uint8_t *list;
};

/* Adds the hash of the next chunk. KB_ENOMEM. */
enum kb_err bundle_table_hash(struct bundle_table *t, const uint8_t hash[DIGEST_LEN]) KB_MUST_CHECK;

/* Adds the record of chunk `index`, whose stored bytes begin at `payload`. KB_ENOMEM. */
enum kb_err bundle_table_record(struct bundle_table *t, uint32_t index, uint64_t payload,
				enum reader_form form, uint32_t stored) KB_MUST_CHECK;

/* Makes the list, and tells for the manifest the length of all and the digest of the list. KB_EIO,
 * KB_ENOMEM. */
enum kb_err bundle_table_end(struct bundle_table *t, struct digest *d,
			     struct manifest_table *out) KB_MUST_CHECK;

void bundle_table_free(struct bundle_table *t);
