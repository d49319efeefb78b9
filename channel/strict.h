/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of strangers: bounded in size and depth, strict on types. Texts that come out are printable
 * ASCII. */
#pragma once

#include "lib/err.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#define STRICT_MAX   262144u /* bytes of a document */
#define STRICT_DEPTH 16

/* The object that the whole text is, to be released; NULL: why says what is wrong. */
json_object *strict_parse(const char *text, size_t len, const char **why);

/* Members of o, which may be NULL. KB_ENOENT: missing, or null; KB_EFORMAT: of another type, or out
 * of bounds. What is asked for is zero or "" or NULL then. Objects and lists are borrowed. */
enum kb_err strict_object(json_object *o, const char *key, json_object **out) KB_MUST_CHECK;
enum kb_err strict_list(json_object *o, const char *key, json_object **out) KB_MUST_CHECK;
enum kb_err strict_text(json_object *o, const char *key, char *out, size_t size) KB_MUST_CHECK;
enum kb_err strict_number(json_object *o, const char *key, uint64_t *out,
			  uint64_t max) KB_MUST_CHECK;
