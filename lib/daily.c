/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/daily.h"

#include <stdio.h>

static bool read_number(const char **at, unsigned *n)
{
	const char *begin = *at;

	for (*n = 0; **at >= '0' && **at <= '9' && *at - begin < 2; ++*at)
		*n = *n * 10 + (unsigned)(**at - '0');
	return *at > begin;
}

/* "22:30", as minutes of the day, and the blanks behind it. */
static bool read_minutes(const char **at, unsigned *minutes)
{
	unsigned hours, rest;

	if (!read_number(at, &hours) || *(*at)++ != ':' || !read_number(at, &rest) || rest > 59)
		return false;
	*minutes = hours * 60 + rest;
	while (**at == ' ')
		++*at;
	return true;
}

bool daily_read(struct daily *d, const char *text)
{
	if (!read_minutes(&text, &d->from) || *text++ != '-')
		return false;
	while (*text == ' ')
		text++;
	return read_minutes(&text, &d->to) && *text == '\0' && d->from < 24 * 60 &&
	       d->to <= 24 * 60 && d->from != d->to;
}

bool daily_has(const struct daily *d, unsigned minute)
{
	if (d->from < d->to)
		return minute >= d->from && minute < d->to;
	return minute >= d->from || minute < d->to;
}

void daily_write(char out[DAILY_LEN + 1], const struct daily *d)
{
	snprintf(out, DAILY_LEN + 1, "%02u:%02u-%02u:%02u", d->from / 60 % 100, d->from % 60,
		 d->to / 60 % 100, d->to % 60);
}
