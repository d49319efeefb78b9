/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots' manifest cells as an input describes them, and what each of their copies is worth. The
 * checksum is made here, and a blob that is to be a bundle's is signed; most kinds of harm are done
 * before that, so that nothing but the one check can notice.
 */
#pragma once

#include "selector/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_bdev.h"

#define FUZZ_SLOTS_PAGE	    BDEV_ALIGN
#define FUZZ_SLOTS_BLOB_MAX (STORE_MANIFEST_MAX - FUZZ_SLOTS_PAGE)
#define FUZZ_SLOTS_GIVEN    8192u /* bytes of a blob that an input gives; the others are blank */

struct fuzz_slots_copy {
	bool there;
	enum kb_err head; /* of its first page, checksum apart */
	bool intact;	  /* the checksum is right */
	bool is_signed;	  /* by the Ed25519 key of fuzz_bundle_keys() */
	struct store_manifest m;
	size_t given; /* bytes in blob */
	uint8_t blob[FUZZ_SLOTS_GIVEN];
};

struct fuzz_slots {
	struct fuzz_slots_copy copy[2][STATE_SLOTS_MAX];
	unsigned nlong; /* blobs as long as they may be, which take time */
};

void fuzz_slots_init(struct fuzz_slots *s);
/* The next of the input, at the place whose lowest bits are the slot, and the fourth the copy. */
void fuzz_slots_put(struct fuzz_slots *s, struct fuzz_bdev *d, struct fuzz_in *in, uint8_t place);
/* What a read of this copy is to give. */
enum kb_err fuzz_slots_worth(const struct fuzz_slots *s, const struct fuzz_bdev *d, int copy,
			     int slot);
/* Small numbers, so that they meet; and the largest, of 63 and of 64 bits. */
uint64_t fuzz_slots_number(struct fuzz_in *in);
