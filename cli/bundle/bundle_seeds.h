/* SPDX-License-Identifier: Apache-2.0 */
/* The older versions that a person named, for reading what is made from them. */
#pragma once

#include "cli/bundle/bundle_open.h"
#include "cli/bundle/bundle_seed.h"

#define BUNDLE_SEEDS_MAX (BUNDLE_OPEN_FROM * MANIFEST_IMAGES_MAX)

struct bundle_seeds {
	unsigned n;
	struct bundle_seed seed[BUNDLE_SEEDS_MAX];
};

/* Opens all of b. Reported: KB_EINVAL, KB_EIO, KB_ENOMEM, KB_ENOSPC. bundle_seeds_close() is due
 * even then. */
enum kb_err bundle_seeds_open(struct bundle_seeds *s, const struct bundle_open *b) KB_MUST_CHECK;
void bundle_seeds_close(struct bundle_seeds *s);

/* The one with this digest, or NULL. */
const struct bundle_seed *bundle_seeds_find(const struct bundle_seeds *s,
					    const uint8_t digest[DIGEST_LEN]);

/* The same for reader_pick_encoding(): ctx is the struct bundle_seeds. */
bool bundle_seeds_have(void *ctx, const uint8_t digest[DIGEST_LEN]);
/* For reader_pick_encoding(): nobody named it. */
extern const char bundle_seeds_absent[];
