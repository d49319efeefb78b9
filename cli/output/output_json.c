/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/output.h"

#include "lib/bytes.h"
#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A document with a part missing would be a lie: without memory the command ends. */
static void check_memory(const void *p)
{
	if (p != NULL)
		return;
	log_err("out of memory");
	exit(OUTPUT_FAILURE);
}

void output_json_add(json_object *o, const char *key, json_object *value)
{
	check_memory(o);
	if (json_object_object_add(o, key, value) != 0)
		check_memory(NULL);
}

/* Bytes of the character at p, 0 when it is no UTF-8, or one that a terminal obeys. */
static size_t length_of_character(const unsigned char *p)
{
	static const uint32_t least[] = { 0x20, 0x80, 0x800, 0x10000 };
	size_t more = p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	uint32_t code = more == 0 ? p[0] : p[0] & (0x3fu >> more);

	for (size_t i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (p[0] >= 0xf8 || code < least[more] || (code >= 0x7f && code < 0xa0) ||
	    code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || (more == 0 && p[0] >= 0x80))
		return 0;
	return more + 1;
}

/* A string of a stranger's, the name of a file for instance: what json-c would print as it is, and
 * no reader or terminal should get to see, is replaced. */
static json_object *make_clean_string(const char *text)
{
	/* bound: a text of an output, at most 64 KiB: last words */
	unsigned char *copy = (unsigned char *)strdup(text);
	json_object *value;
	size_t n;

	check_memory(copy);
	for (unsigned char *p = copy; *p != '\0'; p += n) {
		n = length_of_character(p);
		if (n == 0 && *p >= 0x7f)
			*p = '?';
		n = n == 0 ? 1 : n;
	}
	value = json_object_new_string((const char *)copy);
	free(copy);
	return value;
}

json_object *output_json_new(void)
{
	json_object *o = json_object_new_object();

	check_memory(o);
	output_json_number(o, "schema", OUTPUT_SCHEMA);
	return o;
}

void output_json_text(json_object *o, const char *key, const char *text)
{
	json_object *value = text != NULL ? make_clean_string(text) : NULL;

	if (text != NULL)
		check_memory(value);
	output_json_add(o, key, value);
}

void output_json_number(json_object *o, const char *key, uint64_t n)
{
	json_object *value = json_object_new_uint64(n);

	check_memory(value);
	output_json_add(o, key, value);
}

void output_json_bool(json_object *o, const char *key, bool b)
{
	json_object *value = json_object_new_boolean(b);

	check_memory(value);
	output_json_add(o, key, value);
}

void output_json_slot(json_object *o, const char *key, int slot)
{
	char name[2] = { state_slot_letter(slot), '\0' };

	output_json_text(o, key, slot == STATE_NONE ? NULL : name);
}

void output_json_hex(json_object *o, const char *key, const uint8_t *bytes, size_t len)
{
	char hex[129];

	if (len > 64)
		len = 64;
	bytes_hex(hex, bytes, len);
	output_json_text(o, key, hex);
}

json_object *output_json_list(void)
{
	json_object *list = json_object_new_array();

	check_memory(list);
	return list;
}

void output_json_append(json_object *list, json_object *value)
{
	check_memory(value);
	if (json_object_array_add(list, value) != 0)
		check_memory(NULL);
}

enum kb_err output_json_print(json_object *o, bool compact)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (compact ? JSON_C_TO_STRING_PLAIN
			     : JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	const char *text = json_object_to_json_string_ext(o, flags);

	check_memory(text);
	puts(text);
	json_object_put(o);
	return output_flush();
}
