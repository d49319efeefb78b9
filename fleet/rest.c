/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/rest.h"

#include "channel/strict.h"

#include <stdio.h>
#include <string.h>

static void write_rest(char rest[REST_MAX + 1], json_object *members)
{
	const char *text = json_object_to_json_string_ext(members, JSON_C_TO_STRING_PLAIN);

	rest[0] = '\0';
	if (text != NULL && json_object_object_length(members) > 0 && strlen(text) <= REST_MAX)
		snprintf(rest, REST_MAX + 1, "%s", text);
}

static void copy_member(json_object *to, json_object *from, const char *key)
{
	json_object *value = NULL;

	(void)json_object_object_get_ex(from, key, &value);
	json_object_object_add(to, key, json_object_get(value));
}

void rest_take(char rest[REST_MAX + 1], json_object *record, json_object *known)
{
	json_object *members = json_object_new_object();

	json_object_object_foreach(record, key, value)
	{
		(void)value;
		if (!json_object_object_get_ex(known, key, NULL))
			copy_member(members, record, key);
	}
	write_rest(rest, members);
	json_object_put(members);
	json_object_put(known);
}

void rest_keep(char rest[REST_MAX + 1], const char *prefix)
{
	const char *why;
	json_object *all = strict_parse(rest, strlen(rest), &why);
	json_object *members = json_object_new_object();

	if (all != NULL) {
		json_object_object_foreach(all, key, value)
		{
			(void)value;
			if (strncmp(key, prefix, strlen(prefix)) == 0)
				copy_member(members, all, key);
		}
	}
	write_rest(rest, members);
	json_object_put(members);
	json_object_put(all);
}

void rest_add(json_object *record, const char *rest)
{
	const char *why;
	json_object *members = strict_parse(rest, strlen(rest), &why);

	if (members == NULL)
		return;
	json_object_object_foreach(members, key, value)
	{
		(void)value;
		copy_member(record, members, key);
	}
	json_object_put(members);
}
