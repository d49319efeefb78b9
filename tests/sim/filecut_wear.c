/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_wear.h"

#include "cli/verbs.h"
#include "initramfs/guardian/guardian_record.h"
#include "lib/util.h"
#include "tests/sim/filecut_run.h"
#include "tests/sim/filecut_world.h"
#include "tests/sim/wear_table.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* What the state says before the command. */
enum before {
	FRESH,	  /* slot a runs and is good, b is empty */
	STAGED,	  /* and the new release is staged */
	TRIAL,	  /* slot b runs on trial with it, not marked yet */
	GOOD,	  /* slot b runs and is good */
	COUNTED,  /* and was counted */
	CRASHED,  /* slot b runs, is good, and crashed before */
	BADSPARE, /* slot b holds another release, bad */
};

/* It finds something, or nothing: that it ends is enough. */
static int doctor(struct args *a, struct device_options *o)
{
	return doctor_cmd(a, o) >= FILECUT_RUN_SIGNAL;
}

static int run_guardian(void)
{
	const struct guardian_attempt attempt = { .slot = 1, .token = 1 };
	int fd = open(bundles_path("state"), O_RDWR | O_DSYNC | O_CLOEXEC);

	return guardian_record_bad(fd, &attempt, 0) == GUARDIAN_RECORDED ? 0 : 1;
}

static int run_proof(void)
{
	const struct guardian_attempt attempt = { .slot = 1, .token = 1 };
	int fd = open(bundles_path("state"), O_RDWR | O_DSYNC | O_CLOEXEC);

	return guardian_record_proven(fd, &attempt) == GUARDIAN_GOOD ? 0 : 1;
}

#define STAGE                               \
	{                                   \
		stage_cmd, "new.keel", NULL \
	}
#define UNSTAGE                    \
	{                          \
		.cmd = unstage_cmd \
	}
#define INSTALL                               \
	{                                     \
		install_cmd, "new.keel", NULL \
	}
#define SWITCH                            \
	{                                 \
		switch_cmd, "other", NULL \
	}
#define MARK(as)                   \
	{                          \
		mark_cmd, as, NULL \
	}
#define RUN(is)               \
	{                     \
		.program = is \
	}

static const struct {
	const char *row;
	enum before before;
	struct filecut_run_program program;
	int code;
	enum when { ANY, EARLY, REPORTED } when; /* before `stable-after=`; behind a report */
} paths[] = {
	{ "`stage`", FRESH, STAGE, OUTPUT_OK, ANY },
	{ "`stage` of what is staged", STAGED, STAGE, OUTPUT_NOTHING, ANY },
	{ "`unstage`", STAGED, UNSTAGE, OUTPUT_OK, ANY },
	{ "`unstage`, nothing is staged", FRESH, UNSTAGE, OUTPUT_NOTHING, ANY },
	{ "`install`, or apply at a boot", FRESH, INSTALL, OUTPUT_OK, ANY },
	{ "`install`, or apply at a boot", STAGED, RUN(filecut_run_apply), 0, ANY },
	{ "`install`, or apply at a boot", BADSPARE, INSTALL, OUTPUT_OK, ANY },
	{ "`install` of what is installed", GOOD, INSTALL, OUTPUT_NOTHING, ANY },
	{ "`mark good` of a trial", TRIAL, MARK("good"), OUTPUT_OK, ANY },
	{ "`mark good` of a good slot", GOOD, MARK("good"), OUTPUT_OK, ANY },
	{ "`mark good` of a good slot that was counted, or that crashed", COUNTED, MARK("good"),
	  OUTPUT_OK, EARLY },
	{ "`mark good` of a good slot that was counted, or that crashed", CRASHED, MARK("good"),
	  OUTPUT_OK, EARLY },
	{ "the same, when it has run for `stable-after=`", COUNTED, MARK("good"), OUTPUT_OK, ANY },
	{ "the same, when it has run for `stable-after=`", CRASHED, MARK("good"), OUTPUT_OK, ANY },
	{ "a good slot has proved itself, by the guardian", COUNTED, RUN(run_proof), 0, ANY },
	{ "`mark bad`", TRIAL, MARK("bad"), OUTPUT_OK, ANY },
	{ "`mark bad`", GOOD, MARK("bad"), OUTPUT_OK, ANY },
	{ "`mark clean` of a trial, before an orderly reboot", TRIAL, MARK("clean"), OUTPUT_OK,
	  ANY },
	{ "`mark clean` of a good slot", GOOD, MARK("clean"), OUTPUT_OK, REPORTED },
	{ "`mark clean` of a good slot that was counted, or that crashed", COUNTED, MARK("clean"),
	  OUTPUT_OK, ANY },
	{ "`mark clean` of a good slot that was counted, or that crashed", COUNTED, MARK("clean"),
	  OUTPUT_OK, REPORTED },
	{ "`mark clean` of a good slot that was counted, or that crashed", CRASHED, MARK("clean"),
	  OUTPUT_OK, REPORTED },
	{ "trial that misses its deadline, by the guardian", TRIAL, RUN(run_guardian), 0, ANY },
	{ "`switch`, to roll back", GOOD, SWITCH, OUTPUT_OK, ANY },
	{ "`status`, `history`, `doctor`", TRIAL, { .cmd = status_cmd }, OUTPUT_OK, ANY },
	{ "`status`, `history`, `doctor`", TRIAL, { .cmd = history_cmd }, OUTPUT_OK, ANY },
	{ "`status`, `history`, `doctor`", TRIAL, { .cmd = doctor }, 0, ANY },
};

static void make_state(enum before b, struct state *s)
{
	filecut_world_fresh(s);
	if (b == STAGED || b == TRIAL)
		filecut_world_stage(s, false);
	if (b == FRESH || b == STAGED)
		return;
	filecut_world_in_b(s, b == TRIAL ? STATE_TRIAL : STATE_GOOD);
	s->slot[1].grace = STATE_GRACE;
	if (b == BADSPARE) {
		s->slot[1].st = STATE_BAD;
		memcpy(s->slot[1].release, filecut_world_release(true), STATE_ID_LEN);
		s->slot[1].sequence = 2;
		return;
	}
	s->pref = 1;
	if (b != TRIAL)
		s->last = 1;
	if (b == TRIAL || b == COUNTED)
		s->open = 1;
	s->slot[1].streak = b == CRASHED ? 1 : 0;
}

static struct filecut_image make_image(enum before b)
{
	static struct filecut_image im;
	struct state s;

	memset(&im, 0, sizeof(im));
	make_state(b, &s);
	filecut_world_state(&im, &s);
	filecut_image_add_file(&im, "keelboot", true, 0);
	filecut_image_add_file(&im, "keelboot/stage", true, 0);
	if (s.staged.source == STATE_SRC_DATA)
		filecut_image_add_file(&im, filecut_world_path(false), false,
				       filecut_world_bundle(false));
	return im;
}

static const char *measure(struct wear_table *table, unsigned i)
{
	const struct filecut_image im = make_image(paths[i].before);
	const struct filecut_rec_plan plan = { 0 };
	struct wear_table_counts is = { 0 };
	static char why[256];
	int code;

	filecut_world_put(&im, NULL, 0);
	filecut_world_stable_after(paths[i].when == EARLY ? 86400 : 0);
	filecut_world_reported(paths[i].when == REPORTED);
	filecut_world_booted(paths[i].before >= TRIAL && paths[i].before <= CRASHED ? 1 : 0);
	if (paths[i].before == GOOD)
		filecut_world_fill_b(false);
	code = filecut_run_program(&paths[i].program, &plan);
	filecut_world_stable_after(0);
	filecut_world_reported(false);
	for (unsigned k = 0; k < filecut_run_rec()->nops; k++)
		if (filecut_run_rec()->op[k].kind == FILECUT_REC_CELL)
			wear_table_count(&is, "write", filecut_run_rec()->op[k].off,
					 filecut_run_rec()->op[k].len);
	if (code == paths[i].code)
		return wear_table_check(table, paths[i].row, &is);
	snprintf(why, sizeof(why), "%s: exit %d: %.160s", paths[i].row, code, filecut_run_said());
	return why;
}

void filecut_wear_run(unsigned *passed, unsigned *failed)
{
	wear_table_run("command", measure, KB_ARRAY_LEN(paths), passed, failed);
}
