/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/trace.h"

#include "tests/sim/os_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define GOLDEN "tests/trace/golden"

static char *read_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (f == NULL || text == NULL) {
		free(text);
		return NULL;
	}
	text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void print_diff(const char *golden, const char *trace)
{
	char command[512];
	FILE *f;

	snprintf(command, sizeof(command), "diff -u --label golden --label this-run %s - 1>&2",
		 golden);
	f = popen(command, "w");
	if (f == NULL || fputs(trace, f) < 0)
		fail_msg("unable to run diff");
	pclose(f);
}

void trace_expect(const char *name)
{
	const char *trace = os_sim_trace(), *update = getenv("UPDATE_GOLDEN");
	char path[256], *golden;

	snprintf(path, sizeof(path), GOLDEN "/%s.trace", name);
	if (update != NULL && strcmp(update, "1") == 0) {
		FILE *f = fopen(path, "w");

		if (f == NULL || fputs(trace, f) < 0 || fclose(f) != 0)
			fail_msg("unable to write %s; run from the top of the tree", path);
		return;
	}
	golden = read_text(path);
	if (golden == NULL)
		fail_msg("no %s; make it with UPDATE_GOLDEN=1", path);
	if (strcmp(golden, trace) != 0) {
		print_diff(path, trace);
		free(golden);
		fail_msg("the trace differs from %s (UPDATE_GOLDEN=1 takes it over)", path);
	}
	free(golden);
}
