/* SPDX-License-Identifier: Apache-2.0 */
/* What [data] of system.conf asks for. A rule that cannot be read is none: what would lose data by
 * it is not done. PURE. */
#pragma once

#include "lib/conf.h"

/* Something belongs to the release. So it is believed where paths= cannot be read: then nothing can
 * be kept, and no trial boots. */
static inline bool conf_data_is_kept(const struct conf *c)
{
	return c->data_paths[0] != '\0' || conf_is_bad(c, c->data_paths);
}

/* A boot has something to do with the data partition, beside updates. */
static inline bool conf_data_is_needed(const struct conf *c)
{
	return conf_data_is_kept(c) || c->data_keep[0] != '\0';
}

#define CONF_DATA_WHAT_MAX 40

/* Nothing may be reset, since what says what stays cannot be read: what has "[data] keep=", or "a
 * line or a file". */
bool conf_data_bars_reset(const struct conf *c, char what[CONF_DATA_WHAT_MAX + 1]);
