/* SPDX-License-Identifier: Apache-2.0 */
/* Records as their readers take them: texts are printable ASCII, and the whole fits. Words of
 * strangers get into them: of servers, proxies, login pages, libraries. PURE. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* A text, to be released, with '?' for each byte that strict_text() would refuse. */
json_object *keep_text(const char *text);
/* A number, to be released: no larger than strict_number() reads. */
json_object *keep_number(uint64_t n);
/* The record, which is released, as text of at most max bytes, to be freed; in lines, if these fit.
 * NULL: no memory, or it is larger. */
char *keep_write(json_object *record, size_t max);
