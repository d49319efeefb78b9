/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles that are made from an input and then signed by a fixed key, so that what is behind the
 * signature gets to see what a fuzzer has made up. The keys are for this and nothing else.
 */
#pragma once

#include "update/bundle/reader.h"

/* The keys that the target trusts: Ed25519 and P-256. */
const struct keyring *fuzz_bundle_keys(void);

/* An entry of a signature area, over header, by the Ed25519 key: 4 + 18 + 64 bytes. */
#define FUZZ_BUNDLE_ENTRY 86u
void fuzz_bundle_sign(const uint8_t header[READER_HEADER_LEN], uint8_t entry[FUZZ_BUNDLE_ENTRY]);
/* The same of another document: a channel file. */
void fuzz_bundle_sign_as(enum keyring_document document, const uint8_t header[READER_HEADER_LEN],
			 uint8_t entry[FUZZ_BUNDLE_ENTRY]);

/* A file in memory with these bytes; the same one each time. */
int fuzz_bundle_fd(const void *p, size_t len);

/* Repairs a mutated bundle: level 0 its header's checksum, 1 also all lengths, 2 and 3 also the
 * manifest's digest and the signature. Returns its size then. */
size_t fuzz_bundle_fix(uint8_t *data, size_t size, size_t max, unsigned level);

/* Without the product's help: one of the entries of its area is a signature by one of the keys. */
bool fuzz_bundle_is_signed(const uint8_t *data, size_t size);
bool fuzz_bundle_is_signed_as(enum keyring_document document, const uint8_t *data, size_t size);
bool fuzz_bundle_digest_is(const void *p, size_t len, const uint8_t digest[DIGEST_LEN]);

/* One image, of which all tables are taken as they are. */
struct fuzz_image {
	uint64_t size;
	uint32_t chunk;
	const uint8_t *hashes; /* DIGEST_LEN for each chunk */
	const uint8_t *pages;  /* of records */
	size_t pages_len;
	const uint8_t *payload; /* NULL: zeroes */
	uint64_t payload_len;
	bool sign;
};

/* Makes the bundle; *fd is fuzz_bundle_fd()'s. Returns its size; 0: it would be too large. */
uint64_t fuzz_bundle_build(const struct fuzz_image *im, int *fd);

/* Bytes of the tables, and where they begin, of the bundle that was built last. */
uint64_t fuzz_bundle_tables(uint64_t *off);
