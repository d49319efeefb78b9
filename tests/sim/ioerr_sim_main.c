/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which one operation can fail, for each operation of each story: no process crashes
 * or hangs, nothing half-written is booted, a committed slot is not written, nobody says that all
 * went well when it did not, and once the fault is gone the device settles.
 *
 * Usage: ioerr_sim [--every N [--seed N]] [--story NAME [--fault "TARGET OP N KIND ERRNO"]]
 *                  [--jobs N] [--report FILE]
 * With --fault one run, whose boots are printed.
 */
#include "initramfs/guardian/guardian.h"
#include "tests/sim/bundles.h"
#include "tests/sim/ioerr_files.h"
#include "tests/sim/ioerr_libc.h"
#include "tests/sim/ioerr_libc_proc.h"
#include "tests/sim/ioerr_process.h"
#include "tests/sim/ioerr_sweep.h"

#include "lib/util.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct ioerr_story *find(const char *name)
{
	for (unsigned i = 0; i < ioerr_story_count; i++) {
		if (strcmp(ioerr_story_all[i].name, name) == 0)
			return &ioerr_story_all[i];
	}
	fprintf(stderr, "no story %s; there are:", name);
	for (unsigned i = 0; i < ioerr_story_count; i++)
		fprintf(stderr, " %s", ioerr_story_all[i].name);
	fputs("\n", stderr);
	exit(3);
}

static bool read_args(struct ioerr_sweep *s, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (i + 1 == argc)
			return false;
		else if (strcmp(argv[i], "--every") == 0)
			s->every = (unsigned)atoi(argv[++i]);
		else if (strcmp(argv[i], "--seed") == 0)
			s->seed = (unsigned)atoi(argv[++i]);
		else if (strcmp(argv[i], "--story") == 0)
			s->only = find(argv[++i]);
		else if (strcmp(argv[i], "--jobs") == 0)
			s->jobs = (unsigned)atoi(argv[++i]);
		else if (strcmp(argv[i], "--report") == 0)
			s->report = argv[++i];
		else if (strcmp(argv[i], "--fault") == 0 && ioerr_fault_parse(&s->fault, argv[++i]))
			s->one = true;
		else
			return false;
	}
	return s->every > 0 && s->jobs > 0 && (!s->one || s->only != NULL);
}

int main(int argc, char **argv)
{
	static struct ioerr_sweep sweep = { .every = 1, .jobs = 2 };
	int rc;

	/* 3 is where apply tells its progress, if that is a pipe: here it is none. The others are
	 * those that a guardian has. */
	while (open("/dev/null", O_RDWR) < GUARDIAN_FD_END)
		;
	ioerr_process_memory();
	ioerr_files_begin();
	signal(SIGPIPE, SIG_IGN);
	setenv("KEELBOOT_HELPER", "build/keelboot-helper", 0); /* it is looked for beside us else */
	if (!read_args(&sweep, argc, argv)) {
		fputs("usage: ioerr_sim [--every N [--seed N]] [--story NAME [--fault \"TARGET OP "
		      "N KIND "
		      "ERRNO\"]] [--jobs N] [--report FILE]\n",
		      stderr);
		return 3;
	}
	ioerr_world_make();
	rc = ioerr_sweep_run(&sweep);
	bundles_end();
	return rc;
}
