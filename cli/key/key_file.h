/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys on a host: made, read, signed with. The device has none of this. */
#pragma once

#include "update/keys/keyring.h"

struct key_file {
	/* EVP_PKEY with the private half; NULL for one in a token */
	void *pkey;
	/* of that; borrowed */
	const char *uri;
	/* the public half of it, as the only key */
	struct keyring ring;
	uint8_t spki[KEYRING_SPKI_MAX];
	size_t spki_len;
};

/*
 * Makes a new key. Writes base.key (private, PKCS#8, mode 0600) and base.pem (public). Neither may
 * be there: KB_EBUSY. KB_EIO and the like. Failures are reported.
 */
enum kb_err key_file_generate(const char *base, enum keyring_alg alg,
			      struct key_file *k) KB_MUST_CHECK;

/*
 * Reads a private key (PEM; a passphrase is asked for on the terminal), or finds one in a token
 * (path is a PKCS#11 URI, which has to outlive k). KB_ENOENT, KB_EPERM, KB_EINVAL: none, or of a
 * kind that bundles are not signed with; KB_EEXEC, KB_ECHILD: the token. Failures are reported.
 */
enum kb_err key_file_load(struct key_file *k, const char *path) KB_MUST_CHECK;
void key_file_free(struct key_file *k);

/* Its public half: id, algorithm, name. */
const struct keyring_key *key_file_public(const struct key_file *k);

/* How many of n are different keys: one that was given twice signs once. */
unsigned key_file_count(const struct key_file *k, unsigned n);

/*
 * Puts a signature over header into a signature area of cap bytes. An earlier one by the same key
 * is replaced, others stay. KB_ENOSPC: no room; KB_EFORMAT: the area is damaged; KB_EIO. Untold.
 */
enum kb_err key_file_sign(const struct key_file *k, const uint8_t header[512], uint8_t *area,
			  size_t cap) KB_MUST_CHECK;

/*
 * The same with a signature that was made elsewhere, by the first key of `ring`: 64 bytes of
 * Ed25519, ECDSA in DER or as 64 bytes r and s. KB_ESIG: it is not of this header by this key; area
 * stays then.
 */
enum kb_err key_file_attach(const struct keyring *ring, const uint8_t header[512], uint8_t *area,
			    size_t cap, const uint8_t *sig, size_t len) KB_MUST_CHECK;
