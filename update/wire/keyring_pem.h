/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys as text and as bytes, without any cryptography, so that process 1 can tell which keys
 * an initramfs has. PURE.
 *
 * Exactly two forms of a SubjectPublicKeyInfo are accepted, each a fixed prefix and the key itself.
 * So no general ASN.1 or PEM reader is needed, with its surprises: passphrase prompts, other
 * curves, explicit parameters, compressed points.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYRING_SPKI_MAX    91u	  /* bytes of a SubjectPublicKeyInfo */
#define KEYRING_PEM_MAX	    4096u /* bytes of a key file */
/* In the keyring's folder: keys that are trusted no more. */
#define KEYRING_RETIRED_DIR "retired.d"

/* What a file must be, for messages: a compressed point is the same key, and yet rejected. */
#define KEYRING_PEM_WANTED "one PEM \"PUBLIC KEY\", Ed25519 or P-256 with the uncompressed point"

/* The numbers stand in the signature area: docs/FORMAT.md. */
enum keyring_alg { KEYRING_ED25519 = 1, KEYRING_ECDSA_P256 = 2 };

/* Where the key proper begins in a SubjectPublicKeyInfo of either kind. */
#define KEYRING_PEM_ED25519_AT 12u /* 32 bytes */
#define KEYRING_PEM_P256_AT    26u /* 65 bytes, the first of which is 04: an uncompressed point */

/*
 * The bytes between the PUBLIC KEY lines of a text that is ended by NUL. Strict base64, with blank
 * space anywhere in it. KB_EFORMAT; also of a text with more than one key.
 */
enum kb_err keyring_pem_decode(const char *text, uint8_t spki[KEYRING_SPKI_MAX],
			       size_t *len) KB_MUST_CHECK;

/* What key this is. KB_EFORMAT: none that bundles are signed with, or an Ed25519 point of small
 * order, which anybody can sign for. */
enum kb_err keyring_pem_alg(const uint8_t *spki, size_t len, enum keyring_alg *alg) KB_MUST_CHECK;

/* Key files in a folder; in retired.d all are. */
#define KEYRING_FILES_MAX 64u

/* Whether a file of this name is read as a key: "*.pem", not hidden. */
bool keyring_pem_is_name(const char *name);

/*
 * The name of a key whose private half is published, or NULL: those that Keelboot ships for trying
 * it out, and those that stand in RFCs as examples. Whoever accepts one accepts anybody's bundles.
 */
const char *keyring_pem_published(const uint8_t *spki, size_t len);

/* What one that is trusted means for a device that wants this many signatures: half a sentence. */
const char *keyring_pem_published_means(unsigned required);
