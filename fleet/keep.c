/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/keep.h"

#include "lib/util.h"

#include <stdlib.h>
#include <string.h>

json_object *keep_text(const char *text)
{
	/* bound: the texts of a record, a KiB each */
	char *copy = strdup(text);
	json_object *o;

	if (copy == NULL)
		return json_object_new_string("");
	util_print_safe(copy, strlen(copy) + 1, copy);
	o = json_object_new_string(copy);
	free(copy);
	return o;
}

json_object *keep_number(uint64_t n)
{
	return json_object_new_uint64(n < INT64_MAX ? n : INT64_MAX);
}

char *keep_write(json_object *record, size_t max)
{
	static const int forms[] = { JSON_C_TO_STRING_PRETTY, JSON_C_TO_STRING_PLAIN };
	char *copy = NULL;

	for (size_t i = 0; i < KB_ARRAY_LEN(forms) && copy == NULL; i++) {
		const char *text = json_object_to_json_string_ext(
			record, forms[i] | JSON_C_TO_STRING_NOSLASHESCAPE);

		if (text != NULL && strlen(text) <= max)
			/* bound: max bytes */
			copy = strdup(text);
	}
	json_object_put(record);
	return copy;
}
