/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/powercut_libc.h"
#include "tests/sim/powercut_walk.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static struct powercut_story s = {
		.name = "t", .w = 2, .c = 2, .raw = true, .unit = 1, .boots = 8
	};
	static struct powercut_walk w;
	if (argc > 1)
		w.limit = 0;
	powercut_walk_begin(&w, &s);
	w.limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	powercut_walk_run(&w);
	printf("nodes %u done %u runs %llu cuts %llu raw %llu maxcuts %u boots %u given up %u: %s "
	       "at %u\n",
	       w.n, w.done, (unsigned long long)w.runs, (unsigned long long)w.cut_points,
	       (unsigned long long)w.cut.raw, w.max_cuts, w.max_boots, w.given_up_at, w.violation,
	       w.violation_at);
	for (uint32_t i = w.violation_at, k = 0;
	     w.violation[0] && i != POWERCUT_WALK_NONE && k < 40; i = w.node[i].parent, k++)
		printf("  %u up %d prog %d ended %d cut_at %u reset %d marked %d trials %u key "
		       "%llx\n",
		       i, w.node[i].up, w.node[i].program, w.node[i].program_ended,
		       w.node[i].cut_at, w.node[i].reset, w.node[i].marked, w.node[i].trials,
		       (unsigned long long)w.node[i].key);
	if (w.violation[0] && w.node[w.violation_at].im)
		powercut_view_print(w.node[w.violation_at].im);
	return 0;
}
