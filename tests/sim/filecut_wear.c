/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/output.h"
#include "tests/sim/filecut.h"
#include "tests/sim/wear_table.h"

/* What the state says before the command. */
enum before {
	FRESH,	  /* slot a runs and is good, b is empty */
	STAGED,	  /* and the new release is staged */
	TRIAL,	  /* slot b runs on trial with it, not marked yet */
	RAISES,	  /* the same, and its manifest cell has a lower floor than the record */
	GOOD,	  /* slot b runs and is good */
	COUNTED,  /* and was counted */
	CRASHED,  /* slot b runs, is good, and crashed before */
	BADSPARE, /* slot b holds another release, bad */
};

#define ENDS (-1) /* doctor finds something, or nothing: that it ends is enough */

static const struct {
	const char *row;
	enum before before;
	const char *command; /* as filecut_run_line() has it */
	int code;
	enum when { ANY, EARLY, REPORTED } when; /* before `stable-after=`; behind a report */
} paths[] = {
	{ "`stage`", FRESH, "stage new.keel", OUTPUT_OK, ANY },
	{ "`stage` of what is staged", STAGED, "stage new.keel", OUTPUT_NOTHING, ANY },
	{ "`unstage`", STAGED, "unstage", OUTPUT_OK, ANY },
	{ "`unstage`, nothing is staged", FRESH, "unstage", OUTPUT_NOTHING, ANY },
	{ "`install`, or apply at a boot", FRESH, "install new.keel", OUTPUT_OK, ANY },
	{ "`install`, or apply at a boot", STAGED, "apply", 0, ANY },
	{ "`install`, or apply at a boot", BADSPARE, "install new.keel", OUTPUT_OK, ANY },
	{ "`install` of what is installed", GOOD, "install new.keel", OUTPUT_NOTHING, ANY },
	{ "`mark good` of a trial", TRIAL, "mark good", OUTPUT_OK, ANY },
	{ "`mark good` of a trial that raises the floor", RAISES, "mark good", OUTPUT_OK, ANY },
	{ "`mark good` of a good slot", GOOD, "mark good", OUTPUT_OK, ANY },
	{ "`mark good` of a good slot that was counted, or that crashed", COUNTED, "mark good",
	  OUTPUT_OK, EARLY },
	{ "`mark good` of a good slot that was counted, or that crashed", CRASHED, "mark good",
	  OUTPUT_OK, EARLY },
	{ "the same, when it has run for `stable-after=`", COUNTED, "mark good", OUTPUT_OK, ANY },
	{ "the same, when it has run for `stable-after=`", CRASHED, "mark good", OUTPUT_OK, ANY },
	{ "a good slot has proved itself, by the guardian", COUNTED, "guardian proven", 0, ANY },
	{ "`mark bad`", TRIAL, "mark bad", OUTPUT_OK, ANY },
	{ "`mark bad`", GOOD, "mark bad", OUTPUT_OK, ANY },
	{ "`mark clean` of a trial, before an orderly reboot", TRIAL, "mark clean", OUTPUT_OK,
	  ANY },
	{ "`mark clean` of a good slot", GOOD, "mark clean", OUTPUT_OK, REPORTED },
	{ "`mark clean` of a good slot that was counted, or that crashed", COUNTED, "mark clean",
	  OUTPUT_OK, ANY },
	{ "`mark clean` of a good slot that was counted, or that crashed", COUNTED, "mark clean",
	  OUTPUT_OK, REPORTED },
	{ "`mark clean` of a good slot that was counted, or that crashed", CRASHED, "mark clean",
	  OUTPUT_OK, REPORTED },
	{ "trial that misses its deadline, by the guardian", TRIAL, "guardian bad", 0, ANY },
	{ "`switch`, to roll back", GOOD, "switch other", OUTPUT_OK, ANY },
	{ "`status`, `history`, `doctor`", TRIAL, "status", OUTPUT_OK, ANY },
	{ "`status`, `history`, `doctor`", TRIAL, "history", OUTPUT_OK, ANY },
	{ "`status`, `history`, `doctor`", TRIAL, "doctor", ENDS, ANY },
};

static void make_state(enum before b, struct state *s)
{
	bool trial = b == TRIAL || b == RAISES;

	filecut_world_fresh(s);
	s->floor = b == RAISES ? 1 : 0;
	if (b == STAGED || trial)
		filecut_world_stage(s, false);
	if (b == FRESH || b == STAGED)
		return;
	filecut_world_in_b(s, trial ? STATE_TRIAL : STATE_GOOD);
	s->slot[1].grace = STATE_GRACE;
	if (b == BADSPARE) {
		s->slot[1].st = STATE_BAD;
		memcpy(s->slot[1].release, filecut_world_release[true].r.id, STATE_ID_LEN);
		s->slot[1].sequence = 2;
		return;
	}
	s->pref = 1;
	if (!trial)
		s->last = 1;
	if (trial || b == COUNTED)
		s->open = 1;
	s->slot[1].streak = b == CRASHED ? 1 : 0;
}

static const char *measure(struct wear_table *table, unsigned i)
{
	struct filecut_image im = { 0 };
	struct state s;
	const struct filecut_rec_plan plan = { 0 };
	struct wear_table_counts is = { 0 };
	int code;

	make_state(paths[i].before, &s);
	filecut_world_state(&im, &s);
	filecut_world_add_folder(&im, &s);
	filecut_world_put(&im);
	filecut_world_report(paths[i].when == EARLY ? 86400 : 0, paths[i].when == REPORTED);
	filecut_world_booted(paths[i].before >= TRIAL && paths[i].before <= CRASHED ? 1 : 0);
	if (paths[i].before == GOOD)
		filecut_world_fill_b(false);
	code = filecut_run_line(paths[i].command, &plan);
	filecut_world_report(0, false);
	for (unsigned k = 0; k < filecut_run_rec->nops; k++)
		if (filecut_run_rec->op[k].kind == FILECUT_REC_CELL)
			wear_table_count(&is, "write", filecut_run_rec->op[k].off,
					 filecut_run_rec->op[k].len);
	if (paths[i].code == ENDS ? code < FILECUT_RUN_SIGNAL : code == paths[i].code)
		return wear_table_check(table, paths[i].row, &is);
	return check_wrong("%s: exit %d: %.160s", paths[i].row, code, filecut_run_said);
}

void filecut_wear_run(unsigned *passed, unsigned *failed)
{
	wear_table_run("command", measure, KB_ARRAY_LEN(paths), passed, failed);
}
