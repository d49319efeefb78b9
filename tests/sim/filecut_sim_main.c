/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that no power cut loses a staged update, or makes half a bundle of one: the shipped code of
 * `keelboot stage`, `unstage`, `mark good` and of the boot's look, on a file system that promises
 * as little as POSIX does. docs/decisions/0041 says what is assumed, and why the walk is complete.
 * Then, what each command writes to the state partition.
 */
#include "tests/sim/filecut.h"

static const char *story(unsigned i)
{
	return i < FILECUT_STORIES ? filecut_story[i].name : NULL;
}

static void end(const struct report_line *all, unsigned *passed, unsigned *failed)
{
	(void)all;
	if (report_asked.story != NULL)
		return;
	filecut_world_begin();
	filecut_wear_run(passed, failed);
}

int main(int argc, char **argv)
{
	static const struct report_option options[] = {
		{ "--block", .number = &filecut_walk_block },
		{ "--deep", .flag = &filecut_walk_deep },
		{ NULL, .flag = NULL },
	};
	static const struct report r = {
		.name = "filecut",
		.usage = " [--block BYTES] [--deep]",
		.options = options,
		.columns = filecut_walk_columns,
		.story = story,
		.run = filecut_walk_run,
		.replay = filecut_walk_replay,
		.end = end,
	};

	return report_main(&r, argc, argv);
}
