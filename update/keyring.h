/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public keys that this device trusts, and the signature area of a bundle.
 *
 * A key fixes its algorithm: Ed25519, or ECDSA on P-256 with SHA-256. Its id is the SHA-256 of its
 * SubjectPublicKeyInfo (DER), shortened to 16 bytes. No X.509, no ASN.1 of a stranger is parsed
 * here except the ECDSA signature value, by OpenSSL.
 */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

#define KEYRING_KEYS_MAX 16
#define KEYRING_ID_LEN	 16
#define KEYRING_DOMAIN \
	"keelboot bundle v1" /* with its NUL, before the header, is what a signature covers */

enum keyring_alg { KEYRING_ED25519 = 1, KEYRING_ECDSA_P256 = 2 };

struct keyring_key {
	enum keyring_alg alg;
	uint8_t id[KEYRING_ID_LEN];
	char name[64]; /* of its file */
	void *pkey;    /* EVP_PKEY */
};

struct keyring {
	unsigned n;
	struct keyring_key key[KEYRING_KEYS_MAX];
};

/*
 * Loads every *.pem of a folder, in the order of names. A file that is no usable public key is
 * logged and passed over. KB_ENOENT: no folder, or no key in it: nothing can be verified then, and
 * nothing is (fail closed).
 */
enum kb_err keyring_load(struct keyring *k, const char *dir) KB_MUST_CHECK;
void keyring_free(struct keyring *k);

/*
 * Checks the signature area of a bundle over header (512 bytes). KB_OK when at least one entry is a
 * valid signature by a key of k; *signer is that key then. Entries of unknown keys or algorithms
 * are passed over. The area must be well-formed TLV and zero after its last entry: KB_EFORMAT.
 * KB_ESIG otherwise.
 */
enum kb_err keyring_verify(const struct keyring *k, const uint8_t *header, const uint8_t *area,
			   size_t cap, const struct keyring_key **signer) KB_MUST_CHECK;
