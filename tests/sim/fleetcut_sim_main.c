/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that no power cut damages the record of keelboot-fleet, or makes it name bytes of a bundle
 * that did not last: its shipped code, on a file system that promises as little as POSIX does.
 */
#include "tests/sim/fleetcut.h"

const struct fleetcut_walk_story fleetcut_story[] = {
	{ "new", "a data partition without our folder", { FLEETCUT_NONE, FLEETCUT_NONE } },
	{ "begun", "half of a bundle is here", { FLEETCUT_PART, FLEETCUT_NONE } },
	{ "fetched", "a bundle is here", { FLEETCUT_WHOLE, FLEETCUT_NONE } },
	{ "closed", "an action is closed", { FLEETCUT_WHOLE, FLEETCUT_END } },
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
