/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of a bundle: everything that decides anything, in text that is signed. PURE.
 * docs/FORMAT.md describes it. It is parsed only after its signature was checked.
 */
#pragma once

#include "update/wire/reader_form.h"
#include "lib/err.h"
#include "update/wire/manifest_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table in the bundle: a list of page digests, then the pages; offsets count from the header's
 * tables_off. */
struct manifest_table {
	uint64_t off, len;
	/* of the list */
	uint8_t digest[32];
};

struct manifest_verity {
	bool present;
	uint8_t root_hash[64];
	size_t root_hash_len;
	char algorithm[MANIFEST_STR_MAX + 1];
	/* bytes */
	uint32_t data_block, hash_block;
	uint8_t salt[64];
	size_t salt_len;
	/* bytes into the image */
	uint64_t tree_off;
};

struct manifest_image {
	/* the partition class, "root" for instance */
	char name[MANIFEST_STR_MAX + 1];
	/* bytes, a multiple of 4096, not 0 */
	uint64_t size;
	/* bytes, a power of two */
	uint32_t chunk;
	/* "" when not said */
	char filesystem[MANIFEST_STR_MAX + 1];
	/* of the whole image, see MANIFEST_DIGEST_BLOCK */
	uint8_t digest[32];
	/* SHA-256 of each plain chunk */
	struct manifest_table hashes;
	struct manifest_verity verity;
};

enum manifest_encoding_kind {
	MANIFEST_ENC_FULL,    /* needs nothing but the bundle */
	MANIFEST_ENC_SEED,    /* needs an image that is on the device, named by its digest */
	MANIFEST_ENC_UNKNOWN, /* a kind that this reader does not know: skipped */
};

/* Size of a text that says what is wrong with a bundle, for a person. */
#define MANIFEST_WHY 256

/* The forms of stored chunks by name, in the order of their numbers (enum reader_form); NULL: one
 * that this program does not have. */
extern const char *const manifest_forms[READER_FORMS];
/* The version of the library that runs; NULL: none is in the name. */
extern const char *(*const manifest_forms_versions[READER_FORMS])(void);
#define MANIFEST_REMAKE	      "remake-" /* so do the names begin of those with a compressor */
#define MANIFEST_FORM(number) (1u << (number))
#define MANIFEST_FORMS_FULL \
	0x27u /* zero, raw, zstd, zstd-next: all that an encoding of kind full may use */

struct manifest_encoding {
	/* index */
	unsigned image;
	/* also UNKNOWN when it uses a form that we do not know */
	enum manifest_encoding_kind kind;
	/* such a form is one of compressors */
	bool lacks_compressor;
	/* MANIFEST_FORM bits of the forms that its table uses */
	unsigned forms;
	uint8_t seed[32];
	/* of the release that the seed is from, for people; "" when not said */
	char seed_version[MANIFEST_STR_MAX + 1];
	struct manifest_table table;
	/* from the header's payload_off */
	uint64_t payload_off, payload_len;
	uint8_t payload_digest[32];
};

struct manifest {
	uint64_t format_major, format_minor;
	unsigned ncompatible;
	char compatible[MANIFEST_COMPATIBLE_MAX][MANIFEST_STR_MAX + 1];
	/* of the devices, if it is said (lib/processor.h); any other names may stand there, too */
	unsigned nprocessors;
	char processor[MANIFEST_PROCESSORS_MAX][MANIFEST_STR_MAX + 1];
	char version[MANIFEST_STR_MAX + 1];
	uint64_t sequence;
	/* what the device's floor becomes when this release is committed; at most sequence */
	uint64_t floor;
	bool allow_downgrade;
	char build[MANIFEST_STR_MAX + 1], created[MANIFEST_STR_MAX + 1];
	char description[MANIFEST_DESC_MAX + 1];
	unsigned nimages;
	struct manifest_image image[MANIFEST_IMAGES_MAX];
	unsigned nencodings;
	struct manifest_encoding encoding[MANIFEST_ENCODINGS_MAX];
};

/*
 * Reads text, and is strict. KB_EFORMAT, with what and where in why (up to size bytes): an unknown
 * key without "x-", a key twice, a missing key, a number out of range, an image without any
 * encoding. Also tables or payloads that do not lie one behind the other. KB_ENEWER: format major
 * above ours. An encoding of unknown kind is no error: reader_pick_encoding() skips it.
 */
enum kb_err manifest_parse(struct manifest *m, const char *text, size_t len, char *why,
			   size_t size) KB_MUST_CHECK;

/*
 * Sets one key of [bundle] or of an [image.NAME] from its text, by the rules of manifest_parse().
 * NULL when it was taken; else what is wrong with the value, or manifest_unknown_key itself.
 */
extern const char manifest_unknown_key[];
const char *manifest_bundle_key(struct manifest *m, const char *key, const char *value);
const char *manifest_image_key(struct manifest_image *im, const char *key, const char *value);

/* NULL, or what of an image's verity-* does not fit together, or into its size. */
const char *manifest_verity_check(const struct manifest_image *im);

/* The smaller of its dm-verity blocks: no kernel opens the tree on a disk whose logical sectors are
 * larger. UINT32_MAX: it has no tree. */
uint32_t manifest_verity_block(const struct manifest_image *im);

/* NULL when name can be that of an image (a partition class); else what is wrong with it. */
const char *manifest_check_name(const char *name);

/*
 * Writes the text; the same m gives the same bytes. KB_ENOSPC: longer than size, or a line longer
 * than MANIFEST_LINE_MAX. KB_EINVAL: an encoding of unknown kind.
 */
enum kb_err manifest_write(const struct manifest *m, char *text, size_t size,
			   size_t *len) KB_MUST_CHECK;

/* True if one of m's compatible names is `name`. */
bool manifest_is_for(const struct manifest *m, const char *name);

/* Number of chunks of an image; length of chunk i in bytes. */
uint32_t manifest_chunks(const struct manifest_image *im);
uint32_t manifest_chunk_len(const struct manifest_image *im, uint32_t i);

/* Bytes of a table of hashes for so many chunks: list and pages. */
uint64_t manifest_hashes_len(uint32_t chunks);

/* Bytes of all tables, and of all payloads, of a manifest that was parsed. */
uint64_t manifest_tables_len(const struct manifest *m);
uint64_t manifest_payload_len(const struct manifest *m);

/* "zero", "raw", "zstd", "copy", "patch", "zstd-next", "remake-…" with the version of a library,
 * for 0 to 9. NULL beyond, and for what this program does not have: also when a library that is
 * shared has another version than the one that it was built with. */
const char *manifest_form_name(unsigned form);
