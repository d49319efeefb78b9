/* SPDX-License-Identifier: Apache-2.0 */
/* A child that process 1 asks something: the helper under one of its names, bounded in time. */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

struct boot;

/* What it said. */
struct child_said {
	/* of the child */
	const char *name;
	uint64_t limit_ms;
	size_t len;
	char text[512];
};

/* Runs the helper under the name argv[0]: its first line, and its exit code. KB_ETIMEDOUT,
 * KB_ECHILD: it did not end by itself. */
enum kb_err child_ask(struct boot *b, const char *const *argv, unsigned limit_ms,
		      struct child_said *said, int *code) KB_MUST_CHECK;
