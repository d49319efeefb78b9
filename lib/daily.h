/* SPDX-License-Identifier: Apache-2.0 */
/* A time of the day, as "22:30-04:00". */
#pragma once

#include <stdbool.h>

#define DAILY_LEN 11 /* "22:30-04:00" */

struct daily {
	/* minutes of the day: the first that is in it, and the first behind it */
	unsigned from, to;
};

/* false: it is none. Its two ends are different: it is never a whole day. */
bool daily_read(struct daily *d, const char *text);

/* Whether that minute of the day is in it; one that ends before it begins lasts over midnight. */
bool daily_has(const struct daily *d, unsigned minute);

void daily_write(char out[DAILY_LEN + 1], const struct daily *d);
