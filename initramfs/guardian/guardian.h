/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian: a process that outlives the change of the root, and holds a trial to its deadline.
 * What it decides is in guardian_plan.c; what it does goes through struct guardian_ops, which
 * guardian_linux.c fills on a device, and a test with what it likes.
 */
#pragma once

#include "initramfs/guardian/guardian_plan.h"
#include "initramfs/guardian/guardian_record.h"
#include "lib/log.h"

/* Descriptors that process 1 opened for it: after the root has changed no path leads anywhere. */
enum guardian_fd {
	GUARDIAN_FD_STATE = 3,
	GUARDIAN_FD_KMSG,
	GUARDIAN_FD_PROC, /* the folder */
	GUARDIAN_FD_RUN,  /* the folder /run/keelboot */
	GUARDIAN_FD_SYSRQ,
	GUARDIAN_FD_WATCHDOG, /* only when it feeds it */
	GUARDIAN_FD_END,
};

#define GUARDIAN_PID_FILE    "guardian" /* in /run/keelboot */
#define GUARDIAN_REPORT_FILE "good"	/* there: `mark good` was called in this boot */
#define GUARDIAN_OMIT_FILE   "../sendsigs.omit.d/keelboot" /* from there: sysvinit spares those */

#define GUARDIAN_PROGRAM_EXIT 16 /* and the result: so the command ends as a job */

struct guardian_setup {
	/* slot STATE_NONE: of no concern; token 0: not counted */
	struct guardian_attempt attempt;
	struct guardian_terms terms;
	/* as keelboot.log= has them: see lib/bootlog.h */
	enum log_level log, show;
	/* Where no slots are: the command, which has the last word (keelboot guard). NULL: the
	 * state has it. */
	const char *program;
};

struct guardian_ops {
	uint64_t (*now_ms)(void *ctx);
	/* Waits up to ms for something to happen. *result only with GUARDIAN_DONE. */
	enum guardian_event (*wait)(void *ctx, uint32_t ms, enum guardian_result *result);
	/* Starts one of the jobs in a process of its own; false: that cannot be, or
	 * there is nothing to do. */
	bool (*job)(void *ctx, enum guardian_step job);
	/* GUARDIAN_ORDERLY: sets the watchdog above the grace, asks process 1 to reboot. How many
	 * seconds the watchdog counts now; 0: it is not ours. */
	uint32_t (*orderly)(void *ctx);
	/* Does any other step; nothing in it may wait for a disk. */
	void (*act)(void *ctx, enum guardian_step step);
};

/* Guards until there is nothing left to guard. */
void guardian_run(const struct guardian_setup *setup, const struct guardian_ops *ops, void *ctx);

/* argv: slot letter or "-", token, "trial" or "good", then in seconds the deadline, the time after
 * which it is stable, the limit of a shutdown and the timeout of the watchdog, "keep" or
 * "release", and bootlog_levels(). Where no slots are, two more: how many seconds a verdict may
 * take, and the absolute path of the command. False: not these. */
bool guardian_args(struct guardian_setup *s, int argc, char *const *argv);
