/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

static const struct {
	const char *row, *story, *fault; /* NULL: none */
	bool installs;
} paths[] = {
	{ "healthy boot, no slot is written either", "healthy", NULL, false },
	{ "boot that installs from the stage folder, and enters it", "data", NULL, true },
	{ "boot that installs from a stick, and enters it", "stick", NULL, true },
	{ "boot that installs from a raw stage partition, and enters it", "raw", NULL, true },
	{ "boot whose install the slot's own storage ends", "data", "slot-b write 1 ever-fails -",
	  false },
};

static const struct ioerr_story *find(const char *name)
{
	for (unsigned i = 0; i < ioerr_story_count; i++)
		if (strcmp(ioerr_story_all[i].name, name) == 0)
			return &ioerr_story_all[i];
	abort();
}

static const char *measure(struct wear_table *table, unsigned i)
{
	struct ioerr_fault f = { .kind = IOERR_FAULT_NONE };
	struct ioerr_world *w;
	const char *why;

	if (paths[i].fault != NULL && !ioerr_fault_parse(&f, paths[i].fault))
		abort();
	w = ioerr_world_begin(&f);
	ioerr_story_begin(find(paths[i].story), w);
	ioerr_world_boot(w);
	if (w->violation[0] != '\0' || w->boot.slot != (paths[i].installs ? 1 : 0))
		why = check_wrong("%s: it does not go as it should", paths[i].row);
	else if (w->boot.written[0] != 0 ||
		 (w->boot.written[1] != 0 && !paths[i].installs && paths[i].fault == NULL))
		why = check_wrong("%s: a slot is written", paths[i].row);
	else
		why = wear_table_check(table, paths[i].row, &w->boot.wear);
	ioerr_world_end(w);
	return why;
}

void ioerr_wear_run(unsigned *passed, unsigned *failed)
{
	wear_table_run("device", measure, KB_ARRAY_LEN(paths), passed, failed);
}
