/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot status`: the data that goes back with the release, and a reset that waits. */
#include "cli/status/status.h"

#include "lib/os_room.h"
#include "selector/factory.h"

#include <stdio.h>

void status_data_collect(struct status *st)
{
	const struct device *d = st->d;
	struct os_room room;

	if (!d->conf.data_enabled)
		return;
	if (device_data_is_elsewhere(d))
		status_warn(st,
			    "the data partition (%s) is not mounted on %s: nothing can be staged",
			    d->data_path, d->conf.data_mount);
	else if (os_room(d->conf.data_mount, &room) == KB_OK && room.read_only)
		status_warn(st, "%s is read-only: nothing can be staged", d->conf.data_mount);
}

void status_data_text(const struct status *st)
{
	const struct state *s = &st->d->state;
	char slot[80] = "";

	if (s->data.phase != STATE_DATA_NONE && s->data.slot >= 0 && s->data.slot < s->nslots)
		device_slot_text(s, s->data.slot, slot, sizeof(slot));
	switch (s->data.phase) {
	case STATE_DATA_NONE:
		break;
	case STATE_DATA_KEEP:
		printf("Data:       kept as it was before %s booted; goes back if that is left\n",
		       slot);
		break;
	case STATE_DATA_BACK:
		printf("Data:       not yet put back as it was before %s booted; each boot tries it\n",
		       slot);
		break;
	case STATE_DATA_DROP:
		puts("Data:       what was kept is not needed any more; the next boot deletes it");
		break;
	}
	if (factory_is_asked(s))
		puts("Reset:      the next boot makes the data partition anew");
}

void status_data_json(const struct status *st, json_object *o)
{
	const struct state *s = &st->d->state;
	json_object *data = json_object_new_object();

	output_json_text(data, "phase", state_data_name(s->data.phase));
	output_json_slot(data, "slot",
			 s->data.phase == STATE_DATA_NONE ? STATE_NONE : s->data.slot);
	output_json_bool(data, "reset", factory_is_asked(s));
	output_json_add(o, "data", data);
	output_json_bool(o, "data_mounted", !device_data_is_elsewhere(st->d));
}
