/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_elsewhere.h"

#include "cli/bundle/bundle_output.h"
#include "cli/key/key_token.h"
#include "cli/output/inputs.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "update/crypto/digest.h"

#include <stdio.h>

/* ---------------------------------------------------------------- what is to be signed */

static enum kb_err hash_bytes(const uint8_t *data, size_t len, uint8_t out[DIGEST_LEN])
{
	struct digest d;
	enum kb_err err = digest_init(&d);

	if (err == KB_OK)
		err = digest_buf(&d, data, len, out);
	digest_free(&d);
	return err;
}

enum kb_err bundle_elsewhere_emit(const char *path, enum keyring_document document,
				  const uint8_t header[512])
{
	uint8_t data[KEYRING_SIGNED_LEN], digest[DIGEST_LEN];
	char hex[2 * DIGEST_LEN + 1];

	keyring_signed_bytes(data, document, header);
	TRY(hash_bytes(data, sizeof(data), digest));
	TRY(bundle_output_whole(path, data, sizeof(data)));
	bytes_hex(hex, digest, DIGEST_LEN);
	printf("%s  %s\n", hex, path); /* as sha256sum has it */
	return KB_OK;
}

/* ---------------------------------------------------------------- what comes back */

/* The reader of files would cut what is too long: so there is room for a byte more. */
enum kb_err bundle_elsewhere_read(struct bundle_elsewhere_signature *sig, const char *file,
				  struct keyring *ring, const char *key)
{
	enum kb_err err;

	inputs_note(file);
	inputs_note(key);
	err = os_read_file(file, (char *)sig->bytes, sizeof(sig->bytes), &sig->len);

	if (err != KB_OK) {
		log_err("%s: %s", file, err_text(err));
		return err;
	}
	err = keyring_add(ring, key);
	if (err != KB_OK)
		log_err("key %s: %s; --attach needs the public half (.pem) of the key that signed: " KEYRING_PEM_WANTED,
			key_token_shown(key), err_text(err));
	return err;
}
