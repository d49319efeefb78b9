/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the release, run one after the other for `keelboot health`. */
#pragma once

#include "cli/check/check_table.h"
#include "cli/device/device.h"

#define HEALTH_REASON_MAX 320 /* a program with its last line */

struct health_run {
	/* KEELBOOT_STAGE */
	const char *stage;
	/* a folder with another release, which becomes their root; NULL: the running one */
	const char *root;
	/* of that release */
	int slot;
	const char *version;
	/* of each; 0: [health] timeout= */
	unsigned timeout_s;
	/* behind the first one that is required and fails, nothing runs */
	bool stop;
};

/* Runs them, and prints what comes of each; `keelboot status` says meanwhile which one it is. */
void health_run(const struct device *d, const struct check_list *l, const struct health_run *run,
		struct check_table *t);

/* Runs what greenboot runs behind its checks: "green.d" or "red.d". Failures are only printed. */
void health_run_after(const struct device *d, const char *kind);

/* "check 10-app: exit 1: its last line", and what it printed; of the first that failed. */
void health_run_reason(const struct check_table *t, const char *what,
		       char reason[HEALTH_REASON_MAX], struct tail *words);
