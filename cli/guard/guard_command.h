/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of [guard], which sh runs. */
#pragma once

#include "cli/guard/guard_record.h"

#define GUARD_SAID_MAX 160

struct guard_command_end {
	bool ok;
	/* it ran, and ended by itself: "exit 1" is an answer, "exit 127" of the shell is none */
	bool answered;
	/* "exit 1", "timed out", … */
	char what[32];
	/* the last line that it printed */
	char said[GUARD_SAID_MAX + 1];
};

/* What a command learns of the deployment that it is for. */
struct guard_command_for {
	const char *deployment, *reason;
	/* the one to go back to; may be NULL */
	const char *good;
};

/*
 * Runs a command with PATH, KEELBOOT_DEPLOYMENT, KEELBOOT_GOOD and KEELBOOT_REASON, for at most
 * [guard] timeout=; then it is killed, with what it started. about may be NULL.
 */
void guard_command_run(const struct device *d, const char *command,
		       const struct guard_command_for *about, struct guard_command_end *end);
