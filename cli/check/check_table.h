/* SPDX-License-Identifier: Apache-2.0 */
/* Runs health checks one after the other, and prints what comes of each. */
#pragma once

#include "cli/check/check_find.h"
#include "cli/check/check_run.h"
#include "cli/output/output.h"

struct check_table {
	/* Of those that ran: required ones that failed, and others. */
	unsigned ran, failed, warned;
	/* the first that is required and failed; NULL: none */
	const struct check_found *first;
	/* how it ended */
	struct check_run_result why;
};

struct check_table_mode {
	/* behind the first one that is required and fails, nothing runs: greenboot's contract */
	bool stop;
	/* the list of a JSON document; NULL: text on standard output */
	json_object *list;
	/* called with each one that begins; may be NULL */
	void (*begins)(const void *ctx, const char *name);
	const void *ctx;
};

/* Never fails: that is for whoever reads t. l outlives t, whose first lies in it. */
void check_table_run(struct check_table *t, const struct check_list *l,
		     const struct check_run_env *env, const struct check_table_mode *mode);

/* One sentence on all of them. */
void check_table_sum(const struct check_table *t);
