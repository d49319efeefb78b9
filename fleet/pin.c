/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/pin.h"

#include "fleet/token.h"

#include <string.h>

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

/* Of the record as it is: what the dry run holds of it is what would be. It may be the first
 * contact, which finds no folder. */
static void note_dry(struct contact *c)
{
	static struct action a;

	if (c->files.dir < 0 && files_open(&c->files, &c->monitor, FILES_MAKE) != KB_OK)
		return;
	memset(&a, 0, sizeof(a));
	files_load(&c->files, &a);
	a.pin = c->pin;
	(void)!files_save(&c->files, &a);
}

void pin_note(struct contact *c, bool known)
{
	if (!c->client.pin_refused || c->pin == 0)
		return;
	c->bad_pin = c->pin;
	if (c->a.pin == c->pin || !known)
		return;
	c->a.pin = c->pin;
	if (c->dry_run)
		note_dry(c);
	else if (c->files.dir >= 0)
		contact_save(c);
}
