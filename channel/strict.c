/* SPDX-License-Identifier: Apache-2.0 */
#include "channel/strict.h"

#include <string.h>

static json_object *parse_with(json_tokener *tokener, const char *text, size_t len,
			       const char **why)
{
	/* bound: STRICT_MAX bytes of text, STRICT_DEPTH levels */
	json_object *o = json_tokener_parse_ex(tokener, text, (int)len);
	enum json_tokener_error err = json_tokener_get_error(tokener);
	size_t used = json_tokener_get_parse_end(tokener);

	while (used < len && memchr(" \t\r\n", text[used], 4) != NULL)
		used++;
	*why = err == json_tokener_error_depth		   ? "JSON that nests too deep"
	       : err == json_tokener_continue		   ? "JSON that ends too early"
	       : err != json_tokener_success		   ? "no JSON"
	       : used < len				   ? "more than one JSON document"
	       : !json_object_is_type(o, json_type_object) ? "JSON that is no object"
							   : NULL;
	if (*why == NULL)
		return o;
	json_object_put(o);
	return NULL;
}

json_object *strict_parse(const char *text, size_t len, const char **why)
{
	json_tokener *tokener;
	json_object *o;

	*why = len > STRICT_MAX ? "an answer that is too large"
	       : len == 0	? "an empty answer"
				: NULL;
	if (*why != NULL)
		return NULL;
	tokener = json_tokener_new_ex(STRICT_DEPTH);
	*why = "no memory";
	if (tokener == NULL)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
						JSON_TOKENER_ALLOW_TRAILING_CHARS);
	o = parse_with(tokener, text, len, why);
	json_tokener_free(tokener);
	return o;
}

static enum kb_err find_member(json_object *o, const char *key, enum json_type type,
			       json_object **out)
{
	json_object *value = NULL;

	*out = NULL;
	if (o == NULL || !json_object_object_get_ex(o, key, &value) || value == NULL)
		return KB_ENOENT;
	if (!json_object_is_type(value, type))
		return KB_EFORMAT;
	*out = value;
	return KB_OK;
}

enum kb_err strict_object(json_object *o, const char *key, json_object **out)
{
	return find_member(o, key, json_type_object, out);
}

enum kb_err strict_list(json_object *o, const char *key, json_object **out)
{
	return find_member(o, key, json_type_array, out);
}

enum kb_err strict_text(json_object *o, const char *key, char *out, size_t size)
{
	json_object *value;
	const char *text;
	size_t len;

	out[0] = '\0';
	TRY(find_member(o, key, json_type_string, &value));
	text = json_object_get_string(value);
	len = (size_t)json_object_get_string_len(value);
	if (len >= size)
		return KB_EFORMAT;
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return KB_EFORMAT;
	memcpy(out, text, len + 1);
	return KB_OK;
}

/* json-c makes the largest number of one that is out of its range: max is below that. */
enum kb_err strict_number(json_object *o, const char *key, uint64_t *out, uint64_t max)
{
	json_object *value;

	*out = 0;
	TRY(find_member(o, key, json_type_int, &value));
	if (json_object_get_int64(value) < 0 || json_object_get_uint64(value) > max)
		return KB_EFORMAT;
	*out = json_object_get_uint64(value);
	return KB_OK;
}
