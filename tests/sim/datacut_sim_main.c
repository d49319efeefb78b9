/* SPDX-License-Identifier: Apache-2.0 */
/* Proof that no power cut leaves a release with the data of another one: tests/sim/DATACUT.md. */
#include "tests/sim/datacut.h"

int main(int argc, char **argv)
{
	static const struct report_option options[] = {
		{ "--depth", .number = &datacut_walk_depth },
		{ NULL, .flag = NULL },
	};
	static const struct report r = {
		.name = "datacut",
		.usage = " [--depth N]",
		.options = options,
		.columns = datacut_walk_columns,
		.story = datacut_walk_story,
		.run = datacut_walk_run,
	};

	return report_main(&r, argc, argv);
}
