/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle from what bundle_spec.h says. */
#pragma once

#include "cli/bundle/bundle_spec.h"
#include "cli/bundle/bundle_way.h"
#include "update/crypto/digest.h"

struct bundle_build_result {
	uint8_t release[DIGEST_LEN];
	uint64_t bundle_len, images_len;
	/* a file of its name was there */
	bool replaced;
	/* each by another key */
	unsigned signatures;
	/* of each encoding of the manifest: of a delta, how it was chosen */
	struct bundle_way way[MANIFEST_ENCODINGS_MAX];
};

/* Writes s->output. Failures are reported; nothing appears under that name then. */
enum kb_err bundle_build(struct bundle_spec *s, struct bundle_build_result *result) KB_MUST_CHECK;
