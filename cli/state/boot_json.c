/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/boot_json.h"

#include "lib/os.h"

#include <stdio.h>

json_object *boot_json_read(const struct device_options *o)
{
	static char text[16384];
	char path[DEVICE_PATH_MAX];
	json_object *boot;

	snprintf(path, sizeof(path), "%s/boot.json", o->run_dir);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return NULL;
	/* bound: a text of 16 KiB at most; json-c nests no deeper than 32 */
	boot = json_tokener_parse(text);
	if (boot != NULL && !json_object_is_type(boot, json_type_object)) {
		json_object_put(boot);
		return NULL;
	}
	return boot;
}

bool boot_json_number(json_object *boot, const char *key, uint64_t *value)
{
	json_object *number;

	if (boot == NULL || !json_object_object_get_ex(boot, key, &number) ||
	    !json_object_is_type(number, json_type_int) || json_object_get_int64(number) < 0)
		return false;
	*value = (uint64_t)json_object_get_int64(number);
	return true;
}

const char *boot_json_text(json_object *boot, const char *key)
{
	json_object *value;

	if (boot == NULL || !json_object_object_get_ex(boot, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

bool boot_json_is_null(json_object *boot, const char *key)
{
	json_object *value;

	return boot != NULL && json_object_object_get_ex(boot, key, &value) && value == NULL;
}

json_object *boot_json_warnings(json_object *boot)
{
	json_object *list;

	if (boot == NULL || !json_object_object_get_ex(boot, "warnings", &list) ||
	    !json_object_is_type(list, json_type_array))
		return NULL;
	return list;
}
