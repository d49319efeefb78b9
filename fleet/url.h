/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, read by the same code that connects to them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX	   2047
#define URL_ID_MAX 64

/* Same scheme, host and port. */
bool url_same_origin(const char *a, const char *b);

/* "http" or "https", as url_is_secure() says; nothing else is connected to. */
bool url_is_http(const char *url);
bool url_is_secure(const char *url);

/* The address that ref is on a page at base. false: it is none by http or https, or too long. */
bool url_resolve(char out[URL_MAX + 1], const char *base, const char *ref);

/* Scheme and host, for messages: neither user, path nor query. */
void url_origin(char *out, size_t size, const char *url);

/* What may stand for an action or a device in a path: letters, digits, '.', '_', '-', ',' and '+';
 * not "." and ".." */
bool url_is_id(const char *text);
