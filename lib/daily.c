/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/daily.h"

#include <stdio.h>

bool daily_read(struct daily *d, const char *text)
{
	unsigned h[2], m[2];
	int n = -1;

	if (sscanf(text, "%2u:%2u - %2u:%2u %n", &h[0], &m[0], &h[1], &m[1], &n) != 4 ||
	    text[n] != '\0')
		return false;
	d->from = h[0] * 60 + m[0];
	d->to = h[1] * 60 + m[1];
	return h[0] < 24 && m[0] < 60 && m[1] < 60 && d->to <= 24 * 60 && d->from != d->to;
}

bool daily_has(const struct daily *d, unsigned minute)
{
	if (d->from < d->to)
		return minute >= d->from && minute < d->to;
	return minute >= d->from || minute < d->to;
}
