/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the device's certificate in a token: a pkcs11: URI (RFC 7512) for OpenSSL's engine. */
#pragma once

#include "lib/conf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

/* True for "pkcs11:…". PURE. */
bool token_is_uri(const char *key);

/* Writes into uri what the engine takes of key, which is such a URI. It knows no module-path=: that
 * goes into the environment, where it looks before it is loaded. KB_EINVAL, logged without secrets:
 * key has a PIN in it, or names a file without one. KB_ENOENT, the same: the file is missing, or
 * empty. */
enum kb_err token_take(char uri[CONF_PATH_MAX + 1], const char *key) KB_MUST_CHECK;

/* Tells PINs apart without reading them: a hash of key, and of where its file of the PIN lies, how
 * large it is, and when it was written. 0: key is in no token, or names no such file. */
uint64_t token_mark(const char *key);

/* Whether the errors of OpenSSL in this thread, which are dropped, say that a token refused a PIN,
 * or is locked. */
bool token_refused_pin(void);
