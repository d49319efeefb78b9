/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key/key_options.h"

#include "cli/key/key_token.h"
#include "cli/output/inputs.h"
#include "lib/bytes.h"
#include "lib/log.h"

static enum kb_err add_folder(struct key_options *k, const char *dir)
{
	TRY(keyring_load(&k->ring, dir));
	k->given = true;
	return KB_OK;
}

static enum kb_err add_public_key(struct key_options *k, const char *path)
{
	enum kb_err err = keyring_add(&k->ring, path);

	inputs_note(path);
	if (err != KB_OK) {
		log_err("key %s: %s; want " KEYRING_PEM_WANTED " (the .pem, not the .key)",
			key_token_shown(path), err_text(err));
		return err;
	}
	k->given = true;
	return KB_OK;
}

static enum kb_err set_required(struct key_options *k, const char *value)
{
	uint64_t n;

	if (bytes_decimal(&n, value, KEYRING_KEYS_MAX) != KB_OK || n == 0) {
		log_err("--signatures-required %.20s: want 1 to %d", value, KEYRING_KEYS_MAX);
		return KB_EINVAL;
	}
	k->required = (unsigned)n;
	return KB_OK;
}

enum kb_err key_options_take(struct key_options *k, int id, const char *value)
{
	if (id == KEY_OPTIONS_KEYS)
		return add_folder(k, value);
	if (id == KEY_OPTIONS_KEY)
		return add_public_key(k, value);
	return set_required(k, value);
}

const struct keyring *key_options_ring(struct key_options *k)
{
	k->ring.required = k->required;
	return k->given ? &k->ring : NULL;
}
