/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_data.h"

#include "lib/conf_keys.h"

#include <stdio.h>

bool conf_data_bars_reset(const struct conf *c, char what[CONF_DATA_WHAT_MAX + 1])
{
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		if (key->stops == NULL || !conf_is_bad(c, (const char *)c + key->offset))
			continue;
		snprintf(what, CONF_DATA_WHAT_MAX + 1, "[%s] %s=", key->section, key->key);
		return true;
	}
	snprintf(what, CONF_DATA_WHAT_MAX + 1, "a line or a file");
	return c->lost;
}
