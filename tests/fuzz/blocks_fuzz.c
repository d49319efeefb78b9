/* SPDX-License-Identifier: Apache-2.0 */
/* An image of squashfs or erofs: where its compressed blocks lie. */
#include "tests/fuzz/fuzz.h"
#include "cli/bundle/bundle_blocks.h"
#include "update/wire/remake_form.h"

#include <stdlib.h>

/* A list without gaps, of all of the image. */
void fuzz_one(const uint8_t *data, size_t size)
{
	struct bundle_blocks b;
	uint64_t at = 0;
	enum kb_err err = bundle_blocks_find(&b, (struct bundle_blocks_image){ data, size });

	FUZZ_CHECK(err == KB_OK);
	for (size_t i = 0; i < b.n; i++) {
		const struct bundle_block *k = &b.block[i];

		FUZZ_CHECK(k->off == at && k->stored > 0 && k->stored <= size - at);
		FUZZ_CHECK(k->plain <= REMAKE_BLOCK_MAX && k->lead < k->stored);
		at += k->stored;
	}
	FUZZ_CHECK(b.n == 0 || at == size);
	FUZZ_CHECK(b.n == 0 || remake_library_of(b.packer) != NULL);
	bundle_blocks_free(&b);
}
