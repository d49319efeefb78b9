/* SPDX-License-Identifier: Apache-2.0 */
/* boot.json, which init left in the run folder: how this boot went. */
#pragma once

#include "cli/device/device.h"

#include <json-c/json.h>

/* The object, which the caller puts; NULL when it is missing, or is no object. */
json_object *boot_json_read(const struct device_options *o);

/* A member of boot that is a number of 0 and above; false when it is missing or something else.
 */
bool boot_json_number(json_object *boot, const char *key, uint64_t *value);

/* A member of boot (which may be NULL) as text; "" when it is missing or no string. */
const char *boot_json_text(json_object *boot, const char *key);

/* True for a member that is null: the boot says that it could not be read. */
bool boot_json_is_null(json_object *boot, const char *key);

/* What the boot warns of: a list of objects with "id" and "text". NULL when it is missing. */
json_object *boot_json_warnings(json_object *boot);
