/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the manifest's sections, for manifest_parse.c. PURE. */
#pragma once

#include "update/bundle/manifest.h"

struct manifest_key {
	const char *name;
	bool required;
	/* Sets it in the section's struct: NULL, or what is wrong with value. */
	const char *(*set)(void *section, const char *value);
};

/* Ended by a NULL name. An encoding's `image` and `kind` need the rest of the manifest:
 * manifest_parse.c sets them. At most 32 each. */
extern const struct manifest_key manifest_bundle_keys[];
extern const struct manifest_key manifest_image_keys[];
extern const struct manifest_key manifest_encoding_keys[];

/* The number of a key in its table, or -1. */
int manifest_key_find(const struct manifest_key *keys, const char *name);

/* After all keys of an image are known: NULL, or what does not fit together. */
const char *manifest_image_check(const struct manifest_image *im);
