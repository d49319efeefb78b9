/* SPDX-License-Identifier: Apache-2.0 */
/* The last words of the deployment that was rejected last: one file, at most 64 KiB. */
#pragma once

#include "cli/guard/guard_record.h"

#define GUARD_WORDS_MAX 65536

/* Writes who was rejected and why, and what the system says of it: failed units, what was still
 * being started, the ends of the logs. Each question has a time limit. A failure is reported. */
void guard_words_keep(const struct device *d, const struct guard_entry *e);

/* Adds a paragraph, as far as there is room. */
void guard_words_add(const struct device *d, const char *title, const char *more, size_t n);

/* Reads it; false: there is none. text has GUARD_WORDS_MAX bytes. */
bool guard_words_read(const struct device_options *o, char *text);
