/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures by keys on a machine without Keelboot: of a bundle, or of a channel file. */
#pragma once

#include "update/keys/keyring.h"

/* Writes what a signature of this header covers to a file, and prints its SHA-256. Failures are
 * reported. */
enum kb_err bundle_elsewhere_emit(const char *path, enum keyring_document document,
				  const uint8_t header[512]) KB_MUST_CHECK;

struct bundle_elsewhere_signature {
	size_t len;
	/* a byte more than it may have: what is longer is none */
	uint8_t bytes[KEYRING_SIG_MAX + 2];
};

/* What key_file_attach() needs: the signature in a file, and ring, which is zeroed but for its
 * document, with the public key in another one. Failures are reported. */
enum kb_err bundle_elsewhere_read(struct bundle_elsewhere_signature *sig, const char *file,
				  struct keyring *ring, const char *key) KB_MUST_CHECK;
