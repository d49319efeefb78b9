/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one health check of the running system, within its time. */
#pragma once

#include "lib/tail.h"

#include <stdbool.h>
#include <stdint.h>

#define CHECK_RUN_SAID_MAX 160
/* as under systemd: programs that greenboot finds are found */
#define CHECK_RUN_PATH	   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct check_run_env {
	/* that runs, or STATE_NONE */
	int slot;
	/* KEELBOOT_STAGE: "check"; "green" and "red" behind them */
	const char *stage;
	const char *status, *version;
	/* becomes its root; NULL: that of the running system */
	const char *root;
	unsigned timeout_s;
};

struct check_run_result {
	bool ok;
	/* "exit 1", "signal 9", "timed out", … */
	char what[32];
	/* the last line that it printed */
	char said[CHECK_RUN_SAID_MAX + 1];
	/* its last lines */
	struct tail tail;
	uint64_t ms;
};

/*
 * Runs path, which lies in root, without arguments, by bash if that is asked for, in a session of
 * its own, with PATH, KEELBOOT_STAGE, KEELBOOT_SLOT, KEELBOOT_STATUS, KEELBOOT_VERSION and
 * KEELBOOT_TIMEOUT. Its lines go to the log (-v shows them). What is left of it when it ends, or
 * when its time is over, is killed, in whatever session it is.
 */
void check_run(const char *path, bool by_bash, const struct check_run_env *env,
	       struct check_run_result *r);

/* Reads a --timeout of 1 to 3600 seconds; false: reported. */
bool check_run_timeout(const char *text, uint64_t *seconds);
