/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include "lib/bytes.h"
#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>

/* A document with a part missing would be a lie: without memory the command ends. */
static void need(const void *p)
{
	if (p != NULL)
		return;
	log_err("out of memory");
	exit(OUTPUT_FAILURE);
}

void output_json_add(json_object *o, const char *key, json_object *value)
{
	need(o);
	if (json_object_object_add(o, key, value) != 0)
		need(NULL);
}

json_object *output_json_new(void)
{
	json_object *o = json_object_new_object();

	need(o);
	output_json_number(o, "schema", OUTPUT_SCHEMA);
	return o;
}

void output_json_text(json_object *o, const char *key, const char *text)
{
	json_object *value = text != NULL ? json_object_new_string(text) : NULL;

	if (text != NULL)
		need(value);
	output_json_add(o, key, value);
}

void output_json_number(json_object *o, const char *key, uint64_t n)
{
	json_object *value = json_object_new_uint64(n);

	need(value);
	output_json_add(o, key, value);
}

void output_json_bool(json_object *o, const char *key, bool b)
{
	json_object *value = json_object_new_boolean(b);

	need(value);
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

	need(list);
	return list;
}

void output_json_append(json_object *list, json_object *value)
{
	need(value);
	if (json_object_array_add(list, value) != 0)
		need(NULL);
}

enum kb_err output_json_print(json_object *o, bool compact)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (compact ? JSON_C_TO_STRING_PLAIN
			     : JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	const char *text = json_object_to_json_string_ext(o, flags);

	need(text);
	puts(text);
	json_object_put(o);
	return output_flush();
}
