/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys a folder has, found without any cryptography: by process 1 of its initramfs, and by
 * `keelboot doctor`, which compares that with the folder of the running system. It decides nothing.
 */
#pragma once

#include "update/wire/keyring_pem.h"

#include <stdint.h>

#define KEYRING_SURVEY_MAX 16u

struct keyring_survey_key {
	/* CRC32C of its SubjectPublicKeyInfo: tells keys apart that nobody forged */
	uint32_t mark;
	/* of its file */
	char name[64];
	/* see keyring_pem_published() */
	const char *published;
};

struct keyring_survey {
	unsigned ntrusted, nretired;
	struct keyring_survey_key trusted[KEYRING_SURVEY_MAX], retired[KEYRING_SURVEY_MAX];
	/* the first file, by its name, that should have a key and has none; "": each has one */
	char wrong[64];
};

/*
 * Fills s: each key once, in the order of its files' names, by the rules and the bounds of
 * keyring_load(). What cannot be read is left out, or leaves none at all, if it is in retired.d.
 */
void keyring_survey_read(struct keyring_survey *s, const char *dir);

/* A trusted key that is published, or NULL. */
const struct keyring_survey_key *keyring_survey_published(const struct keyring_survey *s);
