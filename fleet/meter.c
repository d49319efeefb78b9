/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/meter.h"

#include "fleet/pace.h"

#include <stdio.h>

#define UNREAD_MAX 131072u /* bytes that the kernel may have of an answer that is not read */

bool meter_begin(struct meter *m, char why[ACTION_WHY_MAX + 1])
{
	bool saved = m->limits->daily == 0 || !limits_begin_day(m->limits, m->a) ||
		     files_save(m->files, m->a) == KB_OK;

	m->spent = m->a->day_bytes;
	if (!saved)
		snprintf(why, ACTION_WHY_MAX + 1, "the record cannot be written");
	return saved;
}

uint64_t meter_left(const struct meter *m)
{
	return limits_left(m->limits, m->spent);
}

bool meter_count(struct meter *m, uint64_t len)
{
	uint64_t left = meter_left(m);

	if (m->limits->daily > 0)
		m->spent += len < left ? len : left;
	return len <= left;
}

void meter_count_unread(struct meter *m)
{
	(void)meter_count(m, UNREAD_MAX);
}

void meter_use_up(struct meter *m)
{
	(void)meter_count(m, m->limits->daily);
}

void meter_note(const struct meter *m, uint64_t next)
{
	uint64_t left = meter_left(m);

	if (next > METER_STEP + PACE_PIECE_MAX)
		next = METER_STEP + PACE_PIECE_MAX;
	if (m->limits->daily > 0)
		m->a->day_bytes = m->spent + (next < left ? next : left);
}

bool meter_save(const struct meter *m, uint64_t next)
{
	meter_note(m, next);
	return m->limits->daily == 0 || files_save(m->files, m->a) == KB_OK;
}
