/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a newer program wrote into a record, and this one does not know. A device that fell back to
 * an older release keeps it for the newer one. PURE.
 */
#pragma once

#include <json-c/json.h>

#define REST_MAX 1023u /* bytes, as JSON; more is dropped */

/* Of a record the members that `known` lacks, as an object; "" where there are none. known: a
 * record as this program writes it, which is released here. */
void rest_take(char rest[REST_MAX + 1], json_object *record, json_object *known);
/* Of them those whose names begin with this: what they say outlives what the others are about. */
void rest_keep(char rest[REST_MAX + 1], const char *prefix);
/* Adds them to a record. */
void rest_add(json_object *record, const char *rest);
