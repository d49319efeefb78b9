/* SPDX-License-Identifier: Apache-2.0 */
/* The data that goes back with the release, made ready for the slot that is to boot. docs/DATA.md.
 */
#pragma once

#include "selector/choose.h"

struct boot;

struct data_ready {
	/* A trial was skipped because nothing could be kept; and nothing else mounts, so trials
	 * boot without that. */
	bool refused, despite;
	/* what a person should know; "" nothing */
	char finding[200];
};

/* `prepare` of struct attempt_ops. Any error: the trial may not boot, for this reason. */
enum kb_err data_ready_prepare(struct boot *b, const struct choose_candidate *c, char *reason);

/* keelboot.slot=: a person decided. What is half put back is put back all the same; the state is
 * not written. */
void data_ready_forced(struct boot *b, int slot);

/* The state was made anew: what is kept on the data partition says whose it is. */
void data_ready_adopt(struct boot *b);

/* keelboot.reset-data= of the command line, heeded once. */
void data_ready_ask(struct boot *b);

/* The slot is mounted: what it brings for a data partition that was made anew is copied there. */
void data_ready_fill(struct boot *b);

/* Nothing boots, and a trial was refused only because nothing could be kept: true, and the next run
 * takes it. */
bool data_ready_despite(struct boot *b);
