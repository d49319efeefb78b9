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
#include "update/wire/keyring_pem.h"

#include <stddef.h>
#include <stdint.h>

#define KEYRING_KEYS_MAX 16
#define KEYRING_ID_LEN	 16

/* With its NUL, before the header, is what a signature covers: one of a bundle is none of a channel
 * file. Both are of one length. */
#define KEYRING_DOMAIN	       "keelboot bundle v1"
#define KEYRING_DOMAIN_CHANNEL "keelboot channel 1"
#define KEYRING_SIGNED_LEN     (sizeof(KEYRING_DOMAIN) + 512u)

#define KEYRING_TAG_SIGNATURE 1u  /* the one tag of format 1; 0 ends the area */
#define KEYRING_SIG_HEAD      18u /* bytes before the signature proper in such an entry */
#define KEYRING_SIG_MAX	      80u /* bytes of a signature proper: 64, or up to 72 of DER */
#define KEYRING_ENTRIES_MAX   64u /* entries in an area, so that checking it takes a bounded time */
#define KEYRING_TRIES	      2u  /* of them are verified for one key: an honest signer makes one */

enum keyring_document { KEYRING_BUNDLE, KEYRING_CHANNEL };

struct keyring_key {
	enum keyring_alg alg;
	uint8_t id[KEYRING_ID_LEN];
	/* of its file, without ".pem" */
	char name[64];
	/* what it is, if everybody has its private half; else NULL */
	const char *published;
	/* EVP_PKEY */
	void *pkey;
};

struct keyring {
	unsigned n;
	struct keyring_key key[KEYRING_KEYS_MAX];
	/* Trusted no more: nothing is by such a key, but a refusal can say that it was one. */
	unsigned nretired;
	struct keyring_key retired[KEYRING_KEYS_MAX];
	/* so many different keys must have signed; 0 means 1 */
	unsigned required;
	/* what they are to have signed; set behind keyring_load() */
	enum keyring_document document;
};

/* What a signature area is worth. */
struct keyring_verdict {
	/* keys of the ring of which there is a valid signature */
	unsigned valid;
	/* bit i: key[i] is one of them; no more are looked for than required */
	uint32_t signers;
	/* the first of them, or NULL */
	const struct keyring_key *signer;
	/* when it is not enough: a retired key that signed */
	const struct keyring_key *retired;
	/* and how many signatures there are, valid or not; how many of them name a key that is
	 * neither trusted nor retired, and the first one's */
	unsigned signatures, strangers;
	uint8_t stranger[KEYRING_ID_LEN];
};

/* One entry of a signature area, as it lies there. */
struct keyring_entry {
	uint16_t tag;
	uint16_t len;
	const uint8_t *value;
};

/*
 * Loads every *.pem of a folder, in the order of names, and before them all that is in its
 * subfolder retired.d, which there need not be. A key that is retired is not trusted, also when it
 * is in both. A *.pem that is no usable public key is logged and skipped; KB_EFORMAT: there is
 * one in retired.d, or anything else that is none. KB_ENOENT: no folder, or no key in it: nothing
 * can be verified then, and nothing is (fail closed). KB_ENOSPC: more than KEYRING_KEYS_MAX.
 */
enum kb_err keyring_load(struct keyring *k, const char *dir) KB_MUST_CHECK;

/*
 * keyring_load(), for a device that wants signatures by `required` different keys: [keyring]
 * signatures-required=. KB_EINVAL: the keyring has fewer keys, so nothing could be verified. All
 * failures are reported.
 */
enum kb_err keyring_open(struct keyring *k, const char *dir, unsigned required) KB_MUST_CHECK;

/*
 * Adds one PEM file to k, which is zeroed or loaded. KB_OK too when that key is there already.
 * KB_ENOENT, KB_EIO; KB_EFORMAT: not a public key of a kind we know; KB_ENOSPC: k is full.
 */
enum kb_err keyring_add(struct keyring *k, const char *path) KB_MUST_CHECK;

/* Adds the key whose SubjectPublicKeyInfo is spki. KB_EFORMAT, KB_ENOSPC, KB_EIO as above. One that
 * k has among the retired is logged, and not added: KB_OK. */
enum kb_err keyring_add_spki(struct keyring *k, const uint8_t *spki, size_t len,
			     const char *name) KB_MUST_CHECK;

void keyring_free(struct keyring *k);

/* The trusted key with this id, or NULL; the retired one with this id, or NULL. */
const struct keyring_key *keyring_find(const struct keyring *k, const uint8_t id[KEYRING_ID_LEN]);
const struct keyring_key *keyring_find_retired(const struct keyring *k,
					       const uint8_t id[KEYRING_ID_LEN]);

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

/* What a signature covers: the document's domain with its NUL, then the header. */
void keyring_signed_bytes(uint8_t out[KEYRING_SIGNED_LEN], enum keyring_document document,
			  const uint8_t header[512]);

/*
 * Checks the signature area of a bundle, or whatever k is for, over header (512 bytes). KB_OK when
 * as many different keys of k as it requires have made a valid signature; however often one of them
 * signed, it is one key. Entries of unknown tags, keys or algorithms are skipped, and those of a
 * key beyond the first KEYRING_TRIES that could be its; an entry whose algorithm is not that of its
 * key is none. The whole area must be well-formed TLV and zero after its last entry: KB_EFORMAT.
 * KB_ESIG otherwise. *v is filled in any case.
 */
enum kb_err keyring_check(const struct keyring *k, const uint8_t *header, const uint8_t *area,
			  size_t cap, struct keyring_verdict *v) KB_MUST_CHECK;

/* The same for those who ask only for the first signer; NULL unless KB_OK. */
enum kb_err keyring_verify(const struct keyring *k, const uint8_t *header, const uint8_t *area,
			   size_t cap, const struct keyring_key **signer) KB_MUST_CHECK;

/* The names of the keys that signed, "a, b", cut to fit. */
void keyring_signers(const struct keyring *k, const struct keyring_verdict *v, char *out,
		     size_t size);

/* Why a verdict is not enough, for a person, and what to do about it. */
void keyring_explain(const struct keyring *k, const struct keyring_verdict *v, char *out,
		     size_t size);
