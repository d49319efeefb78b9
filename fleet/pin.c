/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/pin.h"

#include "fleet/token.h"

bool pin_is_refused(const struct contact *c)
{
	uint64_t mark = token_mark(c->conf->fleet_key);

	return mark != 0 && c->a.pin == mark;
}

/* This process knows it also where the record cannot be read or written. */
void pin_recall(struct contact *c)
{
	c->pin = token_mark(c->conf->fleet_key);
	c->client.pin_refused = c->pin != 0 && (c->a.pin == c->pin || c->bad_pin == c->pin);
}

void pin_note(struct contact *c)
{
	if (!c->client.pin_refused || c->pin == 0)
		return;
	c->bad_pin = c->pin;
	if (c->a.pin == c->pin || c->files.dir < 0)
		return;
	c->a.pin = c->pin;
	contact_save(c);
}
