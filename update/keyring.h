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
#define KEYRING_SIGNED_LEN (sizeof(KEYRING_DOMAIN) + 512u)

#define KEYRING_TAG_SIGNATURE 1u  /* the one tag of format 1; 0 ends the area */
#define KEYRING_SIG_HEAD      18u /* bytes before the signature proper in such an entry */
#define KEYRING_SIG_MAX	      80u /* bytes of a signature proper: 64, or up to 72 of DER */
#define KEYRING_ENTRIES_MAX   64u /* entries in an area, so that checking it takes a bounded time */
#define KEYRING_SPKI_MAX      91u /* bytes of a SubjectPublicKeyInfo */
#define KEYRING_PEM_MAX	      4096u /* bytes of a key file */

enum keyring_alg { KEYRING_ED25519 = 1, KEYRING_ECDSA_P256 = 2 };

struct keyring_key {
	enum keyring_alg alg;
	uint8_t id[KEYRING_ID_LEN];
	char name[64]; /* of its file, without ".pem" */
	void *pkey;    /* EVP_PKEY */
};

struct keyring {
	unsigned n;
	struct keyring_key key[KEYRING_KEYS_MAX];
};

/* One entry of a signature area, as it lies there. */
struct keyring_entry {
	uint16_t tag;
	uint16_t len;
	const uint8_t *value;
};

/*
 * Loads every *.pem of a folder, in the order of names. A file that is no usable public key is
 * logged and passed over. KB_ENOENT: no folder, or no key in it: nothing can be verified then, and
 * nothing is (fail closed). KB_ENOSPC: more than KEYRING_KEYS_MAX.
 */
enum kb_err keyring_load(struct keyring *k, const char *dir) KB_MUST_CHECK;

/*
 * Adds one PEM file to k, which is zeroed or loaded. KB_OK too when that key is there already.
 * KB_ENOENT, KB_EIO; KB_EFORMAT: not a public key of a kind we know; KB_ENOSPC: k is full.
 */
enum kb_err keyring_add(struct keyring *k, const char *path) KB_MUST_CHECK;

/* Adds the key whose SubjectPublicKeyInfo is spki. KB_EFORMAT, KB_ENOSPC, KB_EIO as above. */
enum kb_err keyring_add_spki(struct keyring *k, const uint8_t *spki, size_t len,
			     const char *name) KB_MUST_CHECK;

void keyring_free(struct keyring *k);

/* The key with this id, or NULL. */
const struct keyring_key *keyring_find(const struct keyring *k, const uint8_t id[KEYRING_ID_LEN]);

/* "ed25519", "ecdsa-p256", or "unknown": for people. */
const char *keyring_alg_name(unsigned alg);

/*
 * PURE. Steps through an area; *pos starts at 0. KB_ENOENT after the last entry, once the rest was
 * found to be zero. KB_EFORMAT: an entry runs over the end, a signature entry that is too short or
 * whose reserved byte is not zero, or bytes after the last one. *pos stays there after KB_ENOENT:
 * it is where a new entry goes.
 */
enum kb_err keyring_next(const uint8_t *area, size_t cap, size_t *pos,
			 struct keyring_entry *e) KB_MUST_CHECK;

/* What a signature covers: the domain with its NUL, then the header. */
void keyring_signed_bytes(uint8_t out[KEYRING_SIGNED_LEN], const uint8_t header[512]);

/*
 * Checks the signature area of a bundle over header (512 bytes). KB_OK when at least one entry is a
 * valid signature by a key of k; *signer is that key then. Entries of unknown tags, keys or
 * algorithms are passed over; an entry whose algorithm is not that of its key is none. The whole
 * area must be well-formed TLV and zero after its last entry: KB_EFORMAT. KB_ESIG otherwise.
 */
enum kb_err keyring_verify(const struct keyring *k, const uint8_t *header, const uint8_t *area,
			   size_t cap, const struct keyring_key **signer) KB_MUST_CHECK;
