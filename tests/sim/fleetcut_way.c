/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleetcut.h"

const struct filecut_fault fleetcut_way_faults[FLEETCUT_WAY_FAULTS] = {
	{ "ok", FILECUT_FAULT_NONE, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, 0 },
	{ "kill", FILECUT_FAULT_KILLS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, 0 },
	{ "eio", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, EIO },
	{ "enospc", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, ENOSPC },
	{ "ever-eio", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ALIKE, EIO },
	{ "ever-enospc", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ALIKE, ENOSPC },
	{ "readonly", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_MEDIUM, EROFS },
};

const char *fleetcut_way_print(const struct fleetcut_way_step *s)
{
	static char text[96];

	snprintf(text, sizeof(text), "%s+%s%u+%s:%u:%" PRIu64, fleetcut_run_name(s->verb),
		 fleetcut_way_faults[s->fault].name, s->at, fleetcut_run_name(s->then), s->cut,
		 s->ordinal);
	return text;
}

bool fleetcut_way_verb(const char *name, enum fleetcut_verb *v)
{
	for (*v = 0; *v < FLEETCUT_VERBS && strcmp(fleetcut_run_name(*v), name) != 0;)
		++*v;
	return strcmp(fleetcut_run_name(*v), name) == 0;
}

bool fleetcut_way_parse(const char **way, struct fleetcut_way_step *s)
{
	char verb[16], fault[16], then[16];
	int n = 0;

	*s = (struct fleetcut_way_step){ .at = 0 };
	if (sscanf(*way, "%15[a-z]+%15[a-z-]%u+%15[a-z]:%u:%" SCNu64 "%n", verb, fault, &s->at,
		   then, &s->cut, &s->ordinal, &n) != 6 ||
	    !fleetcut_way_verb(verb, &s->verb) || !fleetcut_way_verb(then, &s->then))
		return false;
	while (strcmp(fleetcut_way_faults[s->fault].name, fault) != 0)
		if (++s->fault == FLEETCUT_WAY_FAULTS)
			return false;
	*way += n + ((*way)[n] == '/');
	return true;
}

void fleetcut_way_show(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);
	size_t len = 0;

	for (unsigned i = 0; i < im->nfiles; i++) {
		if (!im->file[i].dir)
			filecut_image_bytes(im->file[i].blob, &len);
		printf("    %-32s %zu\n", im->file[i].path, im->file[i].dir ? 0 : len);
	}
	printf("    record: action \"%s\", %s, durable %" PRIu64 ", %" PRIu64 " are gone on from\n",
	       a->id, action_phase_name(a->phase), a->durable, fleetcut_check_kept(im));
}
