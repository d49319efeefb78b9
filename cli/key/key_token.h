/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys in a hardware token, named by a PKCS#11 URI. This program is linked statically and
 * cannot load a token's module; keelboot-pkcs11 can, and is started for it.
 */
#pragma once

#include "update/keys/keyring.h"

/* True for "pkcs11:…". */
bool key_token_is_uri(const char *key);

/* What of a key's name may be reported: of a URI only what is before its '?', and never a PIN.
 * Valid until the next call. */
const char *key_token_shown(const char *key);

/* The public half of the key. KB_EEXEC, KB_ECHILD, which are reported. */
enum kb_err key_token_public(const char *uri, uint8_t spki[KEYRING_SPKI_MAX],
			     size_t *len) KB_MUST_CHECK;

/* Signs data. sig: 64 bytes, of either algorithm. Errors as above. */
enum kb_err key_token_sign(const char *uri, const void *data, size_t len,
			   uint8_t sig[64]) KB_MUST_CHECK;
