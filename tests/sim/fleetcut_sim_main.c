/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that no power cut damages the record of keelboot-fleet, or makes it name bytes of a bundle
 * that did not last: its shipped code, on a file system that promises as little as POSIX does.
 */
#include "tests/sim/fleetcut.h"

#define BIT(verb) (1u << FLEETCUT_##verb)
#define WHOLE	  (BIT(PART) | BIT(WHOLE) | BIT(OTHER) | BIT(LONG) | BIT(END))
#define PARTS	  (BIT(RANGE) | BIT(PARTS) | BIT(OTHER) | BIT(END))
#define CHANNEL	  (BIT(FILE) | BIT(NEWER) | BIT(TELL))

const struct fleetcut_walk_story fleetcut_story[] = {
	{ "new", "a data partition without our folder", { FLEETCUT_NONE, FLEETCUT_NONE }, WHOLE },
	{ "begun", "half of a bundle is here", { FLEETCUT_PART, FLEETCUT_NONE }, WHOLE },
	{ "fetched", "a bundle is here", { FLEETCUT_WHOLE, FLEETCUT_NONE }, WHOLE },
	{ "closed", "an action is closed", { FLEETCUT_WHOLE, FLEETCUT_END }, WHOLE },
	{ "parts", "half of a bundle is here", { FLEETCUT_PART, FLEETCUT_NONE }, PARTS },
	{ "range", "a part of a range is here", { FLEETCUT_RANGE, FLEETCUT_NONE }, PARTS },
	{ "channel", "a channel file is here", { FLEETCUT_FILE, FLEETCUT_NONE }, CHANNEL },
	{ .name = NULL },
};

static const char *story(unsigned i)
{
	return fleetcut_story[i].name;
}

int main(int argc, char **argv)
{
	static const struct report_option options[] = { { NULL, .flag = NULL } };
	static const struct report r = {
		.name = "fleetcut",
		.usage = "",
		.options = options,
		.columns = fleetcut_walk_columns,
		.story = story,
		.run = fleetcut_walk_run,
		.replay = fleetcut_walk_replay,
	};

	return report_main(&r, argc, argv);
}
