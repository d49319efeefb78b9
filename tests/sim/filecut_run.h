/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs, each as a process of its own, with the objects that are linked into the product. */
#pragma once

#include "tests/sim/filecut_rec.h"

enum filecut_run_verb {
	FILECUT_RUN_STAGE,	 /* `keelboot stage` of the new release */
	FILECUT_RUN_STAGE_OTHER, /* ... of another one, older, but newer than what runs */
	FILECUT_RUN_UNSTAGE,
	FILECUT_RUN_GOOD,   /* `keelboot mark good` */
	FILECUT_RUN_STATUS, /* from here on: not cut, they are to tell */
	FILECUT_RUN_APPLY,  /* the boot's look at the stage folder, and the install that follows */
	FILECUT_RUN_VERBS,
};

#define FILECUT_RUN_SIGNAL 1000 /* + the signal's number: it crashed */

const char *filecut_run_name(enum filecut_run_verb v);

/* A process of this device: the command, which may have one operand, a bundle by its name; "apply";
 * "guardian bad", "guardian proven". As filecut_run_do(). */
int filecut_run_line(const char *line, const struct filecut_rec_plan *plan);

/* Runs it; exit code, or FILECUT_RUN_SIGNAL + n. */
int filecut_run_do(enum filecut_run_verb v, const struct filecut_rec_plan *plan);
/* filecut_wear.c: runs each command once, and holds what it writes to the state partition to the
 * table of docs/STATE.md. What differs is printed; how many rows did not. */
void filecut_wear_run(unsigned *passed, unsigned *failed);
/* What was recorded of it, and what it said. Until the next. */
const struct filecut_rec *filecut_run_rec(void);
const char *filecut_run_said(void);
