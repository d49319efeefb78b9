/* SPDX-License-Identifier: Apache-2.0 */
/* Times of a channel: UTC in one form, to the second. PURE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UTC_LEN 20 /* "2026-11-26T05:00:00Z" */

/* Seconds since 1970; false: not a time in this form, or no day of the calendar. */
bool utc_read(uint64_t *seconds, const char *text);
void utc_write(char out[UTC_LEN + 1], uint64_t seconds);
