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
#define ENDS	  (BIT(TAKES) | BIT(ONCE) | BIT(DEAF) | BIT(BARE) | BIT(BACK))
#define BOOTS	  (BIT(TAKES) | BIT(DEAF) | BIT(ASSIGN) | BIT(BOOT) | BIT(GOOD) | BIT(BACK))

const struct fleetcut_walk_story fleetcut_story[] = {
	{ "new", "a data partition without our folder", "", WHOLE },
	{ "begun", "half of a bundle is here", "part/", WHOLE },
	{ "fetched", "a bundle is here", "whole/", WHOLE },
	{ "closed", "an action is closed", "whole/end/", WHOLE },
	{ "parts", "half of a bundle is here", "part/", PARTS },
	{ "range", "a part of a range is here", "range/", PARTS },
	{ "channel", "a channel file is here", "file/", CHANNEL },
	{ "ends", "an action is good, and the server has a newer one",
	  "assign/takes/boot/good/bare/", ENDS },
	{ "boots", "an action is on trial", "assign/takes/boot/", BOOTS },
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
