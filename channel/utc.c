/* SPDX-License-Identifier: Apache-2.0 */
#include "channel/utc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST UINT64_C(253402300799) /* the last second of the year 9999 */

void utc_write(char out[UTC_LEN + 1], uint64_t seconds)
{
	time_t t = (time_t)(seconds < LAST ? seconds : LAST);
	struct tm tm = { .tm_mday = 1 };
	char text[64];

	gmtime_r(&t, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(out, text, UTC_LEN);
	out[UTC_LEN] = '\0';
}

/* Since 1970-01-01, by the Gregorian calendar: years begin in March here, so that a leap day is the
 * last one. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/* What is written again as it was read is in that form, and a day that there is. */
bool utc_read(uint64_t *seconds, const char *text)
{
	struct tm tm = { .tm_mday = 1 };
	char again[UTC_LEN + 1];
	int64_t t;

	*seconds = 0;
	if (strlen(text) != UTC_LEN ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	t = (days_of(tm.tm_year, tm.tm_mon, tm.tm_mday) * 24 + tm.tm_hour) * 3600 + tm.tm_min * 60 +
	    tm.tm_sec;
	if (t < 0)
		return false;
	utc_write(again, (uint64_t)t);
	if (strcmp(again, text) != 0)
		return false;
	*seconds = (uint64_t)t;
	return true;
}
