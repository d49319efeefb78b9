/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader of a bundle, whole and checked against its signed hashes, before anything of it
 * is written. */
#pragma once

#include "update/bundle/reader.h"

struct loader_image {
	/* set by the caller: a bundle with this one image; the program that decodes it */
	struct reader *r;
	const char *helper;
	/* found; owned. data is an aligned place in memory */
	uint8_t *memory;
	uint8_t *data;
	size_t len;
	/* after a failure, for a person */
	char why[MANIFEST_WHY];
};

/* KB_EDIGEST, KB_EFORMAT, KB_EIO, KB_ENEWER, KB_ESEED (it has only what differs from another one),
 * KB_ENOMEM, KB_EEXEC. */
enum kb_err loader_image_read(struct loader_image *image) KB_MUST_CHECK;

void loader_image_free(struct loader_image *image);
