/* SPDX-License-Identifier: Apache-2.0 */
/* The public keys that a person names: --keys, --key and --signatures-required of several verbs. */
#pragma once

#include "cli/output/args.h"
#include "update/keys/keyring.h"

enum { KEY_OPTIONS_KEY = 2000, KEY_OPTIONS_KEYS, KEY_OPTIONS_REQUIRED, KEY_OPTIONS_END };

/* Rows of a verb's table. */
#define KEY_OPTIONS_ROWS                                                            \
	{ "key", 0, true, KEY_OPTIONS_KEY }, { "keys", 0, true, KEY_OPTIONS_KEYS }, \
	{                                                                           \
		"signatures-required", 0, true, KEY_OPTIONS_REQUIRED                \
	}

struct key_options {
	struct keyring ring;
	/* the ring has what was named, and decides */
	bool given;
	/* by so many of them; 0: one */
	unsigned required;
};

/* One of the three options. KB_EINVAL: its value is none; others: a key cannot be read. All are
 * reported. */
enum kb_err key_options_take(struct key_options *k, int id, const char *value) KB_MUST_CHECK;

/* The ring, with what it requires; NULL: no key was named. */
const struct keyring *key_options_ring(struct key_options *k);
