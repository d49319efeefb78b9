/* SPDX-License-Identifier: Apache-2.0 */
/* What `bundle create` is to make: by a recipe, then by options, which win. */
#pragma once

#include "update/keys/keyring.h"
#include "update/bundle/manifest.h"

#define BUNDLE_SPEC_PATH 1024
#define BUNDLE_SPEC_KEYS 8
#define BUNDLE_SPEC_FROM 12

/* An older version. */
struct bundle_spec_from {
	/* of which image it is; "": there is only one, or it is a bundle */
	char image[MANIFEST_STR_MAX + 1];
	char file[BUNDLE_SPEC_PATH];
	/* "": not said */
	char version[MANIFEST_STR_MAX + 1];
};

struct bundle_spec {
	/* [bundle], and of each image: name, filesystem, verity */
	struct manifest m;
	/* or a folder */
	char file[MANIFEST_IMAGES_MAX][BUNDLE_SPEC_PATH];
	/* bit i: --image gave that one */
	unsigned given;
	/* of what is made of a folder; 0: as it needs */
	uint64_t size[MANIFEST_IMAGES_MAX];
	/* older images or bundles, from which deltas are made; whether whole images are there, too
	 */
	unsigned nfrom;
	struct bundle_spec_from from[BUNDLE_SPEC_FROM];
	bool full;
	/* compressed blocks of squashfs and erofs may be made again on the device */
	bool recompress;
	uint32_t chunk;
	/* with zstd; also if that saves next to nothing */
	bool compress, compress_always;
	/* of the image "root" */
	bool verity;
	int level;
	/* bytes of text in one frame of zstd */
	uint32_t frame;
	/* 0: as many as there are processors */
	unsigned threads;
	uint32_t sig_cap;
	unsigned nkeys;
	/* files of private keys */
	char key[BUNDLE_SPEC_KEYS][BUNDLE_SPEC_PATH];
	char output[BUNDLE_SPEC_PATH];
};

void bundle_spec_default(struct bundle_spec *s);

/*
 * Sets one thing by its name, as it stands in the [bundle] section of a recipe and, with "--", on
 * the command line. Paths are relative to dir ("" or "x/"). NULL, or what is wrong with the value;
 * manifest_unknown_key.
 */
const char *bundle_spec_set(struct bundle_spec *s, const char *dir, const char *key,
			    const char *value);

/* --from [CLASS=]OLD[,version=V], with a path relative to dir. NULL, or what is wrong. */
const char *bundle_spec_from_value(struct bundle_spec_from *f, const char *dir, const char *value);

/* --image CLASS=FILE[,fs=TYPE][,size=SIZE]. NULL, or what is wrong. */
const char *bundle_spec_image_option(struct bundle_spec *s, const char *value);

/* Reads a recipe. KB_ENOENT, KB_EFORMAT and the like, which it has reported. */
enum kb_err bundle_spec_recipe(struct bundle_spec *s, const char *path) KB_MUST_CHECK;

/* NULL when nothing is missing; else what, and how to say it. */
const char *bundle_spec_missing(const struct bundle_spec *s);
